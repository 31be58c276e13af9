"""A question to the assistant model: what is given of the answer, when the engine is left alone, what is kept."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from lsp_server.engine.protocol import ChatRequest, Token
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import EngineRefused, StreamBroken
from lsp_server.explain.check import Sources
from lsp_server.explain.prompt import Question, asked
from lsp_server.explain.units import Kind
from lsp_server.features.answering import Answers, Topic
from lsp_server.server import create_server

pytestmark = pytest.mark.anyio

CODE = "def add(first, second):\n    return first + second\n"
ONE = Question("What is it for?")
MANY = Question("What does it take?", Kind.BULLET, 8, 40)


def _topic(model: str = "one", key: str = "add") -> Topic:
    return Topic(key, f"The code:\n{CODE}", Sources([CODE]), model)


def _answers(engine: ScriptedEngine) -> Answers:
    return Answers(create_server(engine).session)


async def _said(answers: Answers, question: Question, topic: Topic | None = None) -> list[str]:
    return [unit.text async for unit in answers.ask(topic or _topic(), question, "explain:a")]


class _Thinker(ScriptedEngine):
    """A model that will not do without thinking."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        if request.thinks is False:
            self.served.clear()
            raise EngineRefused("this model must think")
        yield Token("", reasoning="hmm")
        async for token in super().chat(request):
            yield token


async def test_an_answer_ends_where_enough_was_said_and_is_kept_for_its_model() -> None:
    engine = ScriptedEngine([Rule("", "Adds `first` and `second`. And so on and on and on. " * 9)])
    answers = _answers(engine)
    assert await _said(answers, ONE) == ["Adds `first` and `second`."]
    assert engine.served[0].closed_early
    assert await _said(answers, ONE) == ["Adds `first` and `second`."]
    assert len(engine.served) == 1
    assert [unit.text for unit in answers.known("add", ONE)] == ["Adds `first` and `second`."]
    await _said(answers, ONE, _topic("two"))
    await _said(answers, ONE, _topic(key="other"))
    assert len(engine.served) == 3


async def test_what_is_returned_ends_the_answer() -> None:
    engine = ScriptedEngine([Rule("", "- Takes `first`.\n- Returns the sum.\n- Returns `second`, rounded.\n" * 9)])
    assert await _said(_answers(engine), replace(MANY, last="Returns")) == ["Takes `first`.", "Returns the sum."]
    assert engine.served[0].closed_early


async def test_what_is_cut_off_is_not_shown_and_a_loop_is_ended() -> None:
    engine = ScriptedEngine([Rule("What is it", "Adds `first` to"), Rule("", "- Adds `first`.\n" * 30)])
    answers = _answers(engine)
    assert await _said(answers, Question("What is it for?", max_tokens=3)) == []
    assert await _said(answers, MANY) == ["Adds `first`."]
    assert engine.served[-1].closed_early


async def test_an_answer_that_breaks_off_is_not_kept() -> None:
    rule = Rule("", "- Takes `first`.\n- Takes `second`.\n", error=StreamBroken("it went away"), n_before_error=10)
    engine = ScriptedEngine([rule])
    answers = _answers(engine)
    given: list[str] = []

    async def listen() -> None:
        async for unit in answers.ask(_topic(), MANY, "explain:a"):
            given.append(unit.text)

    with pytest.raises(StreamBroken):
        await listen()
    assert given == ["Takes `first`."]
    assert answers.is_empty


async def test_a_model_that_must_think_is_let() -> None:
    engine = _Thinker([Rule("", "Adds `first`.")])
    answers = _answers(engine)
    assert await _said(answers, ONE) == ["Adds `first`."]
    (served,) = engine.served
    assert isinstance(served.request, ChatRequest)
    assert served.request.thinks is None
    assert served.request.max_tokens > ONE.max_tokens
    assert await _said(answers, ONE, _topic(key="other")) == ["Adds `first`."]


async def test_a_free_answer_may_name_other_things_and_is_marked() -> None:
    engine = ScriptedEngine([Rule("", "## So\n\nUse `lru_cache` here.\n\n```python\nx = lru_cache\n```\n- Or `add`.")])
    assert await _said(_answers(engine), asked("How?", "", "python")) == [
        "## So",
        "Use `lru_cache` here. *(not in the code shown: `lru_cache`)*",
        "```python\nx = lru_cache\n```",
        "Or `add`.",
    ]
