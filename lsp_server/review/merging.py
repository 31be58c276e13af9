"""Findings of several sources as one list. Pure.

Invariant: a line is told once for each family, by the first source that says it; ordinals count findings that are alike
across all sources, so that each fingerprint stands for one place.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lsp_server.review.finding import Finding


def add_new(findings: Sequence[Finding], others: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return `findings` and those of `others` that say of a line what none before them says."""
    said = {(finding.rule, line) for finding in findings for line in _lines_of(finding)}
    added = []
    for other in others:
        if (other.rule, other.place.line) not in said:
            said.add((other.rule, other.place.line))
            added.append(other)
    return (*findings, *added)


def _lines_of(finding: Finding) -> range:
    return range(finding.place.line, finding.place.end_line + 1)


def numbered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return `findings` in the order of their places, those that are alike told apart by their ordinal."""
    seen: Counter[str] = Counter()
    found = []
    for finding in sorted(findings, key=lambda each: (each.place, each.rule)):
        first = replace(finding, ordinal=0)
        found.append(replace(first, ordinal=seen[first.fingerprint]))
        seen[first.fingerprint] += 1
    return tuple(found)
