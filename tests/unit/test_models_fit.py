"""What a model takes of memory, by its configuration, and what is said when it does not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.fit import N_STATES, Execution, Footprint, footprint, judge

METAL = Execution(item_bytes=2, chunk_tokens=512, expands_heads=False)
GIVER = "this Mac can give"
CPU = Execution(item_bytes=4, chunk_tokens=64, expands_heads=True)

QWEN36_35B: dict[str, Any] = {
    "model_type": "qwen3_5_moe",
    "text_config": {
        "hidden_size": 2048,
        "num_hidden_layers": 40,
        "full_attention_interval": 4,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "linear_num_value_heads": 32,
        "linear_num_key_heads": 16,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
        "max_position_embeddings": 262_144,
    },
}
QWEN25_05B: dict[str, Any] = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
}


def model_35b(weight_bytes: int = 20_100_000_000) -> Footprint:
    return footprint("qwen3.6-35b-a3b", QWEN36_35B, weight_bytes, METAL)


def small(name: str = "small", weight_bytes: int = 1_640_000_000) -> Footprint:
    return footprint(name, QWEN25_05B, weight_bytes, METAL)


def test_a_hybrid_model_keeps_kv_in_few_layers_and_states_in_the_others() -> None:
    model = model_35b()
    assert model.kv_bytes_per_token == 20_480
    assert model.state_bytes == 64_389_120
    assert model.n_context == 262_144
    assert model.total_bytes(0) == 20_100_000_000 + N_STATES * 64_389_120 + model.prefill_bytes(0)


def test_layer_kinds_are_taken_as_listed_where_they_are() -> None:
    kinds = ["linear_attention"] * 30 + ["full_attention"] * 10
    listed = QWEN36_35B["text_config"] | {"layer_types": kinds, "full_attention_interval": 2}
    model = footprint("m", listed, 0, METAL)
    assert (model.kv_bytes_per_token, model.state_bytes) == (20_480, 64_389_120)


@pytest.mark.parametrize(("execution", "expected"), [(CPU, 24 * 2 * 64 * 2 * 4), (METAL, 24 * 2 * 64 * 2 * 2)])
def test_a_dense_model_keeps_kv_in_every_layer(execution: Execution, expected: int) -> None:
    model = footprint("m", QWEN25_05B, 0, execution)
    assert (model.kv_bytes_per_token, model.state_bytes) == (expected, 0)


def test_without_fewer_kv_heads_every_head_has_its_own() -> None:
    config = {key: value for key, value in QWEN25_05B.items() if key != "num_key_value_heads"}
    assert footprint("m", config, 0, CPU).kv_bytes_per_token == 24 * 14 * 64 * 2 * 4


def test_what_does_not_fit_is_said_with_numbers_and_two_ways_out() -> None:
    verdict = judge([(model_35b(9_000_000_000), 262_144)], 11_400_000_000, GIVER, [small()])
    assert not verdict.fits
    assert verdict.longest_context is not None
    assert verdict.sentence == (
        "qwen3.6-35b-a3b needs 9.0 GB of weights + 5.4 GB of KV at 262,144 tokens + 0.6 GB of recurrent states"
        f" + {model_35b().prefill_bytes(262_144) / 1e9:.1f} GB to prefill"
        f" = {model_35b(9_000_000_000).total_bytes(262_144) / 1e9:.1f} GB; this Mac can give 11.4 GB."
        f" small would fit ({small().total_bytes(32_768) / 1e9:.1f} GB), or give --n-context {verdict.longest_context}"
    )
    assert verdict.longest_context % 1024 == 0
    assert model_35b(9_000_000_000).total_bytes(verdict.longest_context) <= 11_400_000_000
    assert model_35b(9_000_000_000).total_bytes(verdict.longest_context + 1024) > 11_400_000_000


def test_where_the_weights_alone_are_too_large_no_context_is_offered() -> None:
    verdict = judge([(model_35b(), 32_768)], 11_400_000_000, GIVER, [small()])
    assert not verdict.fits
    assert verdict.longest_context is None
    assert verdict.alternative == "small"
    assert verdict.sentence.endswith("this Mac can give 11.4 GB. small would fit (" + _gb(small(), 32_768) + ")")


def test_where_nothing_smaller_fits_either_that_is_said() -> None:
    verdict = judge([(model_35b(), 32_768)], 1_000_000_000, "this machine can give", [small()])
    assert verdict.alternative is None
    assert verdict.sentence.endswith("this machine can give 1.0 GB, too little for any model of the catalogue")


def test_the_largest_model_that_fits_is_the_nearest() -> None:
    models = [small("tiny", 100_000_000), small("large", 3_000_000_000), small("huge", 90_000_000_000)]
    assert judge([(model_35b(), 32_768)], 11_400_000_000, GIVER, models).alternative == "large"


def test_two_models_must_fit_together_and_the_larger_is_the_one_to_replace() -> None:
    verdict = judge([(small(), 4096), (model_35b(), 32_768)], 22_900_000_000, GIVER, [small("other")])
    assert not verdict.fits
    assert "together; this Mac can give 22.9 GB" in verdict.sentence
    assert verdict.alternative == "other"
    assert judge([(small(), 4096), (model_35b(), 32_768)], 30_000_000_000, GIVER, []).fits


def test_what_fits_is_said_with_the_same_numbers() -> None:
    verdict = judge([(small(), 4096)], 11_400_000_000, GIVER, [])
    assert verdict.fits
    assert verdict.sentence.startswith("small needs 1.6 GB of weights + 50 MB of KV at 4,096 tokens + ")
    assert verdict.sentence.endswith(" GB; this Mac can give 11.4 GB, so it fits")


@given(available=st.integers(0, 40_000_000_000), weights=st.integers(0, 30_000_000_000))
def test_the_context_that_is_offered_fits_and_what_fits_is_not_refused(available: int, weights: int) -> None:
    model = model_35b(weights)
    verdict = judge([(model, model.n_context)], available, GIVER, [])
    assert verdict.fits == (model.total_bytes(model.n_context) <= available)
    if verdict.longest_context is not None:
        assert judge([(model, verdict.longest_context)], available, GIVER, []).fits


def _gb(model: Footprint, n_context: int) -> str:
    return f"{model.total_bytes(n_context) / 1e9:.1f} GB"
