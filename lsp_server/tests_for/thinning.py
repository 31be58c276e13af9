"""A test that passes, without those of its claims that say nothing new. By running.

Small models write one claim after the other that differ in a number. Invariant: what a test notices, line for line and
mutant for mutant, it notices without the claims that are left out.
"""

from collections.abc import Sequence
from dataclasses import replace

from lsp_server.tests_for.claims import Claim, parts_of
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.keeping import Passing
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.trying import Tried, left_of, meet_mutants

_FEW = 3
"""So many claims may stand, whatever they say: examples that are easy to read."""


async def thinned(runner: Runner, passing: Passing, mutants: Sequence[Mutant]) -> TestCode:
    """Return the test of `passing` with fewer claims, if it can do with fewer. Raises NotRun.

    passing: with the kills that count; mutants: all of them.
    """
    test = passing.test
    claims = runner.framework.claims(test)
    if len(claims) <= _FEW:
        return test
    met = [mutants[number] for number in sorted(passing.kills)]
    alone = Tried()
    await meet_mutants(runner, parts_of(test, claims), met, alone)
    if len(alone.passing) < len(claims):
        return test  # some need what others do before them
    needed: list[Claim] = []
    seen: frozenset[object] = frozenset()
    for claim, part in zip(claims, alone.passing, strict=True):
        if not part.gains <= seen:
            needed.append(claim)
            seen |= part.gains
    if not replace(passing, kills=frozenset(range(len(met)))).gains <= seen:
        return test  # it notices something by several claims together
    others = [claim for claim in claims if claim not in needed][: max(0, _FEW - len(needed))]
    return left_of(runner, test, [claim for claim in claims if claim not in (*needed, *others)])
