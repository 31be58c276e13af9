"""Prefill and decode against the model called whole."""

from itertools import islice

import mlx.core as mx
import pytest

from inference.generation import generate, last_logits
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import LoadedModel, load_model
from inference.prefill_chunks import Chunks
from inference.prompt_cache import PromptCache
from inference.sampling import make_chooser
from tests.tiny_model import write_tiny_checkpoint

PROMPT = list(b"def fib(n):\n    return fib(n - 1) + fib(n - 2)\n")
GREEDY = make_chooser(Sampling(), wants_logprob=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


def decode_without_a_cache(tiny: LoadedModel, n: int) -> list[int]:
    tokens = list(PROMPT)
    for _ in range(n):
        tokens.append(int(mx.argmax(tiny.model(mx.array([tokens]))[0, -1]).item()))  # type: ignore[arg-type]
    return tokens[len(PROMPT) :]


def test_the_last_logits_are_the_models(tiny: LoadedModel) -> None:
    ours = last_logits(tiny.model, mx.array(PROMPT), tiny.make_cache())
    assert mx.allclose(ours[0], tiny.model(mx.array([PROMPT]))[0, -1], atol=1e-4).item()


@pytest.mark.parametrize("run_ahead", [False, True])
@pytest.mark.parametrize("chunk_tokens", [1, 7, len(PROMPT) - 1, len(PROMPT), 512])
def test_neither_chunks_nor_running_ahead_change_the_tokens(
    tiny: LoadedModel, chunk_tokens: int, run_ahead: bool
) -> None:
    sequence = CachedTokens(list(PROMPT), tiny.make_cache())
    steps = generate(tiny.model, sequence, GREEDY, Chunks.of(chunk_tokens), run_ahead=run_ahead)
    n_chunks = -(-len(PROMPT) // chunk_tokens)
    assert [next(steps) for _ in range(n_chunks - 1)] == [()] * (n_chunks - 1)
    decoded = []
    for (step,) in islice(steps, 24):
        decoded.append(step.token)
        assert sequence.n_cached == sequence.kv_cache[0].offset <= len(sequence.tokens)
    assert decoded == decode_without_a_cache(tiny, 24)
    assert sequence.tokens == PROMPT + decoded


@pytest.mark.parametrize("run_ahead", [False, True])
@pytest.mark.parametrize("n_steps", [1, 3, 9, 20])
def test_a_cache_left_anywhere_serves_the_next_prompt(tiny: LoadedModel, n_steps: int, run_ahead: bool) -> None:
    cache = PromptCache(tiny, 2**30)
    first = cache.take(PROMPT[:30] + list(b"something else entirely"))
    for _ in islice(generate(tiny.model, first, GREEDY, Chunks.of(8), run_ahead=run_ahead), n_steps):
        pass
    cache.put(first)
    second = cache.take(list(PROMPT))
    assert second.n_cached == min(30, first.n_cached)
    decoded = islice(filter(None, generate(tiny.model, second, GREEDY, Chunks.of(8), run_ahead=run_ahead)), 16)
    assert [step.token for (step,) in decoded] == decode_without_a_cache(tiny, 16)


def test_a_copied_beginning_leaves_the_original_as_it_was(tiny: LoadedModel) -> None:
    cache = PromptCache(tiny, 2**30)
    first = cache.take(list(PROMPT))
    assert next(generate(tiny.model, first, GREEDY, Chunks.of(512), run_ahead=False))
    cache.put(first)
    header = cache.take(PROMPT[:10] + list(b"another document"))
    assert header.n_cached == 10
    for _ in islice(generate(tiny.model, header, GREEDY, Chunks.of(512), run_ahead=False), 8):
        pass
    again = cache.take(list(PROMPT))
    assert again.n_cached == len(PROMPT) - 1
    decoded = islice(filter(None, generate(tiny.model, again, GREEDY, Chunks.of(8), run_ahead=False)), 16)
    assert [step.token for (step,) in decoded] == decode_without_a_cache(tiny, 16)


def test_logprobs_are_those_of_the_distribution(tiny: LoadedModel) -> None:
    sequence = CachedTokens(list(PROMPT), tiny.make_cache())
    (step,) = next(generate(tiny.model, sequence, GREEDY, Chunks.of(512), run_ahead=False))
    assert step.logprob is not None
    logits = tiny.model(mx.array([PROMPT]))[0, -1]
    expected = (logits - mx.logsumexp(logits))[step.token].item()
    assert step.logprob == pytest.approx(expected, abs=1e-4)
