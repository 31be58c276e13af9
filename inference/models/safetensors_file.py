"""Write a safetensors file piece by piece, so that a model larger than the free memory can be converted.

The format: eight bytes of header length, a JSON header with every tensor's type, shape and byte range, the data.
"""

import json
import math
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

_ITEM_BYTES = {"F32": 4, "BF16": 2, "U32": 4}


class SafetensorsWriter:
    """Writes the tensors announced at the start, each by rows in order, several side by side if need be.

    Invariant: after `close` without an error every announced byte is written and on the disk.
    """

    def __init__(self, path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        """Create `path`. tensors: name to (type, shape), where the type is F32, BF16 or U32."""
        header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
        self._ends: dict[str, int] = {}
        self._next: dict[str, int] = {}
        offset = 0
        ranges = {}
        for name, (kind, shape) in tensors.items():
            end = offset + _ITEM_BYTES[kind] * math.prod(shape)
            header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, end]}
            ranges[name] = (offset, end)
            offset = end
        encoded = json.dumps(header, separators=(",", ":")).encode()
        encoded += b" " * (-len(encoded) % 8)
        start = 8 + len(encoded)
        self._next = {name: start + begin for name, (begin, _) in ranges.items()}
        self._ends = {name: start + end for name, (_, end) in ranges.items()}
        self._file = path.open("wb")
        self._file.write(struct.pack("<Q", len(encoded)) + encoded)

    def append(self, name: str, rows: NDArray[np.generic]) -> None:
        """Write the next rows of the tensor `name`; their items must have its type's size."""
        data = np.ascontiguousarray(rows).data.cast("B")
        if self._next[name] + len(data) > self._ends[name]:
            raise ValueError(f"more rows for {name} than were announced")
        self._file.seek(self._next[name])
        self._file.write(data)
        self._next[name] += len(data)

    def close(self) -> None:
        """Put everything on the disk. Raises ValueError when announced rows are missing."""
        with self._file:
            unfinished = [name for name, end in self._ends.items() if self._next[name] != end]
            if unfinished:
                raise ValueError(f"rows of {unfinished[0]} are missing")
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
