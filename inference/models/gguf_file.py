"""A GGUF file as this project reads it: plain metadata, and tensors by row, dequantised on demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelUnsupported

# Rows are dequantised in pieces of about this many float32 values (64 MB): gguf's own temporaries are
# several times as large as the result, and an embedding of 136 M values at once would need gigabytes.
_PIECE_VALUES = 1 << 24


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """A tensor, still quantised. shape: as MLX has it, rows first."""

    name: str
    shape: tuple[int, ...]
    kind: gguf.GGMLQuantizationType
    data: NDArray[np.generic]

    def rows(self, order: NDArray[np.intp] | None = None) -> Iterator[NDArray[np.float32]]:
        """Dequantise piece by piece. order: which source rows, in which order; None is all as they are."""
        n_rows = self.shape[0] if order is None else len(order)
        values_per_row = int(np.prod(self.shape[1:], dtype=np.int64))
        step = max(1, _PIECE_VALUES // values_per_row) if len(self.shape) > 1 else n_rows
        for start in range(0, n_rows, step):
            piece = self.data[start : start + step] if order is None else self.data[order[start : start + step]]
            yield gguf.quants.dequantize(piece, self.kind)


@dataclass(frozen=True, slots=True)
class GGUFFile:
    """metadata: GGUF keys to plain values; tensors: by name."""

    metadata: dict[str, Any]
    tensors: dict[str, GGUFTensor]


def read_gguf(path: Path) -> GGUFFile:
    """Open `path`; tensor data stays on the disk until asked for. Raises ModelUnsupported."""
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, OverflowError) as error:
        raise ModelUnsupported(f"{path.name} is not a GGUF file this version can read: {error}") from error
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    tensors = {
        tensor.name: GGUFTensor(
            tensor.name, tuple(int(n) for n in reversed(tensor.shape)), tensor.tensor_type, tensor.data
        )
        for tensor in reader.tensors
    }
    return GGUFFile(metadata, tensors)
