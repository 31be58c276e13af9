"""What the review says of a file, and of places in it. Pure.

Invariant: a finding's fingerprint has no line number in it: it is the same after lines were added above, after the
file was formatted, and on another machine.
"""

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple


class Confidence(IntEnum):
    """How sure the rule is. By default high is a warning, medium an information, low is not shown."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Place(NamedTuple):
    """0-based lines and columns, columns in code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Offsets:
    r"""Offsets into a text, in code points, as places. Its lines end in `\n`."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, start: int, end: int) -> Place:
        """Return where the text from `start` to `end` stands."""
        return Place(*self._at(start), *self._at(end))

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]


class Step(NamedTuple):
    """A step of the way from source to sink. path: of another file, None for the finding's own."""

    place: Place
    words: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A weakness at a place.

    rule: our identifier ("sql-injection"). cwe: its number. message: one or two sentences with the way out.
    symbol: the dotted name of the function and class it stands in, "" at the top. anchor: the normalised text of the
    place. ordinal: counts findings of the same rule, anchor and symbol, from 0. trace: source first, sink last.
    """

    rule: str
    cwe: int
    message: str
    place: Place
    confidence: Confidence
    symbol: str
    anchor: str
    ordinal: int = 0
    trace: tuple[Step, ...] = ()
    origin: str = "hearthline"  # or the tool that reported it: "ruff S608"

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of rule, symbol, anchor and ordinal."""
        text = "\0".join((self.rule, self.symbol, self.anchor, str(self.ordinal)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def moved(self, n_lines: int) -> "Finding":
        """Return the finding `n_lines` further down, its way through this file too."""
        trace = tuple(step if step.path else step._replace(place=_down(step.place, n_lines)) for step in self.trace)
        return replace(self, place=_down(self.place, n_lines), trace=trace)


@dataclass(frozen=True, slots=True)
class Scope:
    """A function of the file. symbol: its dotted name. is_broken: it does not parse right now."""

    symbol: str
    place: Place
    is_broken: bool


@dataclass(frozen=True, slots=True)
class Review:
    """What a file's review gave. skipped: why it was not looked at, or not to its end; "" when it was."""

    findings: tuple[Finding, ...]
    scopes: tuple[Scope, ...]
    skipped: str = ""
    is_broken: bool = False

    @property
    def is_looked_at(self) -> bool:
        """Whether anything was read: a file that was left before its end has findings too."""
        return not self.skipped or bool(self.findings or self.scopes)


def _down(place: Place, n_lines: int) -> Place:
    return place._replace(line=max(0, place.line + n_lines), end_line=max(0, place.end_line + n_lines))


def normalise(text: str) -> str:
    """Return `text` without what formatters change: white space, trailing commas, the kind of quotes."""
    return re.sub(r",(?=[)\]}])", "", re.sub(r"\s+", "", text).replace("'", '"'))
