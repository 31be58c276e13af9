"""Prefill and decode against the model called whole."""

from itertools import islice

import mlx.core as mx
import pytest
from mlx_lm.models.cache import make_prompt_cache

from inference.generation import generate, last_logits, next_logits
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.architecture import build_model
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


_CONFIG = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "rms_norm_eps": 1e-6,
    "layer_norm_eps": 1e-6,
    "max_position_embeddings": 512,
    "rope_theta": 1e4,
    "attention_bias": False,
    "mlp_bias": False,
}
# What these do to their logits, beside the output matrix.
_GRANITE: dict[str, object] = {"attention_multiplier": 0.35, "embedding_multiplier": 12.0, "residual_multiplier": 0.22}
_SCALED: dict[str, dict[str, object]] = {
    "granite": _GRANITE | {"logits_scaling": 8.0, "tie_word_embeddings": True},
    "cohere": {"logit_scale": 0.0625},
    "gemma2": {"final_logit_softcapping": 3.0, "attn_logit_softcapping": 50.0, "query_pre_attn_scalar": 8},
    "minicpm": {"dim_model_base": 8, "scale_depth": 1.4, "scale_emb": 12, "tie_word_embeddings": False},
}


@pytest.mark.parametrize("model_type", _SCALED)
def test_logits_are_scaled_as_the_model_scales_them(model_type: str) -> None:
    model = build_model({**_CONFIG, **_SCALED[model_type], "model_type": model_type})
    tokens = mx.arange(9)
    whole = model(tokens[None])[0]
    assert mx.allclose(last_logits(model, tokens, make_prompt_cache(model), 3), whole[-3:], atol=1e-5).item()
    kv_cache = make_prompt_cache(model)
    model.model(tokens[None, :-1], kv_cache)
    assert mx.allclose(next_logits(model, tokens[-1:], kv_cache)[0], whole[-1], atol=1e-5).item()


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
