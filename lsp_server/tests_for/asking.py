"""Asking the engine for tests: how long answers may be, how they are drawn, when there is enough of one.

Invariant: an answer ends with its block of code, whatever its model would go on to say; closing whoever asks closes the
engine's streams.
"""

import re
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, replace

from lsp_server.engine.protocol import ChatRequest, Engine, EngineCapabilities, Message, Priority
from lsp_server.engine.writing import DRAWN, DRAWN_THINKING, LIKELIEST
from lsp_server.errors import EngineRefused

_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
"""Thinking that an engine leaves in the answer."""
_CLOSED = re.compile(r"^[ \t]*```[\w+-]*[ \t]*\n.*?^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
_CLAIM = re.compile(r"^[ \t]*(?:assert\b|self\.assert|expect\(|t\.(?:Error|Fatal))", re.MULTILINE)
_MOST_CLAIMS, _MOST_ALIKE = 12, 2
"""Small models go on and on; behind so many claims, or so many of the same, comes nothing new."""
_SLOW_TOKENS_PER_S = 30.0
_THINKING_TOKENS_PER_S = 45.0
_THINKING_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is asked of an engine. n_drawn: further answers to the first question; n_rounds: of asking for more.

    is_told: the model is shown tests of the project, and told what fails, to mend it, and what no test reaches. One
    that is slow is small, and says what it is shown again, or the form without anything filled in: it draws `n_drawn`
    answers in each round instead.
    max_tokens: of one answer; mend_tokens: of a mended test; thinking_tokens: more of each answer to think first, 0 for
    no thinking; budget: of all answers together.
    """

    n_drawn: int = 2
    n_rounds: int = 1
    is_told: bool = False
    max_tokens: int = 256
    mend_tokens: int = 160
    thinking_tokens: int = 0
    budget: int = 1_400


def effort_for(known: EngineCapabilities) -> Effort:
    """Return what a person who waits can be asked to wait for on this engine."""
    speed = known.decode_tokens_per_s
    if speed is not None and speed < _SLOW_TOKENS_PER_S:
        return Effort()
    whole = Effort(n_drawn=3, n_rounds=3, is_told=True, max_tokens=1_200, mend_tokens=600, budget=12_000)
    if known.thinks and speed is not None and speed >= _THINKING_TOKENS_PER_S:
        return replace(whole, n_drawn=1, n_rounds=2, thinking_tokens=_THINKING_TOKENS, budget=24_000)
    return whole


@dataclass(slots=True)
class Asking:
    """Asks `engine` on behalf of one suggestion, within `budget` tokens. key: of its requests.

    thinking_tokens: see `Effort`. Its answers come without their thinking.
    """

    engine: Engine
    key: str
    priority: Priority
    budget: int
    thinking_tokens: int = 0
    seed: int | None = None
    n_asked: int = 0
    _must_think: bool = False

    async def answer(self, messages: tuple[Message, ...], max_tokens: int, *, draws: bool) -> str:
        """Return the answer, cut behind its code; "" once the budget is used up. draws: not the likeliest words alone.

        Thinking that comes to no answer is followed by an answer without. Raises EngineError.
        """
        if not self.thinking_tokens:
            try:
                return await self._answer(messages, max_tokens, draws=draws, thinks=False)
            except EngineRefused:  # it cannot do without, as some models cannot
                self.thinking_tokens, self._must_think = _THINKING_TOKENS, True
        if self._must_think:
            return await self._answer(messages, max_tokens, draws=True, thinks=None)
        text = await self._answer(messages, max_tokens, draws=True, thinks=True)
        return text or await self._answer(messages, max_tokens, draws=draws, thinks=False)

    async def _answer(self, messages: tuple[Message, ...], max_tokens: int, *, draws: bool, thinks: bool | None) -> str:
        max_tokens = min(max_tokens + (0 if thinks is False else self.thinking_tokens), self.budget)
        if max_tokens <= 0:
            return ""
        self.n_asked += 1
        drawn = DRAWN if thinks is False else DRAWN_THINKING
        temperature, top_p, top_k = drawn if draws else LIKELIEST
        request = ChatRequest(
            messages,
            key=f"{self.key}:{self.n_asked}",  # a request takes the place of another one with its key
            thinks=thinks,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            seed=None if self.seed is None else self.seed + self.n_asked,
            priority=self.priority,
        )
        self.budget -= max_tokens
        said, n_tokens = "", 0
        try:
            async with aclosing(self.engine.chat(request)) as tokens:
                async for token in tokens:
                    said += token.text
                    n_tokens += 1
                    if ("`" in token.text or "\n" in token.text) and _is_enough(_THOUGHT.sub("", said)):
                        break
        finally:
            self.budget += max(0, max_tokens - n_tokens)
        return _THOUGHT.sub("", said)


def _is_enough(text: str) -> bool:
    return _CLOSED.search(text) is not None or _goes_round(text)


def _goes_round(text: str) -> bool:
    """Tell whether the answer makes many claims, or one over and over."""
    claims = Counter(line.strip() for line in text.split("\n")[:-1] if _CLAIM.match(line))
    return claims.total() > _MOST_CLAIMS or max(claims.values(), default=0) > _MOST_ALIKE
