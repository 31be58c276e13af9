"""What MLX computes on here. The one place where devices differ: everything else asks this module."""

import contextlib
import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DeviceKind = Literal["cpu", "metal", "cuda"]
CheckpointLayout = Literal["float32", "quantised"]

# On a device that is fast in float32 alone, weights are kept in it where they take no more than this of the memory.
_FLOAT32_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Device:
    """kind; name: what a person calls it; memory_bytes: what weights and caches can share."""

    kind: DeviceKind
    name: str
    memory_bytes: int

    @property
    def place(self) -> str:
        """What a sentence calls the owner of that memory."""
        return {"cpu": "this machine", "metal": "this Mac", "cuda": "this GPU"}[self.kind]


def describe_device() -> Device:
    """Tell what MLX computes on by default. Imports MLX: call `blas.load_fast_blas()` before."""
    import mlx.core as mx

    if mx.default_device() == mx.Device(mx.cpu):
        return Device("cpu", _cpu_name(), machine_memory_bytes())
    info = mx.device_info()
    kind: DeviceKind = "metal" if mx.metal.is_available() else "cuda"
    memory = info.get("max_recommended_working_set_size") or info.get("memory_size") or machine_memory_bytes()
    return Device(kind, str(info.get("device_name", kind)), int(memory))


def checkpoint_layout(kind: DeviceKind) -> CheckpointLayout:
    """Tell how a model's weights are stored for this kind of device.

    float32 on CPU: there, quantised and 16-bit matrix products run at 2 to 5 GFLOP/s against 340 in float32.
    quantised on Metal and CUDA, where decoding is bound by the bytes read.
    """
    return "float32" if kind == "cpu" else "quantised"


def fits_in_float32(weights_bytes: int, memory_bytes: int) -> bool:
    """Tell whether weights that take `weights_bytes` in float32 leave enough of the memory for KV and for the work."""
    return weights_bytes <= _FLOAT32_SHARE * memory_bytes


def mlx_bytes() -> int:
    """Return what MLX holds, freed buffers included. A counter: any thread may read it once MLX is loaded."""
    import mlx.core as mx

    return mx.get_active_memory() + mx.get_cache_memory()


def give_back_memory() -> None:
    """Return to the system what MLX and the allocator keep of memory that was freed. For the engine's thread."""
    import mlx.core as mx

    mx.clear_cache()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library other than glibc, which keeps less
            ctypes.CDLL(None).malloc_trim(0)


def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine_memory_bytes(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the machine's memory, or what of it this container may use."""
    n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = (control_group / "memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return n_bytes
    return min(n_bytes, int(limit)) if limit.isdigit() else n_bytes
