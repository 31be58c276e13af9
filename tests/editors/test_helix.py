"""A person in Helix: takes a suggestion from the completion menu, sees findings, has them mended and code explained."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from inference.models.catalogue import TEST_MODEL
from tests.editors.conftest import editor_or_skip
from tests.editors.home import HEARTHLINE, ROOT, configurations, make_home
from tests.editors.install import HELIX
from tests.editors.sums import ADD, MENDED, NEVER_S, SANDBOX_MS, TESTED, source
from tests.editors.terminal import Terminal
from tests.weak_view import VIEW

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

CAPTURES = ROOT / "build" / "editors"
LOOP = "for number in numbers:\n        result += number"
RULES = [{"pattern": r"result = 0\s+$", "reply": LOOP}]
FLAWED = "import os\n\nfrom flask import request\n\n\ndef ping():\n    os.system('ping ' + request.args['host'])\n"
# Tests of what stands beside it are run, with nothing but Python's own packages.
LOADED_FLAWED = "import os\nimport sys\n\n\ndef ping():\n    os.system('ping ' + sys.argv[1])\n"
# The finding shows that the language server is there.
BEFORE = f"{FLAWED}\n\ndef total(numbers):\n    result = 0\n"
# A new line at the end, which Helix indents, and Ctrl-x.
ASK = "geo\x18"
NEXT = "\x0e"
# The language server starts, on a machine with other things to do; and a worker, which reads the test model.
START_S = 90.0
LOAD_S = 120.0

Open = Callable[..., Any]


@pytest.fixture
def opened(short_folder: Path, request: pytest.FixtureRequest) -> Open:
    """Open a file in a Helix that is set up as its page says; what its language client logged is shown on failure."""
    executable = editor_or_skip(HELIX)
    home = short_folder / "home"

    @contextmanager
    def make(
        file: Path, rules: Any = RULES, options: Any = (), server: Sequence[str] = (), settings: str = ""
    ) -> Iterator[Terminal]:
        # Only where it is wanted: it sets a HEARTHLINE_HOME without models.
        environment = make_home(home, server or request.getfixturevalue("scripted_server")(rules, options))
        environment["PATH"] = f"{home / 'hearthline' / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
        folder = home / "config_home" / "helix"
        folder.mkdir(parents=True)
        languages = (ROOT / "editors" / "helix" / "languages.toml").read_text()
        (folder / "languages.toml").write_text(f"{languages}\n[language-server.hearthline.config]\n{settings}\n")
        (folder / "config.toml").write_text(configurations("helix/README.md", "toml")[0])
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
        choose(terminal, "Suppress `command-injection` on this line")
        terminal.wait("the comment", shows("# hearthline: ignore[command-injection]"))
        terminal.wait("the finding to go", lambda screen: not shows("The command is built")(screen))
        terminal.type(":wq\r")
        assert terminal.exit_code() == 0
    assert "# hearthline: ignore[command-injection]" in file.read_text()


def test_an_explanation_opens_as_a_document(opened: Open, workspace: Path) -> None:
    explained = [{"pattern": ".", "reply": "Sends one packet to the `host` that is asked for."}]
    with opened(source(workspace, FLAWED, "views.py"), explained) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type("ge")
        choose(terminal, "Explain `ping`", "Suppress")  # the cursor stands beside the finding
        terminal.wait("the explanation", shows("Sends one packet"))


def test_a_finding_is_mended(opened: Open, workspace: Path) -> None:
    file = source(workspace, VIEW, "views.py")
    with opened(file, MENDED) as terminal:
        terminal.wait("the finding", shows("● 1"), START_S)
        terminal.type("]d")
        terminal.wait("its weakness", shows("[CWE-89]"))
        choose(terminal, "Fix: ")
        terminal.wait("the finding to go", lambda screen: not shows("● 1")(screen))
        terminal.type(":wq\r")
        assert terminal.exit_code() == 0
    assert 'where n = ?", (name,)' in file.read_text()


def test_what_is_worked_at_stands_in_the_status_line(opened: Open, workspace: Path) -> None:
    slow = [MENDED[0] | {"token_latency_s": NEVER_S}]
    with opened(source(workspace, FLAWED, "views.py"), slow) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        terminal.type("]d")
        choose(terminal, "Fix: ")
        terminal.wait("what is worked at", shows("looking for a fix"))


@pytest.mark.sandbox
def test_suggested_tests_are_put_into_a_file(opened: Open, workspace: Path) -> None:
    source(workspace, "[project]\nname = 'sums'\n", "pyproject.toml")
    with opened(source(workspace, f"{ADD}\n\n{LOADED_FLAWED}"), TESTED) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        choose(terminal, "Suggest tests for `add`", "Document")
        terminal.wait("the question", shows("Run tests in the sandbox"))
        terminal.type("\r")
        terminal.wait("what became of it", shows("1 test for `add` kept"), SANDBOX_MS / 1000)
        terminal.type("gn")
        terminal.wait("the tests", shows("assert add(1, 2) == 3"))


def test_a_server_that_was_killed_can_be_started_again(opened: Open, workspace: Path) -> None:
    with opened(source(workspace, BEFORE)) as terminal:
        terminal.wait("the finding", shows("The command is built"), START_S)
        (first,) = servers(terminal)
        os.kill(first, signal.SIGKILL)
        terminal.wait("the finding to go", lambda screen: not shows("The command is built")(screen))
        terminal.type(":lsp-restart\r")
        terminal.wait("the finding", shows("The command is built"), START_S)
        assert servers(terminal) != [first]
        terminal.type(ASK)
        terminal.wait("the menu", shows("for number in numbers: text"))


@pytest.mark.model
@pytest.mark.usefixtures("worker_home")
def test_a_worker_that_was_killed_comes_back(opened: Open, workspace: Path) -> None:
    text = "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return\n"
    model = f'completion.model = "{TEST_MODEL}"'
    with opened(source(workspace, text), server=[HEARTHLINE, "lsp"], settings=model) as terminal:
        terminal.wait("the file", shows("def subtract"), START_S)
        suggest(terminal, "geA ")
        first = worker_pid()
        os.kill(first, signal.SIGKILL)
        terminal.type("\x1b")
        terminal.wait("normal mode", lambda screen: shows(" NOR ")(screen) and not shows(" text")(screen))
        # Elsewhere, where no answer is known already.
        suggest(terminal, "oresult = ")
        assert worker_pid() != first


def choose(terminal: Terminal, words: str, first: str = "Fix: ") -> None:
    """Open the menu of code actions at the cursor, whose first one is `first`, and take the one with `words`."""
    terminal.type(" a")
    terminal.wait("the actions", shows(words))
    rows = [next(row for row, line in enumerate(terminal.lines) if each in line) for each in (first, words)]
    terminal.type(NEXT * (rows[1] - rows[0]) + "\r")


def suggest(terminal: Terminal, keys: str) -> None:
    """Type, and open the completion menu until there is a suggestion of the model in it."""
    terminal.type(keys)
    deadline = time.monotonic() + LOAD_S
    while True:
        terminal.type("\x18")
        try:
            return terminal.wait("the menu", shows(" text"), 2.0)
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def servers(terminal: Terminal) -> list[int]:
    """Return the processes of our server; Helix starts others too, where the machine has them."""
    pids = Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children").read_text().split()
    return [int(pid) for pid in pids if b"rules_server" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def worker_pid() -> int:
    told = subprocess.run([HEARTHLINE, "worker", "status"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"process (\d+)", told)[0])
