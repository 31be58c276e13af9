"""Where the cursor is, as text: the lines around it, cut to a size that costs the same in any document.

Invariant: no line of a Place holds a line ending, none is longer than MAX_LINE_CHARS, and there are at most
N_LINES above and below.
"""

from dataclasses import dataclass
from itertools import islice, pairwise

from lsp_server.document import DocumentSnapshot, Position, content_length

N_LINES = 60
MAX_LINE_CHARS = 500
TAB_WIDTH = 4
"""How far a tab counts when indentations are compared; in a file that uses only one of both it does not matter."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands around the cursor. above: nearest last; below: nearest first; before and after: the cursor's line."""

    language_id: str
    above: tuple[str, ...]
    before: str
    after: str
    below: tuple[str, ...]
    newline: str = "\n"

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
    return Place(
        language_id=snapshot.language_id,
        above=tuple(_content(lines[i]) for i in range(max(0, position.line - N_LINES), position.line)),
        before=line[max(0, position.column - MAX_LINE_CHARS) : position.column],
        after=after,
        below=tuple(_content(each) for each in islice(lines, position.line + 1, position.line + 1 + N_LINES)),
        newline=snapshot.line_ending,
    )


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
