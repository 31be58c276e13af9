"""A person in VS Code who has code explained, asks about it, has it mended, documented and tested.

The language server is a process of its own with the scripted engine in it. Pictures of every test are kept in
`build/editors`. Runs with `--editors`.
"""

import json
from pathlib import Path

import pytest

from tests.editors.sums import MENDED, NEVER_S, TESTED, source
from tests.editors.vscode import Workbench, wait_for
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
from tests.weak_view import BOUND, VIEW

__all__ = ["browser", "code_server", "extension", "home", "open_file", "scripted", "vscode", "windows"]

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

ADD = "def add(a, b):\n    return a + b\n"
SUMMARY = "Return the sum of `a` and `b`"
DOCUMENTED = {"pattern": ".", "reply": json.dumps({"summary": SUMMARY, "details": ""})}
# Tests are run many times, on a machine with other things to do.
SANDBOX_S = 120.0


def kept_tests(workspace: Path) -> str:
    """Return the tests that were written into the workspace."""
    file = wait_for("the tests", lambda: next(iter(workspace.rglob("test_sums.py")), None))
    return wait_for("their text", file.read_text)


def ask(window: Workbench, question: str) -> None:
    """Ask about the code at the cursor."""
    window.run("Hearthline: Ask About This Code")
    window.find(".quick-input-widget .quick-input-title", "Hearthline")
    window.type(question)
    window.press("Enter")


def test_an_explanation_is_read_while_it_is_written_and_stops_when_asked(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    """What is there already is read, and the rest never comes."""
    first = {"pattern": r"What is `add` for\?", "reply": "Adds two numbers."}
    window = open_file(source(workspace, ADD), scripted([first, {"pattern": ".", "latency_s": NEVER_S}]))
    window.await_status(READY)
    window.go_to(2, 6)
    window.run("Hearthline: Explain")
    page = window.frame("#text p")
    page.wait_for_selector("#text:has-text('Adds two numbers')")
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
    window = open_file(workspace / "sums.py", scripted(TESTED))
    window.await_status(READY)
    window.go_to(1, 6)
    window.act("Suggest tests for `add`")
    window.answer("Run tests in the sandbox")
    window.find(".quick-input-widget", "Tests for add", SANDBOX_S)
    window.find(".editor-instance .view-line", "def test_add")
    window.capture("vscode-tests")
    assert not list(workspace.rglob("test_sums.py"))
    window.pick("Write it")
    assert "def test_add" in kept_tests(workspace)


def test_tests_that_were_prepared_stand_above_their_function_and_are_written_by_a_click(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    source(workspace, ADD)
    window = open_file(workspace / "sums.py", scripted(TESTED), **{"hearthline.workspace.trusted": True})
    window.await_status(READY)
    window.go_to(2, 17)
    window.type("  # it")
    window.press("Control+s")
    lens = window.find(".codelens-decoration a", "1 test ready", SANDBOX_S)
    window.capture("vscode-lens")
    lens.click()
    window.find(".quick-input-widget", "Tests for add")
    window.pick("Write it")
    assert "def test_add" in kept_tests(workspace)
    window.gone(".codelens-decoration a", "1 test ready")


def test_a_finding_is_mended_once_the_change_was_looked_at(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace, VIEW, "views.py")
    window = open_file(file, scripted(MENDED))
    window.find(".squiggly-warning")
    window.go_to(8, 42)
    window.act("Fix: ")
    window.find(".quick-input-widget", "Fix sql-injection")
    window.find(".diff-editor, .monaco-diff-editor")
    window.capture("vscode-fix")
    window.pick("Leave it")
    window.gone(".monaco-diff-editor")
    window.await_line("+ name +")
    assert window.page.locator(".notification-toast").count() == 0
    window.go_to(8, 42)
    window.act("Fix: ")
    window.pick("Write it")
    window.await_line("select 1 where n = ?")
    window.gone(".squiggly-warning")
    window.saves(file, [*VIEW.splitlines()[:-1], BOUND.splitlines()[-2]])


def test_a_function_is_documented_and_how_far_it_is_is_told(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace, ADD)
    window = open_file(file, scripted([DOCUMENTED | {"token_latency_s": 0.2}]))
    window.await_status(READY)
    window.go_to(1, 6)
    window.act("Document `add`")
    window.find(".statusbar-item", "Hearthline: writing documentation")
    window.capture("vscode-progress")
    window.find(".quick-input-widget", "Document add")
    window.capture("vscode-document")
    window.pick("Write it")
    window.saves(file, ["def add(a, b):", f'    """{SUMMARY}."""', "    return a + b"])


def test_a_question_is_asked_in_a_line_of_text(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    rules = [{"pattern": r"Why so\?", "reply": "Because `a` is needed."}, {"pattern": ".", "reply": "?"}]
    window = open_file(source(workspace, ADD), scripted(rules))
    window.await_status(READY)
    window.go_to(2, 6)
    ask(window, "Why so?")
    page = window.frame("#text p")
    page.wait_for_selector("#text:has-text('is needed')")
    page.wait_for_selector("#stop", state="hidden")
    window.capture("vscode-ask")
