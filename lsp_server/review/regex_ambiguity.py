"""Whether a regular expression can take very long: a text that it reads in many ways before it fails. Pure.

Owns the search for such texts in the automaton of the pattern's characters. Invariant: bounded in steps; what is not
found within them counts as fast, so that a finding always has a text behind it.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from lsp_server.review.regex_syntax import UNLIMITED, Characters, Mark, Node, Options, Repeat, Sequence, parse

_MOST_POSITIONS = 250
_MOST_STEPS = 40_000
_MOST_COPIES = 3  # of a part that is repeated a counted number of times

Follow = list[dict[int, int]]


class Slowness(Enum):
    """How the time grows with the length of the text."""

    NONE = "none"
    POLYNOMIAL = "polynomial"
    EXPONENTIAL = "exponential"


@lru_cache(maxsize=2048)
def slowness(pattern: str, flags: str = "", is_searched: bool = True) -> Slowness:
    """Return how slow `pattern` can get. is_searched: it may begin anywhere in the text."""
    parsed = parse(pattern, flags)
    if parsed is None:
        return Slowness.NONE
    automaton = _Automaton(parsed[1])
    try:
        automaton.read(parsed[0], is_searched)
        loops = automaton.loops()
        if any(_is_exponential(automaton, loop) for loop in loops):
            return Slowness.EXPONENTIAL
        return Slowness.POLYNOMIAL if _is_polynomial(automaton, loops) else Slowness.NONE
    except _TooLarge:
        return Slowness.NONE


class _TooLarge(Exception):
    """The automaton, or the search in it, is too large."""


class _Part(NamedTuple):
    """A part of the pattern: the positions it can begin and end with, and whether it matches nothing."""

    first: frozenset[int]
    last: frozenset[int]
    is_nullable: bool


_NOTHING = _Part(frozenset(), frozenset(), True)


@dataclass
class _Automaton:
    """Positions of characters in the pattern, and in how many ways one follows another.

    bits: what each position takes; a mark is a position that takes a symbol of its own, which no text repeats.
    """

    everything: int
    bits: list[int] = field(default_factory=list)
    follow: Follow = field(default_factory=list)
    final: frozenset[int] = frozenset()
    steps: int = 0

    def read(self, node: Node, is_searched: bool) -> None:
        """Take up the whole pattern; where it is searched for, a position in front takes anything, again and again."""
        start = self._position(self.everything if is_searched else 0)
        whole = self._part(node)
        self._link(start.last, whole.first)
        if is_searched:
            self._link(start.last, start.first)
        self.final = whole.last | (start.last if whole.is_nullable else frozenset())

    def step(self) -> None:
        """Count a step. Raises _TooLarge when there were too many."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise _TooLarge

    def _position(self, bits: int) -> _Part:
        if len(self.bits) >= _MOST_POSITIONS:
            raise _TooLarge
        self.bits.append(bits)
        self.follow.append({})
        one = frozenset({len(self.bits) - 1})
        return _Part(one, one, False)

    def _link(self, lasts: frozenset[int], firsts: frozenset[int]) -> None:
        for last in lasts:
            for first in firsts:
                self.follow[last][first] = self.follow[last].get(first, 0) + 1

    def _part(self, node: Node) -> _Part:
        match node:
            case Characters(bits):
                return self._position(bits)
            case Mark(kind):
                return _NOTHING if kind == "empty" else self._position(self.everything + 1)
            case Sequence(parts):
                whole = _NOTHING
                for each in parts:
                    whole = self._behind(whole, self._part(each))
                return whole
            case Options(parts):
                read = [self._part(each) for each in parts]
                first, last = (frozenset().union(*each) for each in zip(*(part[:2] for part in read), strict=True))
                return _Part(first, last, any(part.is_nullable for part in read))
            case Repeat(part, least, most):
                return self._repeat(part, least, most)

    def _behind(self, left: _Part, right: _Part) -> _Part:
        self._link(left.last, right.first)
        return _Part(
            left.first | (right.first if left.is_nullable else frozenset()),
            right.last | (left.last if right.is_nullable else frozenset()),
            left.is_nullable and right.is_nullable,
        )

    def _repeat(self, node: Node, least: int, most: int) -> _Part:
        whole = _NOTHING
        for _ in range(min(least - (most == UNLIMITED), _MOST_COPIES)):
            whole = self._behind(whole, self._part(node))
        if most == UNLIMITED:
            part = self._part(node)
            self._link(part.last, part.first)
            return self._behind(whole, part._replace(is_nullable=part.is_nullable or least == 0))
        for _ in range(min(most - least, _MOST_COPIES)):
            whole = self._behind(whole, self._part(node)._replace(is_nullable=True))
        return whole

    def loops(self) -> list[frozenset[int]]:
        """Return the sets of positions that lead to each other, those that lead to themselves alone too."""
        reached = [self._reached(position) for position in range(len(self.bits))]
        loops = {
            frozenset(other for other in reached[position] if position in reached[other])
            for position in range(len(self.bits))
            if position in reached[position]
        }
        return sorted(loops, key=min)

    def _reached(self, position: int) -> set[int]:
        """Return what can follow `position`, however far."""
        reached: set[int] = set()
        waiting = [position]
        while waiting:
            self.step()
            for after in self.follow[waiting.pop()]:
                if after not in reached:
                    reached.add(after)
                    waiting.append(after)
        return reached


def _is_exponential(automaton: _Automaton, loop: frozenset[int]) -> bool:
    """Tell whether a text leads around `loop` in two ways, and something behind it can fail."""
    if loop & automaton.final or not any(automaton.bits[position] for position in loop):
        return False
    inside = {position: [after for after in automaton.follow[position] if after in loop] for position in loop}
    for position in loop:
        text = _twice(automaton, inside, position)
        if text is not None and not _ends_well(automaton, position, text * 2):
            return True
    return False


def _twice(automaton: _Automaton, inside: dict[int, list[int]], position: int) -> tuple[int, ...] | None:
    """Return a text, as the bits of each character, that leads from `position` back to it in two ways."""
    bits, follow = automaton.bits, automaton.follow
    known: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
    waiting: deque[tuple[int, int]] = deque()
    for left in inside[position]:
        for right in inside[position]:
            common = bits[left] & bits[right]
            if common and (left < right or (left == right and follow[position][left] > 1)):
                if left == right == position:
                    return (common,)
                known.setdefault((left, right), ((-1, -1), common))
                waiting.append((left, right))
    while waiting:
        pair = waiting.popleft()
        for left in inside[pair[0]]:
            for right in inside[pair[1]]:
                automaton.step()
                after = (min(left, right), max(left, right))
                if bits[left] & bits[right] and after not in known:
                    known[after] = (pair, bits[left] & bits[right])
                    if left == right == position:
                        return _text_of(known, after)
                    waiting.append(after)
    return None


def _text_of(known: dict[tuple[int, int], tuple[tuple[int, int], int]], pair: tuple[int, int]) -> tuple[int, ...]:
    text: list[int] = []
    while pair in known:
        pair, bits = known[pair]
        text.append(bits)
    return tuple(reversed(text))


def _ends_well(automaton: _Automaton, position: int, text: tuple[int, ...]) -> bool:
    """Tell whether the whole pattern has matched somewhere along `text`, read from `position` on: then nothing fails."""
    states = {position}
    for bits in text:
        char = bits & -bits
        states = {after for state in states for after in automaton.follow[state] if automaton.bits[after] & char}
        if states & automaton.final:
            return True
    return False


def _is_polynomial(automaton: _Automaton, loops: list[frozenset[int]]) -> bool:
    """Tell whether a text can be shared in many ways between two loops, and something behind the second can fail."""
    for first in loops:
        for second in loops:
            if first is second or second & automaton.final or min(first) > max(second):
                continue
            if any(_shares(automaton, left, right, first, second) for left in first for right in second):
                return True
    return False


def _shares(
    automaton: _Automaton, left: int, right: int, first: frozenset[int], second: frozenset[int]
) -> bool:
    """Tell whether one text leads from `left` to itself, from `left` to `right`, and from `right` to itself."""
    bits, follow = automaton.bits, automaton.follow
    seen: set[tuple[int, int, int]] = set()
    waiting = deque([(left, left, right)])
    while waiting:
        state = waiting.popleft()
        for one in follow[state[0]]:
            for two in follow[state[1]]:
                for three in follow[state[2]]:
                    automaton.step()
                    after = (one, two, three)
                    if one not in first or three not in second or after in seen:
                        continue
                    if bits[one] & bits[two] & bits[three]:
                        if after == (left, right, right):
                            return True
                        seen.add(after)
                        waiting.append(after)
    return False
