"""Convert a GGUF file to an MLX checkpoint: config.json, model.safetensors and the tokenizer's two files.

Done once, when a model is pulled, because MLX reads some GGUF quantisations only as float16 and Q5_0 not at
all. Tensors are streamed by row, so the memory needed does not grow with the model.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.device import CheckpointLayout
from inference.models.gguf_file import read_gguf
from inference.models.gguf_model import Weight, list_weights, read_config
from inference.models.gguf_tokenizer import write_tokenizer
from inference.models.safetensors_file import SafetensorsWriter

# Changes with everything that makes another checkpoint of the same GGUF.
CONVERTER = "gguf-to-mlx 1"

# Measured on 800 tokens of code, KL divergence from float32 and share of equal next tokens: 8 bits 0.0006 and 99 %
# (0.5B), 0.004 and 97 % (135M); 4 bits 0.07 and 88 %, 0.45 and 69 %. Models this small, quantised once already,
# do not survive 4 bits; groups of 32 gain too little for their bytes.
QUANTISATION = {"group_size": 64, "bits": 8}


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
    config = read_config(gguf_file)
    weights = list_weights(gguf_file, config)
    if layout == "quantised":
        config["quantization"] = QUANTISATION
    text = json.dumps(config, indent=2)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
    write_tokenizer(gguf_file.metadata, directory)
    _write_weights(weights, directory / "model.safetensors", layout, on_progress)


def count_parameters(path: Path) -> int:
    """Count the parameters of the checkpoint that the GGUF file at `path` becomes. Raises ModelUnsupported, OSError."""
    gguf_file = read_gguf(path)
    return sum(math.prod(weight.tensor.shape) for weight in list_weights(gguf_file, read_config(gguf_file)))


def checkpoint_bytes(n_parameters: int, layout: CheckpointLayout) -> int:
    """Estimate the size of a checkpoint: float32, or 8 bits with a bfloat16 scale and bias per group."""
    per_group = QUANTISATION["group_size"] + 2 * 2
    quantised = n_parameters * per_group // QUANTISATION["group_size"]
    # The tokenizer's files and the float tensors of a quantised checkpoint, generously.
    return (4 * n_parameters if layout == "float32" else quantised) + (16 << 20)


def _write_weights(
    weights: list[Weight], path: Path, layout: CheckpointLayout, on_progress: Callable[[float], None] | None
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


def _is_quantised(weight: Weight, layout: CheckpointLayout) -> bool:
    # A router that is rounded sends tokens to other experts, and is too small to be worth it.
    return layout == "quantised" and len(weight.tensor.shape) > 1 and not weight.name.endswith("mlp.gate.weight")


def _parts(weight: Weight, layout: CheckpointLayout) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name the arrays one tensor becomes, with their types and shapes."""
    if layout == "float32":
        return {weight.name: ("F32", weight.tensor.shape)}
    if not _is_quantised(weight, layout):
        return {weight.name: ("BF16", weight.tensor.shape)}
    *rows, n_columns = weight.tensor.shape
    stem = weight.name.removesuffix("weight")
    groups = (*rows, n_columns // QUANTISATION["group_size"])
    return {
        weight.name: ("U32", (*rows, n_columns * QUANTISATION["bits"] // 32)),
        f"{stem}scales": ("BF16", groups),
        f"{stem}biases": ("BF16", groups),
    }


def _encoded(
    weight: Weight, rows: NDArray[np.float32], layout: CheckpointLayout
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
