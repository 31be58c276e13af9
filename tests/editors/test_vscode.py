"""A person in VS Code: a real workbench in a real browser, driven by keys and looked at as it is drawn.

The language server is a process of its own with the scripted engine in it, except where a model is named. Pictures of
every test are kept in `build/editors`. Runs with `--editors`.
"""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from lsp_server.feedback.records import Fate
from lsp_server.feedback.store import feedback_path, read
from tests.editors.install_vscode import VSCode, VSCodeUnavailableError, find_vscode
from tests.editors.sums import BEFORE, BODY, RULES, source
from tests.editors.vscode import CodeServer, Workbench, build_extension, wait_for

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

Open = Callable[..., Workbench]
Scripted = Callable[..., list[str]]

READY = re.compile(r"Hearthline: (ready|the model had nothing)")
ADD = "def add(a, b):\n    return a + b\n"
TESTS = "def test_add():\n    assert add(1, 2) == 3\n"
FLAWED = """import os

from flask import request


def ping():
    host = request.args["host"]
    os.system("ping " + host)
"""


@pytest.fixture(scope="module")
def vscode() -> VSCode:
    """What runs VS Code; skips the test, with the reason, where none can be had."""
    try:
        return find_vscode()
    except VSCodeUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def extension(vscode: VSCode) -> Path:
    """The extension, packaged from this tree."""
    return build_extension(vscode)


@pytest.fixture(scope="module")
def code_server(vscode: VSCode, extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """One code-server with the extension, in which each test opens a window of its own."""
    server = CodeServer(vscode, tmp_path_factory.mktemp("vscode") / "server", environment={})
    server.install(extension)
    with server:
        yield server


@pytest.fixture(scope="module")
def browser(vscode: VSCode) -> Iterator[Browser]:
    """A browser without a screen."""
    libraries = {"LD_LIBRARY_PATH": str(vscode.browser_libraries)} if vscode.browser_libraries else {}
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(
            executable_path=vscode.browser, args=arguments, env={**os.environ, **libraries}
        )
        yield browser
        browser.close()


@pytest.fixture
def windows(request: pytest.FixtureRequest) -> Iterator[list[Workbench]]:
    """Windows to be closed; a picture is kept of how each ended."""
    opened: list[Workbench] = []
    yield opened
    for window in opened:
        if not window.page.is_closed():
            window.capture(f"vscode-{request.node.name.removeprefix('test_')[:60]}")
            window.page.close()


@pytest.fixture
def open_file(code_server: CodeServer, browser: Browser, workspace: Path, windows: list[Workbench]) -> Open:
    """Open a file in a window whose language server is `server`, a command."""

    def open_file(file: Path, server: Sequence[str], **settings: object) -> Workbench:
        own = workspace / ".vscode" / "settings.json"
        own.parent.mkdir(exist_ok=True)
        own.write_text(json.dumps({"hearthline.server.command": list(server), **settings}))
        windows.append(Workbench(code_server, browser, workspace, file))
        return windows[-1]

    return open_file


@pytest.fixture
def scripted(scripted_server: Callable[..., list[str]]) -> Scripted:
    """Make the command of a language server whose engine answers by rules, with a home of its own."""

    def make(rules: Sequence[Mapping[str, Any]] = RULES, options: Sequence[str] = ()) -> list[str]:
        told = [f"{name}={os.environ[name]}" for name in ("HEARTHLINE_HOME", "PYTHONPATH")]
        return ["env", *told, *scripted_server(rules, options)]

    return make


def process_of(words: str) -> int | None:
    """Return the process whose command line holds `words`."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if words in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                return int(folder.name)
        except OSError:
            continue
    return None


def test_ghost_text_is_shown_and_taken_and_the_next_one_follows(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace)
    window = open_file(file, scripted())
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.capture("vscode-ghost")
    window.press("Tab")
    window.await_ghost("  # the sum")
    window.press("Escape")
    window.saves(file, [*BEFORE.splitlines(), f"    {BODY}"])


def test_without_the_capability_the_same_play_fails_at_the_ghost_text(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    window = open_file(source(workspace), scripted(options=["--without", "textDocument/inlineCompletion"]))
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    with pytest.raises(AssertionError, match="ghost text"):
        window.await_ghost(BODY, deadline_s=4)


def test_a_word_is_taken_and_counted_as_a_part(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    file = source(workspace)
    window = open_file(file, scripted())
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.press("Control+ArrowRight")
    window.await_ghost(" a + b")
    window.capture("vscode-word")
    window.press("Escape")
    window.type(" 7")
    window.saves(file, [*BEFORE.splitlines(), "    return 7"])
    window.run("Hearthline: Show Figures")
    window.find(".quick-input-widget .monaco-list-row", "Suggestions shown")
    window.capture("vscode-figures")
    window.press("Escape")
    window.page.close()
    wait_for("the record of it", lambda: [fate.outcome for fate in read(feedback_path(), Fate, 0)] == ["partly"])


def test_there_are_others_to_choose_from(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    window = open_file(source(workspace), scripted([{**RULES[0], "other": "return b + a"}, RULES[1]]))
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.press("Alt+]")
    window.await_ghost("return b + a")
    window.press("Alt+[")
    window.await_ghost(BODY)


def test_a_finding_stands_in_problems_with_its_way_and_is_suppressed(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace, FLAWED, "views.py")
    window = open_file(file, scripted([]))
    window.find(".squiggly-warning")
    window.go_to(8, 10)
    window.press("Control+Shift+m")
    window.find(".markers-panel .monaco-list-row", "CWE-78")
    window.find(".markers-panel .monaco-list-row", "views.py[Ln 7")
    window.capture("vscode-finding")
    window.go_to(8, 10)
    window.act("on this line")
    window.gone(".squiggly-warning")
    window.await_line("    # hearthline: ignore[command-injection]")


def test_a_paused_window_is_silent_and_says_so(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    window = open_file(source(workspace), scripted())
    window.await_status(READY).click()
    window.find(".quick-input-widget .monaco-list-row", "Pause")
    window.capture("vscode-menu")
    window.pick("Pause")
    window.await_status("Hearthline: paused")
    window.end_of_file()
    window.type("    ")
    with pytest.raises(AssertionError, match="ghost text"):
        window.await_ghost(BODY, deadline_s=3)
    window.capture("vscode-paused")
    window.await_status("paused").click()
    window.pick("Resume")
    window.await_status(READY)
    window.await_ghost(BODY)


def test_the_status_counts_while_a_model_is_read_and_says_why_there_is_nothing(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    rules = [{"pattern": r"late = $", "loading": 0.4}, {"pattern": r"token = $", "reply": "1"}]
    window = open_file(source(workspace, "\n"), scripted(rules))
    window.await_status(READY)
    window.end_of_file()
    window.type("late = ")
    window.await_status("loading 40 %")
    window.find(".statusbar-item", re.compile("Hearthline: loading.*is being read"))
    window.capture("vscode-loading")


def test_a_server_that_is_killed_comes_back(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    file = source(workspace)
    command = scripted()
    window = open_file(file, command)
    window.await_status(READY)
    pid = wait_for("the server's process", lambda: process_of(command[-1]))
    os.kill(pid, signal.SIGKILL)
    window.await_status("starting")
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    assert process_of(command[-1]) != pid


def test_an_explanation_is_read_while_it_is_written_and_stops_when_asked(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    """A long answer, slowly: what is there already is read, and the rest never comes."""
    said = "It **adds** two numbers. " * 200
    rules = [{"pattern": ".", "reply": said, "token_latency_s": 0.05}]
    window = open_file(source(workspace, ADD), scripted(rules))
    window.await_status(READY)
    window.go_to(1, 6)
    window.run("Hearthline: Explain")
    page = window.frame("#text strong")
    page.wait_for_selector("#stop:visible")
    window.capture("vscode-explanation")
    page.click("#stop")
    page.wait_for_selector("#state:text('stopped')")
    written = page.inner_text("#text")
    assert 0 < len(written) < len(said)
    assert page.is_hidden("#stop")


def test_tests_are_shown_before_they_are_written(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    source(workspace, ADD)
    window = open_file(workspace / "sums.py", scripted([]))
    window.await_status(READY)
    window.go_to(1, 6)
    window.run("Hearthline: Suggest Tests")
    window.find(".bulk-edit-panel", "test_sums.py")
    window.find(".bulk-edit-panel .monaco-list-row", "assert").click()
    window.find(".monaco-diff-editor", "def test_add")
    window.capture("vscode-tests")
    assert not (workspace / "test_sums.py").exists()
    window.page.check(".bulk-edit-panel .monaco-list-row input[type=checkbox]")
    window.page.click(".bulk-edit-panel .monaco-button:has-text('Apply')")
    wait_for("the tests", lambda: TESTS in (workspace / "test_sums.py").read_text())
