"""A person in VS Code who has code explained and tested.

The language server is a process of its own with the scripted engine in it. Pictures of every test are kept in
`build/editors`. Runs with `--editors`.
"""

from pathlib import Path

import pytest

from tests.editors.sums import source
from tests.editors.vscode import wait_for
from tests.editors.vscode_fixtures import (
    READY,
    Open,
    Scripted,
    browser,
    code_server,
    extension,
    home,
    open_file,
    scripted,
    vscode,
    windows,
)

__all__ = ["browser", "code_server", "extension", "home", "open_file", "scripted", "vscode", "windows"]

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

ADD = "def add(a, b):\n    return a + b\n"
TESTS = "def test_add():\n    assert add(1, 2) == 3\n"
# Tests are run many times, on a machine with other things to do.
SANDBOX_S = 120.0


def test_an_explanation_is_read_while_it_is_written_and_stops_when_asked(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    """What is there already is read, and the rest never comes."""
    window = open_file(
        source(workspace, ADD),
        scripted([{"pattern": ".", "reply": "It **adds** two numbers.", "token_latency_s": 0.3}]),
    )
    window.await_status(READY)
    window.go_to(2, 6)
    window.run("Hearthline: Explain")
    page = window.frame("#text strong")
    page.wait_for_selector("#stop:visible")
    window.capture("vscode-explanation")
    page.click("#text a")
    window.find(".statusbar-item", "Ln 1, Col 1")
    page.click("#stop")
    page.wait_for_selector("#state:text('stopped')")
    assert "Risks" not in page.inner_text("#text")
    assert page.is_hidden("#stop")


def test_tests_are_shown_before_they_are_written(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    source(workspace, ADD)
    window = open_file(workspace / "sums.py", scripted([{"pattern": ".", "reply": f"```python\n{TESTS}```"}]))
    window.await_status(READY)
    window.go_to(1, 6)
    window.act("Suggest tests for `add`")
    window.answer("Run tests in the sandbox")
    window.find(".quick-input-widget", "Tests for add", SANDBOX_S)
    window.find(".editor-instance .view-line", "def test_add")
    window.capture("vscode-tests")
    assert not list(workspace.rglob("test_sums.py"))
    window.pick("Write it")
    file = wait_for("the tests", lambda: next(iter(workspace.rglob("test_sums.py")), None))
    wait_for("their text", lambda: "def test_add" in file.read_text())
