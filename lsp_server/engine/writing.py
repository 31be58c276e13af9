"""Asking the assistant model to write for a person who waits: how long it may, whether it thinks, how it draws.

Invariants: a model thinks first only where it is quick, or has failed without; whatever it thinks is bounded and never
part of the answer; no more is waited for than is wanted; closing whoever asks closes the engine's stream.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from lsp_server.engine.protocol import ChatRequest, Engine, EngineCapabilities, Message, Token
from lsp_server.errors import EngineRefused

DRAWN, DRAWN_THINKING = (0.7, 0.8, 20), (0.6, 0.95, 20)
"""Temperature, top_p and top_k that the cards of the catalogue's models name, for answers without and with thinking."""
LIKELIEST = (0.0, 1.0, 0)
_THINKING_TOKENS = 6_000
_QUICK_TOKENS_PER_S = 30.0
_DEADLINE_MS, _THINKING_DEADLINE_MS = 120_000, 300_000
_BLOCK = re.compile(r"^[ \t]*```[\w+#-]*[ \t]*\n.*?^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written. key: of the request; n_failed: answers to the same question that were no good.

    max_tokens: of the answer, without what was thought. is_code: nothing behind the first block of code is wanted.
    """

    messages: Sequence[Message]
    key: str
    max_tokens: int
    n_failed: int = 0
    is_code: bool = False
    json_schema: Mapping[str, object] | None = None


async def write(
    engine: Engine, known: EngineCapabilities, wanted: Wanted, note: Callable[[Token], None] = lambda _: None
) -> str:
    """Return the answer. note: is told each piece. Raises EngineError."""
    ways = _ways(known, wanted)
    for number, thinks in enumerate(ways):
        try:
            return await _written(engine, _request(wanted, thinks=thinks), wanted, note)
        except EngineRefused:  # before the first token: this model cannot think, or cannot do without
            if number == len(ways) - 1:
                raise
    raise AssertionError("there is always a way")


def _ways(known: EngineCapabilities, wanted: Wanted) -> tuple[bool | None, ...]:
    """Return whether to think, as it is asked for; what comes behind is for an engine that refuses that.

    What must have a form begins at once. A worker tells its speed, and refuses what its model cannot; of another engine
    neither is known, so that it thinks only about what it did not know at once.
    """
    speed = known.decode_tokens_per_s
    thinks = wanted.n_failed > 0 if speed is None else speed >= _QUICK_TOKENS_PER_S
    return (True, False, None) if thinks and wanted.json_schema is None else (False, None)


def _request(wanted: Wanted, *, thinks: bool | None) -> ChatRequest:
    """Return the request, drawn as the model cards of the catalogue's models say; the surest answer comes first."""
    is_thinking = thinks is not False
    temperature, top_p, top_k = DRAWN_THINKING if is_thinking else DRAWN if wanted.n_failed else LIKELIEST
    return ChatRequest(
        tuple(wanted.messages),
        key=wanted.key,
        thinks=thinks,
        max_tokens=wanted.max_tokens + (_THINKING_TOKENS if is_thinking else 0),
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        deadline_ms=_THINKING_DEADLINE_MS if is_thinking else _DEADLINE_MS,
        json_schema=wanted.json_schema,
    )


async def _written(engine: Engine, request: ChatRequest, wanted: Wanted, note: Callable[[Token], None]) -> str:
    text, n_tokens = "", 0
    async with aclosing(engine.chat(request)) as tokens:
        async for token in tokens:
            text += token.text
            n_tokens += bool(token.text)
            note(token)
            if n_tokens >= wanted.max_tokens or (wanted.is_code and "`" in token.text and _BLOCK.search(text)):
                break
    return text
