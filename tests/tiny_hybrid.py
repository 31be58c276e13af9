"""A random qwen3_5_moe, in memory alone: recurrent layers and attention layers, and a vocabulary of 64 tokens."""

from typing import Any

import mlx.core as mx

_CONFIG = {
    "model_type": "qwen3_5_moe",
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "full_attention_interval": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "shared_expert_intermediate_size": 16,
    "moe_intermediate_size": 16,
    "vocab_size": 64,
}


class TinyHybrid:
    """A random qwen3_5_moe: two layers of gated delta, two of attention."""

    def __init__(self) -> None:
        from mlx_lm.models import qwen3_5_moe

        mx.random.seed(3)
        self.model: Any = qwen3_5_moe.Model(qwen3_5_moe.ModelArgs.from_dict(_CONFIG))
        mx.eval(self.model.parameters())

    def make_cache(self) -> list[Any]:
        caches: list[Any] = self.model.make_cache()
        return caches

    def logits(self, tokens: list[int]) -> mx.array:
        """Compute from scratch, all at once."""
        logits: mx.array = self.model(mx.array([tokens]))[0, -1]
        return logits
