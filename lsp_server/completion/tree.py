"""Trees of the text around the cursor: what a grammar makes of it, with a text at the cursor and without.

Owns parsing. Invariants: what is parsed is the place's window and no more, whatever the document; the same place and
text always give the same tree; where there is no grammar, or the window is no program, there is no tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from tree_sitter import Language, Node, Parser, Point, Tree

from lsp_server.completion.place import Place
from lsp_server.completion.syntax import CLOSER_OF, ends_by_indent, unmatched
from lsp_server.grammars import grammar_of

_MAX_BYTES = 48_000
_MAX_BYTES_PER_LINE = 300
"""Beyond these it is data or was minified: a tree would cost much and tell little."""
_MANY_LINES = 40
"""Where the grammar can make nothing of half of so many (C++ in a header taken for C), each parse costs up to ten times
as much, and tells nothing."""


@dataclass(frozen=True, slots=True)
class TextTree:
    """A tree of the window with a text at the cursor. source: UTF-8; start and end: of the text, in bytes."""

    root: Node
    source: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Window:
    """What of a place is parsed, in UTF-8, and its tree without any text at the cursor."""

    language: Language
    head: bytes
    tail: bytes
    tree: Tree


def tree_with(place: Place, text: str) -> TextTree | None:
    """Parse the window around the cursor with `text` there; None where it has no tree."""
    window = _window(place)
    if window is None:
        return None
    made = text.encode("utf-8", "replace")
    source = window.head + made + window.tail
    start, end = len(window.head), len(window.head) + len(made)
    if not made:
        return TextTree(window.tree.root_node, source, start, end)
    if len(made) > _MAX_BYTES:
        return None
    # Only what stands at the cursor is parsed again; the base is always the same, so the tree is too.
    tree = window.tree.copy()
    at, until = _point(window.head), _point(window.head + made)
    tree.edit(start, start, end, at, at, until)
    return TextTree(_parser(window.language).parse(source, tree).root_node, source, start, end)


def n_flaws(place: Place, text: str) -> int | None:
    """Count what does not parse at the cursor with `text` there; None where there is no tree.

    Looked at are the cursor's line, the text, and what follows up to the end of the next line that is not blank.
    Errors elsewhere do not count.
    """
    tree = tree_with(place, text)
    if tree is None:
        return None
    start = tree.source.rfind(b"\n", 0, tree.start) + 1
    rest = tree.source[tree.end :]
    n_blank = len(rest) - len(rest.lstrip())
    end = tree.source.find(b"\n", tree.end + n_blank)
    return sum(1 for _ in _flaws(tree.root, start, len(tree.source) if end < 0 else end))


def ancestors(node: Node | None) -> Iterator[Node]:
    """Yield `node` and what it is in, from the inside out."""
    while node is not None:
        yield node
        node = node.parent


def _flaws(root: Node, start: int, end: int) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if not node.has_error or node.start_byte > end or node.end_byte < start:
            continue
        # One that began further up wraps what comes after it, whatever is written here.
        if (node.is_error or node.is_missing) and node.start_byte >= start:
            yield node
        stack += node.children


@lru_cache(maxsize=8)
def _window(place: Place) -> _Window | None:
    language = grammar_of(place.language_id)
    if language is None:
        return None
    head = "\n".join((*place.outer, *place.above, place.before))
    tail = "\n".join((place.after, *place.below))
    # Blocks that end below the window are ended here, or all in them would be one error.
    is_open = place.goes_on_below and not ends_by_indent(place.language_id)
    openers = unmatched("\n".join((head, tail)), place.language_id)[1] if is_open else []
    closers = "".join("\n" + CLOSER_OF[opener] for opener in reversed(openers))
    before, after = head.encode("utf-8", "replace"), (tail + closers).encode("utf-8", "replace")
    n_lines = 1 + len(place.outer) + len(place.above) + len(place.below)
    n_bytes = len(before) + len(after)
    if n_bytes > _MAX_BYTES or n_bytes > 4 * _MAX_BYTES_PER_LINE + n_lines * _MAX_BYTES_PER_LINE:
        return None
    tree = _parser(language).parse(before + after)
    if n_lines > _MANY_LINES and 2 * _n_lost(tree.root_node) > n_bytes:
        return None
    return _Window(language, before, after, tree)


def _n_lost(root: Node) -> int:
    return sum(node.end_byte - node.start_byte for node in (root, *root.children) if node.is_error)


def _point(text: bytes) -> Point:
    return Point(text.count(b"\n"), len(text) - text.rfind(b"\n") - 1)


@cache
def _parser(language: Language) -> Parser:
    return Parser(language)
