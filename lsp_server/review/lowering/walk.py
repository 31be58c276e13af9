"""Small steps on syntax trees that the languages' lowerings share. Pure.

Invariant: no walk here is deeper than MAX_DEPTH, whatever is written.
"""

from collections.abc import Sequence
from typing import Protocol

import tree_sitter

from lsp_server.review.ir import Function, Program, Span, Statement

MAX_DEPTH = 100
"""Nested expressions and blocks beyond it are Unknown: each level costs up to four of Python's 1,000 frames."""

_COMMENTS = ("comment", "line_comment", "block_comment")
_EXTRAS = frozenset({*_COMMENTS, "line_continuation"})


Hollow = frozenset[int]
"""Where the bodies begin of functions of which only the head is lowered, in bytes."""
NONE_HOLLOW: Hollow = frozenset()


class Lowering(Protocol):
    """What lowers one file. functions: those it has met."""

    functions: list[Function]
    hollow: Hollow

    def block(self, nodes: Sequence[tree_sitter.Node], /) -> tuple[Statement, ...]:
        """Lower statements in their order."""
        ...


def whole(
    lowering: Lowering,
    root: tree_sitter.Node,
    source: bytes,
    language_id: str,
    hollow: Hollow,
    package: str = "",
) -> Program:
    """Return the program under `root`, the tree of `source`. package: what the file declares itself to be in."""
    lowering.hollow = hollow
    body = lowering.block(root.children)
    functions = tuple(sorted(lowering.functions, key=lambda each: each.span))
    return Program(language_id, source, body, root.has_error, package, functions)


def span_of(node: tree_sitter.Node) -> Span:
    """Return where `node` stands."""
    return Span(node.start_byte, node.end_byte)


def named(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the named children of `node` in their order, without comments."""
    return [child for child in node.named_children if child.type not in _EXTRAS]
