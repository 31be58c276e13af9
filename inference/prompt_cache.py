"""KV caches of the last prompts, found again by their tokens. Used by the engine's thread alone.

Invariants: a KV cache belongs either to this store or to one running job, never to two; what is handed out covers fewer
tokens than the prompt has, because the last one must be computed to get logits.
"""

from dataclasses import dataclass
from typing import Any, Protocol

KVCache = list[Any]
"""One entry per layer, mlx-lm's own."""


class CacheFactory(Protocol):
    """Makes empty KV caches."""

    def make_cache(self) -> KVCache:
        """Make one."""
        ...


@dataclass(slots=True)
class CachedTokens:
    """Tokens and a KV cache of the first `n_cached` of them. Invariant: kv_cache holds exactly those."""

    tokens: list[int]
    kv_cache: KVCache
    n_cached: int = 0


class PromptCache:
    """Entries from least to most recently used, within `max_bytes` of KV (the last one always stays).

    n_bytes: of the KV held here, those of running jobs not counted; other threads may read it.
    """

    def __init__(self, factory: CacheFactory, max_bytes: int) -> None:
        self._factory = factory
        self._max_bytes = max_bytes
        self._entries: list[CachedTokens] = []
        self.n_bytes = 0

    def take(self, prompt: list[int]) -> CachedTokens:
        """Give `prompt` with the longest prefix of it that is cached; the caller owns the result. prompt: not empty.

        An entry is handed out and cut where most of it serves; where only its beginning does, that is copied, so that a
        prompt that shares no more than a header does not cost another document its cache.
        """
        best, n_shared = None, 0
        for entry in self._entries:
            n = _usable(entry, prompt)
            if n >= n_shared > 0 or n > n_shared:
                best, n_shared = entry, n
        if best is None:
            return CachedTokens(prompt, self._factory.make_cache())
        if n_shared * 2 < best.n_cached and _can_copy(best.kv_cache):
            return CachedTokens(prompt, _copy_beginning(best.kv_cache, n_shared), n_shared)
        self._keep([entry for entry in self._entries if entry is not best])
        if n_shared < best.n_cached:
            for layer in best.kv_cache:
                layer.trim(best.n_cached - n_shared)
        return CachedTokens(prompt, best.kv_cache, n_shared)

    def put(self, cached: CachedTokens) -> None:
        """Take over what a job computed, whether it ended well or was withdrawn half-way."""
        if cached.n_cached == 0:
            return
        entry = CachedTokens(cached.tokens[: cached.n_cached], cached.kv_cache, cached.n_cached)
        others = self._entries
        if _can_trim(entry.kv_cache):
            others = [old for old in others if old.tokens != entry.tokens[: old.n_cached]]
        self._keep([*others, entry])
        while len(self._entries) > 1 and self.n_bytes > self._max_bytes:
            self._keep(self._entries[1:])

    def _keep(self, entries: list[CachedTokens]) -> None:
        self._entries = entries
        self.n_bytes = sum(layer.nbytes for entry in entries for layer in entry.kv_cache)


def _usable(entry: CachedTokens, prompt: list[int]) -> int:
    """Count the tokens of `entry` that `prompt` can go on from."""
    n = min(_n_common(entry.tokens, prompt), len(prompt) - 1)
    return n if n == entry.n_cached or _can_trim(entry.kv_cache) else 0


def _n_common(left: list[int], right: list[int]) -> int:
    n = min(len(left), len(right))
    if left[:n] == right[:n]:
        return n
    return next(index for index in range(n) if left[index] != right[index])


def _can_trim(kv_cache: KVCache) -> bool:
    return all(layer.is_trimmable() for layer in kv_cache)


def _can_copy(kv_cache: KVCache) -> bool:
    # By name: importing mlx_lm.models.cache would run the whole package (see models/load.py).
    return all(type(layer).__name__ == "KVCache" for layer in kv_cache)


def _copy_beginning(kv_cache: KVCache, n: int) -> KVCache:
    """Copy the first `n` tokens. Slices share memory until one side writes; MLX then copies."""
    return [type(layer).from_state((layer.keys[..., :n, :], layer.values[..., :n, :], n)) for layer in kv_cache]
