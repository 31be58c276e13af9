"""A person in Helix: takes a suggestion from the completion menu, sees findings, suppresses one, has code explained."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.home import ROOT, configurations, make_home
from tests.editors.install import HELIX
from tests.editors.sums import source
from tests.editors.terminal import Terminal

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

CAPTURES = ROOT / "build" / "editors"
LOOP = "for number in numbers:\n        result += number"
RULES = [{"pattern": r"result = 0\s+$", "reply": LOOP}]
FLAWED = "import os\n\nfrom flask import request\n\n\ndef ping():\n    os.system('ping ' + request.args['host'])\n"
# The finding shows that the language server is there.
BEFORE = f"{FLAWED}\n\ndef total(numbers):\n    result = 0\n"
# A new line at the end, which Helix indents, and Ctrl-x.
ASK = "geo\x18"
NEXT = "\x0e"
# The language server starts, on a machine with other things to do.
START_S = 90.0

Open = Callable[..., Any]


@pytest.fixture
def opened(short_folder: Path, scripted_server: Callable[..., list[str]]) -> Open:
    """Open a file in a Helix that is set up as its page says; what its language client logged is shown on failure."""
    executable = editor_or_skip(HELIX)
    home = short_folder / "home"

    @contextmanager
    def make(file: Path, rules: Any = RULES, options: Any = ()) -> Iterator[Terminal]:
        environment = make_home(home, scripted_server(rules, options))
        environment["PATH"] = f"{home / 'hearthline' / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
        settings = home / "config_home" / "helix"
        settings.mkdir(parents=True)
        (settings / "languages.toml").symlink_to(ROOT / "editors" / "helix" / "languages.toml")
        (settings / "config.toml").write_text(configurations("helix/README.md", "toml")[0])
        with Terminal([str(executable), "-v", file.name], environment, file.parent, rows=24) as terminal:
            try:
                yield terminal
            except AssertionError:
                print((home / "cache_home" / "helix" / "helix.log").read_text())
                raise

    return make


def shows(words: str) -> Callable[[Terminal], bool]:
    return lambda screen: any(words in line for line in screen.lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_a_suggestion_is_taken_from_the_menu(opened: Open, workspace: Path, end: str) -> None:
    file = source(workspace, BEFORE.replace("\n", end))
    with opened(file) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type(ASK)
        terminal.wait("the menu", shows("for number in numbers: text"))
        terminal.save(CAPTURES / "helix-completion", "Helix")
        terminal.type("\t\r")
        terminal.wait("the suggestion", shows("result += number"))
        terminal.type("\x1b")
        terminal.wait("normal mode", shows(" NOR "))
        terminal.type(":wq\r")
        assert terminal.exit_code() == 0
    expected = f"{BEFORE}    {LOOP}\n"
    assert file.read_bytes().decode() == expected.replace("\n", end)


def test_without_the_capability_the_menu_never_comes(opened: Open, workspace: Path) -> None:
    with opened(source(workspace, BEFORE), options=["--without", "textDocument/completion"]) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type(ASK)
        with pytest.raises(AssertionError, match="the menu"):
            terminal.wait("the menu", shows("for number"), 3.0)


def test_a_finding_is_shown_and_suppressed(opened: Open, workspace: Path) -> None:
    file = source(workspace, FLAWED, "views.py")
    with opened(file, []) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type("]d")
        terminal.wait("its weakness", shows("[CWE-78]"))
        terminal.save(CAPTURES / "helix-finding", "Helix")
        terminal.type(" a")
        terminal.wait("the actions", shows("Suppress `command-injection` on this line"))
        terminal.type("\r")
        terminal.wait("the comment", shows("# hearthline: ignore[command-injection]"))
        terminal.wait("the finding to go", lambda screen: not shows("The command is built")(screen))
        terminal.type(":wq\r")
        assert terminal.exit_code() == 0
    assert "# hearthline: ignore[command-injection]" in file.read_text()


def test_an_explanation_opens_as_a_document(opened: Open, workspace: Path) -> None:
    explained = [{"pattern": ".", "reply": "Sends one packet to the `host` that is asked for."}]
    with opened(source(workspace, FLAWED, "views.py"), explained) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type("ge a")
        terminal.wait("the actions", shows("Explain `ping`"))
        n_below = shows_at(terminal, "Explain `ping`") - shows_at(terminal, "Suppress")
        terminal.type(NEXT * n_below + "\r")
        terminal.wait("the explanation", shows("Sends one packet"))


def shows_at(terminal: Terminal, words: str) -> int:
    """Return the row on which `words` stand first."""
    return next(row for row, line in enumerate(terminal.lines) if words in line)
