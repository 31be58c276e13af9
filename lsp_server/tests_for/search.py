"""The search for one target's tests: what passed, what failed, what to ask next. Knows no engine.

Invariants: every test that was made is counted once, when it is taken; `passing` and `failing` hold what has been run,
and a failing test is mended twice at most.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lsp_server.engine.protocol import Message
from lsp_server.tests_for.claims import SAID, Claim, renamed
from lsp_server.tests_for.docstring import is_documented
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.keeping import Passing, worth_keeping
from lsp_server.tests_for.merge_text import TITLED, unique, unnumbered
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.prompt import ask_for_more, ask_for_tests, ask_plainly, ask_to_mend
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.standing import Standing
from lsp_server.tests_for.stating import state_values
from lsp_server.tests_for.suggestion import Suggestion, Tally
from lsp_server.tests_for.target import Target
from lsp_server.tests_for.thinning import thinned
from lsp_server.tests_for.trying import UNSTEADY, Failing, Tried, left_of, meet_mutants, try_tests

_MOST_MENDED_AT_ONCE = 2
_MOST_MENDS = 2
_MOST_GOALS = 3
_MOST_KNOWN = 10
_NEEDLESS = "say nothing that the kept ones do not"
_KNOWN = "say nothing that the tests there are do not"
_ILL_CALLED = re.compile(r"TypeError: .*\barguments?\b")
"""What is wrong then is the test's call."""
_COMMENTS = {"python": "#"}


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask next. mends: the test that is to be mended, None where new ones are wanted. draws: see `Asking`."""

    messages: tuple[Message, ...]
    mends: Failing | None = None
    draws: bool = True


@dataclass(slots=True)
class Search:
    """What is known of the tests of `runner.target`.

    mutants: all that tests may notice; shown: the target as questions show it; had: what tests there are.
    """

    runner: Runner
    mutants: tuple[Mutant, ...]
    shown: Target
    had: Standing = field(default_factory=Standing)
    taken: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    passing: list[Passing] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    disagreeing: list[TestCode] = field(default_factory=list)
    tried: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def first_question(self, *, draws: bool) -> Question:
        """Return the question that needs no knowledge."""
        return Question(ask_for_tests(self.shown, self._rules), draws=draws)

    def plain_question(self) -> Question:
        """Return the question that a person would ask: the form and the task lead some models astray."""
        return Question(ask_plainly(self.shown, self.runner.framework.name), draws=False)

    def next_questions(self) -> list[Question]:
        """Return what to ask by what is known: to mend what failed, and for what no test reaches."""
        target, rules = self.shown, self._rules
        questions = []
        for failing in self.failing[:_MOST_MENDED_AT_ONCE]:
            messages = ask_to_mend(target, rules, failing.test.text, failing.error)
            questions.append(Question(messages, failing, draws=failing.n_mended > 0))
        goals = self._goals()
        if goals:
            questions.append(Question(ask_for_more(target, rules, self._known_claims(), goals)))
        return questions

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to look for."""
        return bool(self.passing or self.had.lines) and not self._goals()

    @property
    def n_gains(self) -> int:
        """How much the tests that pass give together."""
        return len({gain for each in self.passing for gain in each.gains})

    async def take(self, answers: Sequence[tuple[Question, str]]) -> None:
        """Read, run and sort the tests in `answers`. Raises NotRun."""
        made: dict[str, tuple[TestCode, Failing | None]] = {}
        for question, text in answers:
            read = self.runner.framework.read(text, self.runner.target, self.taken)
            if question.mends is None:
                self.tried += len(read.tests) + len(read.dropped)
                self.dropped.update(read.dropped)
            tests = [new for test in read.tests if (new := self._unsaid(test)) is not None]
            if question.mends is None:
                self.dropped[SAID] += len(read.tests) - len(tests)
            else:
                self.failing.remove(question.mends)
                tests = tests[:1]
                if not tests:
                    self._leave(replace(question.mends, n_mended=question.mends.n_mended + 1))
            made |= {test.name: (test, question.mends) for test in tests}
            self.taken |= {test.name for test in tests}
        tried = await self._tried([test for test, _ in made.values()])
        self._sort(tried, {name: mends for name, (_, mends) in made.items()})

    async def state(self, least_mended: int) -> None:
        """State anew, with what the code gives, those that fail and were mended `least_mended` times. Raises NotRun."""
        failing = [each for each in self.failing if each.n_mended >= least_mended]
        made: dict[str, tuple[TestCode, Failing | None]] = {}
        for before, test in zip(failing, await state_values(self.runner, [each.test for each in failing]), strict=True):
            new = self._unsaid(test) if test is not None else None
            if new is not None:
                new = renamed(new, unique(new.name, self.taken))
                self.failing.remove(before)
                made[new.name] = (new, before)
                self.taken.add(new.name)
        tried = await self._tried([test for test, _ in made.values()])
        self._sort(tried, {name: before for name, (_, before) in made.items()})

    async def _tried(self, tests: Sequence[TestCode]) -> Tried:
        """Run `tests`, against the mutants that nothing has noticed yet."""
        killed = {number for each in self.passing for number in each.kills} | self.had.kills
        left = [number for number in range(len(self.mutants)) if number not in killed]
        tried = await try_tests(self.runner, tests, [self.mutants[number] for number in left])
        tried.passing = [
            replace(each, kills=frozenset(left[number] for number in each.kills)) for each in tried.passing
        ]
        return tried

    def _unsaid(self, test: TestCode) -> TestCode | None:
        """Return `test` without the claims that were made before, word for word; None where it has no other."""
        claims = self.runner.framework.claims(test)
        lines = test.text.split("\n")
        words = {claim: "".join("".join(lines[claim[0] : claim[1] + 1]).split()) for claim in claims}
        old: list[Claim] = []
        for claim, said in words.items():
            if f"{self.runner.target.subject.name}(" in said:  # else it depends on what stands before it
                if said in self.said:
                    old.append(claim)
                self.said.add(said)
        return None if claims and len(old) == len(claims) else left_of(self.runner, test, old)

    async def finish(self) -> Suggestion:
        """Keep what is worth it and passes twice more beside all that is kept. Raises NotRun."""
        for failing in self.failing:
            self._give_up(failing)
        await self._compare()
        await self._thin()
        while True:
            kept = [each.test for each in worth_keeping(self.passing, self.had.gains)]
            steady = set(await self._steady(kept))
            unsteady = [test.name for test in kept if test.name not in steady]
            if not unsteady:
                break
            self.passing = [each for each in self.passing if each.test.name not in unsteady]
            self.dropped[UNSTEADY] += len(unsteady)
        n_known = sum(bool(each.gains) and each.gains <= self.had.gains for each in self.passing)
        self.dropped[_KNOWN] += n_known
        self.dropped[_NEEDLESS] += len(self.passing) - len(kept) - n_known
        kept = self._renumbered(kept)
        tally = Tally(
            tried=self.tried,
            kept=len(kept),
            disagreeing=len(self.disagreeing),
            dropped=dict(+self.dropped),
            stated=sum(test.is_stated for test in kept),
            is_covered=self.is_complete and not self.tried,
            note=self.had.note,
        )
        return Suggestion(tuple(map(self._marked, kept)), tuple(self.disagreeing), tally)

    def _renumbered(self, tests: Sequence[TestCode]) -> list[TestCode]:
        """Return `tests` without numbers behind their titles that only those left out made needful."""
        names = {*self.runner.framework.names_in(self.runner.target.existing or "")}
        found = []
        for test in tests:
            plain = unnumbered(test.name)
            found.append(renamed(test, unique(plain, names, TITLED)) if plain != test.name else test)
            names.add(found[-1].name)
        return found

    def _marked(self, test: TestCode) -> TestCode:
        """Return `test` with a comment where a person must look at its values."""
        if not test.is_stated:
            return test
        return self._with_comment(
            test, f"States what `{self.runner.target.subject.qualified_name}` does now: check it."
        )

    def _with_comment(self, test: TestCode, words: str) -> TestCode:
        mark = _COMMENTS.get(self.runner.target.subject.language_id, "//")
        return replace(test, text=f"{mark} {words}\n{test.text}")

    async def _compare(self) -> None:
        """Say anew which test notices which mutant, the most telling first: most were met by early tests alone.

        A mutant is not met by those that come after one that notices it: stated values come last.
        """
        ordered = sorted(self.passing, key=lambda each: (each.test.is_stated, -len(each.gains)))
        killed = sorted({number for each in ordered for number in each.kills})
        if len(ordered) > 1:
            again = Tried()
            await meet_mutants(self.runner, [each.test for each in ordered], [self.mutants[n] for n in killed], again)
            self.dropped.update(again.dropped.values())
            self.passing = [
                replace(each, kills=frozenset(killed[number] for number in each.kills)) for each in again.passing
            ]

    async def _thin(self) -> None:
        """Leave out of the tests that will be kept the claims that say nothing new."""
        noticed: frozenset[int] = frozenset()
        for each in worth_keeping(self.passing, self.had.gains):
            test = await thinned(self.runner, replace(each, kills=each.kills - noticed), self.mutants)
            noticed |= each.kills
            self.passing[self.passing.index(each)] = replace(each, test=test)

    async def _steady(self, tests: Sequence[TestCode]) -> list[str]:
        """Return the names of those that pass two more times, in other orders, all in one file."""
        names = [test.name for test in tests]
        for turn in (1, 2):
            results = await self.runner.run(tests, turn=turn)
            passed = {result.test for result in results if result.verdict == "passed"}
            names = [name for name in names if name in passed]
        return names

    @property
    def _rules(self) -> str:
        return self.runner.framework.rules(self.runner.target)

    def _sort(self, tried: Tried, mended: dict[str, Failing | None]) -> None:
        """Take in what became of tests. mended: by name, what each was before it was mended."""
        for name, why in tried.dropped.items():
            self.dropped[why] += 1
            before = mended.get(name)
            self.tried += before is not None and before.is_part
        for passing in tried.passing:
            before = mended.get(passing.test.name)
            self.tried += before is not None and before.is_part  # a test of its own from now on
            self.passing.append(passing)
        for failing in tried.failing:
            before = mended.get(failing.test.name)
            if before is not None:
                failing = replace(failing, n_mended=before.n_mended + 1, is_part=before.is_part or failing.is_part)
            rest = self._without_disagreement(failing)
            if rest is not None:
                self._leave(rest)

    def _leave(self, failing: Failing) -> None:
        """Leave `failing` to be mended, or stated as it is; not for ever."""
        if failing.n_mended < _MOST_MENDS and not failing.test.is_stated:
            self.failing.append(failing)
        else:
            self._give_up(failing)

    def _give_up(self, failing: Failing) -> None:
        if not failing.is_part:
            self.dropped[failing.why] += 1

    def _without_disagreement(self, failing: Failing) -> Failing | None:
        """Set apart what the documentation says as well; return what else fails."""
        subject, test = self.runner.target.subject, failing.test
        lines = test.text.split("\n")
        claims = self.runner.framework.claims(test)
        documented = [
            claim
            for claim in claims
            if is_documented("\n".join(lines[claim[0] : claim[1] + 1]), subject.name, subject.docstring)
        ]
        if not documented or _ILL_CALLED.search(failing.error):
            return failing
        alone = left_of(self.runner, test, [claim for claim in claims if claim not in documented])
        alone = renamed(alone, f"{alone.name}_as_documented")
        words = f"Fails: `{subject.qualified_name}` does not do what its documentation says here."
        self.disagreeing.append(self._with_comment(alone, words))
        others = len(claims) > len(documented)
        self.tried += failing.is_part or others
        return replace(failing, test=left_of(self.runner, test, documented)) if others else None

    def _goals(self) -> list[str]:
        """Return in words what no test that passes reaches: lines first, then changes that none notices."""
        lines = self.runner.target.text.split("\n")
        reached = {line for each in self.passing for line in each.lines} | self.had.lines
        killed = {number for each in self.passing for number in each.kills} | self.had.kills
        missed = sorted({mutant.line for mutant in self.mutants} - reached) if reached else []
        goals = [f"a test that runs the line `{lines[line].strip()}`" for line in missed]
        survivors = [mutant for number, mutant in enumerate(self.mutants) if number not in killed]
        for mutant in sorted(survivors, key=lambda each: each.old.isdecimal()):  # numbers tell least
            if mutant.line in reached and "\n" not in mutant.old:
                line = lines[mutant.line].strip()
                goals.append(f"a test that fails if `{mutant.old}` becomes `{mutant.new}` in the line `{line}`")
        if not reached and self.mutants:
            goals = ["a test of the simplest case"]
        return goals[:_MOST_GOALS]

    def _known_claims(self) -> list[str]:
        """Return the claims of the tests that pass, so that others are made."""
        found = []
        for each in self.passing:
            lines = each.test.text.split("\n")
            for first, last in self.runner.framework.claims(each.test):
                found.append("\n".join(line.strip() for line in lines[first : last + 1]))
        return found[-_MOST_KNOWN:]
