"""Checkpoints with random weights of every kind that people have: architectures, packings, files. Milliseconds each.

The tokenizer is that of `tiny_model`, one token a byte.
"""

import json
from pathlib import Path
from typing import Any

from tests.tiny_model import CONTROL_TOKENS, END_ID, write_tiny_checkpoint

_COMMON: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "vocab_size": 256 + len(CONTROL_TOKENS),
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "eos_token_id": END_ID,
}
_EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
_HYBRID: dict[str, Any] = {
    **_COMMON,
    "num_hidden_layers": 4,
    "head_dim": 32,
    "full_attention_interval": 4,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
    "linear_conv_kernel_dim": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2": {"model_type": "qwen2", **_COMMON},
    "llama": {"model_type": "llama", **_COMMON},
    "tied": {"model_type": "llama", **_COMMON, "tie_word_embeddings": True},
    "qwen3": {"model_type": "qwen3", **_COMMON, "head_dim": 32},
    "qwen3_moe": {
        "model_type": "qwen3_moe",
        **_COMMON,
        **_EXPERTS,
        "head_dim": 32,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "norm_topk_prob": True,
    },
    "qwen3_5": {"model_type": "qwen3_5", "text_config": {"model_type": "qwen3_5_text", **_HYBRID}},
    "qwen3_5_moe": {
        "model_type": "qwen3_5_moe",
        "text_config": {
            "model_type": "qwen3_5_moe_text",
            **_HYBRID,
            **_EXPERTS,
            "shared_expert_intermediate_size": 64,
        },
        "vision_config": {"model_type": "qwen3_5_moe", "max_position_embeddings": 3},
    },
}


def write_checkpoint(
    directory: Path,
    kind: str,
    packing: dict[str, Any] | None = None,
    *,
    dtype: str = "float32",
    single: dict[str, dict[str, Any] | bool] | None = None,
) -> Path:
    """Write a checkpoint of one of CONFIGS into `directory`, as mlx-lm writes it; return it.

    packing: group_size, bits and mode of every matrix. single: of the matrices whose path ends so, another or none.
    """
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    model = random_model(kind)
    model.set_dtype(getattr(mx, dtype))
    config = dict(CONFIGS[kind])
    if packing is not None:
        own: dict[str, Any] = {}

        def choose(path: str, module: Any) -> Any:
            if not hasattr(module, "to_quantized") or module.weight.shape[-1] % packing["group_size"]:
                return False
            for end, other in (single or {}).items():
                if path.endswith(end):
                    own[path] = other
                    return other
            return True

        nn.quantize(model, **packing, class_predicate=choose)
        config["quantization"] = config["quantization_config"] = {**packing, **own}
    write_tiny_checkpoint(directory)
    (directory / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(directory / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return directory


def random_model(kind: str) -> Any:
    """Build mlx-lm's model of one of CONFIGS, always with the same random weights."""
    import importlib

    import mlx.core as mx
    from mlx.utils import tree_map

    module = importlib.import_module(f"mlx_lm.models.{CONFIGS[kind]['model_type']}")
    mx.random.seed(5)
    model = module.Model(module.ModelArgs.from_dict(CONFIGS[kind]))
    model.update(
        tree_map(lambda value: 0.2 * mx.random.normal(value.shape) + (value.ndim == 1) * 1.0, model.parameters())
    )
    model.eval()
    return model


def split_into_shards(directory: Path, n: int) -> None:
    """Rewrite the weights of the checkpoint in `directory` as `n` files and an index."""
    import mlx.core as mx

    whole = directory / "model.safetensors"
    weights: dict[str, Any] = dict(mx.load(str(whole)))  # type: ignore[arg-type]  # declared to give other things too
    names = sorted(weights)
    places = {}
    for index in range(n):
        name = f"model-{index + 1:05}-of-{n:05}.safetensors"
        mx.save_safetensors(str(directory / name), {each: weights[each] for each in names[index::n]})
        places.update(dict.fromkeys(names[index::n], name))
    whole.unlink()
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
