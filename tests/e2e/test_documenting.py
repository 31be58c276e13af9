"""The documentation of a function, through the real server process: offered, written, and no code changed."""

import json
from typing import Any

import pytest

from tests.e2e.test_fixes import Editor, edited, editor
from tests.lsp_client import LspError

__all__ = ["editor"]  # the fixture is this file's too

SUMMARY: dict[str, Any] = {"summary": "Return the sum of `a` and `b`"}
PARTS = SUMMARY | {"parameters": {"a": "the first", "b": "the other"}, "returns": "the sum"}
JSDOC = """\
/**
 * Return the sum of `a` and `b`.
 *
 * @param a - The first.
 * @param b - The other.
 * @returns The sum.
 */
export const"""


def _documents(editor: Editor, uri: str, line: int) -> list[dict[str, Any]]:
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
    context = {"diagnostics": [], "only": ["refactor"]}
    found = editor.client.call(
        "textDocument/codeAction", {"textDocument": {"uri": uri}, "range": where, "context": context}
    )
    return [action for action in found if action["title"].startswith("Document ")]


def _documented(editor: Editor, uri: str, line: int, answer: object) -> dict[str, Any]:
    (action,) = _documents(editor, uri, line)
    assert action["kind"] == "refactor.rewrite"
    editor.client.call("probe/answers", {"answers": [json.dumps(answer)]})
    n_applied = len(editor.applied)
    editor.client.call("workspace/executeCommand", action["command"])
    (made,) = editor.applied[n_applied:]
    return made


@pytest.mark.parametrize(
    ("language_id", "text", "line", "answer", "expected"),
    [
        (
            "python",
            'def é(a, b):  # 😀\r\n\treturn a + b\r\n\r\n\r\ndef g():\r\n\t"""Do nothing."""\r\n',
            1,
            SUMMARY | {"details": ""},
            '# 😀\r\n\t"""Return the sum of `a` and `b`."""\r\n\treturn a + b\r\n',
        ),
        (
            "python",
            "def add(a, b):\n    '''Old.'''\n    if a < 0:\n        raise ValueError(a)\n    return a + b\n",
            4,
            PARTS | {"errors": {"ValueError": "if negative"}},
            "    '''Return the sum of `a` and `b`.'''\n",
        ),
        (
            "typescript",
            "export const add = (a: number, b = 2) => a + b;\n",
            0,
            PARTS,
            JSDOC,
        ),
        (
            "go",
            "package a\n\n// Add is old.\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
            4,
            SUMMARY | {"details": "It never fails."},
            "package a\n\n// Add returns the sum of `a` and `b`.\n//\n// It never fails.\nfunc Add",
        ),
        (
            "java",
            "class A {\n    @Override\n    int add(int a, int b) { return a + b; }\n}\n",
            2,
            PARTS,
            "class A {\n    /**\n     * Return the sum of `a` and `b`.\n     *\n     * @param a The first.\n",
        ),
        (
            "rust",
            "#[inline]\nfn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n",
            2,
            SUMMARY,
            "/// Return the sum of `a` and `b`.\n#[inline]\n",
        ),
        (
            "csharp",
            "class A {\n  /// <summary>Old.</summary>\n  int Add(int a, int b) => a + b;\n}\n",
            2,
            PARTS | {"returns": "a < b"},
            '  /// <param name="b">The other.</param>\n  /// <returns>A &lt; b.</returns>\n  int Add',
        ),
    ],
)
def test_documentation_is_written_in_the_style_of_the_file(
    editor: Editor, language_id: str, text: str, line: int, answer: object, expected: str
) -> None:
    uri = editor.show(text, f".{language_id}", language_id)
    made = _documented(editor, uri, line, answer)
    changed = edited(text, made)
    assert expected in changed
    assert "Old" not in changed
    assert "is old" not in changed
    assert made["label"].startswith("Document ")
    (annotation,) = made["edit"]["changeAnnotations"].values()
    assert annotation["description"] == "Only documentation is written."


def test_what_is_said_of_other_code_is_refused(editor: Editor) -> None:
    uri = editor.show("def add(a, b):\n    return a + b\n")
    with pytest.raises(LspError, match="the model said nothing of `add` that its code bears out"):
        _documented(editor, uri, 1, {"summary": "Call `frobnicate` with it."})
    with pytest.raises(LspError, match="the model said nothing"):
        _documented(editor, uri, 1, "")


@pytest.mark.parametrize(
    ("language_id", "text", "line"),
    [
        ("python", "x = 1\n", 0),
        ("python", "def test_it():\n    assert f()\n", 1),
        ("plaintext", "def f():\n    pass\n", 1),
        ("lua", "function f()\nend\n", 0),
    ],
)
def test_where_there_is_nothing_to_document_nothing_is_offered(
    editor: Editor, language_id: str, text: str, line: int
) -> None:
    assert _documents(editor, editor.show(text, ".x", language_id), line) == []


def test_a_body_on_the_line_of_its_head_is_refused_in_words(editor: Editor) -> None:
    uri = editor.show("def f(): return 1\n")
    (action,) = _documents(editor, uri, 0)
    with pytest.raises(LspError, match="there is no function or class to document here"):
        editor.client.call("workspace/executeCommand", action["command"])


def test_an_old_version_is_refused(editor: Editor) -> None:
    uri = editor.show("def add(a, b):\n    return a + b\n")
    (action,) = _documents(editor, uri, 0)
    editor.client.change(uri, 2, {"text": "x = 1\n"})
    with pytest.raises(LspError, match="the document has changed since; ask again"):
        editor.client.call("workspace/executeCommand", action["command"])
