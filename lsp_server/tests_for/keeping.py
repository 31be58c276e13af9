"""Which of the tests that pass are worth having: those that run or notice something that the others do not. Pure.

Invariants: every test that is kept adds a line, a branch or a killed mutant to those kept before it, and all of them
together lose nothing of what all that passed would give; what expects the code's own values takes no other's place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsp_server.tests_for.framework import TestCode


@dataclass(frozen=True, slots=True)
class Passing:
    """A test that passed, and what it gives. kills: numbers of mutants that it notices."""

    test: TestCode
    lines: frozenset[int]
    branches: frozenset[tuple[int, int]]
    kills: frozenset[int]

    @property
    def gains(self) -> frozenset[object]:
        """What it gives, as one set."""
        return frozenset({*self.lines, *self.branches, *(("mutant", number) for number in self.kills)})


def worth_keeping(passing: Sequence[Passing], had: Iterable[object] = ()) -> list[Passing]:
    """Return the tests to keep, the most telling first. had: gains of tests that are there already."""
    left = list(passing)
    known = set(had)
    kept: list[Passing] = []
    while left:
        telling = [each for each in left if each.gains - known]
        if not telling:
            break
        best = max(telling, key=lambda each: (not each.test.is_stated, len(each.gains - known), -len(each.test.text)))
        kept.append(best)
        known |= best.gains
        left.remove(best)
    for each in reversed(kept[:-1]):  # what came later may have made an earlier one needless
        rivals = [other for other in kept if each.test.is_stated or not other.test.is_stated]
        others = {gain for other in rivals if other is not each for gain in other.gains}
        if each.gains <= others.union(had):
            kept.remove(each)
    return kept
