"""How large the models of the catalogue are, for those that are not on this machine yet. Pure data.

Invariant: what stands here is what config.json of the model says, as far as `fit` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """config: as in config.json. n_parameters: tied matrices counted once; of the largest models about.

    stored_bytes: of the weights of an MLX checkpoint that is taken as it is; None for a GGUF file converted here.
    """

    config: Mapping[str, Any]
    n_parameters: int
    stored_bytes: int | None = None


def _config(*values: int) -> dict[str, int]:
    names = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "max_position_embeddings",
    )
    return dict(zip(names, values, strict=True))


_QWEN3_6_35B = _config(2048, 40, 16, 2, 256, 262_144) | {
    "full_attention_interval": 4,
    "linear_num_value_heads": 32,
    "linear_num_key_heads": 16,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
}

SHAPES: dict[str, Shape] = {
    "qwen2.5-coder-0.5b-instruct": Shape(_config(896, 24, 14, 2, 64, 32_768), 494_032_768),
    "qwen2.5-coder-1.5b-instruct": Shape(_config(1536, 28, 12, 2, 128, 32_768), 1_543_714_304),
    "smollm2-135m-instruct": Shape(_config(576, 30, 9, 3, 64, 8192), 134_515_008),
    "qwen3-coder-30b-a3b": Shape(_config(2048, 48, 32, 4, 128, 262_144), 30_532_122_624, 17_200_000_000),
    "qwen3.6-35b-a3b": Shape(_QWEN3_6_35B, 35_000_000_000, 20_400_000_000),
    "qwen3.6-35b-a3b-8bit": Shape(_QWEN3_6_35B, 35_000_000_000, 37_700_000_000),
}
"""By name in the catalogue."""
