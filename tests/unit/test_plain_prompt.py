"""Texts of other files as plain text in front of a prefix."""

import pytest

from lsp_server.engine.plain_prompt import text_before
from lsp_server.engine.protocol import CompletionRequest, Snippet


def request(path: str | None, *snippets: Snippet) -> CompletionRequest:
    return CompletionRequest("x = ", "", "key", path=path, snippets=snippets)


def test_without_snippets_the_prefix_stands_alone() -> None:
    assert text_before(request("a.py")) == "x = "


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("lib/a.py", "# lib/a.py"),
        ("a.py.diff", "# a.py.diff"),
        ("a.ts", "// a.ts"),
        ("a.sql", "-- a.sql"),
        ("a.html", "<!-- a.html -->"),
        ("a.css", "/* a.css */"),
        ("Makefile", "// Makefile"),
        ("lib.py/a", "// lib.py/a"),
    ],
)
def test_each_stands_under_its_name_as_a_comment_of_its_kind(path: str, heading: str) -> None:
    assert text_before(request("b.go", Snippet(path, "y\n\n"))) == f"{heading}\ny\n\n// b.go\nx = "


def test_the_front_is_the_same_whatever_the_prefix() -> None:
    snippets = Snippet("a.py", "a"), Snippet("b.py", "b")
    front = text_before(request(None, *snippets)).removesuffix("x = ")
    assert front == "# a.py\na\n\n# b.py\nb\n\n// untitled\n"
