"""The engine seam: what the language server asks of whatever completes and chats.

Plain values in, an asynchronous iterator of plain values out. Closing the iterator cancels the work, and the
cancellation reaches the accelerator. Every failure is an `errors.EngineError`.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Priority(StrEnum):
    """Who waits for the answer."""

    INTERACTIVE = "interactive"  # a person is typing
    FOREGROUND = "foreground"  # a person asked and waits
    BACKGROUND = "background"  # nobody waits


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # a stop token or stop string
    LENGTH = "length"  # max_tokens or the context is used up
    DEADLINE = "deadline"  # deadline_ms passed; what was made until then is valid
    CANCELLED = "cancelled"  # superseded or withdrawn


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text of another file, put in front of the prompt. `path` is relative to the workspace."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Fill in the middle between `prefix` and `suffix` (text, not tokens).

    key: one document's requests share it; a newer one supersedes the older. deadline_ms counts from arrival.
    wants_logprobs: tokens shall say how probable they were, where the engine can tell.
    grammar: what the answer must match, in Lark's notation; None for an engine without such a constraint. said: the end
    of `prefix` that is part of the answer; begun: what said and answer together say first, and stands there already.
    """

    prefix: str
    suffix: str
    key: str
    path: str | None = None
    repo: str | None = None
    snippets: tuple[Snippet, ...] = ()
    max_tokens: int = 64
    temperature: float = 0.0
    priority: Priority = Priority.INTERACTIVE
    deadline_ms: int | None = None
    wants_logprobs: bool = False
    grammar: str | None = None
    said: str = ""
    begun: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat. role: system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Answer a conversation.

    thinks: think before answering, or do not; None leaves it to the model. top_p, top_k: how much of what is likely may
    be drawn, 1.0 and 0 for all; seed: the same one draws the same again, None another each time. json_schema: what the
    answer must match, token by token. It is valid JSON of that schema unless it was cut short (see FinishReason) or the
    engine has no such constraint (see EngineCapabilities).
    """

    messages: tuple[Message, ...]
    key: str
    thinks: bool | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    priority: Priority = Priority.FOREGROUND
    deadline_ms: int | None = None
    json_schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """How an answer ended and what it cost. Counts in tokens, times in milliseconds, by the engine's clock.

    n_prompt: tokens of the prompt; n_cached: how many of them came from the prompt cache; n_decoded: tokens made.
    """

    reason: FinishReason
    model: str
    n_prompt: int = 0
    n_cached: int = 0
    n_decoded: int = 0
    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer. The last one carries `finish`, and its text may be empty.

    logprob: natural logarithm of the probability the model gave to this piece, where the engine tells.
    reasoning: a piece of the thinking in front of the answer, which is never part of `text`.
    """

    text: str
    logprob: float | None = None
    finish: Finish | None = None
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class EngineCapabilities:
    """What the engine can do now.

    fim: the completion model was trained to fill in the middle; where False, only the prefix reaches the model.
    constraints: what it can hold an answer to: json_schema, regex, grammar, choice.
    prefill_tokens_per_s of the completion model, decode_tokens_per_s of the one that chats: measured on this device,
    when they were loaded. instance: another number is another process, which has computed nothing of what was asked
    before; 0 where that cannot be told.
    assistant_model: what chats, None where nothing does; thinks: it can think before it answers, as far as is known.
    paused: why background work waits, in words, if it does.
    """

    completion_model: str
    roles: frozenset[str] = field(default_factory=frozenset)
    n_context: int = 0
    fim: bool = False
    constraints: frozenset[str] = frozenset()
    device: str = ""
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    instance: int = 0
    assistant_model: str | None = None
    thinks: bool = False
    paused: tuple[str, ...] = ()


class Engine(Protocol):
    """Completes and chats. Implementations: `http.HttpEngine`, `launcher.LocalEngine`, `scripted.ScriptedEngine`."""

    def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        """Stream the middle. Raises EngineError, before the first token or between two."""
        ...

    def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        """Stream the answer. Raises EngineError, before the first token or between two."""
        ...

    async def capabilities(self) -> EngineCapabilities:
        """Tell what the engine can do. Raises EngineError when it cannot be asked."""
        ...

    async def warm_up(self) -> None:
        """Start what must be started and return once the engine answers at full speed, however long that takes.

        Without it `complete` and `chat` do not wait for weights: they raise ModelLoading. Raises EngineError.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Work in flight is cancelled."""
        ...
