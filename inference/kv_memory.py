"""All KV of this worker: what running jobs may come to hold, what is kept for later prompts, one budget over both.

Used by the engine's thread alone. Invariants: a class of jobs never takes what is left to more urgent ones, so that
who types finds room beside any background work; reservations and prompt caches stay within the budget together, since
whoever begins makes prompts that were kept give way.

The budget is for KV alone. The weights are off it, and the workspace of a step, of which there is one at a time, lies
in what it leaves of the memory.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from inference.jobs import Job
from inference.kv_cache import MAX_CHECKPOINTS, CachedTokens, KvCost
from inference.prompt_cache import CacheFactory, PromptCache
from inference.residency import Residency
from inference.scheduler import Priority

_MIN_BUDGET_BYTES = 2**30
# Of what the weights leave one part in so many: the rest is for workspace, editor and compiler.
_BUDGET_PARTS = 4
_CLASS_SHARES = {Priority.INTERACTIVE: 1.0, Priority.FOREGROUND: 0.75, Priority.BACKGROUND: 0.5}
# Of the budget one part in so many at most, shared by the models.
_PROMPT_CACHE_PARTS = 4
# What is worth keeping: the documents that a person goes to and fro between (eight of 2,000 tokens) or half of the
# longest conversation there can be; the last one used is kept whatever its length. Of the default model that is 403 MB,
# where the share of a machine with 25 GB would be 1.4 GB. And checkpoints of three sequences, with what each ends in.
_KEPT_TOKENS = 16_384
_KEPT_STATES = 3 * (1 + MAX_CHECKPOINTS)
# Where places are gone back to by checkpoints, so many of these find room whatever the share is: with fewer, the model
# would compute whole prompts again and again.
_MIN_KEPT_STATES = 10
_GROWTH_TOKENS = 256
_MIN_JOINED_TOKENS = 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KvModel:
    """What is to be known of a model. n_context: in tokens."""

    factory: CacheFactory
    cost: KvCost
    n_context: int


def default_budget(memory_bytes: int, weights_bytes: int) -> int:
    """Return the bytes for KV on a machine with `memory_bytes`."""
    return max(_MIN_BUDGET_BYTES, (memory_bytes - weights_bytes) // _BUDGET_PARTS)


def prompt_cache_cap(share_bytes: int, model: KvModel) -> int:
    """Return how many bytes of KV of `model` are kept for later prompts. share_bytes: what the machine can give."""
    worth_bytes = max(_KEPT_TOKENS, model.n_context // 2) * model.cost.token_bytes
    worth_bytes += _KEPT_STATES * model.cost.state_bytes
    return max(min(share_bytes, worth_bytes), _MIN_KEPT_STATES * model.cost.state_bytes)


def joined_tokens(n_tokens: int) -> int:
    """Return to what length a sequence is padded at most when it decodes together with those of like length."""
    return max(_MIN_JOINED_TOKENS, 1 << (n_tokens - 1).bit_length())


class KvMemory:
    """Prompt caches by model, and reservations by job. Bytes throughout."""

    def __init__(self, budget_bytes: int, models: Mapping[str, KvModel]) -> None:
        self._budget_bytes = budget_bytes
        self._models = models
        self._reserved: dict[Job, int] = {}
        share = budget_bytes // _PROMPT_CACHE_PARTS // max(1, len(models))
        self._prompt_caches = {
            name: PromptCache(model.factory, prompt_cache_cap(share, model)) for name, model in models.items()
        }

    @property
    def n_cached_bytes(self) -> int:
        """What is kept for later prompts. Other threads may read it."""
        return sum(cache.n_bytes for cache in self._prompt_caches.values())

    def never_fits(self, job: Job) -> str | None:
        """Say why `job` could not begin even if nothing else ran; None where it could."""
        needed, limit = self._bytes_of(job), self._limit(job.priority)
        if needed <= limit:
            return None
        return (
            f"a prompt of {len(job.prompt)} tokens and up to {job.max_tokens} more need {needed / 1e6:.0f} MB, and "
            f"{job.priority.name.lower()} requests may use {limit / 1e6:.0f} MB here; shorten it or lower max_tokens"
        )

    def has_room(self, job: Job) -> bool:
        """Tell whether `job` may begin now."""
        needed = self._bytes_of(job)
        of_class = sum(held for other, held in self._reserved.items() if other.priority >= job.priority)
        return (
            of_class + needed <= self._limit(job.priority)
            and sum(self._reserved.values()) + needed <= self._budget_bytes
        )

    def begin(self, job: Job) -> CachedTokens:
        """Give the prompt of `job`, for which there is room, with what of it is kept; make the rest give way."""
        sequence = self._prompt_caches[job.model].take([*job.prompt], job.cuts)
        # What was cut back to the beginning of a longer text keeps the longer one's memory.
        self._reserved[job] = max(self._bytes_of(job), sequence.n_bytes)
        self.shrink(self.n_cached_bytes + sum(self._reserved.values()) - self._budget_bytes)
        return sequence

    def end(self, job: Job, sequence: CachedTokens | None) -> None:
        """Take back what `job` held, if it had begun. sequence: None where it is lost."""
        self._reserved.pop(job, None)
        if sequence is not None:
            self._prompt_caches[job.model].put(sequence)

    def shrink(self, n_bytes: int) -> None:
        """Give up at least `n_bytes` of what is kept for later prompts, or all of it."""
        for cache in self._prompt_caches.values():
            if n_bytes <= 0:
                return
            n_bytes -= cache.shrink(n_bytes)

    def forget(self, name: str) -> None:
        """Give up all that is kept of the model `name`."""
        self._prompt_caches[name].shrink(self._prompt_caches[name].n_bytes)

    def _limit(self, priority: Priority) -> int:
        return int(_CLASS_SHARES[priority] * self._budget_bytes)

    def _bytes_of(self, job: Job) -> int:
        """Return what `job` may come to hold."""
        model = self._models[job.model]
        n_tokens = min(len(job.prompt) + job.max_tokens, model.n_context)
        if job.priority is Priority.INTERACTIVE:  # which decodes alone
            n_tokens = -(-n_tokens // _GROWTH_TOKENS) * _GROWTH_TOKENS
        else:
            n_tokens = joined_tokens(n_tokens)
        n_states = 1 + min(len(job.cuts) + 1, MAX_CHECKPOINTS)
        return n_tokens * model.cost.token_bytes + n_states * model.cost.state_bytes


def measure_kv_memory(residency: Residency, budget_bytes: int | None) -> KvMemory:
    """Make the KV memory of the models of `residency`, which are in memory. On the thread that runs them.

    budget_bytes: None takes a share of what the weights leave.
    """
    import mlx.core as mx

    from inference.generation import measure_kv

    residents = residency.residents
    budget_bytes = budget_bytes or default_budget(residents.device.memory_bytes, mx.get_active_memory())
    logger.info("budget for KV: %.0f MB", budget_bytes / 1e6)
    models = {}
    for name, model in residents.by_name.items():
        cost = measure_kv(model.loaded.model, model.loaded.make_cache())
        models[name] = KvModel(residency.cache_factory(name), cost, model.n_context)
        logger.info("%s: %d bytes of KV a token, %d a checkpoint", name, *cost)
    return KvMemory(budget_bytes, models)
