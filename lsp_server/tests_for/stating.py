"""Tests that expect what is not so, stated anew with what the code gives. By running.

Invariants: the values come from a run in the sandbox; where the documentation says another value than the code gives,
nothing is stated. What is returned has not been run as it is.
"""

from collections.abc import Sequence

from lsp_server.tests_for.docstring import is_contradicted
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.trying import left_of


async def state_values(runner: Runner, tests: Sequence[TestCode]) -> list[TestCode | None]:
    """Return each of `tests` with the values that the code gives; None where that is not to be had. Raises NotRun."""
    framework, target = runner.framework, runner.target
    probes = [framework.probes(test, target) for test in tests]
    results = {result.test: result for result in await runner.run([probe for each in probes for probe in each])}
    found: list[TestCode | None] = []
    for test, own in zip(tests, probes, strict=True):
        new = framework.stated(test, target, [results.get(probe.name) for probe in own])
        found.append(_as_far_as_documented(runner, new) if new is not None else None)
    return found


def _as_far_as_documented(runner: Runner, test: TestCode) -> TestCode | None:
    """Return `test` without the claims about examples of the documentation that say another value."""
    subject, lines = runner.target.subject, test.text.split("\n")
    claims = runner.framework.claims(test)
    against = [
        (first, last)
        for first, last in claims
        if is_contradicted("\n".join(lines[first : last + 1]), subject.name, subject.docstring)
    ]
    rest = left_of(runner, test, against)
    if len(against) == len(claims) or is_contradicted(rest.text, subject.name, subject.docstring):
        return None
    return rest
