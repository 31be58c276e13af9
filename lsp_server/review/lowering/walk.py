"""Small steps on syntax trees that the languages' lowerings share. Pure.

Invariant: no walk here is deeper than MAX_DEPTH, whatever is written.
"""

from functools import cache

import tree_sitter

from lsp_server.grammars import grammar_of
from lsp_server.review.ir import Span

MAX_DEPTH = 100
"""Nested expressions and blocks beyond it are Unknown: each level costs up to four of Python's 1,000 frames."""

_COMMENTS = ("comment", "line_comment", "block_comment")
_EXTRAS = frozenset({*_COMMENTS, "line_continuation"})


def span_of(node: tree_sitter.Node) -> Span:
    """Return where `node` stands."""
    return Span(node.start_byte, node.end_byte)


def named(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the named children of `node` in their order, without comments."""
    return [child for child in node.named_children if child.type not in _EXTRAS]


def comments_of(root: tree_sitter.Node, language_id: str) -> tuple[Span, ...]:
    """Return the span of each comment under `root`, in order."""
    query = _comment_query(language_id)
    if query is None:
        return ()
    found = tree_sitter.QueryCursor(query).captures(root).get("comment", [])
    return tuple(sorted(map(span_of, found)))


@cache
def _comment_query(language_id: str) -> tree_sitter.Query | None:
    grammar = grammar_of(language_id)
    if grammar is None:
        return None
    kinds = [kind for kind in _COMMENTS if grammar.id_for_node_kind(kind, True) is not None]
    return tree_sitter.Query(grammar, " ".join(f"({kind}) @comment" for kind in kinds)) if kinds else None
