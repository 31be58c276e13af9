"""What of a file a model writes again in order to mend something in it: a function, or some lines. Pure.

Invariant: a region is made of whole lines that follow each other, the reported one among them, and is small enough for
a small model to write it again without losing some of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

_MAX_LINES, _MAX_CHARS = 40, 2_400
_LINES_AROUND = 8
_MAX_LINE_CHARS = 400


class Region(NamedTuple):
    """Lines of a file, without their ends. first_line: 0-based. is_function: they are one, decorators included.

    reported: those of the file that a tool reports, which are among them.
    """

    first_line: int
    lines: tuple[str, ...]
    is_function: bool
    reported: range

    @property
    def text(self) -> str:
        r"""The lines, between `\n`."""
        return "\n".join(self.lines)

    @property
    def numbers(self) -> range:
        """Which lines of the file they are."""
        return range(self.first_line, self.first_line + len(self.lines))


def region_of(lines: Sequence[str], reported: range, around: range | None = None) -> Region | None:
    """Return what is to be written again; None where the lines there are too long.

    lines: of the file, with or without ends. around: those of the function that the report stands in, None for none.
    """
    bare = [line.rstrip("\r\n") for line in lines]
    if around is not None and _fits(bare, around) and around.start <= reported.start and reported.stop <= around.stop:
        return Region(around.start, tuple(bare[around.start : around.stop]), True, reported)
    window = _window(bare, reported, around or range(len(bare)))
    if not _fits(bare, window):
        window = range(reported.start, reported.start + 1)
    if not _fits(bare, window):
        return None
    inside = range(reported.start, min(reported.stop, window.stop))
    return Region(window.start, tuple(bare[window.start : window.stop]), False, inside)


def _fits(lines: Sequence[str], numbers: range) -> bool:
    chosen = lines[numbers.start : numbers.stop]
    return (
        len(chosen) <= _MAX_LINES
        and sum(len(line) + 1 for line in chosen) <= _MAX_CHARS
        and all(len(line) <= _MAX_LINE_CHARS for line in chosen)
    )


def _window(lines: Sequence[str], reported: range, limits: range) -> range:
    """Return the lines around the report, no blank ones at the ends; at the margin, those of its paragraph."""
    first = max(min(limits.start, reported.start), reported.start - _LINES_AROUND)
    stop = min(max(limits.stop, reported.stop), reported.stop + _LINES_AROUND)
    if not lines[reported.start][:1].isspace():
        blank = [number for number in range(first, stop) if not lines[number].strip() and number not in reported]
        first = max([first, *(number + 1 for number in blank if number < reported.start)])
        stop = min([stop, *(number for number in blank if number >= reported.stop)])
    while first < reported.start and not lines[first].strip():
        first += 1
    while stop > reported.stop and not lines[stop - 1].strip():
        stop -= 1
    return range(first, stop)
