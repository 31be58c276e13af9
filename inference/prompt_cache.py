"""KV caches of the last prompts, found again by their tokens. Used by the engine's thread alone.

Invariants: a KV cache belongs either to this store or to one running job, never to two; what is handed out covers fewer
tokens than the prompt has, because the last one must be computed to get logits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from inference.kv_cache import CachedTokens, KVCache, can_copy, can_trim
from inference.radix_tree import RadixTree


class CacheFactory(Protocol):
    """Makes empty KV caches."""

    def make_cache(self) -> KVCache:
        """Make one."""
        ...


@dataclass(eq=False, slots=True)
class _Entry:
    """used: greater than that of all entries that were used before."""

    cached: CachedTokens
    used: int


class PromptCache:
    """Entries within `max_bytes`, the least recently used going first (the last one used always stays).

    n_bytes: of the KV held here, those of running jobs not counted; other threads may read it.
    """

    def __init__(self, factory: CacheFactory, max_bytes: int) -> None:
        self._factory = factory
        self._max_bytes = max_bytes
        self._tree: RadixTree[_Entry] = RadixTree()
        self._entries: list[_Entry] = []
        self._n_uses = 0
        self.n_bytes = 0

    def take(self, prompt: list[int], cuts: Iterable[int] = ()) -> CachedTokens:
        """Give `prompt` with the longest prefix of it that is cached; the caller owns the result. prompt: not empty.

        cuts: after how many tokens later prompts may differ; its end always is such a place.
        An entry is handed out and cut where most of it serves; where only its beginning does, that is copied, so that a
        prompt that shares no more than a header does not cost another document its cache.
        """
        cached = self._find(prompt)
        if cached is None:
            cached = CachedTokens(prompt, self._factory.make_cache())
        cached.tokens = prompt
        cached.cuts = frozenset((*cuts, len(prompt)))
        cached.keep_states()
        return cached

    def put(self, cached: CachedTokens) -> None:
        """Take over what a job computed, whether it ended well or was withdrawn half-way."""
        if cached.n_cached == 0:
            return
        cached.tokens = cached.tokens[: cached.n_cached]
        if can_trim(cached.kv_cache):
            for n, old in [*self._tree.shared(cached.tokens)]:
                if n == old.cached.n_cached:
                    self._remove(old)
        entry = _Entry(cached, 0)
        self._use(entry)
        self._entries.append(entry)
        self._tree.insert(cached.tokens, entry)
        self.n_bytes += cached.n_bytes
        while len(self._entries) > 1 and self.n_bytes > self._max_bytes:
            self._remove_oldest()

    def shrink(self, n_bytes: int) -> int:
        """Give up the least recently used entries until `n_bytes` are free, or all; return how many became free."""
        before = self.n_bytes
        while self._entries and before - self.n_bytes < n_bytes:
            self._remove_oldest()
        return before - self.n_bytes

    def _find(self, prompt: list[int]) -> CachedTokens | None:
        """Take out the entry that serves `prompt` best, or copy of it what does."""
        found = [
            (entry.cached.n_usable(min(n, len(prompt) - 1)), entry.used, entry)
            for n, entry in self._tree.shared(prompt)
        ]
        n_best, _, best = max(found, key=lambda each: each[:2], default=(0, 0, None))
        if best is None or n_best == 0:
            return None
        if n_best * 2 < best.cached.n_cached and can_copy(best.cached.kv_cache):
            self._use(best)
            return best.cached.copy_beginning(n_best)
        self._remove(best)
        best.cached.roll_back(n_best)
        return best.cached

    def _use(self, entry: _Entry) -> None:
        self._n_uses += 1
        entry.used = self._n_uses

    def _remove_oldest(self) -> None:
        self._remove(min(self._entries, key=lambda entry: entry.used))

    def _remove(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        self._tree.remove(entry.cached.tokens, entry)
        self.n_bytes -= entry.cached.n_bytes
