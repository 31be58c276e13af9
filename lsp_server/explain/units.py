"""A model's answer, cut into whole sentences, bullets and code blocks while it comes. Pure.

Invariant: a unit is given once it is whole, never a part of one; all units together are the answer, less blank lines
and what was cut off at its end.
"""

import re
from enum import StrEnum
from typing import NamedTuple

_BULLET = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s+(?=\S)")
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_FENCE = re.compile(r"\s*(```+|~~~+)")
_SENTENCE_END = re.compile(r"[.!?](?:[\"')`*]*)(?=\s)")
_NO_END = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no)|(?:^|\s)\w)\.$", re.IGNORECASE)
MOST_CHARS = 1_200
"""A unit that is longer is no sentence: the model has lost itself."""


class Kind(StrEnum):
    """What a unit is."""

    SENTENCE = "sentence"
    BULLET = "bullet"
    HEADING = "heading"
    CODE = "code"


class Unit(NamedTuple):
    """text: without the bullet's mark; of a code block, with its fences."""

    kind: Kind
    text: str


class UnitReader:
    """Takes an answer piece by piece. is_lost: a unit has become so long that nothing good will come any more."""

    def __init__(self) -> None:
        self._waiting = ""

    @property
    def is_lost(self) -> bool:
        """See the class."""
        return len(self._waiting) > MOST_CHARS and not _FENCE.match(self._waiting)

    def feed(self, piece: str) -> list[Unit]:
        """Take the next piece; return the units that are whole now."""
        self._waiting += piece
        units: list[Unit] = []
        while (n_chars := self._whole()) > 0:
            units += _unit(self._waiting[:n_chars])
            self._waiting = self._waiting[n_chars:]
        return units

    def close(self, *, is_cut: bool) -> list[Unit]:
        """Return what is left at the end. is_cut: the answer did not end by itself, so that the last unit is a half."""
        rest, self._waiting = self._waiting, ""
        if is_cut or (_FENCE.match(rest) and not _fence_end(rest)):
            return []
        return _unit(rest)

    def _whole(self) -> int:
        """Return how many characters at the front are one whole unit, or blank; 0 where that cannot be told yet."""
        text = self._waiting
        blank = len(text) - len(text.lstrip("\n"))
        if blank:
            return blank
        if _FENCE.match(text):
            return _fence_end(text)
        newline = text.find("\n")
        if _BULLET.match(text) or _HEADING.match(text):
            return _bullet_end(text) if _BULLET.match(text) else newline + 1
        for match in _SENTENCE_END.finditer(text, 0, newline + 1 if newline >= 0 else len(text)):
            if not _NO_END.search(text[: match.end()]) and text.count("`", 0, match.end()) % 2 == 0:
                return match.end() if newline < 0 or match.end() < newline else newline + 1
        return newline + 1


def _fence_end(text: str) -> int:
    """Return where the code block ends that `text` begins with; 0 where it does not end yet."""
    mark = _FENCE.match(text)
    end = re.compile(rf"^\s*{re.escape(mark[1])}[ \t]*(?:\n|\Z)", re.MULTILINE) if mark else None
    found = end.search(text, text.find("\n") + 1) if end and "\n" in text else None
    return found.end() if found else 0


def _bullet_end(text: str) -> int:
    """Return where a bullet ends: at a line that is blank, or begins something else; 0 where more may follow."""
    at = text.find("\n") + 1
    while at > 0:
        line = text[at:]
        if not line:
            return 0
        end = line.find("\n")
        is_known = end >= 0 or len(line.strip()) > 3
        if not is_known:
            return 0
        if not line[: end if end >= 0 else None].strip() or not line[0].isspace() or _BULLET.match(line):
            return at
        at = at + end + 1 if end >= 0 else 0
    return 0


def _unit(text: str) -> list[Unit]:
    if not text.strip():
        return []
    if _FENCE.match(text):
        return [Unit(Kind.CODE, text.strip("\n"))]
    if (bullet := _BULLET.match(text)) is not None:
        return [Unit(Kind.BULLET, " ".join(text[bullet.end() :].split()))]
    words = " ".join(text.split())
    return [Unit(Kind.HEADING if _HEADING.match(text) else Kind.SENTENCE, words)]
