"""Regular expressions that a text can make run very long: two ways to read the same text, inside a loop or in two. Pure.

Invariant: bounded work (`_MOST_STEPS`) whatever the pattern; a pattern too large to be judged counts as harmless.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from lsp_server.review.regex_syntax import ALL, END, Alternatives, Anchor, Characters, Node, Repeat, Sequence, parse

_Node = TypeVar("_Node", bound=Hashable)

_MOST_POSITIONS = 160
_MOST_STEPS = 60_000
_MOST_COPIES = 4  # of what is repeated a counted number of times


@lru_cache(maxsize=1024)
def is_exponential(pattern: str) -> bool:
    """Tell whether a text can make `pattern` take time exponential in its length."""
    automaton = _automaton(pattern)
    return automaton is not None and any(
        not automaton.is_done_in(component) and _is_ambiguous(automaton, component) and _can_fail(automaton, component)
        for component in automaton.loops()
    )


@lru_cache(maxsize=1024)
def is_polynomial(pattern: str) -> bool:
    """Tell whether a text can make `pattern` take time that grows with the square of its length or faster."""
    automaton = _automaton(pattern)
    return automaton is not None and (is_exponential(pattern) or _has_two_loops(automaton))


@dataclass(slots=True)
class _Automaton:
    """The positions of a pattern's characters, and which may follow which; 0 is the start.

    members: the characters each position reads. follows: position -> {next position: number of ways}. last: positions
    after which the whole pattern was read.
    """

    members: list[int] = field(default_factory=lambda: [0])
    follows: list[dict[int, int]] = field(default_factory=lambda: [{}])
    last: set[int] = field(default_factory=set)

    def add(self, members: int) -> int:
        """Add a position."""
        self.members.append(members)
        self.follows.append({})
        return len(self.members) - 1

    def loops(self) -> list[frozenset[int]]:
        """Return the sets of positions that can follow themselves through each other."""
        return [
            component
            for component in _components(range(len(self.members)), dict(enumerate(self.follows)))
            if self._is_loop(component)
        ]

    def _is_loop(self, component: frozenset[int]) -> bool:
        return len(component) > 1 or any(position in self.follows[position] for position in component)

    def is_done_in(self, component: frozenset[int]) -> bool:
        """Tell whether the pattern has matched as soon as its loop `component` was read: nothing can fail behind it."""
        return bool(component & self.last)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a part of a pattern begins and ends with, and whether it may read nothing."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    is_optional: bool


_NOTHING = _Piece((), (), is_optional=True)


def _automaton(pattern: str) -> _Automaton | None:
    """Return the automaton of `pattern`, None where it is too large. One that may begin anywhere begins with a loop."""
    automaton = _Automaton()
    tree = parse(pattern)
    try:
        piece = _build(automaton, tree)
    except OverflowError:
        return None
    if not _is_anchored(tree):
        anywhere = automaton.add(ALL)
        automaton.follows[anywhere][anywhere] = 1
        piece = _Piece((anywhere, *piece.first), piece.last, piece.is_optional)
        automaton.follows[anywhere] |= dict.fromkeys(piece.first, 1)
    automaton.follows[0] = dict.fromkeys(piece.first, 1)
    automaton.last = set(piece.last)
    return automaton


def _is_anchored(node: Node) -> bool:
    match node:
        case Anchor(kind=kind):
            return kind == "^"
        case Sequence(parts=parts):
            return bool(parts) and _is_anchored(parts[0])
        case Alternatives(options=options):
            return all(_is_anchored(option) for option in options)
        case Repeat(part=part, least=least):
            return least > 0 and _is_anchored(part)
    return False


def _build(automaton: _Automaton, node: Node) -> _Piece:
    """Add the positions of `node`. Raises OverflowError when there are too many."""
    if len(automaton.members) > _MOST_POSITIONS:
        raise OverflowError
    match node:
        case Characters(members=members):
            position = automaton.add(members)
            return _Piece((position,), (position,), is_optional=False)
        case Anchor(kind="$"):
            position = automaton.add(END)
            return _Piece((position,), (position,), is_optional=False)
        case Anchor(kind="(?=", part=Characters() | Sequence() | Alternatives() | Anchor() as ahead):
            return _build(automaton, ahead)  # what must follow can fail as what is read can
        case Sequence(parts=parts):
            piece = _NOTHING
            for part in parts:
                piece = _joined(automaton, piece, _build(automaton, part))
            return piece
        case Alternatives(options=options):
            pieces = [_build(automaton, option) for option in options]
            return _Piece(
                tuple(each for piece in pieces for each in piece.first),
                tuple(each for piece in pieces for each in piece.last),
                any(piece.is_optional for piece in pieces),
            )
        case Repeat():
            return _build_repeat(automaton, node)
    return _NOTHING


def _build_repeat(automaton: _Automaton, node: Repeat) -> _Piece:
    """Add as many copies as matter; a later one is entered from the one before it alone."""
    copies = min(max(node.least, 1), _MOST_COPIES) if node.most is None else min(node.most, _MOST_COPIES)
    pieces = [_build(automaton, node.part) for _ in range(copies)]
    if not pieces:
        return _NOTHING
    for before, after in pairwise(pieces):
        _connect(automaton, before.last, after.first)
    if node.most is None:
        _connect(automaton, pieces[-1].last, pieces[-1].first)
    ends = pieces[min(max(node.least, 1), copies) - 1 :]
    last = tuple(position for piece in ends for position in piece.last)
    return _Piece(pieces[0].first, last, node.least == 0 or pieces[0].is_optional)


def _joined(automaton: _Automaton, left: _Piece, right: _Piece) -> _Piece:
    _connect(automaton, left.last, right.first)
    return _Piece(
        left.first + right.first if left.is_optional else left.first,
        left.last + right.last if right.is_optional else right.last,
        left.is_optional and right.is_optional,
    )


def _connect(automaton: _Automaton, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    for position in before:
        follows = automaton.follows[position]
        for following in after:
            follows[following] = follows.get(following, 0) + 1


def _is_ambiguous(automaton: _Automaton, component: frozenset[int]) -> bool:
    """Tell whether the loop can read a text from a position to itself in two ways: two walkers part and meet again."""
    if any(automaton.follows[position].get(other, 0) > 1 for position in component for other in component):
        return True
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    pending = [(position, position) for position in component]
    seen = set(pending)
    steps = 0
    while pending:
        pair = pending.pop()
        for left in automaton.follows[pair[0]]:
            for right in automaton.follows[pair[1]]:
                steps += 1
                if steps > _MOST_STEPS:
                    return False
                following = (left, right)
                if left in component and right in component and automaton.members[left] & automaton.members[right]:
                    edges.setdefault(pair, []).append(following)
                    if following not in seen:
                        seen.add(following)
                        pending.append(following)
    for group in _components(seen, edges):
        if any(left == right for left, right in group) and any(left != right for left, right in group):
            return True
    return False


_SUFFIXES = ((END,), (1 << 129, END), (1 << ord("!"), END), (1 << ord("\n"), END), (1 << ord("\n"), 1 << 129, END), ())
_PUMPS = 12


def _can_fail(automaton: _Automaton, component: frozenset[int]) -> bool:
    """Tell whether some text that goes round the loop many times is not matched, whatever was matched before its end."""
    for position in component:
        prefix, cycle = _way(automaton, (0,), position), _way(automaton, (position,), position)
        if cycle and any(not _matches(automaton, (*prefix, *(cycle * _PUMPS), *suffix)) for suffix in _SUFFIXES):
            return True
    return False


def _way(automaton: _Automaton, starts: tuple[int, ...], goal: int) -> tuple[int, ...]:
    """Return the characters, one of each set, on the shortest way to `goal`; () where there is none."""
    before: dict[int, int] = {}
    pending = list(starts)
    for position in pending:
        for following in automaton.follows[position]:
            if following in before:
                continue
            before[following] = position
            if following == goal:
                return _characters(automaton, before, goal, starts)
            pending.append(following)
    return ()


def _characters(automaton: _Automaton, before: dict[int, int], goal: int, starts: tuple[int, ...]) -> tuple[int, ...]:
    found = []
    position = goal
    while True:
        members = automaton.members[position]
        found.append(members & -members)
        position = before[position]
        if position in starts:
            return tuple(reversed(found))


def _matches(automaton: _Automaton, text: tuple[int, ...]) -> bool:
    """Tell whether the pattern matches somewhere in `text`."""
    current = {0}
    for character in text:
        current = {
            following
            for position in current
            for following in automaton.follows[position]
            if automaton.members[following] & character
        }
        if current & automaton.last:
            return True
        if not current:
            return False
    return False


def _has_two_loops(automaton: _Automaton) -> bool:
    """Tell whether two loops, one reached from the other, read the same character all the way: each split is tried."""
    loops = automaton.loops()
    for inner in loops:
        if automaton.is_done_in(inner):
            continue
        shared = {automaton.members[position] for position in inner}
        for members in shared:
            if any(_reaches(automaton, outer, inner, members) for outer in loops if outer is not inner):
                return True
    return False


def _reaches(automaton: _Automaton, outer: frozenset[int], inner: frozenset[int], members: int) -> bool:
    """Tell whether some character of `members` can be read in `outer`, on the way from there, and in `inner`."""
    for start in outer:
        common = automaton.members[start] & members
        if not common or not _turns(automaton, start, outer, common) or END & common:
            continue
        pending, seen = [(start, common)], {start}
        while pending:
            position, left = pending.pop()
            for following in automaton.follows[position]:
                shared = left & automaton.members[following]
                if not shared or following in seen:
                    continue
                if following in inner and _turns(automaton, following, inner, shared):
                    return True
                seen.add(following)
                pending.append((following, shared))
    return False


def _turns(automaton: _Automaton, position: int, loop: frozenset[int], members: int) -> bool:
    """Tell whether the loop can go round from `position` reading `members` alone."""
    pending, seen = [position], set()
    while pending:
        for following in automaton.follows[pending.pop()]:
            if following == position and automaton.members[position] & members:
                return True
            if following in loop and following not in seen and automaton.members[following] & members:
                seen.add(following)
                pending.append(following)
    return False


def _components(nodes: Iterable[_Node], edges: Mapping[_Node, Iterable[_Node]]) -> list[frozenset[_Node]]:
    """Return the strongly connected components of a graph (Tarjan), without recursion."""
    index: dict[_Node, int] = {}
    low: dict[_Node, int] = {}
    path: list[_Node] = []
    on_path: set[_Node] = set()
    found: list[frozenset[_Node]] = []
    for root in nodes:
        if root in index:
            continue
        calls = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while calls:
            node, following = calls[-1]
            step = next((each for each in following if each not in index or each in on_path), None)
            if step is None:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[node])
                if low[node] == index[node]:
                    found.append(_taken(path, on_path, node))
            elif step in index:
                low[node] = min(low[node], index[step])
            else:
                index[step] = low[step] = len(index)
                path.append(step)
                on_path.add(step)
                calls.append((step, iter(edges.get(step, ()))))
    return found


def _taken(path: list[_Node], on_path: set[_Node], node: _Node) -> frozenset[_Node]:
    """Take the component that begins with `node` off the path."""
    taken = []
    while True:
        taken.append(path.pop())
        on_path.discard(taken[-1])
        if taken[-1] == node:
            return frozenset(taken)
