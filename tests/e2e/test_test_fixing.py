"""Failing tests mended, through the real server process and a real sandbox."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_fixes import SERVER, Editor, edited
from tests.lsp_client import LspClient, LspError

CODE = "def double(x):\n    return x + x\n\n\ndef triple(x):\n    return x * 2\n"
TESTS = """\
from calc import double, triple


def test_double():
    assert double(2) == 4


def test_triple():
    assert triple(2) == 6
    assert triple(0) == 0


def test_wrong():
    assert double(1) == 3
"""


# Go compiles all that a test needs where it has no cache of its own yet.
RUN_S = 150.0

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    home = Path(tempfile.mkdtemp(prefix="hl-"))
    project = home / "project"
    (project / ".git").mkdir(parents=True)
    (project / "calc.py").write_bytes(CODE.replace("\n", "\r\n").encode())
    with LspClient(home, SERVER) as client:
        yield Editor(client, project, workspace={"trusted": True})
        assert "Traceback" not in client.stderr()
    shutil.rmtree(home)


def _actions(editor: Editor, uri: str, line: int) -> list[dict[str, Any]]:
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
    params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": [], "only": ["quickfix"]}}
    found = editor.client.call("textDocument/codeAction", params)
    return [action for action in found if action["title"].startswith("Fix failing test")]


def _mended(editor: Editor, uri: str, line: int, *answers: str) -> dict[str, Any]:
    (action,) = _actions(editor, uri, line)
    editor.client.call("probe/answers", {"answers": answers})
    n_applied = len(editor.applied)
    asked = editor.client.request("workspace/executeCommand", action["command"])
    editor.client.reply(asked, RUN_S)
    editor.client.result(asked)
    (made,) = editor.applied[n_applied:]
    return made


def test_the_code_under_test_is_mended_where_it_lies(editor: Editor) -> None:
    uri = editor.show(TESTS, name="test_calc.py")
    made = _mended(
        editor,
        uri,
        8,
        "def triple(x):\n    return 6",  # the other claim fails then
        "```python\ndef triple(x):\n    return x * 3\n```",
    )
    (document,) = made["edit"]["documentChanges"]
    assert document["textDocument"] == {"uri": (editor.root / "calc.py").as_uri(), "version": None}
    assert edited(CODE, made) == CODE.replace("x * 2", "x * 3")
    (annotation,) = made["edit"]["changeAnnotations"].values()
    assert annotation["description"] == "`test_triple` passes with it, and the others of its file that passed still do."
    first, second = editor.asked()
    assert "assert triple(2) == 6" in first["messages"][1]
    assert "From calc.py" in first["messages"][1]
    assert "does not make the test pass" in second["messages"][3]
    assert (editor.root / "calc.py").read_bytes() == CODE.replace("\n", "\r\n").encode()


def test_a_test_that_expects_the_wrong_thing_is_mended_and_never_weakened(editor: Editor) -> None:
    uri = editor.show(TESTS, name="test_more.py")
    with pytest.raises(LspError, match="makes the test ask for less, another makes `test_double` fail"):
        _mended(
            editor,
            uri,
            13,
            "def test_wrong():\n    pass",
            "def double(x):\n    return 3",
            "def double(x):\n    return 3",
        )
    made = _mended(editor, uri, 13, "def test_wrong():\n    assert double(1) == 2")
    assert edited(TESTS, made) == TESTS.replace("double(1) == 3", "double(1) == 2")


def test_code_that_a_test_imports_from_beside_it_is_found(editor: Editor) -> None:
    tests = editor.root / "shop" / "tests"
    tests.mkdir(parents=True)
    for folder in (tests, tests.parent):
        (folder / "__init__.py").touch()
    code, test = (
        "def net(x):\n    return x - 2\n",
        "from ..prices import net\n\n\ndef test_net():\n    assert net(3) == 2\n",
    )
    (tests.parent / "prices.py").write_text(code)
    uri = editor.show(test, name="shop/tests/test_prices.py")
    made = _mended(editor, uri, 4, "def net(x):\n    return x - 1")
    (document,) = made["edit"]["documentChanges"]
    assert document["textDocument"]["uri"] == (tests.parent / "prices.py").as_uri()
    assert edited(code, made) == code.replace("- 2", "- 1")


SCRIPT = """\
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { double, triple } from "../src/numbers.js";

describe("numbers", () => {
  it("doubles", () => {
    assert.equal(double(2), 4);
  });

  it("triples", () => {
    assert.equal(triple(2), 6);
    assert.equal(triple(0), 0);
  });
});
"""
GO = """\
package shapes

import "testing"

func TestArea(t *testing.T) {
\tt.Run("of a square", func(t *testing.T) {
\t\tif got := Area(3); got != 9 {
\t\t\tt.Errorf("got %v", got)
\t\t}
\t})
}

func TestNone(t *testing.T) {
\tif Area(0) != 0 {
\t\tt.Fatal("no area")
\t}
}
"""


@pytest.mark.machine
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
def test_a_test_in_javascript(editor: Editor) -> None:
    for folder in ("src", "test"):
        (editor.root / folder).mkdir()
    (editor.root / "package.json").write_text('{"type": "module"}')
    code = "export const double = (x) => x + x;\n\nexport function triple(x) {\n  return x * 2;\n}\n"
    (editor.root / "src" / "numbers.js").write_text(code)
    uri = editor.show(SCRIPT, language_id="javascript", name="test/numbers.test.js")
    with pytest.raises(LspError, match=r"makes the test ask for less.*does not make the test pass"):
        _mended(
            editor,
            uri,
            10,
            'it("triples", () => {\n  assert.equal(triple(0), 0);\n});',
            "export function triple(x) {\n  return 6;\n}",
            "export function triple(x) {\n  return 6;\n}",
        )
    made = _mended(editor, uri, 10, "export function triple(x) {\n  return x * 3;\n}")
    (document,) = made["edit"]["documentChanges"]
    assert document["textDocument"]["uri"] == (editor.root / "src" / "numbers.js").as_uri()
    assert edited(code, made) == code.replace("x * 2", "x * 3")
    assert "From src/numbers.js:\n```javascript" in editor.asked()[0]["messages"][1]
    (action,) = _actions(editor, uri, 6)
    with pytest.raises(LspError, match="there is nothing to mend: `doubles` passes"):
        editor.client.call("workspace/executeCommand", action["command"])
    made = _mended(
        editor, uri, 10, 'it("triples", () => {\n  assert.equal(triple(2), 4);\n  assert.equal(triple(0), 0);\n});'
    )
    assert edited(SCRIPT, made) == SCRIPT.replace("(2), 6", "(2), 4")


@pytest.mark.machine
@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go here")
def test_a_test_in_go(editor: Editor) -> None:
    code = "package shapes\n\nfunc Area(side float64) float64 {\n\treturn side * 2\n}\n"
    (editor.root / "shapes").mkdir()
    (editor.root / "shapes" / "go.mod").write_text("module example.com/shapes\n\ngo 1.20\n")
    (editor.root / "shapes" / "area.go").write_text(code)
    uri = editor.show(GO, language_id="go", name="shapes/area_test.go")
    made = _mended(
        editor,
        uri,
        6,
        "func Area(side float64) float64 {\n\treturn 9\n}",
        "func Area(side float64) float64 {\n\treturn side * side\n}",
    )
    assert edited(code, made) == code.replace("* 2", "* side")
    first, second = editor.asked()
    assert "got 6" in first["messages"][1]
    assert "makes `TestNone` fail" in second["messages"][3]


def test_what_passes_is_left_alone_and_what_is_no_test_has_no_such_action(editor: Editor) -> None:
    uri = editor.show(TESTS, name="test_again.py")
    (action,) = _actions(editor, uri, 4)
    with pytest.raises(LspError, match="there is nothing to mend: `test_double` passes"):
        editor.client.call("workspace/executeCommand", action["command"])
    assert _actions(editor, editor.show(CODE), 1) == []


def test_nothing_is_run_where_the_person_does_not_want_it(editor: Editor) -> None:
    uri = editor.show(TESTS, name="test_untrusted.py")
    (action,) = _actions(editor, uri, 8)
    settings = {"index": {"enabled": False}, "workspace": {"trusted": False}}
    editor.client.notify("workspace/didChangeConfiguration", {"settings": settings})
    editor.client.call("probe/answers", {"answers": []})
    with pytest.raises(LspError, match="not trusted"):
        editor.client.call("workspace/executeCommand", action["command"])
    assert editor.asked() == []
