"""GPT-OSS as its makers publish it: experts packed as mxfp4 under names of their own, everything else in 16 bits."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models import gpt_oss

from inference import device
from inference.models.load import load_model
from tests.tiny_model import write_tiny_checkpoint
from tests.unit.test_cpu_ops import largest

_CONFIG: dict[str, Any] = {
    "model_type": "gpt_oss",
    "num_hidden_layers": 2,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "vocab_size": 265,
    "hidden_size": 64,
    "intermediate_size": 64,
    "head_dim": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "sliding_window": 16,
    "layer_types": ["sliding_attention", "full_attention"],
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
}
PROMPT = mx.array([[index * 7 % 251 for index in range(40)]])


def published(weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """Name and pack mlx-lm's `weights` as the makers do: rows of gate and up in turns, 32 elements in 16 bytes."""
    tensors = {name: value.astype(mx.bfloat16) for name, value in weights.items() if ".experts." not in name}
    for layer in range(2):
        path = f"model.layers.{layer}.mlp.experts"
        gate, up, down = (weights[f"{path}.{part}.weight"] for part in ("gate_proj", "up_proj", "down_proj"))
        for name, matrix in (("gate_up_proj", mx.stack([gate, up], axis=2).reshape(4, -1, 64)), ("down_proj", down)):
            packed, scales, *_ = mx.quantize(matrix, 32, 4, mode="mxfp4")
            tensors[f"{path}.{name}_blocks"] = packed.view(mx.uint8).reshape(*packed.shape[:2], -1, 16)
            tensors[f"{path}.{name}_scales"] = scales
        both = mx.stack([weights[f"{path}.{part}.bias"] for part in ("gate_proj", "up_proj")], axis=2)
        tensors[f"{path}.gate_up_proj_bias"] = both.reshape(4, -1)
        tensors[f"{path}.down_proj_bias"] = weights[f"{path}.down_proj.bias"]
    return tensors


def test_packed_and_unpacked_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mx.random.seed(2)
    model = gpt_oss.Model(gpt_oss.ModelArgs.from_dict(_CONFIG))
    directory = write_tiny_checkpoint(tmp_path / "model")
    (directory / "config.json").write_text(json.dumps(_CONFIG))
    weights: dict[str, Any] = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(directory / "model.safetensors"), published(weights))

    unpacked = load_model(directory)
    monkeypatch.setattr(device, "describe_device", lambda: device.Device("cpu", "small", 1000))
    packed = load_model(directory)

    assert (unpacked.dtype, packed.dtype) == ("float32", "float32, weights 4-bit mxfp4")
    both = [loaded.model(PROMPT, cache=loaded.make_cache()) for loaded in (unpacked, packed)]
    assert largest(both[0] - both[1]) < 1e-4
    assert largest(both[0]) > 1
