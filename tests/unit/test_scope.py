"""What the cursor stands in, with a grammar and without."""

import pytest

from lsp_server.completion.place import Place, place_at
from lsp_server.completion.scope import Scope, is_empty_body, scope_at
from lsp_server.document import Document, Position


def place(language_id: str, text: str) -> Place:
    before, _, after = text.partition("‸")
    document = Document("file:///a", before + after, version=1, language_id=language_id)
    return place_at(document.snapshot(), Position(before.count("\n"), len(before.rpartition("\n")[2])))


@pytest.mark.parametrize(
    ("language_id", "text", "scope"),
    [
        ("python", "x = 1  # a note‸", Scope.COMMENT),
        ("python", "# a note\n‸", Scope.CODE),
        ("python", 'print("a ‸")', Scope.STRING),
        ("python", 'print("a ‸', Scope.STRING),
        ("python", 'print("a" + ‸', Scope.CODE),
        ("python", 'x = f"{‸}"', Scope.CODE),
        ("python", 'def f():\n    """Do\n    ‸\n    """\n', Scope.DOCSTRING),
        ("python", 'def f():\n    """‸\n    return 1\n', Scope.DOCSTRING),
        ("python", 'def f():\n    """Do."""\n    ‸\n', Scope.CODE),
        ("python", "f(a, ‸)", Scope.BRACKETS),
        ("python", "f(a, ‸", Scope.CODE),
        ("python", "f(a)‸", Scope.CODE),
        ("python", "x = (\n    ‸\n)", Scope.CODE),
        ("python", "while a < ‸", Scope.CONDITION),
        ("python", "while a < b:‸", Scope.CODE),
        ("javascript", "const x = `a ‸ b`;", Scope.STRING),
        ("javascript", "f(() => {\n  ‸\n});", Scope.CODE),
        ("javascript", "if (a && ‸) {\n}", Scope.BRACKETS),
        ("javascript", "/* a\n  ‸\n*/", Scope.COMMENT),
        ("typescript", "/**‸\nfunction f() {}", Scope.DOCSTRING),
        ("rust", "// don't ‸\nfn a() {}", Scope.COMMENT),
        ("go", 'package a\n\nvar x = "a ‸"\n', Scope.STRING),
        ("java", "class A {\n  ‸\n}", Scope.CODE),
        ("c", 'int main(void) {\n  printf("a", ‸);\n}', Scope.BRACKETS),
        ("php", '<?php\n$x = "a ‸";', Scope.STRING),
        ("yaml", 'a: "x‸"', Scope.STRING),
        ("yaml", "a: x‸", Scope.CODE),
        ("sql", "SELECT 1 -- a ‸", Scope.COMMENT),
        ("scala", 'val x = "a ‸', Scope.STRING),
        ("scala", "val x = ‸", Scope.CODE),
    ],
)
def test_what_the_cursor_stands_in(language_id: str, text: str, scope: Scope) -> None:
    assert scope_at(place(language_id, text)) is scope


@pytest.mark.parametrize(
    ("language_id", "text", "is_empty"),
    [
        ("python", 'def f():\n    """Do."""\n    ‸\n', True),
        ("python", "def f():\n    x = 1\n    ‸\n", False),
        ("go", "package a\n\nfunc f() {\n\t‸\n}\n", True),
        ("rust", 'fn f(x: u8) -> &str {\n    match x {\n        1 => "a",\n        ‸\n    }\n}\n', False),
        ("python", "‸", False),
        ("scala", "def f() = {\n  ‸\n}", False),  # no grammar: the line above tells
    ],
)
def test_which_body_is_empty(language_id: str, text: str, is_empty: bool) -> None:
    assert is_empty_body(place(language_id, text)) is is_empty
