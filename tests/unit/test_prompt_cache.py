"""What is found again, who owns it, and what is thrown out, with layers that only count."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inference.kv_cache import CachedTokens
from inference.prompt_cache import PromptCache


@dataclass(eq=False)
class Layer:
    """Remembers the tokens it was fed."""

    tokens: list[int] = field(default_factory=list)
    can_trim: bool = True

    @property
    def nbytes(self) -> int:
        return len(self.tokens)

    def is_trimmable(self) -> bool:
        return self.can_trim

    def trim(self, n: int) -> int:
        assert self.can_trim
        assert n > 0
        del self.tokens[-n:]
        return n


@dataclass
class Factory:
    can_trim: bool = True

    def make_cache(self) -> list[Any]:
        return [Layer(can_trim=self.can_trim)]


def feed(cached: CachedTokens, n: int | None = None) -> CachedTokens:
    """Do what the engine does: compute what is missing, or `n` tokens of it."""
    assert cached.kv_cache[0].tokens == cached.tokens[: cached.n_cached]
    assert cached.n_cached < len(cached.tokens)
    end = len(cached.tokens) if n is None else cached.n_cached + n
    cached.kv_cache[0].tokens += cached.tokens[cached.n_cached : end]
    cached.n_cached = end
    return cached


def test_the_next_keystroke_finds_the_last_prompt() -> None:
    cache = PromptCache(Factory(), 1000)
    cache.put(feed(cache.take([1, 2, 3, 4])))
    found = cache.take([1, 2, 3, 9, 9])
    assert found.n_cached == 3
    feed(found)


def test_the_same_prompt_again_computes_its_last_token() -> None:
    cache = PromptCache(Factory(), 1000)
    cache.put(feed(cache.take([1, 2, 3])))
    assert cache.take([1, 2, 3]).n_cached == 2


def test_a_withdrawn_job_leaves_what_it_computed() -> None:
    cache = PromptCache(Factory(), 1000)
    cache.put(feed(cache.take([1, 2, 3, 4, 5]), n=3))
    assert cache.take([1, 2, 3, 4, 5]).n_cached == 3


def test_a_job_that_computed_nothing_leaves_nothing() -> None:
    cache = PromptCache(Factory(), 1000)
    cache.put(cache.take([1, 2, 3]))
    assert cache.take([1, 2, 3]).n_cached == 0


def test_two_running_jobs_never_share_a_cache() -> None:
    cache = PromptCache(Factory(), 1000)
    cache.put(feed(cache.take([1, 2, 3, 4])))
    first, second = cache.take([1, 2, 3, 5]), cache.take([1, 2, 3, 6])
    assert first.n_cached == 3
    assert second.n_cached == 0
    assert first.kv_cache[0] is not second.kv_cache[0]


def test_the_longest_prefix_wins() -> None:
    cache = PromptCache(Factory(), 1000)
    for tokens in ([1, 2, 8], [1, 2, 3, 4, 8], [1, 9]):
        cache.put(CachedTokens(tokens, [Layer(list(tokens))], len(tokens)))
    assert cache.take([1, 2, 3, 4, 5]).n_cached == 4


def test_the_least_recently_used_goes_and_the_last_always_stays() -> None:
    cache = PromptCache(Factory(), 10)
    cache.put(feed(cache.take([1] * 4)))
    cache.put(feed(cache.take([2] * 4)))
    cache.put(feed(cache.take([1] * 5)))  # used again
    cache.put(feed(cache.take([3] * 4)))
    assert cache.n_bytes == 9
    assert cache.take([2] * 4).n_cached == 0
    cache.put(feed(cache.take([4] * 99)))
    assert cache.n_bytes == 99
    assert cache.take([4] * 99).n_cached == 98


def test_a_prefix_of_a_newer_entry_is_not_kept_twice() -> None:
    cache = PromptCache(Factory(), 1000)
    first, second = feed(cache.take([1, 2, 3])), feed(cache.take([1, 2, 3, 4]))
    cache.put(first)
    cache.put(second)
    assert cache.n_bytes == 4


def test_a_cache_that_cannot_be_cut_serves_only_what_goes_on_from_its_end() -> None:
    cache = PromptCache(Factory(can_trim=False), 1000)
    cache.put(feed(cache.take([1, 2, 3])))
    assert cache.take([1, 2, 9]).n_cached == 0
    assert cache.take([1, 2, 3]).n_cached == 0
    assert cache.take([1, 2, 3, 4]).n_cached == 3


class State(tuple[int, ...]):
    """What a recurrent layer knows after some tokens."""

    nbytes = 1


@dataclass(eq=False)
class ArraysCache:
    """A recurrent layer, under mlx-lm's name. Its one state remembers the tokens it was fed."""

    cache: list[Any]

    @property
    def nbytes(self) -> int:
        return sum(state is not None for state in self.cache)

    def is_trimmable(self) -> bool:
        return False


@dataclass
class HybridFactory:
    def make_cache(self) -> list[Any]:
        return [Layer(), ArraysCache([None])]


def prefill(cached: CachedTokens, n_steps: int) -> None:
    """Do what generation does, three tokens at a time, then one by one."""
    for _ in range(n_steps):
        n = cached.n_to_prefill(3) or len(cached.tokens) - cached.n_cached
        fed = cached.tokens[cached.n_cached : cached.n_cached + n]
        for layer in cached.kv_cache:
            if isinstance(layer, ArraysCache):
                layer.cache = [State((*(layer.cache[0] or ()), *fed))]
            else:
                layer.tokens += fed
        cached.n_cached += n
        cached.keep_states()
        if cached.n_cached == len(cached.tokens):
            cached.tokens.append(9)


@dataclass
class Known:
    """An entry as the naive model knows it. points: where it can be gone back to, its end left out."""

    tokens: list[int]
    points: list[int]
    n_bytes: int


@dataclass
class Naive:
    """The store as a list, least recently used first, gone through whole."""

    kind: str
    max_bytes: int
    entries: list[Known] = field(default_factory=list)

    def take(self, prompt: list[int]) -> int:
        best, n_best = None, 0
        for known in self.entries:
            n = self._usable(known, prompt)
            if n >= n_best and n > 0:
                best, n_best = known, n
        if best is not None:
            self.entries.remove(best)
        return n_best

    def _usable(self, known: Known, prompt: list[int]) -> int:
        n = 0
        while n < min(len(known.tokens), len(prompt) - 1) and known.tokens[n] == prompt[n]:
            n += 1
        if n == len(known.tokens) or self.kind == "plain":
            return n
        return max((point for point in known.points if point <= n), default=0)

    def put(self, known: Known) -> None:
        if not known.tokens:
            return
        if self.kind == "plain":
            self.entries = [old for old in self.entries if old.tokens != known.tokens[: len(old.tokens)]]
        self.entries.append(known)
        while len(self.entries) > 1 and sum(each.n_bytes for each in self.entries) > self.max_bytes:
            del self.entries[0]


TOKENS = st.lists(st.integers(0, 1), min_size=1, max_size=9)
JOBS = st.lists(st.tuples(TOKENS, st.sets(st.integers(0, 9), max_size=3), st.integers(0, 6)), max_size=12)


@given(kind=st.sampled_from(["plain", "hybrid", "whole"]), jobs=JOBS)
def test_it_does_what_a_naive_store_does(kind: str, jobs: list[tuple[list[int], set[int], int]]) -> None:
    cache = PromptCache(HybridFactory() if kind == "hybrid" else Factory(kind == "plain"), 30)
    naive = Naive(kind, 30)
    for prompt, cuts, n_steps in jobs:
        cached = cache.take(list(prompt), cuts)
        assert cached.n_cached == naive.take(prompt) < len(prompt)
        assert all(n <= cached.n_cached for n, _ in cached.checkpoints)
        points = {n for n, _ in cached.checkpoints}
        if kind == "hybrid":
            assert cached.kv_cache[1].cache == [State(prompt[: cached.n_cached]) if cached.n_cached else None]
            assert {cut for cut in cuts if cut == cached.n_cached > 0} <= points
        assert cached.kv_cache[0].tokens == prompt[: cached.n_cached]
        began = cached.n_cached
        prefill(cached, n_steps)
        ended = cached.n_cached
        if kind == "hybrid":
            points |= {cut for cut in (*cuts, len(prompt)) if began < cut <= ended}
        assert sorted(points) == [n for n, _ in cached.checkpoints]
        n_bytes = ended + len(points) + (kind == "hybrid" and ended > 0)
        cache.put(cached)
        naive.put(Known(cached.tokens[:ended], sorted(points), n_bytes))
        assert cache.n_bytes == sum(known.n_bytes for known in naive.entries)


@given(can_trim=st.booleans(), prompts=st.lists(TOKENS, max_size=8))
def test_nothing_is_handed_out_twice(can_trim: bool, prompts: list[list[int]]) -> None:
    cache = PromptCache(Factory(can_trim), 20)
    for prompt in prompts:
        cache.put(feed(cache.take(list(prompt))))
    owned = [cache.take([0, 1, 0, 1, 1]) for _ in range(4)]
    assert len({id(cached.kv_cache[0]) for cached in owned}) == 4
