"""What is found again, who owns it, and what is thrown out, with layers that only count."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inference.prompt_cache import CachedTokens, PromptCache


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


@given(
    can_trim=st.booleans(),
    jobs=st.lists(st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.integers(0, 8)), max_size=12),
)
def test_what_is_handed_out_always_holds_its_prefix(can_trim: bool, jobs: list[tuple[list[int], int]]) -> None:
    cache = PromptCache(Factory(can_trim), 20)
    for tokens, n in jobs:
        cached = cache.take(list(tokens))
        cache.put(feed(cached, min(n, len(tokens) - cached.n_cached)))
    owned = [cache.take([0, 1, 2, 0, 1]) for _ in range(4)]
    assert len({id(cached.kv_cache[0]) for cached in owned}) == 4
