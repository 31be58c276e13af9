"""Tests as they were made -> those that pass, those that fail and may be mended, those that are no good. By running.

Invariants: each test that is tried ends up in exactly one of the three; a test of which some claims hold passes without
the others, and those are what failed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.claims import Claim, parts_of, without
from lsp_server.tests_for.framework import Result, TestCode, Verdict
from lsp_server.tests_for.keeping import Passing
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.running import Runner

_WHY = {
    Verdict.FAILED: "claim what is not so",
    Verdict.BROKEN: "could not be run",
    Verdict.SLOW: "took too long",
    Verdict.SKIPPED: "were skipped",
}
NOT_REACHED = "did not get their turn in time"
UNSTEADY = "did not pass three times in a row"
SECRET = "printed something that looks like a secret"  # noqa: S105  words, no secret
NOTICED = frozenset({Verdict.FAILED, Verdict.BROKEN, Verdict.SLOW})
_MOST_ERROR_CHARS = 600


@dataclass(frozen=True, slots=True)
class Failing:
    """A test of which nothing holds. error: what the run said; why: for the tally. n_mended: how often it was mended.

    is_part: it is what another test, that passes, was relieved of, and counts with that one.
    """

    test: TestCode
    error: str
    why: str
    is_part: bool = False
    n_mended: int = 0


@dataclass(slots=True)
class Tried:
    """What became of tests. dropped: why, by name."""

    passing: list[Passing] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)


async def try_tests(runner: Runner, tests: Sequence[TestCode], mutants: Sequence[Mutant]) -> Tried:
    """Run `tests`, then those that pass against `mutants`. Kills are numbers of `mutants`. Raises NotRun."""
    tried = Tried()
    parts = {test.name: parts_of(test, runner.framework.claims(test)) for test in tests}
    every = [*tests, *(part for each in parts.values() for part in each)]
    results = {result.test: result for result in await runner.run(every)}
    standing: list[TestCode] = []
    for test in tests:
        result = results.get(test.name)
        good = [part for part in parts[test.name] if _passed(results.get(part.name))]
        if result is None:
            tried.dropped[test.name] = NOT_REACHED
        elif result.verdict is Verdict.PASSED:
            standing.append(test)
        elif result.verdict not in (Verdict.FAILED, Verdict.BROKEN):
            tried.dropped[test.name] = why(result)
        elif good:
            standing.append(_relieved(test, parts[test.name], good, runner))
            bad = [part for part in parts[test.name] if part not in good]
            rest = _relieved(test, parts[test.name], bad, runner)
            tried.failing.append(Failing(rest, _errors(bad, results), why(result), is_part=True))
        else:
            error = _errors(parts[test.name], results) or result.words[-_MOST_ERROR_CHARS:]
            tried.failing.append(Failing(test, error, why(result)))
    await meet_mutants(runner, standing, mutants, tried)
    return tried


def left_of(runner: Runner, test: TestCode, gone: Collection[Claim]) -> TestCode:
    """Return `test` without the claims `gone` and what only they needed."""
    return runner.framework.tidied(without(test, gone), test) if gone else test


def why(result: Result) -> str:
    """Return in words why a test that went like `result` is not kept."""
    if result.verdict is Verdict.FORBIDDEN:
        return result.words
    return _WHY[result.verdict]


def _passed(result: Result | None) -> bool:
    return result is not None and result.verdict is Verdict.PASSED


def _relieved(test: TestCode, parts: Sequence[TestCode], good: Sequence[TestCode], runner: Runner) -> TestCode:
    """Return `test` with the claims alone that `good`, some of its `parts`, make."""
    claims = runner.framework.claims(test)
    return left_of(runner, test, [claim for claim, part in zip(claims, parts, strict=True) if part not in good])


def _errors(parts: Sequence[TestCode], results: dict[str, Result]) -> str:
    said = [results[part.name].words for part in parts if part.name in results]
    each = _MOST_ERROR_CHARS // max(1, len(said))
    return "\n".join(words[:each] for words in said)


async def meet_mutants(runner: Runner, tests: Sequence[TestCode], mutants: Sequence[Mutant], tried: Tried) -> None:
    """Run `tests` once more, and against mutants; note what each gives."""
    again: dict[str, Result] = {}
    kills: dict[str, set[int]] = {test.name: set() for test in tests}
    step = max(1, runner.framework.most_mutants)
    known = mutants if runner.framework.most_mutants else ()
    for start in range(0, max(1, len(known)), step):
        for result in await runner.run(tests, known[start : start + step]):
            if result.mutant is None:
                again.setdefault(result.test, result)
            elif result.verdict in NOTICED:
                kills[result.test].add(start + result.mutant)
    for test in tests:
        met = again.get(test.name)
        if met is None or met.verdict is not Verdict.PASSED:
            tried.dropped[test.name] = UNSTEADY if met else NOT_REACHED
        elif has_secret(met.output):
            tried.dropped[test.name] = SECRET
        else:
            tried.passing.append(Passing(test, met.lines, met.branches, frozenset(kills[test.name])))
