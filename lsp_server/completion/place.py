"""Where the cursor is, as text: the lines around it, cut to a size that costs the same in any document.

Invariant: no line of a Place holds a line ending, none is longer than MAX_LINE_CHARS, and there are at most
N_LINES above and below, and N_OUTER beyond those.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lsp_server.document import DocumentSnapshot, Position, content_length

N_LINES = 60
N_OUTER = 12
_MOST_LOOKED_AT = 2_000
"""Lines above the window among which the headers of the blocks around it are looked for."""
MAX_LINE_CHARS = 500
TAB_WIDTH = 4
"""How far a tab counts when indentations are compared; in a file that uses only one of both it does not matter."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands around the cursor. above: nearest last; below: nearest first; before and after: the cursor's line.

    outer: headers of the blocks that begin above the window, outermost first. goes_on_below: the window ends before
    the document does.
    """

    language_id: str
    above: tuple[str, ...]
    before: str
    after: str
    below: tuple[str, ...]
    newline: str = "\n"
    outer: tuple[str, ...] = ()
    goes_on_below: bool = False

    @property
    def line_above(self) -> str:
        """The nearest line above that is not blank; empty where there is none."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @property
    def line_below(self) -> str:
        """The nearest line below that is not blank; empty where there is none."""
        return next((line for line in self.below if line.strip()), "")


def place_at(snapshot: DocumentSnapshot, position: Position) -> Place:
    """Look around `position` in `snapshot`."""
    lines = snapshot.lines
    line = lines[position.line]
    after = line[position.column : min(content_length(line), position.column + MAX_LINE_CHARS)]
    first = max(0, position.line - N_LINES)
    return Place(
        language_id=snapshot.language_id,
        above=tuple(_content(lines[i]) for i in range(first, position.line)),
        before=line[max(0, position.column - MAX_LINE_CHARS) : position.column],
        after=after,
        below=tuple(_content(each) for each in lines[position.line + 1 : position.line + 1 + N_LINES]),
        newline=snapshot.line_ending,
        outer=_headers(lines, first),
        goes_on_below=position.line + 1 + N_LINES < len(lines),
    )


def opened(place: Place) -> Place:
    """Return `place` as it would be with the rest of its line on the next one."""
    return replace(place, after="", below=(place.before + place.after, *place.below)[:N_LINES])


def _headers(lines: Sequence[str], first: int) -> tuple[str, ...]:
    """Return the lines above `first` that what stands there is indented under, outermost first."""
    # The first that is not blank tells how deep the window begins.
    start = next((i for i in range(first, min(len(lines), first + N_LINES)) if lines[i].strip()), first)
    headers: list[str] = []
    width = indent_width(lines[start]) if start < len(lines) else 0
    for i in range(first - 1, max(-1, first - 1 - _MOST_LOOKED_AT), -1):
        if width == 0 or len(headers) == N_OUTER:
            break
        if lines[i].strip() and indent_width(lines[i]) < width:
            headers.append(_content(lines[i]))
            width = indent_width(lines[i])
    return tuple(reversed(headers))


def _content(line: str) -> str:
    return line[: min(content_length(line), MAX_LINE_CHARS)]


def indent_of(line: str) -> str:
    """Return the whitespace that `line` begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def indent_width(line: str) -> int:
    """Return how far `line` is indented, in columns."""
    return len(indent_of(line).expandtabs(TAB_WIDTH))


def indent_unit(place: Place) -> str:
    r"""Return one step of indentation in this file: `\t`, or so many spaces; four where the file does not tell."""
    lines = [line for line in (*place.above, place.before, *place.below) if line.strip() or line == place.before]
    indents = [indent_of(line) for line in lines]
    if any(indent.startswith("\t") for indent in indents):
        return "\t"
    steps = {len(indent) for indent in indents if indent}
    # The smallest difference that is no alignment by one column.
    widths = sorted({0, *steps})
    differences = [b - a for a, b in pairwise(widths) if b - a >= 2]
    return " " * min(differences, default=4)
