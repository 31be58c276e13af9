"""How findings are counted against marked lines, ours and the peers' alike. Pure.

A line counts as found when an alert of the weakness's own family covers it; an alert of that family on no marked line
is a false one; alerts of other families say nothing about the file's weakness and are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Alert(NamedTuple):
    """What a tool reports: 1-based lines, the last one included, and the CWEs that its rule stands for."""

    line: int
    end_line: int
    cwes: frozenset[int]


@dataclass(slots=True)
class Tally:
    """Lines that were found and missed, and alerts that were false."""

    n_found: int = 0
    n_missed: int = 0
    n_false: int = 0

    @property
    def precision(self) -> float | None:
        """Share of what was reported that is right; None where nothing was reported."""
        reported = self.n_found + self.n_false
        return self.n_found / reported if reported else None

    @property
    def recall(self) -> float | None:
        """Share of the marked lines that were found; None where none is marked."""
        marked = self.n_found + self.n_missed
        return self.n_found / marked if marked else None

    def add(self, other: "Tally") -> None:
        """Take the counts of `other` in as well."""
        self.n_found += other.n_found
        self.n_missed += other.n_missed
        self.n_false += other.n_false


def tally(alerts: Iterable[Alert], cwe: int, marked: frozenset[int]) -> Tally:
    """Count the alerts about `cwe` in a file whose weak lines are `marked`, 1-based.

    Several alerts that begin on one line are one.
    """
    relevant = {(alert.line, alert.end_line) for alert in alerts if cwe in alert.cwes}
    found = {line for line in marked if any(first <= line <= last for first, last in relevant)}
    wrong = {first for first, last in relevant if not any(first <= line <= last for line in marked)}
    return Tally(len(found), len(marked) - len(found), len(wrong))


@dataclass(slots=True)
class Scores:
    """Tallies by language and CWE."""

    by_cwe: dict[tuple[str, int], Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, language: str, cwe: int, counted: Tally) -> None:
        """Take in what a file gave."""
        self.by_cwe[language, cwe].add(counted)

    def of(self, language: str) -> Tally:
        """Return the sum of a language."""
        total = Tally()
        for (each, _), counted in self.by_cwe.items():
            if each == language:
                total.add(counted)
        return total


def pair_is_told(before: Iterable[Alert], after: Iterable[Alert], cwe: int) -> bool:
    """Tell whether a function is reported before its fix and not after it."""
    return any(cwe in alert.cwes for alert in before) and not any(cwe in alert.cwes for alert in after)


def same_family(families: Iterable[frozenset[int]]) -> Mapping[int, frozenset[int]]:
    """Map each CWE to those that mean the same weakness: it and whatever shares a family with it."""
    found: dict[int, set[int]] = defaultdict(set)
    for family in families:
        for cwe in family:
            found[cwe] |= family
    return {cwe: frozenset(others) for cwe, others in found.items()}
