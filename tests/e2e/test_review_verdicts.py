"""A model's verdicts on findings, through the real server process: what they change, and when they are asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_review import BY_THUMB, EDITS, PUSHED, Editor
from tests.lsp_client import LspClient, wait_until

FIX = "Fix `sql-injection` as the model proposes"
_JUDGED_S = 20.0


@pytest.fixture
def judge(hearthline_home: Path) -> Iterator[LspClient]:
    with LspClient(hearthline_home, (*BY_THUMB, "--judge")) as client:
        yield client
        assert "Traceback" not in client.stderr()


def _codes(editor: Editor, name: str) -> list[str]:
    return [each["code"] for each in editor.pushed_last(name) or []]


def test_what_the_model_shows_to_be_safe_is_not_shown_any_more(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED)
    editor.show("a.py", "def f(x):\n    maybe(x)\n    y = shield(x)\n    return y\n")
    assert [each["code"] for each in editor.pushed("a.py")] == ["path-traversal"]
    wait_until(lambda: _codes(editor, "a.py") == [], "the finding is lowered", _JUDGED_S)


def test_a_verdict_that_quotes_what_is_not_there_changes_nothing(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED | EDITS)
    editor.show("a.py", "def f(x):\n    maybe(x)\n")
    editor.show("b.py", "def f(x):\n    maybe(x)\n    y = shield(x)\n")
    assert editor.pushed("a.py")
    assert editor.pushed("b.py")
    wait_until(lambda: _codes(editor, "b.py") == [], "the other finding is lowered", _JUDGED_S)
    assert _codes(editor, "a.py") == ["path-traversal"]


def test_a_fix_is_offered_once_it_is_found_to_hold(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED | EDITS)
    editor.show("a.py", "é = '😀'; danger(x)\n")
    editor.pushed("a.py")
    assert FIX not in editor.actions("a.py", 0)
    wait_until(lambda: FIX in editor.actions("a.py", 0), "the fix is offered", _JUDGED_S)
    (change,) = editor.actions("a.py", 0)[FIX]["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 1
    (edit,) = change["edits"]
    assert edit["newText"] == "calm(x)"
    assert edit["range"]["start"] == {"line": 0, "character": 10}  # UTF-16: the emoji is two
    editor.change("a.py", {"range": edit["range"], "text": edit["newText"]})
    assert editor.pushed("a.py") == []


def test_nothing_is_asked_where_it_is_switched_off(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED | EDITS, judge="off")
    editor.show("a.py", "danger(x)\n")
    editor.pushed("a.py")
    assert judge.call("probe/judging", {}) == []


def test_typing_ends_the_question(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED | EDITS)
    editor.show("a.py", "danger(x)\n")
    editor.pushed("a.py")
    assert judge.call("probe/judging", {}) == [editor.uri("a.py")]
    editor.replace("a.py", "calm(x)\n")
    assert editor.pushed("a.py") == []
    assert judge.call("probe/judging", {}) == []


def test_a_fix_goes_with_the_text_it_mends(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED | EDITS)
    code = "def f(x):\n    danger(x)\n"
    editor.show("a.py", code)
    editor.pushed("a.py")
    wait_until(lambda: FIX in editor.actions("a.py", 1), "the fix is offered", _JUDGED_S)
    start = {"line": 0, "character": 0}
    editor.change("a.py", {"range": {"start": start, "end": start}, "text": "first = 1\n\n"})
    editor.pushed("a.py")
    (change,) = editor.actions("a.py", 3)[FIX]["edit"]["documentChanges"]
    assert change["edits"][0]["range"] == {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 13}}
    editor.replace("a.py", f"{code}other = 'danger(x)'\n")  # where it cannot be told apart it is not offered
    editor.pushed("a.py")
    assert FIX not in editor.actions("a.py", 1)


def test_a_verdict_goes_with_the_code_it_is_about(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED)
    editor.show("a.py", "def f(x):\n    maybe(x)\n    y = shield(x)\n    return y\n")
    assert editor.pushed("a.py")
    wait_until(lambda: _codes(editor, "a.py") == [], "the finding is lowered", _JUDGED_S)
    editor.replace("a.py", "def f(x):\n    maybe(x)\n    return x\n")
    wait_until(lambda: _codes(editor, "a.py") == ["path-traversal"], "the finding is as it was", _JUDGED_S)


def test_no_credentials_are_shown_to_a_model(judge: LspClient, root: Path) -> None:
    editor = Editor(judge, root, PUSHED)
    token = "ghp_" + "Zx9Qw3Er7Ty1Ui5Op2As4Df6Gh8Jk0LmNb3V"
    editor.show("a.py", f"def f(x):\n    maybe(x)\n    y = shield(x)\n    z = '{token}'\n")
    editor.show("b.py", "def f(x):\n    maybe(x)\n    y = shield(x)\n")
    assert editor.pushed("a.py")
    assert editor.pushed("b.py")
    wait_until(lambda: _codes(editor, "b.py") == [], "the other finding is lowered", _JUDGED_S)
    wait_until(lambda: editor.client.call("probe/judging", {}) == [], "all is asked", _JUDGED_S)
    assert "path-traversal" in _codes(editor, "a.py")
