"""A scripted engine: the fake beside the seam, for tests, demonstrations and benches of the language server alone.

Owns a list of rules; the first whose pattern is found in the prompt answers. Invariant: it keeps the promises of
`protocol.Engine`: one answer per request, cancelled by closing, failures from the tree of `errors`.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from lsp_server.engine.protocol import (
    ChatRequest,
    CompletionRequest,
    EngineCapabilities,
    Finish,
    FinishReason,
    Token,
)
from lsp_server.errors import EngineError

Reply = str | Callable[[CompletionRequest | ChatRequest], str]

_PIECES = re.compile(r"\s?\w{1,6}|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Rule:
    """What to answer where `pattern` (a regular expression) is found in the prefix or the last message.

    latency_s: before the first token; token_latency_s: before each. logprob: of each token, told where the request
    wants it. error: raised after `n_before_error` tokens, or before the first.
    """

    pattern: str
    reply: Reply = ""
    latency_s: float = 0.0
    token_latency_s: float = 0.0
    logprob: float | None = None
    error: EngineError | None = None
    n_before_error: int = 0


@dataclass(slots=True)
class Served:
    """A request as it was served. n_tokens: given out until now; closed_early: the caller had enough.

    is_closed: the caller has what it wanted, or wants no more.
    """

    request: CompletionRequest | ChatRequest
    n_tokens: int = 0
    closed_early: bool = False
    is_closed: bool = False


@dataclass(slots=True)
class ScriptedEngine:
    """An `Engine` that answers by `rules` and remembers what it was asked in `served`."""

    rules: Sequence[Rule]
    capabilities_told: EngineCapabilities = field(
        default_factory=lambda: EngineCapabilities(
            "scripted", roles=frozenset({"completion", "assistant"}), n_context=8192, fim=True, device="none"
        )
    )
    served: list[Served] = field(default_factory=list)

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        """Stream the reply of the first rule found in the prefix."""
        async for token in self._answer(request, request.prefix):
            yield token

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        """Stream the reply of the first rule found in the last message."""
        async for token in self._answer(request, request.messages[-1].content):
            yield token

    async def capabilities(self) -> EngineCapabilities:
        """Tell `capabilities_told`."""
        return self.capabilities_told

    async def warm_up(self) -> None:
        """Be ready: there is nothing to start."""

    async def close(self) -> None:
        """Let go of nothing."""

    async def _answer(self, request: CompletionRequest | ChatRequest, prompt: str) -> AsyncGenerator[Token, None]:
        rule = next((rule for rule in self.rules if re.search(rule.pattern, prompt)), Rule(""))
        reply = rule.reply if isinstance(rule.reply, str) else rule.reply(request)
        pieces = _PIECES.findall(reply)[: request.max_tokens]
        served = Served(request, closed_early=True)
        self.served.append(served)
        try:
            async for token in self._stream(rule, pieces, reply, served):
                yield token
        finally:
            served.is_closed = True

    async def _stream(self, rule: Rule, pieces: list[str], reply: str, served: Served) -> AsyncGenerator[Token, None]:
        await asyncio.sleep(rule.latency_s)
        wants_logprobs = isinstance(served.request, CompletionRequest) and served.request.wants_logprobs
        for piece in [*pieces, ""]:
            if rule.error is not None and served.n_tokens == rule.n_before_error:
                served.closed_early = False
                raise rule.error
            await asyncio.sleep(rule.token_latency_s)
            is_last = piece == ""
            if is_last:
                served.closed_early = False
                reason = FinishReason.STOP if len("".join(pieces)) == len(reply) else FinishReason.LENGTH
                yield Token("", finish=Finish(reason, "scripted", n_decoded=served.n_tokens))
                return
            served.n_tokens += 1
            yield Token(piece, rule.logprob if wants_logprobs else None)
