"""What the tests that a project has already tell of a target, so that no suggested one says it again. By running.

Invariant: what cannot be found out in time costs nothing but a note; it stops nobody from suggesting tests.
"""

from dataclasses import dataclass

from lsp_server.tests_for.framework import TestCode, Verdict
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.running import Runner, run_tests
from lsp_server.tests_for.trying import NOTICED

BUDGET_S = 15.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the tests there are give. kills: numbers of mutants; note: in words, which of them could not be asked."""

    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    kills: frozenset[int] = frozenset()
    note: str = ""

    @property
    def gains(self) -> frozenset[object]:
        """What they give, as one set; see `Passing.gains`."""
        return frozenset({*self.lines, *self.branches, *(("mutant", number) for number in self.kills)})


async def run_standing(runner: Runner, mutants: tuple[Mutant, ...], budget_s: float = BUDGET_S) -> Standing:
    """Run the tests in the target's test file, and against as many of `mutants` as there is time for. Raises NotRun."""
    target = runner.target
    names = runner.framework.names_in(target.existing) if target.existing is not None else ()
    if target.existing is None or not names:
        return Standing()
    changed = {target.path: target.text, target.test_path: target.existing}
    runs = runner.framework.standing(changed, budget_s)
    tests = [TestCode(name, "") for name in names]
    results = await run_tests(runs, target, runner.sandbox, tests, mutants[: runs.most_mutants])
    own = [result for result in results if result.mutant is None]
    passed = [result for result in own if result.verdict is Verdict.PASSED]
    sound = {result.test for result in passed}
    return Standing(
        lines=frozenset(line for result in passed for line in result.lines),
        branches=frozenset(branch for result in passed for branch in result.branches),
        kills=frozenset(
            each.mutant
            for each in results
            if each.mutant is not None and each.test in sound and each.verdict in NOTICED
        ),
        note=_note(len(tests), len(own), len(passed)),
    )


def _note(n_tests: int, n_run: int, n_passed: int) -> str:
    if n_run < n_tests:
        return f"only {n_run} of the {n_tests} tests there are could be run to compare with them"
    n_failed = n_run - n_passed
    return f"{n_failed} of the {n_tests} tests there are did not pass, and did not count" if n_failed else ""
