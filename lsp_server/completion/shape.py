"""What the first line at a blank place must look like, told by the lines around it: as a grammar for the engine.

Owns what structure alone decides in languages whose blocks end by indentation: how deep the line may be, whether it
must open the block that stands below, whether it may leave one that goes on. What a small model writes there without
knowing would be dropped; held to this, it says the best of what can stand. Pure.

Invariant: where the lines around the cursor do not tell, because they are no statements or their indentation is no
steps, anything may stand.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsp_server.completion.place import Place, indent_of, indent_unit
from lsp_server.completion.scope import Scope, scope_at
from lsp_server.completion.statements import Line, read_statements, steps_of
from lsp_server.completion.syntax import ends_by_colon, is_clause, is_comment, is_definition, leaves_block, unmatched

_TEXT = re.compile(r"[rRuUbB]{0,2}[\"']")
_WORD = re.compile(r"[a-z]*")
_OPENING = frozenset({"if", "for", "while", "with", "def", "class", "async"})
_DEFINING = frozenset({"def", "class", "async"})
_BRANCHES = {"if": ("elif", "else"), "elif": ("elif", "else"), "for": ("else",), "while": ("else",)} | {
    "try": ("except", "finally"),
    "except": ("except", "else", "finally"),
    "case": ("case",),
}
"""What may go on with a statement that begins so."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A line that may stand at the cursor. words: it opens a block, and begins with one of them; None: any statement.

    stays: it must not leave the block, of which more stands below.
    """

    indent: str
    words: frozenset[str] | None = None
    stays: bool = False


def slots_at(place: Place) -> list[Slot]:
    """Return what the first line at `place` may be; nothing where that is open."""
    if not ends_by_colon(place.language_id) or (place.before + place.after).strip():
        return []
    slots = _slots(place) if scope_at(place) in (Scope.CODE, Scope.BRACKETS) else []
    return [slot for slot in slots if slot.indent.startswith(place.before)]


def _slots(place: Place) -> list[Slot]:
    above = read_statements((*place.outer, *place.above), place.language_id)
    below = [line for line in place.below if line.strip() and not is_comment(line, place.language_id)]
    behind = read_statements(place.below, place.language_id)
    if behind.is_in_text:
        return []  # the window begins inside of one, or the cursor is
    is_closed_below = bool(unmatched("\n".join(below), place.language_id)[0])
    if above.is_open or is_closed_below:
        return _in_brackets(place) if above.is_in_brackets and is_closed_below else []
    if not above.lines or above.lines[-1].text.startswith("@"):
        return []
    steps = steps_of(above.lines, behind.lines) or [_first_step(above.lines[-1], below, place)]
    indents = [line.indent for line in above.lines] + [indent_of(line) for line in below[:1]]
    if any(indent.strip(steps[0][0]) for indent in indents):
        return []
    nearest = next((line for line in reversed(place.above) if not is_comment(line, place.language_id)), "")
    return _among(above.lines, below, steps, is_apart=not nearest.strip())


def _first_step(last: Line, below: Sequence[str], place: Place) -> str:
    """Return by how much a block is deeper than its header, where no whole one tells."""
    step = indent_of(below[0]).removeprefix(last.indent) if below else ""
    is_body = last.opens and step and indent_of(below[0]).startswith(last.indent)
    return step if is_body else indent_unit(place)


def _in_brackets(place: Place) -> list[Slot]:
    """Return the depth of the lines around the cursor, if both are items of one list."""
    indent, below = indent_of(place.line_above), place.line_below
    opens = any(unmatched(place.line_above, place.language_id))
    return [] if opens or indent_of(below) != indent or below.strip()[:1] in (")", "]", "}") else [Slot(indent)]


def _among(above: Sequence[Line], below: Sequence[str], steps: Sequence[str], *, is_apart: bool) -> list[Slot]:
    """Return what may stand between the statements `above` and the lines of code `below`.

    is_apart: the line above the cursor is blank, comments aside.
    """
    last = above[-1]
    if last.opens:
        indents = [last.indent + step for step in steps]
        return [slot for indent in indents for slot in _at(Line(indent, ""), below, steps)]
    if len(above) > 1 and above[-2].opens and is_definition(above[-2].text) and _TEXT.match(last.text):
        return _at(last, below, steps)  # a docstring alone is no body
    width_below = len(indent_of(below[0])) if below else -1
    levels = _levels(above)
    if leaves_block(last.text) and len(last.indent) > width_below:
        levels = levels[1:]
    if not below:
        # Whoever goes on behind a function leaves a line blank.
        inside = [line for at, line in enumerate(levels) if any(is_definition(each.text) for each in levels[at + 1 :])]
        return [] if is_apart else [Slot(line.indent) for line in inside]
    slots = [slot for line in levels for slot in _at(line, below, steps)]
    return slots if is_apart else [_undefining(slot) if slot.indent != last.indent else slot for slot in slots]


def _undefining(slot: Slot) -> Slot:
    return slot if slot.words is None else replace(slot, words=slot.words - _DEFINING)


def _levels(above: Sequence[Line]) -> list[Line]:
    """Return the statements that a line below `above` may stand beside, deepest first."""
    levels: list[Line] = []
    for line in reversed(above):
        if not levels or len(line.indent) < len(levels[-1].indent):
            levels.append(line)
    return levels


def _at(level: Line, below: Sequence[str], steps: Sequence[str]) -> list[Slot]:
    """Return what may stand beside `level` in front of the lines `below`."""
    indent = level.indent
    width, width_below = len(indent), len(indent_of(below[0])) if below else -1
    if width > width_below:
        return [Slot(indent)]
    if width == width_below and not is_clause(below[0]):
        return [Slot(indent, stays=not is_definition(below[0]))]
    is_header = any(width + len(step) == width_below for step in steps)
    words = _words(level, below) if is_header or width == width_below else frozenset[str]()
    return [Slot(indent, words)] if words else []


def _words(level: Line, below: Sequence[str]) -> frozenset[str]:
    """Return what a line beside `level` may begin with, if its body comes next.

    What goes on with it below, at its own depth, tells what it is.
    """
    words = _OPENING.union(_BRANCHES.get(_word(level.text), ()))
    width = len(level.indent)
    after = next((line for line in below if len(indent_of(line)) <= width), "")
    if not is_clause(after) or len(indent_of(after)) < width:
        return words
    return frozenset(word for word in words | {"try"} if _word(after.strip()) in _BRANCHES.get(word, ()))


def _word(text: str) -> str:
    match = _WORD.match(text)
    return match.group() if match is not None else ""


def to_grammar(slots: Sequence[Slot]) -> str:
    """Write in Lark's notation: a first line that is one of `slots`, and whatever follows.

    An end in its place is not offered: a model that is kept from what it would have said takes that before all else.
    """
    return f"start: ALL\nALL: FIRST /(\\n(.|\\n)*)?/\nFIRST: {' | '.join(map(_line, slots))}\n"


def _line(slot: Slot) -> str:
    if slot.words is not None:
        return f"/{slot.indent}({'|'.join(sorted(slot.words))})([^\\w\\n][^\\n]*)?:[ ]*/"
    # Names that begin so are ruled out as well: a model that was let in could but make one up to get out again.
    leaving = " & ~/(return|raise|break|continue)[^\\n]*/" if slot.stays else ""
    return f"/{slot.indent}/ (/[^\\s][^\\n]*/{leaving})"
