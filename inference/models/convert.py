"""Convert a GGUF file to an MLX checkpoint: config.json, model.safetensors and the tokenizer's two files.

Done once, when a model is pulled, because MLX reads some GGUF quantisations only as float16 and Q5_0 not at
all. Tensors are streamed by row, so the memory needed does not grow with the model.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.device import CheckpointLayout
from inference.errors import ModelUnsupported
from inference.models.gguf_file import GGUFFile, GGUFTensor, read_gguf
from inference.models.gguf_tokenizer import write_tokenizer
from inference.models.safetensors_file import SafetensorsWriter

# Changes with everything that makes another checkpoint of the same GGUF.
CONVERTER = "gguf-to-mlx 1"

# Measured on 800 tokens of code, KL divergence from float32 and share of equal next tokens: 8 bits 0.0006 and 99 %
# (0.5B), 0.004 and 97 % (135M); 4 bits 0.07 and 88 %, 0.45 and 69 %. Models this small, quantised once already,
# do not survive 4 bits; groups of 32 gain too little for their bytes.
QUANTISATION = {"group_size": 64, "bits": 8}

# An embedding stored twice: what two roundings of one matrix may differ by, as a share of its norm. Q5_0
# against Q8_0 gave 0.043; two unrelated matrices give about 1.4.
_SAME_MATRIX = 0.15

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


@dataclass(frozen=True, slots=True)
class _Weight:
    """One tensor of the checkpoint. order: see GGUFTensor.rows."""

    name: str
    tensor: GGUFTensor
    order: NDArray[np.intp] | None


def convert_gguf(
    path: Path,
    directory: Path,
    layout: CheckpointLayout,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write the checkpoint of the GGUF file at `path` into the empty folder `directory`.

    on_progress gets the share of tensor data done, 0.0 to 1.0. Raises ModelUnsupported, OSError.
    """
    gguf_file = read_gguf(path)
    config = _config(gguf_file)
    weights = _weights(gguf_file, config)
    if layout == "quantised":
        config["quantization"] = QUANTISATION
    text = json.dumps(config, indent=2)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
    write_tokenizer(gguf_file.metadata, directory)
    _write_weights(weights, directory / "model.safetensors", layout, on_progress)


def count_parameters(path: Path) -> int:
    """Count the parameters of the checkpoint that the GGUF file at `path` becomes. Raises ModelUnsupported, OSError."""
    gguf_file = read_gguf(path)
    return sum(math.prod(weight.tensor.shape) for weight in _weights(gguf_file, _config(gguf_file)))


def checkpoint_bytes(n_parameters: int, layout: CheckpointLayout) -> int:
    """Estimate the size of a checkpoint: float32, or 8 bits with a bfloat16 scale and bias per group."""
    per_group = QUANTISATION["group_size"] + 2 * 2
    quantised = n_parameters * per_group // QUANTISATION["group_size"]
    # The tokenizer's files and the float tensors of a quantised checkpoint, generously.
    return (4 * n_parameters if layout == "float32" else quantised) + (16 << 20)


def _config(gguf_file: GGUFFile) -> dict[str, Any]:
    """Make an mlx-lm configuration of the metadata. Raises ModelUnsupported."""
    metadata = gguf_file.metadata
    architecture = metadata.get("general.architecture")
    if architecture not in ("llama", "qwen2"):
        raise ModelUnsupported(f"the architecture {architecture} of this GGUF file is not known to this version")

    def value(key: str) -> Any:
        try:
            return metadata[f"{architecture}.{key}"]
        except KeyError as error:
            raise ModelUnsupported(f"this GGUF file does not say its {architecture}.{key}") from error

    if f"{architecture}.rope.scaling.type" in metadata:
        raise ModelUnsupported("this GGUF file scales its rotary embedding, which this version cannot")
    vocabulary, _ = gguf_file.tensors["token_embd.weight"].shape
    return {
        "model_type": architecture,
        "architectures": ["LlamaForCausalLM" if architecture == "llama" else "Qwen2ForCausalLM"],
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


def _weights(gguf_file: GGUFFile, config: dict[str, Any]) -> list[_Weight]:
    """List the checkpoint's tensors in the order they are written. Raises ModelUnsupported."""
    tensors = dict(gguf_file.tensors)
    if config["tie_word_embeddings"] and "output.weight" in tensors:
        # Of two roundings of one matrix keep the finer, which is the one the output layer has.
        output = tensors.pop("output.weight")
        tensors["token_embd.weight"] = output
    return [_weight(name, tensor, config) for name, tensor in tensors.items()]


def _weight(name: str, tensor: GGUFTensor, config: dict[str, Any]) -> _Weight:
    if name in _TOP_LEVEL:
        return _Weight(_TOP_LEVEL[name], tensor, None)
    prefix, _, rest = name.partition(".")
    layer, _, part = rest.partition(".")
    module, _, kind = part.partition(".")
    if prefix != "blk" or module not in _BLOCK or kind not in ("weight", "bias"):
        raise ModelUnsupported(f"this GGUF file has a tensor {name} that its architecture should not have")
    order = None
    if config["model_type"] == "llama" and module in ("attn_q", "attn_k"):
        heads = config["num_attention_heads" if module == "attn_q" else "num_key_value_heads"]
        order = _unpermuted_rows(tensor.shape[0], heads)
    return _Weight(f"model.layers.{layer}.{_BLOCK[module]}.{kind}", tensor, order)


def _unpermuted_rows(n_rows: int, n_heads: int) -> NDArray[np.intp]:
    """Give the source row of each row of q or k: Llama-family GGUFs interleave the halves of each head.

    GGUF stores x0 y0 x1 y1 ... for a rotary embedding over neighbours; MLX rotates halves: x0 x1 ... y0 y1 ...
    """
    order = np.arange(n_rows).reshape(n_heads, n_rows // n_heads // 2, 2)
    return order.swapaxes(1, 2).reshape(n_rows)


def _write_weights(
    weights: list[_Weight], path: Path, layout: CheckpointLayout, on_progress: Callable[[float], None] | None
) -> None:
    announced: dict[str, tuple[str, tuple[int, ...]]] = {}
    for weight in weights:
        announced.update(_parts(weight, layout))
    total = sum(weight.tensor.data.nbytes for weight in weights)
    done = 0
    with SafetensorsWriter(path, announced) as writer:
        for weight in weights:
            for rows in weight.tensor.rows(weight.order):
                for name, array in _encoded(weight, rows, layout):
                    writer.append(name, array)
            done += weight.tensor.data.nbytes
            if on_progress is not None:
                on_progress(done / total)


def _is_quantised(weight: _Weight, layout: CheckpointLayout) -> bool:
    return layout == "quantised" and len(weight.tensor.shape) == 2


def _parts(weight: _Weight, layout: CheckpointLayout) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name the arrays one tensor becomes, with their types and shapes."""
    if layout == "float32":
        return {weight.name: ("F32", weight.tensor.shape)}
    if not _is_quantised(weight, layout):
        return {weight.name: ("BF16", weight.tensor.shape)}
    n_rows, n_columns = weight.tensor.shape
    stem = weight.name.removesuffix("weight")
    groups = (n_rows, n_columns // QUANTISATION["group_size"])
    return {
        weight.name: ("U32", (n_rows, n_columns * QUANTISATION["bits"] // 32)),
        f"{stem}scales": ("BF16", groups),
        f"{stem}biases": ("BF16", groups),
    }


def _encoded(
    weight: _Weight, rows: NDArray[np.float32], layout: CheckpointLayout
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Give the arrays that `rows` become, in the order of `_parts`."""
    if layout == "float32":
        yield weight.name, rows
        return
    import mlx.core as mx  # only for the devices that take quantised weights

    values = mx.array(rows).astype(mx.bfloat16)
    arrays: tuple[mx.array, ...] = (values,)
    if _is_quantised(weight, layout):
        arrays = tuple(mx.quantize(values, group_size=QUANTISATION["group_size"], bits=QUANTISATION["bits"]))
    for name, array in zip(_parts(weight, layout), arrays, strict=True):
        # numpy has no bfloat16: its bits travel as integers.
        yield name, np.array(array if array.dtype == mx.uint32 else array.view(mx.uint16))
