"""The reference the loaded models are compared with: transformers on torch, with the GGUF's own weights.

Names and the un-permuting of q and k are written out here a second time, from the format's description and not
from the converter under test.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

_KINDS: dict[str, Any] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "qwen3moe": (Qwen3MoeConfig, Qwen3MoeForCausalLM),
}


def reference_model(gguf_path: Path, checkpoint: Path) -> torch.nn.Module:
    """Build the model of `gguf_path` in float32. Hyper-parameters are read from the `checkpoint`'s config."""
    config = json.loads((checkpoint / "config.json").read_text())
    reader = gguf.GGUFReader(gguf_path)
    tensors = {
        tensor.name: np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type)) for tensor in reader.tensors
    }
    architecture = str(reader.fields["general.architecture"].contents())
    is_llama = architecture == "llama"
    state = {
        _name(name): torch.from_numpy(_unpermuted(name, value, config) if is_llama else value)
        for name, value in tensors.items()
        if name not in ("token_embd.weight", "output.weight") and "_exps" not in name
    }
    state |= {name: torch.from_numpy(value) for name, value in _expert_state(tensors).items()}
    # Qwen2 and Llama tie embedding and output here; where the file has two roundings, the finer is the output's.
    output = tensors.get("output.weight", tensors["token_embd.weight"])
    embedding = tensors["token_embd.weight"] if architecture.startswith("qwen3") else output
    state["model.embed_tokens.weight"] = torch.from_numpy(embedding)
    state["lm_head.weight"] = torch.from_numpy(output)
    make_config, make_model = _KINDS[architecture]
    model = make_model(make_config(**config, attn_implementation="eager"))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing, missing
    assert not unexpected, unexpected
    evaluated: torch.nn.Module = model.float().eval()
    return evaluated


def reference_logits(model: torch.nn.Module, ids: list[int]) -> NDArray[np.float32]:
    """Give the logits after each of `ids`: float32[T, vocab]."""
    with torch.no_grad():
        logits: NDArray[np.float32] = model(torch.tensor([ids])).logits[0].numpy()
    return logits


def _expert_state(tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Give the experts' tensors: transformers has gate and up of a layer in one."""
    state = {}
    for name, gate in tensors.items():
        if name.endswith("ffn_gate_exps.weight"):
            experts = f"model.layers.{name.split('.')[1]}.mlp.experts"
            up = tensors[name.replace("gate", "up")]
            state[f"{experts}.gate_up_proj"] = np.concatenate([gate, up], axis=1)
            state[f"{experts}.down_proj"] = tensors[name.replace("gate", "down")]
    return state


def _unpermuted(name: str, value: NDArray[np.float32], config: dict[str, Any]) -> NDArray[np.float32]:
    """Undo, head by head, what llama.cpp's converter did: row 2i there is row i here, row 2i + 1 is n/2 + i."""
    if not name.endswith(("attn_q.weight", "attn_k.weight")):
        return value
    heads = config["num_attention_heads" if "attn_q" in name else "num_key_value_heads"]
    per_head = [np.concatenate([head[0::2], head[1::2]]) for head in np.split(value, heads)]
    return np.concatenate(per_head)


def _name(name: str) -> str:
    for old, new in (
        ("output_norm", "model.norm"),
        ("blk.", "model.layers."),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("attn_norm", "input_layernorm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("attn_output", "self_attn.o_proj"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("ffn_gate_inp", "mlp.router"),
        ("ffn_", "mlp."),
        ("mlp.gate", "mlp.gate_proj"),
        ("mlp.up", "mlp.up_proj"),
        ("mlp.down", "mlp.down_proj"),
        ("mlp.router", "mlp.gate"),
    ):
        name = name.replace(old, new)
    return name
