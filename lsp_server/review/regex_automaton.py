"""Regular expressions as automata: the positions of their characters, and which may follow which. Pure.

Invariant: an automaton has a bounded number of positions; where one position follows another in several ways, their
number is kept, for that is what makes an expression ambiguous.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from lsp_server.review.regex_syntax import ALL, END, Alternatives, Anchor, Characters, Node, Repeat, Sequence, parse

_Node = TypeVar("_Node", bound=Hashable)

_MOST_POSITIONS = 160
_MOST_COPIES = 4  # of what is repeated a counted number of times


@dataclass(slots=True)
class Automaton:
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
            for component in components(range(len(self.members)), dict(enumerate(self.follows)))
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


def automaton_of(pattern: str) -> Automaton | None:
    """Return the automaton of `pattern`, None where it is too large. One that may begin anywhere begins with a loop."""
    automaton = Automaton()
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


def _build(automaton: Automaton, node: Node) -> _Piece:
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


def _build_repeat(automaton: Automaton, node: Repeat) -> _Piece:
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


def _joined(automaton: Automaton, left: _Piece, right: _Piece) -> _Piece:
    _connect(automaton, left.last, right.first)
    return _Piece(
        left.first + right.first if left.is_optional else left.first,
        left.last + right.last if right.is_optional else right.last,
        left.is_optional and right.is_optional,
    )


def _connect(automaton: Automaton, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    for position in before:
        follows = automaton.follows[position]
        for following in after:
            follows[following] = follows.get(following, 0) + 1


def components(nodes: Iterable[_Node], edges: Mapping[_Node, Iterable[_Node]]) -> list[frozenset[_Node]]:
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
