"""Regular expressions that a text can make run very long: it can be read in two ways, by one loop or by two. Pure.

Invariant: bounded work (`_MOST_STEPS`) whatever the pattern; a pattern too large to be judged counts as harmless.
"""

from functools import lru_cache

from lsp_server.review.regex_automaton import Automaton, automaton_of, components
from lsp_server.review.regex_syntax import END

_MOST_STEPS = 10_000  # some milliseconds


@lru_cache(maxsize=1024)
def is_exponential(pattern: str) -> bool:
    """Tell whether a text can make `pattern` take time exponential in its length."""
    automaton = automaton_of(pattern)
    return automaton is not None and any(
        not automaton.is_done_in(component) and _is_ambiguous(automaton, component) and _can_fail(automaton, component)
        for component in automaton.loops()
    )


@lru_cache(maxsize=1024)
def is_polynomial(pattern: str) -> bool:
    """Tell whether a text can make `pattern` take time that grows with the square of its length or faster."""
    automaton = automaton_of(pattern)
    return automaton is not None and (is_exponential(pattern) or _has_two_loops(automaton))


def _is_ambiguous(automaton: Automaton, component: frozenset[int]) -> bool:
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
    for group in components(seen, edges):
        if any(left == right for left, right in group) and any(left != right for left, right in group):
            return True
    return False


_OTHER = 1 << 129
_SUFFIXES = ((END,), (_OTHER, END), (1 << ord("!"), END), (1 << ord("\n"), END), (1 << ord("\n"), _OTHER, END), ())
_PUMPS = 12


def _can_fail(automaton: Automaton, component: frozenset[int]) -> bool:
    """Tell whether some text that goes round the loop many times is not matched, whatever stands behind it."""
    for position in component:
        prefix, cycle = _way(automaton, (0,), position), _way(automaton, (position,), position)
        if cycle and any(not _matches(automaton, (*prefix, *(cycle * _PUMPS), *suffix)) for suffix in _SUFFIXES):
            return True
    return False


def _way(automaton: Automaton, starts: tuple[int, ...], goal: int) -> tuple[int, ...]:
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


def _characters(automaton: Automaton, before: dict[int, int], goal: int, starts: tuple[int, ...]) -> tuple[int, ...]:
    found = []
    position = goal
    while True:
        members = automaton.members[position]
        found.append(members & -members)
        position = before[position]
        if position in starts:
            return tuple(reversed(found))


def _matches(automaton: Automaton, text: tuple[int, ...]) -> bool:
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


def _has_two_loops(automaton: Automaton) -> bool:
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


def _reaches(automaton: Automaton, outer: frozenset[int], inner: frozenset[int], members: int) -> bool:
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


def _turns(automaton: Automaton, position: int, loop: frozenset[int], members: int) -> bool:
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
