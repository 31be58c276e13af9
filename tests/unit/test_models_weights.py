"""Checkpoints of every kind become models that say what their weights say; each wrong file is an error in words."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from inference import device
from inference.errors import CheckpointDamaged, ModelError, ModelUnsupported
from inference.models.load import load_model
from tests.tiny_checkpoints import CONFIGS, random_model, split_into_shards, write_checkpoint
from tests.tiny_model import END_ID, write_tiny_checkpoint
from tests.unit.test_cpu_ops import largest

PROMPT = mx.array([[index * 7 % 251 for index in range(24)]])
AFFINE = {"group_size": 32, "bits": 4, "mode": "affine"}
PACKINGS: dict[str, dict[str, Any]] = {
    "4-bit affine": AFFINE,
    "8-bit affine": {"group_size": 64, "bits": 8, "mode": "affine"},
    "6-bit affine": {"group_size": 64, "bits": 6, "mode": "affine"},
    "4-bit mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "8-bit mxfp8": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
    "4-bit nvfp4": {"group_size": 16, "bits": 4, "mode": "nvfp4"},
}
# Logits reach 30; float32 sums in another order.
_TOLERANCE = 1e-3


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have so little memory that no weights fit it in float32."""
    monkeypatch.setattr(device, "describe_device", lambda: device.Device("cpu", "small", 1000))


def logits(directory: Path) -> mx.array:
    """Load, and compute the logits of PROMPT."""
    loaded = load_model(directory)
    result: mx.array = loaded.model(PROMPT, cache=loaded.make_cache())
    return result


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_architecture_says_what_its_weights_say(kind: str, tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", kind)

    assert largest(logits(directory) - random_model(kind)(PROMPT)) < _TOLERANCE
    assert load_model(directory).dtype == "float32"


@pytest.mark.parametrize("kind", ["tied", "qwen3_moe", "qwen3_5_moe"])
@pytest.mark.parametrize("packed", PACKINGS)
def test_unpacked_weights_say_what_packed_ones_say(
    kind: str, packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write_checkpoint(tmp_path / "model", kind, PACKINGS[packed], dtype="bfloat16")
    unpacked = load_model(directory)
    expected = logits(directory)
    monkeypatch.setattr(device, "describe_device", lambda: device.Device("cpu", "small", 1000))

    assert largest(logits(directory) - expected) < _TOLERANCE
    assert unpacked.dtype == "float32"
    assert load_model(directory).dtype == f"float32, weights {packed}"


def test_matrices_packed_otherwise_than_the_rest_are_seen(tmp_path: Path) -> None:
    single: dict[str, Any] = {
        "mlp.gate": {"group_size": 64, "bits": 8},
        "o_proj": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
        "v_proj": False,
    }
    directory = write_checkpoint(tmp_path / "model", "qwen3_moe", AFFINE, single=single)
    said = logits(directory)
    config = json.loads((directory / "config.json").read_text())
    config["quantization"] = AFFINE  # as some converters leave it
    (directory / "config.json").write_text(json.dumps(config))

    assert mx.array_equal(logits(directory), said).item()
    config["quantization"] = {**AFFINE, "model.layers.0.mlp.gate": {"group_size": 64, "bits": 4}}
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointDamaged, match=r"config.json says of model.layers.0.mlp.gate .*\"bits\": 8"):
        load_model(directory)


def test_experts_with_a_scale_each_are_unpacked(tmp_path: Path) -> None:
    single: dict[str, Any] = {
        "switch_mlp.up_proj": {"group_size": 16, "bits": 4, "mode": "nvfp4", "global_scale": True}
    }
    directory = write_checkpoint(tmp_path / "model", "qwen3_moe", PACKINGS["4-bit nvfp4"], single=single)

    found, exact = (
        each.layers[1].mlp.switch_mlp.up_proj.weight
        for each in (load_model(directory).model, random_model("qwen3_moe"))
    )
    # 4 bits with 1 for the mantissa: a sixth of the largest of 16.
    assert largest(found - exact) < largest(exact) / 5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_weights_become_float32_where_there_is_room(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3", dtype=dtype)
    assert load_model(directory).dtype == "float32"
    monkeypatch.setattr(device, "describe_device", lambda: device.Device("cpu", "small", 1000))
    assert load_model(directory).dtype == dtype


@pytest.mark.usefixtures("no_room")
def test_the_log_says_that_packed_weights_stay_packed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_model(write_checkpoint(tmp_path / "big", "qwen3", AFFINE))
    assert "big would take" in caplog.text


@pytest.mark.parametrize("kind", ["qwen3", "qwen3_moe"])
def test_unpacking_takes_no_more_memory_than_the_result(kind: str, tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", kind, AFFINE, dtype="bfloat16")
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    loaded = load_model(directory)

    assert loaded.dtype == "float32"
    assert mx.get_peak_memory() - before < 1.1 * (mx.get_active_memory() - before)


def test_shards_and_other_weights_beside_them(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3")
    whole = logits(directory)
    split_into_shards(directory, 3)
    (directory / "consolidated.safetensors").write_bytes(b"another maker's names")

    assert mx.array_equal(logits(directory), whole).item()


def test_facts_nested_in_the_text_config_are_found(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3_5_moe")
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": [258, 256]}))
    loaded = load_model(directory)

    assert loaded.n_context == 4096
    assert loaded.eos_ids == {END_ID, 258}


def test_weights_of_the_part_that_sees_are_left_out(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3_5_moe")
    expected = logits(directory)
    weights: dict[str, Any] = dict(mx.load(str(directory / "model.safetensors")))  # type: ignore[arg-type]
    weights["vision_tower.blocks.0.weight"] = weights["language_model.mtp.layers.0.weight"] = mx.zeros((3, 3))
    mx.save_safetensors(str(directory / "model.safetensors"), weights)

    assert mx.array_equal(logits(directory), expected).item()


def test_rotation_as_newer_configs_write_it(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "llama")
    expected = logits(directory)
    path = directory / "config.json"
    config = json.loads(path.read_text())
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": config.pop("rope_theta")}
    path.write_text(json.dumps(config))
    assert mx.array_equal(logits(directory), expected).item()

    config["rope_parameters"]["rope_theta"] = 77.0
    path.write_text(json.dumps(config))
    assert largest(logits(directory) - expected) > 0.1


def change_config(directory: Path, **changes: Any) -> Path:
    """Set settings of config.json, and take away those that are None."""
    path = directory / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
    return directory


def change_weights(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the weights after `change` was applied to them."""
    path = str(directory / "model.safetensors")
    weights: dict[str, Any] = dict(mx.load(path))  # type: ignore[arg-type]
    change(weights)
    mx.save_safetensors(path, weights)


def write_raw(path: Path, dtype: str) -> None:
    """Write a file of one tensor whose type MLX may not know."""
    header = json.dumps({"x": {"dtype": dtype, "shape": [8], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


Q_PROJ = "model.layers.0.self_attn.q_proj.weight"
WRONG: dict[str, tuple[Callable[[Path], object], type[ModelError], str]] = {
    "no json": (lambda d: (d / "config.json").write_text("<html>"), CheckpointDamaged, "cannot be read"),
    "a list": (lambda d: (d / "config.json").write_text("[]"), CheckpointDamaged, "is not an object"),
    "no architecture": (lambda d: change_config(d, model_type=None), ModelUnsupported, "'None' is not one"),
    "of this machine": (lambda d: change_config(d, model_type="../os"), ModelUnsupported, "is not one that mlx-lm"),
    "no model": (lambda d: change_config(d, model_type="switch_layers"), ModelUnsupported, "is not one that mlx-lm"),
    "own program": (lambda d: change_config(d, model_file="m.py"), ModelUnsupported, "its own program 'm.py'"),
    "a setting missing": (lambda d: change_config(d, hidden_size=None), CheckpointDamaged, "missing .* 'hidden_size'"),
    "a word for a number": (
        lambda d: change_config(d, hidden_size="x"),
        CheckpointDamaged,
        "does not describe a qwen3",
    ),
    "layers": (lambda d: change_config(d, num_hidden_layers=10**9), CheckpointDamaged, "layers, which no model has"),
    "no heads": (lambda d: change_config(d, num_attention_heads=0), CheckpointDamaged, "are not those of|not describe"),
    "context": (lambda d: change_config(d, max_position_embeddings=-1), CheckpointDamaged, "no number of tokens"),
    "ends": (lambda d: change_config(d, eos_token_id="</s>"), CheckpointDamaged, "is not a token id"),
    "other size": (lambda d: change_config(d, hidden_size=96), CheckpointDamaged, r"another shape: .* in place of"),
    "other depth": (lambda d: change_config(d, num_hidden_layers=3), CheckpointDamaged, "no model.layers.2.* more"),
    "less depth": (lambda d: change_config(d, num_hidden_layers=1), CheckpointDamaged, "no place for model.layers.1"),
    "a tensor missing": (lambda d: change_weights(d, lambda w: w.pop(Q_PROJ)), CheckpointDamaged, f"is no {Q_PROJ}"),
    "integers": (
        lambda d: change_weights(d, lambda w: w.update({Q_PROJ: w[Q_PROJ].astype(mx.int32)})),
        CheckpointDamaged,
        f"in place of floats.* {Q_PROJ}",
    ),
    "no weights": (lambda d: (d / "model.safetensors").write_bytes(b""), CheckpointDamaged, "cannot be read"),
    "no text": (
        lambda d: (d / "model.safetensors").write_bytes(struct.pack("<Q", 8) + b'{"\xdd":1}'),
        CheckpointDamaged,
        "cannot be read",
    ),
    "a page": (lambda d: (d / "model.safetensors").write_bytes(b"<html>" * 99), CheckpointDamaged, "cannot be read"),
    "a type": (lambda d: write_raw(d / "model.safetensors", "F8_E5M2"), ModelUnsupported, "unsupported dtype F8_E5M2"),
    "fp8": (
        lambda d: change_weights(
            change_config(d, quantization_config={"quant_method": "fp8"}),
            lambda w: w.update({f"{Q_PROJ}_scale_inv": mx.ones((1, 1))}),
        ),
        ModelUnsupported,
        "is quantised by fp8, which mlx-lm cannot read",
    ),
    "awq": (
        lambda d: change_weights(
            change_config(d, quantization_config={"quant_method": "awq", "bits": 4}),
            lambda w: w.update({Q_PROJ.replace("weight", "qweight"): w.pop(Q_PROJ)}),
        ),
        ModelUnsupported,
        "is quantised by awq",
    ),
    "no biases": (
        lambda d: change_weights(d, lambda w: w.update({Q_PROJ.replace("weight", "scales"): mx.ones((128, 2))})),
        ModelUnsupported,
        "in a way that MLX does not know",
    ),
    "index": (lambda d: (d / "model.safetensors.index.json").write_text("{}"), CheckpointDamaged, "which file"),
    "index elsewhere": (
        lambda d: (d / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../x"}}'),
        CheckpointDamaged,
        "files outside of its folder",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(wrong: str, tmp_path: Path) -> None:
    spoil, error, words = WRONG[wrong]
    directory = write_checkpoint(tmp_path / "model", "qwen3")
    spoil(directory)

    with pytest.raises(error, match=words):
        load_model(directory)


def test_a_shard_that_is_missing_or_cut_short(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3")
    split_into_shards(directory, 2)
    shard = directory / "model-00002-of-00002.safetensors"
    content = shard.read_bytes()
    shard.write_bytes(content[:-100])
    with pytest.raises(CheckpointDamaged, match=r"00002.safetensors cannot be read: .*incomplete download"):
        load_model(directory)
    shard.unlink()
    with pytest.raises(CheckpointDamaged, match=r"00002.safetensors is missing, which model.safetensors.index"):
        load_model(directory)
    shard.write_bytes((directory / "model-00001-of-00002.safetensors").read_bytes())
    with pytest.raises(CheckpointDamaged, match=r"lacks .* and \d+ more, which model.safetensors.index"):
        load_model(directory)


def test_a_body_this_version_cannot_feed_is_refused(tmp_path: Path) -> None:
    directory = write_tiny_checkpoint(tmp_path / "model")
    (directory / "config.json").write_text(
        json.dumps(
            {"model_type": "gpt2", "n_ctx": 64, "n_embd": 32, "n_head": 2, "n_layer": 1, "n_positions": 64}
            | {"layer_norm_epsilon": 1e-5, "vocab_size": 300}
        )
    )
    with pytest.raises(ModelUnsupported, match="cannot run"):
        load_model(directory)
