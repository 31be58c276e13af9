"""The statements of a file, and which function of which of them an edit lies in. Pure.

Invariants: what is told of an edit holds only for texts that parse, before and after; whatever is not certainly inside
the body of one function is told as an edit of the file.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import tree_sitter

from lsp_server.review.ir import Span

Names = frozenset[bytes]

_IDENTIFIER = re.compile(rb"[A-Za-z_$\x80-\xff][A-Za-z0-9_$\x80-\xff]*")
_FUNCTIONS = frozenset({
    "function_definition", "function_declaration", "generator_function_declaration", "method_definition",
    "method_declaration", "arrow_function", "function_expression", "generator_function",
})  # fmt: skip
_BODIES = frozenset({"block", "statement_block", "compound_statement"})
_THROUGH = frozenset({
    "decorated_definition", "class_definition", "class_declaration", "abstract_class_declaration", "class_body",
    "export_statement", "lexical_declaration", "variable_declaration", "variable_declarator", "expression_statement",
    "assignment_expression", *_BODIES,
})  # fmt: skip
"""Through which a function belongs to the statement, and is known by a name: not as an argument of a call."""

_DEEPEST = 12


class Edit(NamedTuple):
    """Bytes `start` to `old_end` of a text became `start` to `new_end` of another."""

    start: int
    old_end: int
    new_end: int

    @property
    def n_added(self) -> int:
        """By how much what stands behind has moved."""
        return self.new_end - self.old_end


@dataclass(frozen=True, slots=True)
class Unit:
    """A statement of the file. bodies: of its functions, those inside others left out.

    mentions: the identifiers in it. head: those outside of the bodies.
    """

    span: Span
    bodies: tuple[Span, ...]
    mentions: Names
    head: Names


def edit_between(old: bytes, new: bytes) -> Edit:
    """Return the one edit that makes `new` of `old`, UTF-8 both; it begins and ends where characters do."""
    shorter = min(len(old), len(new))
    start = _n_alike(shorter, lambda n: old[:n] == new[:n])
    while start and _is_inside(old, start) | _is_inside(new, start):
        start -= 1
    n_end = _n_alike(shorter - start, lambda n: old[len(old) - n :] == new[len(new) - n :])
    while n_end and _is_inside(old, len(old) - n_end):
        n_end -= 1
    return Edit(start, len(old) - n_end, len(new) - n_end)


def _n_alike(most: int, is_alike: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` for which `is_alike` holds; it holds for all smaller ones too."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if is_alike(middle) else (low, middle - 1)
    return low


def _is_inside(text: bytes, offset: int) -> bool:
    """Tell whether `offset` lies inside a character."""
    return offset < len(text) and text[offset] & 0xC0 == 0x80


def edited(tree: tree_sitter.Tree, old: bytes, edit: Edit, new: bytes) -> tree_sitter.Tree:
    """Return a copy of `tree`, that of `old`, which knows of `edit`; the parser takes it along for `new`."""
    copy = tree.copy()
    copy.edit(
        edit.start,
        edit.old_end,
        edit.new_end,
        _point(old, edit.start),
        _point(old, edit.old_end),
        _point(new, edit.new_end),
    )
    return copy


def _point(text: bytes, offset: int) -> tuple[int, int]:
    return text.count(b"\n", 0, offset), offset - text.rfind(b"\n", 0, offset) - 1


def units_of(root: tree_sitter.Node, source: bytes) -> list[Unit]:
    """Return the statements under `root`, in their order."""
    return [_unit_of(node, source) for node in root.children if node.is_named and "comment" not in node.type]


def _unit_of(node: tree_sitter.Node, source: bytes) -> Unit:
    bodies = tuple(Span(body.start_byte, body.end_byte) for body in _bodies_in(node, 0))
    return _unit(Span(node.start_byte, node.end_byte), bodies, source)


def _unit(span: Span, bodies: tuple[Span, ...], source: bytes) -> Unit:
    ends = [span.start, *(body.end for body in bodies)]
    starts = [*(body.start for body in bodies), span.end]
    head = b" ".join(source[end:start] for end, start in zip(ends, starts, strict=True))
    return Unit(span, bodies, names_in(source[span.start : span.end]), names_in(head))


def names_in(text: bytes) -> Names:
    """Return the identifiers in `text`, in comments and texts too."""
    return frozenset(_IDENTIFIER.findall(text))


def _bodies_in(node: tree_sitter.Node, depth: int) -> Iterator[tree_sitter.Node]:
    if node.type in _FUNCTIONS:
        body = node.child_by_field_name("body")
        if body is not None and body.type in _BODIES:
            yield body
    elif node.type in _THROUGH and depth < _DEEPEST:
        for child in node.named_children:
            yield from _bodies_in(child, depth + 1)


def unit_at(units: Sequence[Unit], offset: int) -> int:
    """Return the number of the last of `units` that begins at `offset` or before; -1 where none does."""
    return bisect_right(units, offset, key=lambda unit: unit.span.start) - 1


def units_after(
    units: Sequence[Unit], old: tree_sitter.Node, edit: Edit, new: tree_sitter.Node, source: bytes
) -> tuple[list[Unit], int] | None:
    """Return the statements after `edit` and the number of the one it lies in; None unless it is inside one function.

    units: before, under the root `old`. new: the root afterwards, of `source`. Both parse.
    """
    number = unit_at(units, edit.start)
    found = [body for body in units[number].bodies if body.start <= edit.start] if number >= 0 else []
    if not found:
        return None
    body = found[-1]
    before, after = _function_at(old, body.start), _function_at(new, body.start)
    if before is None or after is None or not _is_inside_one(before, after, edit):
        return None
    unit = units[number]
    grown = _grown(unit, body, after, edit, source)
    moved = [_moved(each, edit.n_added) for each in units[number + 1 :]]
    return [*units[:number], grown, *moved], number


def _function_at(root: tree_sitter.Node, start: int) -> tree_sitter.Node | None:
    """Return the body of a function that begins at `start`."""
    node = root.descendant_for_byte_range(start, start)
    while node is not None and node.start_byte == start:
        if node.type in _BODIES and node.parent is not None and node.parent.type in _FUNCTIONS:
            return node
        node = node.parent
    return None


def _is_inside_one(before: tree_sitter.Node, after: tree_sitter.Node, edit: Edit) -> bool:
    """Tell whether `edit` made the body `after` of the body `before`, and nothing else."""
    if _around(before) != _around(after):
        return False
    if before.type != "block" or before.children[0].type == "{":
        return before.start_byte < edit.start and edit.old_end < before.end_byte == after.end_byte - edit.n_added
    follows, follows_now = _following(before), _following(after)
    if follows is None or follows_now is None:
        return follows is follows_now
    return edit.old_end <= follows == follows_now - edit.n_added


def _around(node: tree_sitter.Node) -> list[tuple[str, int]]:
    around = []
    parent = node.parent
    while parent is not None and parent.parent is not None:
        around.append((parent.type, parent.start_byte))
        parent = parent.parent
    return around


def _following(node: tree_sitter.Node) -> int | None:
    """Return where the next statement behind `node` and all it stands in begins; None at the end of the file."""
    around: tree_sitter.Node | None = node
    while around is not None:
        sibling = around.next_named_sibling
        while sibling is not None and "comment" in sibling.type:
            sibling = sibling.next_named_sibling
        if sibling is not None:
            return sibling.start_byte
        around = around.parent
    return None


def _grown(unit: Unit, body: Span, after: tree_sitter.Node, edit: Edit, source: bytes) -> Unit:
    bodies = tuple(
        Span(each.start, after.end_byte) if each == body else _moved_span(each, edit.n_added, body.start)
        for each in unit.bodies
    )
    whole = after
    while whole.parent is not None and whole.parent.parent is not None:
        whole = whole.parent
    span = Span(unit.span.start, whole.end_byte)
    return replace(unit, span=span, bodies=bodies, mentions=names_in(source[span.start : span.end]))


def _moved(unit: Unit, n_bytes: int) -> Unit:
    span = _moved_span(unit.span, n_bytes)
    return Unit(span, tuple(_moved_span(body, n_bytes) for body in unit.bodies), unit.mentions, unit.head)


def _moved_span(span: Span, n_bytes: int, behind: int = -1) -> Span:
    return Span(span.start + n_bytes, span.end + n_bytes) if span.start > behind else span
