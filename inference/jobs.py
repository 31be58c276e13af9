"""What is asked of the engine and what it answers. Values only: no JSON, no tensors, no threads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from inference.errors import RequestError
from inference.scheduler import Priority

if TYPE_CHECKING:
    from inference.constraints import Constraint


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # a stop string or a control token, or what the answer must match is complete
    LENGTH = "length"  # max_tokens or the context is used up
    DEADLINE = "deadline"  # deadline_ms passed; what was made until then is valid
    CANCELLED = "cancelled"  # superseded, or the client has gone


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. temperature 0 is greedy; top_p 1 and top_k 0 are off; seed None draws one."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is ready to be shown. logprob: natural logarithm of the probability of its tokens, if asked for.

    n_tokens: how many tokens became known with it.
    """

    text: str
    logprob: float | None = None
    n_tokens: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer. Counts in tokens; times are this job's own, in seconds, waiting for others left out.

    n_cached: tokens of the prompt that came from the prompt cache. n_drafted: tokens that were guessed and computed
    along, n_accepted of which held. queue_s: from arrival to the first step.
    """

    reason: FinishReason
    n_prompt: int
    n_cached: int = 0
    n_decoded: int = 0
    queue_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    n_drafted: int = 0
    n_accepted: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """The end of a job without an answer, or of an answer that broke off."""

    error: RequestError


Event = Piece | Finished | Failed


@dataclass(eq=False, slots=True)
class Job:
    """One request, ready for the engine. Ends with exactly one Finished or Failed, which is its last event.

    prompt: at least one token. goes_on_at: where in it stands what the answer goes on from, when that is not its end.
    cuts: after how many of its tokens later prompts may differ. max_tokens: 0 computes the prompt for a later job.
    stop_ids end the answer and are not part of it; so does any control token, visible_ids apart. constraint: what the
    answer must match, made for this job alone. arrived_s and deadline_s are on the engine's clock. emit is called on
    the engine's thread and must neither block nor raise.
    """

    model: str
    endpoint: str
    prompt: list[int]
    max_tokens: int  # 0 computes the prompt, which a later job then finds cached
    emit: Callable[[Event], None]
    arrived_s: float
    priority: Priority = Priority.FOREGROUND
    key: str | None = None
    deadline_s: float | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: frozenset[int] = frozenset()
    visible_ids: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()
    wants_logprobs: bool = False
    goes_on_at: int | None = None
    cuts: tuple[int, ...] = ()
    constraint: "Constraint | None" = None
