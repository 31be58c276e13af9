"""Checkpoints that transformers writes, against transformers on torch: the same logits, to float32's rounding."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from inference.models.load import load_model
from tests.model.reference import reference_logits
from tests.tiny_checkpoints import CONFIGS
from tests.tiny_model import write_tiny_checkpoint

# Logits reach 3.
_TOLERANCE = 1e-4
_CLASSES = {
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "tied": ("LlamaConfig", "LlamaForCausalLM"),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM"),
    "qwen3_moe": ("Qwen3MoeConfig", "Qwen3MoeForCausalLM"),
    "qwen3_5": ("Qwen3_5Config", "Qwen3_5ForConditionalGeneration"),
    "qwen3_5_moe": ("Qwen3_5MoeConfig", "Qwen3_5MoeForConditionalGeneration"),
}
_EYES = {
    "depth": 1,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_heads": 2,
    "out_hidden_size": 64,
    "num_position_embeddings": 16,
}


def reference(kind: str) -> Any:
    """Build transformers' model of one of CONFIGS with random weights."""
    config = json.loads(json.dumps({name: value for name, value in CONFIGS[kind].items() if name != "model_type"}))
    if "text_config" in config:
        config["vision_config"] = _EYES
    config_class, model_class = (getattr(transformers, name) for name in _CLASSES[kind])
    torch.manual_seed(3)
    model = model_class(config_class(**config, attn_implementation="eager")).float().eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            # Zero where the norm adds one, and where a state decays by its exponential.
            if value.ndim > 1 and "conv1d" not in name:
                value.normal_(0, 0.1)
            elif name.endswith("norm.weight"):
                value.add_(torch.randn(value.shape) * 0.1)
    return model


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_logits_of_what_transformers_saved(kind: str, dtype: str, tmp_path: Path) -> None:
    import mlx.core as mx

    model = reference(kind)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(value.to(getattr(torch, dtype)))
    directory = write_tiny_checkpoint(tmp_path / "model")
    (directory / "model.safetensors").unlink()
    copy.deepcopy(model).to(getattr(torch, dtype)).save_pretrained(directory, max_shard_size="100KB")
    assert (directory / "model.safetensors.index.json").is_file()
    ids = [index * 37 % 251 for index in range(90)]

    loaded = load_model(directory)
    ours = np.array(loaded.model(mx.array([ids]), cache=loaded.make_cache())[0])
    theirs = reference_logits(model, ids)

    assert loaded.dtype == "float32"
    assert np.array_equal(ours.argmax(-1), theirs.argmax(-1))
    assert np.abs(ours - theirs).max() < _TOLERANCE
    assert np.abs(theirs).max() > 1
