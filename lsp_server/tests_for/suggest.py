"""From a target to tests that are worth having: ask, run, mend, ask for what is missing, keep.

Owns the order of these. Invariant: nothing is asked for or run after whoever waits has gone.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from lsp_server.context.secrets import has_secret
from lsp_server.engine.protocol import Engine, Priority
from lsp_server.errors import EngineError, HearthlineError
from lsp_server.tests_for.asking import Asking, Effort, effort_for
from lsp_server.tests_for.framework import Framework
from lsp_server.tests_for.loading import require_loading
from lsp_server.tests_for.mutants import Mutant, mutants_of
from lsp_server.tests_for.prompt import shown_code
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.sandbox import Sandbox
from lsp_server.tests_for.search import Question, Search
from lsp_server.tests_for.standing import run_standing
from lsp_server.tests_for.suggestion import Suggestion
from lsp_server.tests_for.target import Target

Report = Callable[[str, float], None]

_MOST_MUTANTS = 40


async def suggest(
    target: Target,
    framework: Framework,
    engine: Engine,
    sandbox: Sandbox,
    report: Report,
    *,
    priority: Priority = Priority.FOREGROUND,
    seed: int | None = None,
    effort: Effort | None = None,
) -> Suggestion:
    """Suggest tests of `target`. report: told what is being done, and how far it is, 0.0 to 1.0.

    seed: where the same is to be drawn each time; effort: by the engine's speed unless it is given. Raises EngineError,
    NotRun; HearthlineError where the code that the model would be shown holds a secret, or cannot be loaded.
    """
    shown = "\n".join([shown_code(target), *target.examples])
    if has_secret(shown):
        raise HearthlineError(
            f"no tests for `{target.subject.name}`: the code around it holds what looks like a secret"
        )
    effort = effort or effort_for(await engine.capabilities())
    mutants = await asyncio.to_thread(mutants_of, target.text, target.subject, _MOST_MUTANTS)
    key = f"tests:{target.path}:{target.subject.qualified_name}"
    asking = Asking(engine, key, priority, effort.budget, effort.thinking_tokens, seed)
    report("loading it, running the tests there are", 0.0)
    search = await _begun(Runner(target, framework, sandbox), mutants, effort)
    if search.is_complete:
        return await search.finish()
    report("asking for tests", 0.1)
    await search.take(await _answers(asking, effort, [search.first_question(draws=False)]))
    await search.state(int(effort.is_told))
    n_rounds = 1 + effort.n_rounds
    for number in range(n_rounds):
        if search.is_complete:
            break
        questions = search.next_questions() if effort.is_told else []
        if number == 0:
            questions.append(search.plain_question())
        if number == 0 or not effort.is_told:
            questions += [search.first_question(draws=True)] * effort.n_drawn
        report(f"{_n(search)} so far; mending others, asking for more", 0.2 + 0.7 * number / n_rounds)
        try:
            answers = await _answers(asking, effort, questions)
        except EngineError:
            if not search.passing:
                raise
            break  # what there is, is worth having without what there could have been
        n_before = search.n_gains
        await search.take(answers)
        await search.state(int(effort.is_told))
        if search.n_gains == n_before and number > 0:
            break  # what is left seems to be out of this model's reach
    report("running what is kept", 0.9)
    return await search.finish()


async def _begun(runner: Runner, mutants: tuple[Mutant, ...], effort: Effort) -> Search:
    """Return a search that knows what the tests there are tell. Raises NotRun; HearthlineError: see `loading`."""
    had = await run_standing(runner, mutants)
    if not had.lines:  # else it was loaded just now
        await require_loading(runner)
    shown = runner.target if effort.is_told else replace(runner.target, examples=())
    return Search(runner, mutants, shown, had, taken=set(re.findall(r"\w+", runner.target.existing or "")))


async def _answers(asking: Asking, effort: Effort, questions: Sequence[Question]) -> list[tuple[Question, str]]:
    """Ask all `questions` at once. Raises EngineError when one is not answered; the others are closed then."""
    tasks = [asyncio.ensure_future(_answer(asking, effort, question)) for question in questions]
    try:
        return list(zip(questions, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # their streams are closed then


async def _answer(asking: Asking, effort: Effort, question: Question) -> str:
    max_tokens = effort.max_tokens if question.mends is None else effort.mend_tokens
    return await asking.answer(question.messages, max_tokens, draws=question.draws)


def _n(search: Search) -> str:
    n = len(search.passing)
    return "1 test passes" if n == 1 else f"{n} tests pass"
