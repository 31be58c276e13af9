"""Recurrent states and KV rolled back together: what is computed from there is what is computed from scratch."""

from itertools import islice

import mlx.core as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.generation import Decoded, generate, last_logits
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens, is_plain, is_recurrent
from inference.prefill_chunks import Chunks
from inference.prompt_cache import PromptCache
from inference.sampling import make_chooser
from tests.tiny_hybrid import TinyHybrid

GREEDY = make_chooser(Sampling(), wants_logprob=True)


@pytest.fixture(scope="module")
def hybrid() -> TinyHybrid:
    return TinyHybrid()


def run(hybrid: TinyHybrid, cached: CachedTokens, n_decoded: int, *, run_ahead: bool = False) -> list[int]:
    """Prefill and decode in chunks of 8; give what was decoded."""
    steps = filter(None, generate(hybrid.model, cached, GREEDY, Chunks.of(8), run_ahead=run_ahead))
    return [step.token for (step,) in islice(steps, n_decoded)]


def difference(hybrid: TinyHybrid, cached: CachedTokens) -> float:
    """Finish `cached`; compare the logits at its end with those computed from scratch."""
    while n := cached.n_to_prefill(8):
        hybrid.model.model(mx.array([cached.tokens[cached.n_cached : cached.n_cached + n]]), cached.kv_cache)
        cached.n_cached += n
    ours = last_logits(hybrid.model, mx.array(cached.tokens[cached.n_cached :]), cached.kv_cache)[0]
    cached.n_cached = len(cached.tokens)
    return float(mx.abs(ours - hybrid.logits(cached.tokens)).max().item())  # type: ignore[arg-type]


def test_both_kinds_of_layers_are_there(hybrid: TinyHybrid) -> None:
    cache = hybrid.make_cache()
    assert [type(layer).__name__ for layer in cache] == ["ArraysCache", "KVCache"] * 2
    assert is_recurrent(cache)
    assert not is_plain(cache)


@pytest.mark.parametrize("run_ahead", [False, True])
@pytest.mark.parametrize("n_back", [5, 16, 20, 33])
def test_logits_after_rolling_back_are_those_from_scratch(hybrid: TinyHybrid, n_back: int, run_ahead: bool) -> None:
    prompt = [index * 7 % 61 for index in range(33)]
    cached = PromptCache(hybrid, 2**30).take(list(prompt), cuts=(5, 16, 20))
    run(hybrid, cached, 6, run_ahead=run_ahead)
    assert [each.n for each in cached.checkpoints] == [5, 16, 20, 33]
    cached.roll_back(n_back)
    cached.tokens = [*prompt[:n_back], 11, 12, 13, 14]
    assert difference(hybrid, cached) < 1e-5


@settings(max_examples=25)
@given(
    jobs=st.lists(
        st.tuples(
            st.integers(0, 40),  # where the prompt leaves the common text
            st.lists(st.integers(0, 60), min_size=1, max_size=6),
            st.sets(st.integers(1, 40), max_size=4),
            st.integers(0, 9),  # steps before the job is withdrawn
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_was_stored_serves_exactly(
    hybrid: TinyHybrid, jobs: list[tuple[int, list[int], set[int], int]]
) -> None:
    cache = PromptCache(hybrid, 2**30)
    text = [index * 5 % 59 for index in range(40)]
    for n, rest, cuts, n_steps in jobs:
        cached = cache.take(text[:n] + rest, cuts)
        for _ in islice(generate(hybrid.model, cached, GREEDY, Chunks.of(8), run_ahead=False), n_steps):
            pass
        cache.put(cached)
    assert difference(hybrid, cache.take([*text, 60])) < 1e-5


def test_a_copied_beginning_and_its_original_go_their_own_ways(hybrid: TinyHybrid) -> None:
    cache = PromptCache(hybrid, 2**30)
    prompt = [index * 7 % 61 for index in range(40)]
    first = cache.take(list(prompt), cuts=(10, 39))
    run(hybrid, first, 1)
    cache.put(first)
    header = cache.take([*prompt[:10], 1, 2, 3])
    assert header.n_cached == 10
    assert cache.n_bytes > 0, "the original stays"
    assert difference(hybrid, header) < 1e-5
    again = cache.take(list(prompt))
    assert again.n_cached == 39
    assert difference(hybrid, again) < 1e-5


def test_an_edit_in_a_long_prompt_costs_what_stands_behind_the_nearest_checkpoint(hybrid: TinyHybrid) -> None:
    """Of 4,096 tokens 50 stand behind the cursor, whose function begins at 3,900 and whose line at 3,980."""
    cache = PromptCache(hybrid, 2**30)
    before, behind = [index * index % 61 for index in range(4046)], [index % 7 for index in range(50)]
    found: list[Decoded] = []

    def n_recomputed(line_at: int = 3980) -> int:
        cached = cache.take(before + behind, (1000, 3900, line_at, len(before)))
        n_missing = len(cached.tokens) - cached.n_cached
        found[:] = next(filter(None, generate(hybrid.model, cached, GREEDY, Chunks.of(256), run_ahead=False)))
        cache.put(cached)
        return n_missing

    assert n_recomputed() == 4096
    before.append(11)
    assert n_recomputed() == 1 + 50, "a character typed at the cursor"
    before[4000] += 1
    assert n_recomputed() == len(before) - 3980 + 50, "a character changed in the line"
    before[3950] += 1
    assert n_recomputed(3940) == len(before) - 3900 + 50, "a character changed in the function"
    logits = hybrid.logits(before + behind)
    assert found[0].token == int(mx.argmax(logits).item())  # type: ignore[arg-type]
    assert found[0].logprob == pytest.approx((logits - mx.logsumexp(logits))[found[0].token].item(), abs=1e-4)
