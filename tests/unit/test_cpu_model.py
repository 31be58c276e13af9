"""Accelerated models against the stock ones with the same weights, over every way in which a worker calls them."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models import llama, qwen2, qwen3, qwen3_5, qwen3_5_moe, qwen3_moe
from mlx_lm.models.cache import BatchKVCache, make_prompt_cache

from inference.cpu_model import CpuAttention, RotaryTable, accelerate
from inference.cpu_recurrence import CpuGatedDelta
from tests.unit.test_cpu_ops import largest

_SHAPE: dict[str, Any] = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "intermediate_size": 96,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "vocab_size": 300,
}
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_EXPERTS: dict[str, Any] = {
    "num_experts": 6,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "decoder_sparse_step": 2,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
    "shared_expert_intermediate_size": 48,
}
_QWEN3: dict[str, Any] = {"head_dim": 32, "rope_theta": 1e6, "max_position_embeddings": 4096}
_HYBRID: dict[str, Any] = {
    "head_dim": 32,
    "num_hidden_layers": 4,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 16,
    "rope_parameters": {"rope_theta": 10000.0, "type": "default", "partial_rotary_factor": 0.25},
}
_SLIDING = ["full_attention", "sliding_attention", "full_attention"]
_MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen2": (qwen2, {}),
    "llama, untied": (llama, {"tie_word_embeddings": False}),
    "llama, interleaved": (llama, {"rope_traditional": True}),
    "llama, scaled": (llama, {"rope_scaling": _LLAMA3_ROPE}),
    "llama, stretched": (llama, {"rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64}),
    "llama, biased": (llama, {"attention_bias": True, "mlp_bias": True}),
    "qwen3": (qwen3, {**_QWEN3, "tie_word_embeddings": True}),
    "qwen3_moe": (qwen3_moe, {**_QWEN3, **_EXPERTS, "tie_word_embeddings": False}),
    "qwen3_5": (qwen3_5, _HYBRID),
    "qwen3_5_moe": (qwen3_5_moe, _HYBRID | _EXPERTS),
    "llama, sliding": (llama, {"layer_types": _SLIDING, "sliding_window": 16}),
}
# Logits of these models reach 30.
_LOGIT_TOLERANCE = 1e-3


def _make_model(kind: str) -> Any:
    module, options = _MODELS[kind]
    name = module.__name__.rpartition(".")[2]
    settings = {"model_type": name, **_SHAPE, **options}
    if name.startswith("qwen3_5"):
        return module.Model(module.ModelArgs(model_type=name, text_config=settings))
    return module.Model(module.ModelArgs.from_dict(settings))


def _make_pair(kind: str) -> tuple[Any, Any]:
    """Build the stock model and an accelerated one with the same weights."""
    mx.random.seed(7)
    stock, fast = _make_model(kind), _make_model(kind)
    weights = tree_map(lambda value: 0.3 * mx.random.normal(value.shape), stock.parameters())
    stock.update(weights)
    fast.update(weights)
    accelerate(fast)
    return stock, fast


@pytest.fixture(params=_MODELS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return _make_pair(request.param)


def test_parameters_keep_their_names_and_arrays(pair: tuple[Any, Any]) -> None:
    stock, fast = (dict(tree_flatten(model.parameters())) for model in pair)

    assert stock.keys() == fast.keys()
    assert all(mx.array_equal(stock[name], fast[name]).item() for name in stock)


@pytest.mark.parametrize("batch", [1, 3])
def test_logits_equal_stock_over_prefill_verification_and_decoding(pair: tuple[Any, Any], batch: int) -> None:
    stock, fast = pair
    stock_cache, fast_cache = make_prompt_cache(stock), make_prompt_cache(fast)
    mx.random.seed(3)
    for n_tokens in (70, 1, 1, 2, 3, 5, 8, 13, 130, 1):
        tokens = mx.random.randint(0, 300, (batch, n_tokens))
        difference = stock(tokens, cache=stock_cache) - fast(tokens, cache=fast_cache)
        assert largest(difference) < _LOGIT_TOLERANCE, n_tokens


def test_logits_equal_stock_without_a_cache(pair: tuple[Any, Any]) -> None:
    stock, fast = pair
    tokens = mx.arange(90).reshape(2, 45)

    assert largest(stock(tokens) - fast(tokens)) < _LOGIT_TOLERANCE


@pytest.mark.parametrize("kind", ["qwen2", "llama, untied", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe"])
def test_greedy_tokens_equal_stock(kind: str) -> None:
    decoded = []
    for model in _make_pair(kind):
        cache, tokens = make_prompt_cache(model), mx.arange(40)[None]
        made = []
        for _ in range(40):
            tokens = model(tokens, cache=cache)[:, -1].argmax(axis=-1)[:, None]
            made.append(tokens.item())
        decoded.append(made)

    assert decoded[0] == decoded[1]


@pytest.mark.parametrize("batch", [1, 2])
def test_recurrent_states_equal_stock(batch: int) -> None:
    stock, fast = _make_pair("qwen3_5")
    stock_cache, fast_cache = make_prompt_cache(stock), make_prompt_cache(fast)
    for n_tokens in (70, 1, 5, 64):
        tokens = mx.arange(batch * n_tokens).reshape(batch, n_tokens)
        stock(tokens, cache=stock_cache)
        fast(tokens, cache=fast_cache)
    recurrent = [index for index, layer in enumerate(fast.layers) if "linear_attn" in layer]

    assert all(isinstance(fast.layers[index].linear_attn, CpuGatedDelta) for index in recurrent)
    for index in recurrent:
        for expected, state in zip(stock_cache[index].cache, fast_cache[index].cache, strict=True):
            assert largest(expected - state) < 1e-4


def test_a_trimmed_cache_goes_on_as_if_the_rest_had_never_been() -> None:
    _, fast = _make_pair("qwen2")
    cache, fresh = make_prompt_cache(fast), make_prompt_cache(fast)
    fast(mx.arange(40)[None], cache=cache)
    for layer in cache:
        layer.trim(15)
    fast(mx.arange(25)[None], cache=fresh)

    again, expected = (fast(mx.arange(100, 107)[None], cache=each) for each in (cache, fresh))

    assert largest(again - expected) < _LOGIT_TOLERANCE


def test_left_padded_batches_equal_stock() -> None:
    stock, fast = _make_pair("qwen2")
    stock_cache, fast_cache = ([BatchKVCache([3, 0]) for _ in range(3)] for _ in range(2))
    for tokens in (mx.arange(20).reshape(2, 10), mx.arange(2).reshape(2, 1)):
        expected, logits = stock(tokens, cache=stock_cache), fast(tokens, cache=fast_cache)
        assert largest((expected - logits)[:, -1]) < _LOGIT_TOLERANCE


def test_the_rotary_table_grows_and_equals_stock_far_out() -> None:
    rope = nn.RoPE(16, base=10_000.0)
    table = RotaryTable(rope)
    mx.random.seed(1)
    heads = mx.random.normal((2, 5, 3, 16))
    for offset in (0, 2046, 5000, 3):
        stock = rope(heads.transpose(0, 2, 1, 3), offset=offset).transpose(0, 2, 1, 3)
        assert largest(table.rotate(heads, offset) - stock) < 1e-5


@pytest.mark.parametrize("change", ["16 bit", "quantised", "unknown"])
def test_what_has_no_faster_form_stays_as_it_is(change: str) -> None:
    model = _make_model("qwen2")
    if change == "16 bit":
        model.set_dtype(mx.bfloat16)
    elif change == "quantised":
        nn.quantize(model, group_size=32, bits=8)
    else:
        model.model_type = "other"

    accelerate(model)

    assert not isinstance(model.layers[0].self_attn, CpuAttention)
