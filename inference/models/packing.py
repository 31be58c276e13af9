"""Packed (quantised) matrices of a checkpoint: which there are, how each is packed, and how one becomes a plain one.

Invariant: how a matrix is packed is read off its own tensors. A configuration names a default that single matrices
depart from, sometimes without saying so; where it names one of them and says otherwise, one of the two is damaged.
"""

import inspect
import json
from collections.abc import Mapping
from typing import Any

from inference.errors import CheckpointDamaged, ModelUnsupported
from inference.models.architecture import Config, setting

Weights = dict[str, Any]
"""Tensors of a checkpoint, by the names that mlx-lm's models give them."""
Packing = dict[str, Any]
"""What MLX's `to_quantized` takes: group_size, bits, mode, and global_scale where there is one."""

# Every mode but the affine one has scales of one byte, and one pair of bits and group size.
_MODES_BY_SHAPE = {(4, 16): "nvfp4", (4, 32): "mxfp4", (8, 32): "mxfp8"}


def find_packings(model: Any, weights: Weights, config: Config) -> dict[str, Packing]:
    """Find the packed matrices of `weights` by the paths of their modules in `model`, which is not packed yet.

    Raises CheckpointDamaged, ModelUnsupported, KeyError.
    """
    named = setting(config, "quantization")
    said = named if isinstance(named, dict) else {}
    packings = {}
    for path, module in model.named_modules():
        if hasattr(module, "to_quantized") and f"{path}.scales" in weights:
            packings[path] = _packing(path, module, weights)
            _compare(path, packings[path], said)
    return packings


def unpack(path: str, packing: Packing, weights: Weights) -> None:
    """Put a float32 matrix in the place of the packed one at `path`, to be computed when it is evaluated.

    Scales should be float32 already: 16-bit ones round every element once more.
    """
    import mlx.core as mx

    weight, scales = weights.pop(f"{path}.weight"), weights.pop(f"{path}.scales")
    biases, global_scale = (weights.pop(f"{path}.{name}", None) for name in ("biases", "global_scale"))
    how = {name: packing[name] for name in ("group_size", "bits", "mode")} | {"dtype": mx.float32}
    if global_scale is None:
        weights[f"{path}.weight"] = mx.dequantize(weight, scales, biases, **how)
    else:  # one for each expert, and MLX takes one at a time
        experts = zip(weight, scales, global_scale, strict=True)
        plain = [mx.dequantize(part, its_scales, global_scale=own, **how) for part, its_scales, own in experts]
        weights[f"{path}.weight"] = mx.stack(plain)


def in_words(packings: Mapping[str, Packing]) -> str:
    """Name how most of the matrices are packed."""
    kinds = [f"{each['bits']}-bit {each['mode']}" for each in packings.values()]
    return max(sorted(set(kinds)), key=kinds.count)


def _packing(path: str, module: Any, weights: Weights) -> Packing:
    import mlx.core as mx

    weight, scales = weights[f"{path}.weight"], weights[f"{path}.scales"]
    *rows, n_in = module.weight.shape
    n_groups = scales.shape[-1] if scales.ndim else 0
    if [*weight.shape[:-1]] != rows or [*scales.shape[:-1]] != rows or not n_groups or n_in % n_groups:
        raise CheckpointDamaged(
            f"{path} is packed as {weight.shape} with scales {scales.shape}, and is a {module.weight.shape} matrix"
        )
    group_size, bits = n_in // n_groups, weight.shape[-1] * 32 // n_in
    mode = "affine" if scales.dtype != mx.uint8 else _MODES_BY_SHAPE.get((bits, group_size))
    if mode is None or weight.dtype != mx.uint32 or (mode == "affine" and f"{path}.biases" not in weights):
        raise ModelUnsupported(
            f"{path} is packed in {bits} bits by groups of {group_size} in a way that MLX does not know"
        )
    packing: Packing = {"group_size": group_size, "bits": bits, "mode": mode}
    if f"{path}.global_scale" in weights and "global_scale" in inspect.signature(module.to_quantized).parameters:
        packing["global_scale"] = True
    return packing


def _compare(path: str, packing: Packing, said: Mapping[str, Any]) -> None:
    own = said.get(path)
    differs = isinstance(own, dict) and any(own.get(name, packing[name]) != packing[name] for name in packing)
    if own is False or differs:
        raise CheckpointDamaged(
            f"config.json says of {path} that it is packed by {json.dumps(own)}, its tensors say {json.dumps(packing)}"
        )
