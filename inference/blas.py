"""A fast BLAS under MLX on Linux CPU. Must do its work before `mlx.core` is imported.

MLX's Linux wheel is linked with the reference BLAS: 6 GFLOP/s where MKL gives 340 on the same two cores. The
dynamic linker binds `cblas_sgemm` to the first library that offers it globally, so loading a better one first
with RTLD_GLOBAL is enough, and loading it later has no effect. Order of search: what `HEARTHLINE_BLAS` names
(a path, or `none` for MLX's own), a system OpenBLAS, the `mkl` wheel.

Threads: the library's default, one per core. On two shared cores that gave 342 GFLOP/s (one thread: 182) and
42 GB/s of matrix-vector product (one thread: 24). OPENBLAS_NUM_THREADS and MKL_NUM_THREADS are honoured.
"""

import ctypes
import ctypes.util
import importlib.metadata
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from inference.errors import BlasError

ENVIRONMENT_VARIABLE = "HEARTHLINE_BLAS"
_OPENBLAS_SONAME = "libopenblas.so.0"
_MKL_FILE = "libmkl_rt.so.3"


@dataclass(frozen=True, slots=True)
class BlasChoice:
    """Which BLAS does MLX's matrix products. name: openblas, mkl, accelerate, reference or custom.

    path: the library's file or soname; None where nothing was loaded. reason: a sentence for `doctor`.
    """

    name: str
    path: str | None
    is_fast: bool
    reason: str


_choice: BlasChoice | None = None


def load_fast_blas() -> BlasChoice:
    """Put a fast BLAS under MLX, once per process; later calls return the first choice.

    Raises BlasError when `mlx.core` is already imported (too late to have an effect) or when
    `HEARTHLINE_BLAS` names a library that cannot serve.
    """
    global _choice
    if _choice is None:
        _choice = _choose()
    return _choice


def _choose() -> BlasChoice:
    if sys.platform == "darwin":
        return BlasChoice("accelerate", None, True, "MLX uses Apple's Accelerate and Metal")
    if "mlx.core" in sys.modules:
        raise BlasError(
            "mlx.core was imported before the fast BLAS was loaded, so matrix products stay about 60 times "
            "too slow; call inference.blas.load_fast_blas() first"
        )
    wanted = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if wanted.lower() == "none":
        return BlasChoice("reference", None, False, f"{ENVIRONMENT_VARIABLE}=none keeps MLX's own slow BLAS")
    if wanted:
        return _load_custom(wanted)
    return _load_openblas() or _load_mkl() or _reference()


def _load_custom(wanted: str) -> BlasChoice:
    try:
        _require_lp64_blas(ctypes.CDLL(wanted, ctypes.RTLD_LOCAL))
        ctypes.CDLL(wanted, ctypes.RTLD_GLOBAL)
    except (OSError, BlasError) as error:
        raise BlasError(
            f"{ENVIRONMENT_VARIABLE}={wanted} cannot be used ({error}); name another library, or unset it"
        ) from error
    return BlasChoice("custom", wanted, True, f"named by {ENVIRONMENT_VARIABLE}")


def _load_openblas() -> BlasChoice | None:
    for name in (_OPENBLAS_SONAME, ctypes.util.find_library("openblas")):
        if name is None:
            continue
        try:
            _require_lp64_blas(ctypes.CDLL(name, ctypes.RTLD_LOCAL))
        except (OSError, BlasError):
            continue
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
        return BlasChoice("openblas", name, True, "the system's OpenBLAS")
    return None


def _load_mkl() -> BlasChoice | None:
    path = _mkl_path()
    if path is None:
        return None
    # MKL reads these once, on its first call. Its default layer in this wheel is TBB, which aborted under
    # MLX; the wheel brings no GNU interface, and Intel's OpenMP comes with it.
    os.environ.setdefault("MKL_THREADING_LAYER", "INTEL")
    os.environ["MKL_INTERFACE_LAYER"] = "LP64"
    try:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError:
        return None
    return BlasChoice("mkl", str(path), True, "the mkl wheel, installed with Hearthline")


def _mkl_path() -> Path | None:
    try:
        files = importlib.metadata.distribution("mkl").files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == _MKL_FILE:
            path = Path(str(file.locate())).resolve()
            return path if path.is_file() else None
    return None


def _reference() -> BlasChoice:
    return BlasChoice(
        "reference",
        None,
        False,
        "no fast BLAS was found; install one (Debian and Ubuntu: apt install libopenblas0; "
        "Fedora: dnf install openblas), or name its file in " + ENVIRONMENT_VARIABLE,
    )


def _require_lp64_blas(library: ctypes.CDLL) -> None:
    """Raise BlasError unless `library` has the unprefixed symbols with 32-bit integers that MLX calls."""
    for symbol in ("cblas_sgemm", "sgemm_"):
        if not hasattr(library, symbol):
            raise BlasError(f"it has no symbol {symbol}")
    if hasattr(library, "openblas_get_config"):
        library.openblas_get_config.restype = ctypes.c_char_p
        if b"USE64BITINT" in library.openblas_get_config():
            raise BlasError("it is built with 64-bit integers")


def measure_gflops(n: int = 1024) -> float:
    """Measure float32 matrix products of `n` x `n` on the CPU; the best of three, in GFLOP/s."""
    import mlx.core as mx  # after load_fast_blas(), which the caller has called

    with mx.stream(mx.cpu):
        left, right = mx.random.normal((n, n)), mx.random.normal((n, n))
        mx.eval(left @ right)
        best_s = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            mx.eval(left @ right)
            best_s = min(best_s, time.perf_counter() - start)
    return 2 * n**3 / best_s / 1e9
