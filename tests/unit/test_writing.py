"""Asking a model to write: whether it thinks, how it draws, where its answer ends."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest

from lsp_server.engine.protocol import ChatRequest, EngineCapabilities, Message, Token
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.engine.writing import Wanted, write
from lsp_server.errors import EngineRefused

ANSWER = "Here:\n```python\nx = 1\n```\nand more"
WANTED = Wanted((Message("system", "s"), Message("user", "u")), "key", 100, is_code=True)
QUICK, SLOW, UNKNOWN = (EngineCapabilities("m", decode_tokens_per_s=speed) for speed in (80.0, 5.0, None))


class _Model(ScriptedEngine):
    """A model that thinks if it is let, and refuses to be asked in one of `refuses`."""

    def __init__(self, *refuses: bool) -> None:
        super().__init__([Rule("", ANSWER)])
        self.refuses = refuses

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        if request.thinks in self.refuses:
            raise EngineRefused("this model cannot")
        if request.thinks is not False:
            yield Token("", reasoning="```\nno answer\n```")
        async with aclosing(super().chat(request)) as tokens:
            async for token in tokens:
                yield token

    @property
    def asked(self) -> list[ChatRequest]:
        return [each.request for each in self.served if isinstance(each.request, ChatRequest)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("refuses", "known", "n_failed", "thinks"),
    [
        ((), QUICK, 0, True),
        ((True,), QUICK, 0, False),  # it cannot think
        ((True,), QUICK, 1, False),
        ((), SLOW, 0, False),
        ((), SLOW, 1, False),
        ((False,), SLOW, 0, None),  # it cannot do without
        ((), UNKNOWN, 0, False),
        ((), UNKNOWN, 1, True),
    ],
)
async def test_a_model_thinks_where_it_is_quick_or_has_failed_without(
    refuses: tuple[bool, ...], known: EngineCapabilities, n_failed: int, thinks: bool | None
) -> None:
    engine, heard = _Model(*refuses), list[Token]()
    said = await write(engine, known, replace(WANTED, n_failed=n_failed), heard.append)
    assert said.endswith("\n```")
    assert "no answer" not in said
    assert any(token.reasoning for token in heard) is (thinks is not False)
    (asked,) = engine.asked
    assert asked.thinks is thinks
    card = (0.6, 0.95, 20) if thinks is not False else (0.7, 0.8, 20) if n_failed else (0.0, 1.0, 0)
    assert (asked.temperature, asked.top_p, asked.top_k) == card
    assert asked.max_tokens == (100 if thinks is False else 6_100)
    assert engine.served[0].closed_early


@pytest.mark.anyio
async def test_an_answer_of_a_form_begins_at_once_and_ends_by_itself() -> None:
    engine = _Model()
    assert await write(engine, QUICK, replace(WANTED, is_code=False, json_schema={"type": "object"})) == ANSWER
    assert [(each.thinks, each.json_schema) for each in engine.asked] == [(False, {"type": "object"})]


@pytest.mark.anyio
async def test_an_answer_is_as_long_as_it_may_be_whatever_was_thought() -> None:
    engine = ScriptedEngine([Rule("", "word " * 50)])
    said = await write(engine, QUICK, replace(WANTED, max_tokens=10))
    assert len(said) < 100


@pytest.mark.anyio
async def test_an_engine_that_refuses_is_heard() -> None:
    class _Refusing(_Model):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
            raise EngineRefused(f"not {request.key}")
            yield Token("")

    with pytest.raises(EngineRefused, match="not key"):
        await write(_Refusing(), QUICK, WANTED)
