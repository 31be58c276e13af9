"""A file's text -> chunks of whole lines, cut where definitions begin. Pure.

Invariants: chunks do not overlap, stand in the file's order and hold every line that is not blank; none is longer than
MAX_LINES lines or MAX_CHARS characters (of a longer line, the front).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

MAX_LINES = 40
MAX_CHARS = 3_000
_SMALL_LINES = 16
"""Definitions next to each other share a chunk until they are as long together: a line alone says little."""

_LEADING = ("#", "//", "/*", "*", "@", "--", "'''", '"""', "[")
"""How lines begin that belong to the definition below them: comments, decorators, attributes."""


class Chunk(NamedTuple):
    """Some lines of a file. first_line: 0-based. text: without the last line's terminator."""

    first_line: int
    text: str


def cut(text: str, borders: Sequence[int] | None = None) -> list[Chunk]:
    r"""Cut `text`, whose lines end in `\n`, into chunks.

    borders: 0-based lines where definitions begin, ascending; None where nobody knows: then by how lines are indented.
    """
    lines = text.split("\n")
    starts = _line_rule(lines) if borders is None else [_with_what_leads(lines, line) for line in borders]
    pieces = _pieces(lines, starts)
    offsets = list(accumulate((len(line) + 1 for line in lines), initial=0))
    chunks = []
    for start, end in _joined(pieces):
        while end - start > MAX_LINES or offsets[end] - offsets[start] > MAX_CHARS:
            middle = _best_cut(lines, offsets, start, end)
            if middle == end:
                break
            chunks.append((start, middle))
            start = middle
        chunks.append((start, end))
    return [chunk for start, end in chunks if (chunk := _chunk(lines, start, end)) is not None]


def _line_rule(lines: Sequence[str]) -> list[int]:
    """Return the lines that begin at the margin behind a blank one."""
    return [
        number
        for number, line in enumerate(lines)
        if line and not line[0].isspace() and number > 0 and not lines[number - 1].strip()
    ]


def _with_what_leads(lines: Sequence[str], line: int) -> int:
    while line > 0 and lines[line - 1].lstrip().startswith(_LEADING):
        line -= 1
    return line


def _pieces(lines: Sequence[str], starts: Sequence[int]) -> list[tuple[int, int]]:
    bounds = sorted({0, len(lines), *starts})
    return list(pairwise(bounds))


def _joined(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join neighbours for as long as they are small together."""
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and end - joined[-1][0] <= _SMALL_LINES:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _best_cut(lines: Sequence[str], offsets: Sequence[int], start: int, end: int) -> int:
    """Return the line in front of which to cut: the last that fits, of those the least indented.

    offsets: where each line begins in the text.
    """
    longest = bisect_right(offsets, offsets[start] + MAX_CHARS) - 1
    last = max(min(end, start + MAX_LINES, longest), start + 1)
    candidates = [number for number in range((start + last + 1) // 2, last) if number > start and lines[number].strip()]
    if last >= end or not candidates:
        return last
    return min(candidates, key=lambda number: (_indentation(lines[number]), -number))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _chunk(lines: Sequence[str], start: int, end: int) -> Chunk | None:
    """Return the lines from `start` to `end` without blank ones at either end; None if all are blank."""
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return Chunk(start, "\n".join(lines[start:end])[:MAX_CHARS]) if start < end else None
