"""Where footprints come from: the files of a checkpoint that is here, or the catalogue for one that is not.

Only headers are read, so that asking costs milliseconds whatever the model. No MLX: the device is handed in.
"""

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.device import Device, checkpoint_layout, fits_in_float32
from inference.errors import CheckpointDamaged
from inference.models.catalogue import CATALOGUE
from inference.models.fit import Execution, Footprint, footprint
from inference.models.shapes import SHAPES
from inference.models.store import name_of

# What is in some checkpoints and not loaded: eyes, and the layers that guess ahead.
_NOT_LOADED = ("vision_tower.", "model.visual.", "mtp.")
_MAX_HEADER_BYTES = 100 * 2**20
_DTYPE_BITS = {"F64": 64, "F32": 32, "U32": 32, "I32": 32, "BF16": 16, "F16": 16, "U8": 8, "I8": 8}
_DEFAULT_BITS = 4
# Eight bits a weight, and a 16-bit scale and bias for every 64 of them, as `convert` writes them.
_CONVERTED_BYTES_PER_PARAMETER = 68 / 64


def execution(device: Device, chunk_tokens: int) -> Execution:
    """Tell how `device` runs models. chunk_tokens: prefilled at once."""
    is_cpu = device.kind == "cpu"
    return Execution(item_bytes=4 if is_cpu else 2, chunk_tokens=chunk_tokens, expands_heads=is_cpu)


def of_checkpoint(directory: Path, device: Device, chunk_tokens: int) -> Footprint:
    """Compute the footprint of the checkpoint in `directory`. Raises CheckpointDamaged."""
    config_path = directory / "config.json"
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        stored_bytes, n_parameters = _count(directory, config)
        weight_bytes = _weight_bytes(device, n_parameters, stored_bytes)
        return footprint(name_of(directory), config, weight_bytes, execution(device, chunk_tokens))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise CheckpointDamaged(f"{config_path} does not say how large the model is: {error!r}") from error


def of_catalogue(name: str, device: Device, chunk_tokens: int) -> Footprint:
    """Compute the footprint that the model `name` of the catalogue would have on `device`."""
    shape = SHAPES[name]
    stored_bytes = shape.stored_bytes or int(shape.n_parameters * _CONVERTED_BYTES_PER_PARAMETER)
    weight_bytes = _weight_bytes(device, shape.n_parameters, stored_bytes)
    return footprint(name, shape.config, weight_bytes, execution(device, chunk_tokens))


def alternatives(device: Device, chunk_tokens: int, roles: frozenset[str]) -> list[Footprint]:
    """Compute the footprints of the catalogue's models that have one of `roles`."""
    return [
        of_catalogue(spec.name, device, chunk_tokens) for spec in CATALOGUE.values() if roles.intersection(spec.roles)
    ]


def _weight_bytes(device: Device, n_parameters: int, stored_bytes: int) -> int:
    """Return what weights take in memory, in the form that this device is fast at (see `device.checkpoint_layout`)."""
    in_float32 = 4 * n_parameters
    wants_float32 = checkpoint_layout(device.kind) == "float32"
    return in_float32 if wants_float32 and fits_in_float32(in_float32, device.memory_bytes) else stored_bytes


def _count(directory: Path, config: dict[str, Any]) -> tuple[int, int]:
    """Return the bytes of the weights that are loaded, as stored, and the number of parameters they stand for."""
    tensors = dict(_tensors(directory))
    quantisation = config.get("quantization") or {}
    n_bytes = n_parameters = 0
    for name, (kind, shape) in tensors.items():
        n_items = math.prod(shape)
        n_bytes += n_items * _DTYPE_BITS.get(kind, 8) // 8
        stem, _, part = name.rpartition(".")
        is_packed = f"{stem}.scales" in tensors
        if part == "weight" and is_packed:
            own = quantisation.get(stem)
            bits = (own if isinstance(own, dict) else quantisation).get("bits", _DEFAULT_BITS)
            n_parameters += n_items * 32 // bits
        elif not (is_packed and part in ("scales", "biases")):
            n_parameters += n_items
    return n_bytes, n_parameters


def _tensors(directory: Path) -> Iterator[tuple[str, tuple[str, list[int]]]]:
    """Read the names, types and shapes of the tensors that are loaded."""
    for path in sorted(directory.glob("model*.safetensors")) or sorted(directory.glob("*.safetensors")):
        with path.open("rb") as file:
            (n_header,) = struct.unpack("<Q", file.read(8))
            if n_header > _MAX_HEADER_BYTES:
                raise ValueError(f"{path} has a header of {n_header} bytes")
            header: dict[str, Any] = json.loads(file.read(n_header))
        for name, entry in header.items():
            if name != "__metadata__" and not name.startswith(_NOT_LOADED):
                yield name, (entry["dtype"], entry["shape"])
