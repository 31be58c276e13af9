"""Asking the engine for tests: when there is enough of an answer, what it costs, that nothing outlives who asks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.engine.protocol import ChatRequest, EngineCapabilities, Message, Priority, Token
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import EngineRefused
from lsp_server.tests_for.asking import Asking, Effort, effort_for
from lsp_server.tests_for.python import PythonFramework
from lsp_server.tests_for.python_project import Interpreter
from lsp_server.tests_for.sandbox import Sandbox
from lsp_server.tests_for.suggest import suggest
from lsp_server.tests_for.target import Target

QUESTION = (Message("user", "write tests"),)


def asking(reply: str, budget: int = 1_000) -> tuple[Asking, ScriptedEngine]:
    engine = ScriptedEngine([Rule("", reply=reply)])
    return Asking(engine, "tests:f", Priority.BACKGROUND, budget, seed=7), engine


@pytest.mark.anyio
async def test_an_answer_ends_with_its_code() -> None:
    asked, engine = asking("Here:\n```python\nassert f(1) == 1\n```\nThis test shows that one is one, and so on.")
    answer = await asked.answer(QUESTION, 400, draws=False)
    assert answer.endswith("assert f(1) == 1\n```")
    assert engine.served[0].closed_early


@pytest.mark.anyio
async def test_an_answer_that_goes_on_and_on_is_ended() -> None:
    asked, engine = asking("```python\n" + "".join(f"assert f({n}) == {n}\n" for n in range(90)))
    answer = await asked.answer(QUESTION, 1_000, draws=False)
    assert answer.count("assert") < 20
    assert engine.served[0].closed_early


@pytest.mark.anyio
async def test_what_is_asked_for_is_drawn_as_the_cards_say_and_within_the_budget() -> None:
    asked, engine = asking("word " * 50, budget=60)
    await asked.answer(QUESTION, 50, draws=False)
    await asked.answer(QUESTION, 50, draws=True)
    assert await asked.answer(QUESTION, 50, draws=True) == ""
    greedy, drawn = (each.request for each in engine.served)
    assert isinstance(greedy, ChatRequest)
    assert isinstance(drawn, ChatRequest)
    assert (greedy.temperature, greedy.top_p, greedy.top_k) == (0.0, 1.0, 0)
    assert (drawn.temperature, drawn.top_p, drawn.top_k) == (0.7, 0.8, 20)
    assert greedy.priority is Priority.BACKGROUND
    assert greedy.key != drawn.key
    assert drawn.seed != greedy.seed
    assert drawn.max_tokens < 50


@pytest.mark.parametrize(("speed", "is_small"), [(11.0, True), (80.0, False), (None, False)])
def test_a_slow_engine_is_asked_for_less(speed: float | None, is_small: bool) -> None:
    effort = effort_for(EngineCapabilities("m", decode_tokens_per_s=speed))
    assert (effort == Effort()) is is_small


@pytest.mark.parametrize(
    ("speed", "thinks", "thinking_tokens"),
    [(80.0, True, 2_000), (80.0, False, 0), (35.0, True, 0), (11.0, True, 0), (None, True, 0)],
)
def test_who_thinks_fast_enough_thinks(speed: float | None, *, thinks: bool, thinking_tokens: int) -> None:
    effort = effort_for(EngineCapabilities("m", decode_tokens_per_s=speed, thinks=thinks))
    assert effort.thinking_tokens == thinking_tokens
    assert effort.budget >= 3 * (effort.max_tokens + effort.thinking_tokens)


THOUGHT = "Think.\n```python\nassert f(1) == 9\n```\nNo."
ANSWER = "```python\nassert f(1) == 1\n```"


@pytest.mark.anyio
@pytest.mark.parametrize("reply", [ANSWER, f"<think>\n{THOUGHT}\n</think>\n{ANSWER}"])
async def test_thinking_has_its_own_sampling_and_is_no_answer(reply: str) -> None:
    asked, engine = asking(reply, budget=5_000)
    asked.thinking_tokens = 2_000
    assert (await asked.answer(QUESTION, 400, draws=False)).strip() == ANSWER
    request = engine.served[0].request
    assert isinstance(request, ChatRequest)
    assert request.thinks is True
    assert request.max_tokens == 2_400
    assert (request.temperature, request.top_p, request.top_k) == (0.6, 0.95, 20)


@pytest.mark.anyio
async def test_thinking_that_comes_to_nothing_is_followed_by_an_answer_without() -> None:
    replies = {True: f"<think>\n{THOUGHT}", False: ANSWER, None: ANSWER}
    engine = ScriptedEngine(
        [Rule("", reply=lambda request: replies[request.thinks] if isinstance(request, ChatRequest) else "")]
    )
    asked = Asking(engine, "tests:f", Priority.FOREGROUND, 5_000, thinking_tokens=2_000)
    assert await asked.answer(QUESTION, 400, draws=False) == ANSWER
    assert [getattr(served.request, "thinks", None) for served in engine.served] == [True, False]


@pytest.mark.anyio
async def test_who_cannot_do_without_thinking_thinks() -> None:
    class Thinker(ScriptedEngine):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
            if request.thinks is False:
                raise EngineRefused("this model always thinks")
            async with aclosing(ScriptedEngine.chat(self, request)) as tokens:
                async for token in tokens:
                    yield token

    engine = Thinker([Rule("", reply=ANSWER)])
    asked = Asking(engine, "tests:f", Priority.FOREGROUND, 9_000)
    assert await asked.answer(QUESTION, 400, draws=False) == ANSWER
    assert await asked.answer(QUESTION, 400, draws=False) == ANSWER
    assert asked.budget > 8_900  # what was refused cost nothing
    requests = [served.request for served in engine.served]
    assert [getattr(request, "thinks", False) for request in requests] == [None, None]
    assert requests[0].max_tokens == 2_400


@pytest.mark.anyio
async def test_who_goes_takes_all_streams_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def loads(_: object) -> None:
        return

    monkeypatch.setattr("lsp_server.tests_for.suggest.require_loading", loads)  # nothing is run here
    text = "def f(x):\n    return x + 1\n"
    (tmp_path / "m.py").write_text(text)
    subject = subject_at("python", text, 0, 0)
    assert subject is not None
    asked = asyncio.Event()

    def reply(_: object) -> str:
        asked.set()
        return "def test_a(): ..."

    engine = ScriptedEngine([Rule("", reply=reply, token_latency_s=60.0)])
    framework = PythonFramework(Interpreter(Path("python"), (), ()), uses_pytest=True)
    target = Target(subject, tmp_path, "m.py", text, "test_m.py")
    task = asyncio.ensure_future(suggest(target, framework, engine, Sandbox("none"), lambda *_: None))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(served.is_closed and served.closed_early for served in engine.served)
