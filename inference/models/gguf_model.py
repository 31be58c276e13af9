"""A GGUF model in mlx-lm's terms: its configuration, and which tensor is which weight.

Invariant: an architecture is refused by its name unless its tensors are known, each of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelUnsupported
from inference.models.gguf_file import GGUFFile, GGUFTensor

# An embedding stored twice: what two roundings of one matrix may differ by, as a share of its norm. Q5_0
# against Q8_0 gave 0.043; two unrelated matrices give about 1.4.
_SAME_MATRIX = 0.15

# GGUF's architectures: mlx-lm's name, and transformers' class.
_MODEL_TYPES = {
    "llama": ("llama", "LlamaForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "qwen3moe": ("qwen3_moe", "Qwen3MoeForCausalLM"),
}
_TOP_LEVEL = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
_EXPERTS = {
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_exps": "mlp.switch_mlp.gate_proj",
    "ffn_up_exps": "mlp.switch_mlp.up_proj",
    "ffn_down_exps": "mlp.switch_mlp.down_proj",
}
# By mlx-lm's name, what its blocks have.
_MODULES = {
    "llama": _BLOCK,
    "qwen2": _BLOCK,
    "qwen3": _BLOCK | _HEAD_NORMS,
    "qwen3_moe": _BLOCK | _HEAD_NORMS | _EXPERTS,
}


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor of the checkpoint. order: see GGUFTensor.rows."""

    name: str
    tensor: GGUFTensor
    order: NDArray[np.intp] | None


def read_config(gguf_file: GGUFFile) -> dict[str, Any]:
    """Make an mlx-lm configuration of the metadata. Raises ModelUnsupported."""
    metadata = gguf_file.metadata
    architecture = metadata.get("general.architecture")
    if architecture not in _MODEL_TYPES:
        raise ModelUnsupported(f"the architecture {architecture} of this GGUF file is not known to this version")
    model_type, class_name = _MODEL_TYPES[architecture]

    def value(key: str) -> Any:
        try:
            return metadata[f"{architecture}.{key}"]
        except KeyError as error:
            raise ModelUnsupported(f"this GGUF file does not say its {architecture}.{key}") from error

    if metadata.get("split.count", 1) > 1 or "token_embd.weight" not in gguf_file.tensors:
        raise ModelUnsupported(
            "this GGUF file is a part of a model; join all parts first, as llama.cpp's llama-gguf-split --merge does"
        )
    if f"{architecture}.rope.scaling.type" in metadata:
        raise ModelUnsupported("this GGUF file scales its rotary embedding, which this version cannot")
    vocabulary, _ = gguf_file.tensors["token_embd.weight"].shape
    config = {
        "model_type": model_type,
        "architectures": [class_name],
        "hidden_size": value("embedding_length"),
        "num_hidden_layers": value("block_count"),
        "intermediate_size": value("feed_forward_length"),
        "num_attention_heads": value("attention.head_count"),
        "num_key_value_heads": value("attention.head_count_kv"),
        # Stored as float32: 9.999999747378752e-06 was written as 1e-05.
        "rms_norm_eps": float(str(np.float32(value("attention.layer_norm_rms_epsilon")))),
        "rope_theta": value("rope.freq_base"),
        "max_position_embeddings": value("context_length"),
        "vocab_size": vocabulary,
        "hidden_act": "silu",
        "tie_word_embeddings": _is_tied(gguf_file),
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": _end_tokens(metadata),
    }
    if architecture in ("qwen3", "qwen3moe"):
        config["head_dim"] = value("attention.key_length")
    if architecture == "qwen3moe":
        config |= {
            "num_experts": value("expert_count"),
            "num_experts_per_tok": value("expert_used_count"),
            "moe_intermediate_size": value("expert_feed_forward_length"),
            # What follows is not in the file, because it is so for every model of the architecture.
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
            "norm_topk_prob": True,
        }
    return config


def _end_tokens(metadata: dict[str, Any]) -> list[int]:
    """List the tokens after which the model has nothing more to say."""
    tokens = metadata["tokenizer.ggml.tokens"]
    ends = {metadata["tokenizer.ggml.eos_token_id"]}
    ends.update(i for i, token in enumerate(tokens) if token in ("<|endoftext|>", "<|im_end|>"))
    return sorted(ends)


def _is_tied(gguf_file: GGUFFile) -> bool:
    """Tell whether embedding and output are one matrix, maybe stored twice at different precision."""
    output = gguf_file.tensors.get("output.weight")
    if output is None:
        return True
    embedding = gguf_file.tensors["token_embd.weight"]
    if output.shape != embedding.shape:
        return False
    sample = np.arange(0, output.shape[0], max(1, output.shape[0] // 4096))
    left = np.concatenate(list(output.rows(sample)))
    right = np.concatenate(list(embedding.rows(sample)))
    return bool(np.linalg.norm(left - right) <= _SAME_MATRIX * np.linalg.norm(left))


def list_weights(gguf_file: GGUFFile, config: dict[str, Any]) -> list[Weight]:
    """List the checkpoint's tensors in the order they are written. Raises ModelUnsupported."""
    tensors = dict(gguf_file.tensors)
    if config["tie_word_embeddings"] and "output.weight" in tensors:
        # Of two roundings of one matrix keep the finer, which is the one the output layer has.
        output = tensors.pop("output.weight")
        tensors["token_embd.weight"] = output
    return [_weight(name, tensor, config) for name, tensor in tensors.items()]


def _weight(name: str, tensor: GGUFTensor, config: dict[str, Any]) -> Weight:
    if name in _TOP_LEVEL:
        return Weight(_TOP_LEVEL[name], tensor, None)
    prefix, _, rest = name.partition(".")
    layer, _, part = rest.partition(".")
    module, _, kind = part.partition(".")
    modules = _MODULES[config["model_type"]]
    if prefix != "blk" or module not in modules or kind not in ("weight", "bias"):
        raise ModelUnsupported(f"this GGUF file has a tensor {name} that its architecture should not have")
    order = None
    if config["model_type"] == "llama" and module in ("attn_q", "attn_k"):
        heads = config["num_attention_heads" if module == "attn_q" else "num_key_value_heads"]
        order = _unpermuted_rows(tensor.shape[0], heads)
    return Weight(f"model.layers.{layer}.{modules[module]}.{kind}", tensor, order)


def _unpermuted_rows(n_rows: int, n_heads: int) -> NDArray[np.intp]:
    """Give the source row of each row of q or k: Llama-family GGUFs interleave the halves of each head.

    GGUF stores x0 y0 x1 y1 ... for a rotary embedding over neighbours; MLX rotates halves: x0 x1 ... y0 y1 ...
    """
    order = np.arange(n_rows).reshape(n_heads, n_rows // n_heads // 2, 2)
    return order.swapaxes(1, 2).reshape(n_rows)
