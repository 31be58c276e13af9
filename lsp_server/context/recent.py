"""Where the person was and what they wrote a moment ago, in this window. Pure, in memory only, and small.

Owns a ring of chunks around the places that were looked at, and the last edits as small diffs. Invariants: nothing of a
file that is named as a secret is ever taken; of what stands twice, the newer is kept.
"""

import difflib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lsp_server.context.likeness import likeness
from lsp_server.context.secrets import is_secret_name
from lsp_server.context.terms import terms_of

_MOST_CHUNKS = 32
_MOST_EDITS = 6
_CHUNK_LINES = 30
_LEAST_LINES = 3
_MOST_LINE_CHARS = 300
_SAME = 0.8
_PARROTED = 0.5
"""A chunk so much like the text at the cursor would be said again in the place of something new."""
_LEAST_SHARED_TERMS = 4

_NEAR_LINES = 2
_MOST_EDIT_LINES = 16


class SeenChunk(NamedTuple):
    """Lines that the person looked at. first_line: 0-based."""

    path: str
    first_line: int
    text: str


class SeenChunks:
    """The ring."""

    def __init__(self) -> None:
        self._chunks: deque[SeenChunk] = deque(maxlen=_MOST_CHUNKS)

    def note(self, path: str, lines: Sequence[str], line: int) -> None:
        """Take in that the person is at `line` of the file `path`, whose lines are `lines`."""
        if is_secret_name(path):
            return
        first = max(0, min(line - _CHUNK_LINES // 2, len(lines) - _CHUNK_LINES))
        text = "".join(each[:_MOST_LINE_CHARS] for each in lines[first : first + _CHUNK_LINES])
        text = text.replace("\r\n", "\n").strip("\n")
        if sum(1 for each in text.split("\n") if each.strip()) < _LEAST_LINES:
            return
        new = SeenChunk(path, first, text)
        kept = [chunk for chunk in self._chunks if not _is_replaced(chunk, new)]
        self._chunks = deque([*kept, new], maxlen=_MOST_CHUNKS)

    def telling(self, around: str, is_seen_anyway: Callable[[str, int, int], bool], limit: int) -> list[SeenChunk]:
        """Return the chunks that share the most identifiers with `around`, the best first.

        is_seen_anyway: whether these lines of a file stand around the cursor. Chunks like `around` leave the ring.
        """
        terms = terms_of(around)
        scored: list[tuple[float, int, SeenChunk]] = []
        for age, chunk in enumerate(list(reversed(self._chunks))):
            if is_seen_anyway(chunk.path, chunk.first_line, chunk.first_line + _CHUNK_LINES):
                continue
            if likeness(around, chunk.text) > _PARROTED:
                self._chunks.remove(chunk)
                continue
            chunk_terms = terms_of(chunk.text)
            n_shared = len(terms & chunk_terms)
            if n_shared >= _LEAST_SHARED_TERMS:
                scored.append((-n_shared / len(terms | chunk_terms), age, chunk))
        scored.sort()
        return [chunk for _, _, chunk in scored[:limit]]


def _is_replaced(old: SeenChunk, new: SeenChunk) -> bool:
    overlaps = old.path == new.path and abs(old.first_line - new.first_line) < _CHUNK_LINES // 2
    return overlaps or likeness(old.text, new.text) > _SAME


class Edit(NamedTuple):
    """What was changed in one place. number: counts edits; text: lines led by `-`, `+` or a blank, as in a diff."""

    number: int
    path: str
    text: str


@dataclass(slots=True)
class _Open:
    """The place being edited: the lines that stood there, and how many stand there now."""

    path: str
    first: int
    old: list[str]
    n_now: int


class Edits:
    """The last edits, one for each place. lines_of: gives the lines of an open file, None where it is not open."""

    def __init__(self, lines_of: Callable[[str], Sequence[str] | None]) -> None:
        self._lines_of = lines_of
        self._open: _Open | None = None
        self._done: deque[Edit] = deque(maxlen=_MOST_EDITS)
        self._n_edits = 0

    def follow(self, path: str, first: int, last: int, n_new: int) -> None:
        """Take in, before it happens, that the lines from `first` to `last` become `n_new` others."""
        if is_secret_name(path):
            return
        lines = self._lines_of(path) or ()
        place = self._open
        if place is None or not _is_near(place, path, first, last):
            self.settle()
            self._open = _Open(path, first, list(lines[first : last + 1]), n_new)
            return
        if first < place.first:
            place.old[:0] = lines[first : place.first]
            place.n_now += place.first - first
            place.first = first
        end = place.first + place.n_now - 1
        if last > end:
            place.old += lines[end + 1 : last + 1]
            place.n_now += last - end
        place.n_now += n_new - (last - first + 1)

    def settle(self) -> None:
        """Take the place being edited for done."""
        place, self._open = self._open, None
        if place is None:
            return
        lines = self._lines_of(place.path)
        if lines is None or max(len(place.old), place.n_now) > _MOST_EDIT_LINES:
            return
        text = _diff(place.old, lines[place.first : place.first + place.n_now])
        if text:
            self._n_edits += 1
            self._done.append(Edit(self._n_edits, place.path, text))

    def forget_open(self) -> None:
        """Drop the place being edited: the text around it became another one."""
        self._open = None

    def last(self, limit: int) -> list[Edit]:
        """Return the last edits that are done, the newest first."""
        return list(reversed(self._done))[:limit]


def _is_near(place: _Open, path: str, first: int, last: int) -> bool:
    end = place.first + place.n_now - 1
    return path == place.path and first <= end + _NEAR_LINES and last >= place.first - _NEAR_LINES


def _diff(old: Sequence[str], new: Sequence[str]) -> str:
    """Return what changed as lines of a diff, with the lines that stayed between them."""
    before, after = ([line.rstrip("\r\n") for line in lines] for lines in (old, new))
    lines: list[str] = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            lines += [f" {line}" for line in before[start:end]]
        else:
            lines += [f"-{line}" for line in before[start:end]] + [f"+{line}" for line in after[new_start:new_end]]
    changed = [number for number, line in enumerate(lines) if line[0] != " " and line[1:].strip()]
    return "\n".join(lines[changed[0] : changed[-1] + 1]) if changed else ""
