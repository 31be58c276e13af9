"""llama.cpp as a peer: its server, built once into a cache outside the project, and the GGUF it runs.

The sources are those that the `llama-cpp-python` sdist carries, pinned by hash. Only what the peer needs is built.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Set as AbstractSet
from pathlib import Path

import platformdirs

from inference.errors import ModelUnknown
from inference.models.catalogue import find_model
from inference.models.gguf_source import fetch_gguf
from inference.models.progress import Stage

_VERSION = "0.3.36"
_SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
_TOOLS = ("cmake", "ninja", "c++")
# ggml's switches, and the CPU features that each needs. AMX is missing on purpose: where a hypervisor shows its flags
# and does not let programs use its tiles, what ggml builds for the native CPU dies of an illegal instruction.
_SWITCHES: dict[str, frozenset[str]] = {
    "GGML_AVX": frozenset({"avx"}),
    "GGML_AVX2": frozenset({"avx2"}),
    "GGML_FMA": frozenset({"fma"}),
    "GGML_F16C": frozenset({"f16c"}),
    "GGML_BMI2": frozenset({"bmi2"}),
    "GGML_AVX512": frozenset({"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"}),
    "GGML_AVX512_VBMI": frozenset({"avx512vbmi"}),
    "GGML_AVX512_VNNI": frozenset({"avx512_vnni"}),
}


class LlamaMissing(Exception):
    """The peer cannot be had; `str(error)` says why and the way out."""


class _Notes:
    """A pull's reporter: what is worth a line goes to stderr."""

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Write it."""
        sys.stderr.write(f"{text}\n")


def find_llama(model: str, *, build: bool) -> tuple[Path, Path]:
    """Give llama.cpp's server and the GGUF that `model` was converted from, fetched and verified.

    build: make the server where it is not in the cache. Raises LlamaMissing.
    """
    try:
        spec = find_model(model)
    except ModelUnknown as error:
        raise LlamaMissing(f"llama.cpp needs the GGUF of a model of the catalogue: {error}") from error
    work = _cache() / f"llama-cpp-python-{_VERSION}"
    binary = work / "build" / "bin" / "llama-server"
    if not binary.is_file():
        if not build:
            raise LlamaMissing("llama.cpp's server is not in the cache; build it once, in some minutes: --build-llama")
        _build(work)
    directory = _cache() / "gguf" / spec.name
    directory.mkdir(parents=True, exist_ok=True)
    return binary, fetch_gguf(spec, directory, "float32", _Notes())


def build_switches(cpu_features: AbstractSet[str]) -> list[str]:
    """Give CMake's arguments for a CPU with `cpu_features`; none leave the choice to ggml (not an x86 CPU)."""
    if not cpu_features:
        return []
    chosen = [f"-D{name}={'ON' if needed <= cpu_features else 'OFF'}" for name, needed in _SWITCHES.items()]
    return ["-DGGML_NATIVE=OFF", *chosen]


def read_cpu_features(cpuinfo: str) -> frozenset[str]:
    """Read the features of an x86 CPU from the text of /proc/cpuinfo; empty for others."""
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _cache() -> Path:
    return Path(platformdirs.user_cache_dir("hearthline-bench", appauthor=False))


def _build(work: Path) -> None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise LlamaMissing(f"llama.cpp's server cannot be built: there is no {', no '.join(missing)}")
    work.mkdir(parents=True, exist_ok=True)
    source = _fetch_source(work)
    cpuinfo = Path("/proc/cpuinfo")
    features = read_cpu_features(cpuinfo.read_text(encoding="utf-8")) if cpuinfo.is_file() else frozenset()
    configure = ["cmake", "-S", str(source), "-B", str(work / "build"), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    configure += ["-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_UI=OFF"]
    configure += ["-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN"]
    _run([*configure, *build_switches(features)])
    _run(["cmake", "--build", str(work / "build"), "--target", "llama-server", "--parallel", str(os.cpu_count() or 1)])


def _fetch_source(work: Path) -> Path:
    """Fetch the sdist with pip, which checks its hash and knows this machine's index; return llama.cpp's folder."""
    requirement = work / "requirements.txt"
    requirement.write_text(f"llama-cpp-python=={_VERSION} --hash=sha256:{_SDIST_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    _run([*command, "--dest", str(work), "--requirement", str(requirement)])
    sdist = work / f"llama_cpp_python-{_VERSION}.tar.gz"
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    return work / f"llama_cpp_python-{_VERSION}" / "vendor" / "llama.cpp"


def _run(command: list[str]) -> None:
    """Run a step of the build, its words on stderr. Raises LlamaMissing."""
    result = subprocess.run(command, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise LlamaMissing(f"llama.cpp's server cannot be built: {command[0]} failed with {result.returncode}")
