"""Asking the engine for tests: how long answers may be, how they are drawn, when there is enough of one.

Invariant: an answer ends with its block of code, whatever its model would go on to say; closing whoever asks closes the
engine's streams.
"""

import re
from contextlib import aclosing
from dataclasses import dataclass

from lsp_server.engine.protocol import ChatRequest, Engine, EngineCapabilities, Message, Priority

_TEMPERATURE, _TOP_P, _TOP_K = 0.7, 0.8, 20
"""What the model cards of the catalogue's models say for answers without thinking."""
_CLOSED = re.compile(r"^[ \t]*```[\w+-]*[ \t]*\n.*?^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
_SLOW_TOKENS_PER_S = 30.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is asked of an engine. n_samples: answers to the first question; n_rounds: of asking for more.

    max_tokens: of one answer; mend_tokens: of a mended test; budget: tokens of all answers together.
    """

    n_samples: int = 2
    n_rounds: int = 2
    max_tokens: int = 256
    mend_tokens: int = 160
    budget: int = 1_400


def effort_for(known: EngineCapabilities) -> Effort:
    """Return what a person who waits can be asked to wait for on this engine."""
    speed = known.decode_tokens_per_s
    if speed is not None and speed < _SLOW_TOKENS_PER_S:
        return Effort()
    return Effort(n_samples=4, n_rounds=3, max_tokens=1_200, mend_tokens=600, budget=12_000)


@dataclass(slots=True)
class Asking:
    """Asks `engine` on behalf of one suggestion, within `budget` tokens. key: of its requests."""

    engine: Engine
    key: str
    priority: Priority
    budget: int
    seed: int | None = None
    n_asked: int = 0

    async def answer(self, messages: tuple[Message, ...], max_tokens: int, *, draws: bool) -> str:
        """Return the answer, cut behind its code; "" once the budget is used up. draws: not the likeliest words alone.

        Raises EngineError.
        """
        max_tokens = min(max_tokens, self.budget)
        if max_tokens <= 0:
            return ""
        self.n_asked += 1
        request = ChatRequest(
            messages,
            key=f"{self.key}:{self.n_asked}",  # a request takes the place of another one with its key
            thinks=False,
            max_tokens=max_tokens,
            temperature=_TEMPERATURE if draws else 0.0,
            top_p=_TOP_P if draws else 1.0,
            top_k=_TOP_K if draws else 0,
            seed=None if self.seed is None else self.seed + self.n_asked,
            priority=self.priority,
        )
        self.budget -= max_tokens
        text, n_tokens = "", 0
        async with aclosing(self.engine.chat(request)) as tokens:
            async for token in tokens:
                text += token.text
                n_tokens += 1
                if "`" in token.text and _CLOSED.search(text):
                    break
        self.budget += max(0, max_tokens - n_tokens)
        return text
