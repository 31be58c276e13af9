"""`hearthline doctor`: looks at everything the assistant needs and says what to do about what is wrong."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rich.table import Table
from rich.text import Text

from inference import WIRE_VERSION, paths, singleton
from inference.models import store
from inference.models.catalogue import DEFAULT_MODEL
from lsp_server import __version__
from lsp_server.commands.terminal import answers, write_json
from lsp_server.tests_for.sandbox import NoSandbox, Sandbox, find_sandbox

MINIMUM_PYTHON = (3, 11)
_PROBE_TIMEOUT_S = 120
_EDITORS = {
    "Neovim": "nvim",
    "VS Code": "code",
    "VSCodium": "codium",
    "Emacs": "emacs",
    "Helix": "hx",
    "Zed": "zed",
    "Kate": "kate",
    "Sublime Text": "subl",
}


class Verdict(StrEnum):
    """How one check ended. Only `FAIL` means that completions cannot work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `advice` says what to do; empty when nothing is to be done."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def run(*, as_json: bool) -> int:
    """Check everything and print it, a verdict last. Exit code 0 unless a check failed."""
    probe = probe_inference()
    checks = [
        check_python(),
        check_mlx(probe),
        check_device(probe),
        check_blas(probe),
        check_model(),
        check_socket(),
        check_worker(),
        check_sandbox(),
        check_editors(),
    ]
    failed = any(check.verdict is Verdict.FAIL for check in checks)
    if as_json:
        shown = [asdict(check) for check in checks]
        write_json({"ok": not failed, "verdict": verdict(checks), "version": __version__, "checks": shown})
    else:
        _show(checks)
    return 1 if failed else 0


def probe_inference() -> Mapping[str, object]:
    """Ask the other half, in its own process, for its device and speed; `{"error": sentence}` when it cannot tell."""
    command = [sys.executable, "-P", "-m", "inference", "probe", "--json"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"the probe did not end within {_PROBE_TIMEOUT_S} s"}
    lines = result.stdout.strip().splitlines()
    try:
        probe = json.loads(lines[-1])
    except (IndexError, ValueError):
        last_words = result.stderr.strip().splitlines()[-1:] or [f"exit code {result.returncode}"]
        return {"error": last_words[0]}
    return probe if isinstance(probe, dict) else {"error": "the probe's answer is not an object"}


def check_python() -> Check:
    """Check the interpreter and the system it runs on."""
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, hearthline {__version__}"
    if sys.version_info < MINIMUM_PYTHON:
        return Check("Python", Verdict.FAIL, found, "install Python 3.11 or newer and install hearthline with it")
    if sys.platform not in ("linux", "darwin"):
        return Check("Python", Verdict.FAIL, found, "use Linux or macOS (on Windows: WSL)")
    return Check("Python", Verdict.OK, found)


def check_mlx(probe: Mapping[str, object]) -> Check:
    """Check that MLX can be loaded at all."""
    if "error" in probe:
        advice = "reinstall: pip install --force-reinstall -c constraints.txt ."
        return Check("MLX", Verdict.FAIL, f"cannot be loaded: {probe['error']}", advice)
    return Check("MLX", Verdict.OK, f"MLX {probe['mlx_version']}, mlx-lm {probe['mlx_lm_version']}")


def check_device(probe: Mapping[str, object]) -> Check:
    """Tell which device the models run on."""
    if "error" in probe:
        return Check("Device", Verdict.FAIL, "unknown: MLX did not load", "mend the line above first")
    device = str(probe["device"])
    memory_gb = float(str(probe["memory_bytes"])) / 1e9
    found = f"{device} ({probe['device_name']}), {memory_gb:.0f} GB of memory"
    if device == "cpu" and sys.platform == "darwin":
        return Check("Device", Verdict.WARN, found, "on Apple Silicon use an arm64 Python, so that MLX finds Metal")
    return Check("Device", Verdict.OK, found)


def check_blas(probe: Mapping[str, object]) -> Check:
    """Tell which BLAS multiplies matrices on the CPU, and how fast."""
    if "error" in probe:
        return Check("BLAS", Verdict.FAIL, "unknown: MLX did not load", "mend the line above first")
    found = f"{probe['blas']}, {float(str(probe['gflops'])):.0f} GFLOP/s measured (float32)"
    if probe["blas_is_fast"]:
        return Check("BLAS", Verdict.OK, found)
    advice = "completions will be up to 70 times slower: install libopenblas0 (Debian, Ubuntu) or `pip install mkl`"
    return Check("BLAS", Verdict.WARN, f"{found}; {probe['blas_reason']}", advice)


def check_model() -> Check:
    """Check that the default model is here."""
    installed = sorted(model.name for model in store.installed())
    found = f"{DEFAULT_MODEL} in {paths.models_dir()}"
    if DEFAULT_MODEL in installed:
        others = [name for name in installed if name != DEFAULT_MODEL]
        return Check("Model", Verdict.OK, found + (f" (also: {', '.join(others)})" if others else ""))
    advice = f"fetch it once: hearthline models pull {DEFAULT_MODEL}"
    if installed:
        return Check("Model", Verdict.WARN, f"only {', '.join(installed)}; the default is not here", advice)
    return Check("Model", Verdict.FAIL, "none on this machine", advice)


def check_socket() -> Check:
    """Check that the worker's socket has a safe place."""
    try:
        path = paths.socket_path()
    except (OSError, paths.UnsafeDirectoryError) as error:
        advice = "set HEARTHLINE_HOME to a folder of your own that can be written"
        return Check("Socket", Verdict.FAIL, str(error), advice)
    if not os.access(path.parent, os.W_OK):
        advice = "set HEARTHLINE_HOME to a folder that can be written"
        return Check("Socket", Verdict.FAIL, f"{path.parent} cannot be written", advice)
    return Check("Socket", Verdict.OK, str(path))


def check_worker() -> Check:
    """Ask the running worker, if there is one, how it is."""
    try:
        health = singleton.probe(paths.socket_path())
    except (OSError, paths.UnsafeDirectoryError):
        health = None
    if health is None:
        return Check("Worker", Verdict.OK, "not running; the first completion starts it")
    models = health.get("models")
    names = ", ".join(str(model["name"]) for model in models) if isinstance(models, list) else "no model"
    found = f"{health.get('status')}: {names}, version {health.get('version')}, process {health.get('pid')}"
    if health.get("wire") != WIRE_VERSION:
        advice = "it is of another version: hearthline worker stop, and the next completion starts the right one"
        return Check("Worker", Verdict.FAIL, found, advice)
    if health.get("status") == "failed":
        return Check(
            "Worker",
            Verdict.FAIL,
            f"{found}: {health.get('message')}",
            "hearthline worker stop, then mend that",
        )
    return Check("Worker", Verdict.OK, found)


def check_sandbox(find: Callable[[], Sandbox] = find_sandbox) -> Check:
    """Tell what would confine the tests that are suggested while they run."""
    try:
        sandbox = find()
    except NoSandbox as error:
        return Check("Sandbox", Verdict.WARN, "none: suggested tests cannot be run", str(error))
    if sandbox.name == "landlock":
        advice = "bubblewrap confines more: install it (on Debian and Ubuntu: apt install bubblewrap)"
        return Check("Sandbox", Verdict.OK, "landlock, for suggested tests", advice)
    return Check("Sandbox", Verdict.OK, f"{sandbox.name} ({sandbox.program}), for suggested tests")


def check_editors(which: Callable[[str], str | None] = shutil.which) -> Check:
    """List the editors on the PATH."""
    found = [f"{name} ({program})" for name, program in _EDITORS.items() if which(program)]
    if not found:
        advice = "hearthline try works without one; hearthline init EDITOR says what an editor has to be told"
        return Check("Editors", Verdict.WARN, "none found on the PATH", advice)
    return Check("Editors", Verdict.OK, ", ".join(found))


def verdict(checks: Sequence[Check]) -> str:
    """Sum up the report in one line, the last one that a person reads."""
    n_wrong = sum(check.verdict is Verdict.FAIL for check in checks)
    if n_wrong:
        return f"{n_wrong} thing{'s' * (n_wrong > 1)} to mend before completions can work."
    n_lesser = sum(check.verdict is Verdict.WARN for check in checks)
    lesser = f", but {n_lesser} thing{'s' * (n_lesser > 1)} could be better: see ! above" if n_lesser else ""
    return f"Ready{lesser}. Watch it work: hearthline try"


_MARKS = {Verdict.OK: ("✓", "green"), Verdict.WARN: ("!", "yellow"), Verdict.FAIL: ("✗", "bold red")}


def _show(checks: list[Check]) -> None:
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark, style = _MARKS[check.verdict]
        table.add_row(Text(mark, style), Text(check.name, "bold"), Text(_home_relative(check.found)))
        if check.advice:
            table.add_row("", "", Text(f"→ {check.advice}", style))
    console = answers()
    console.print(table)
    console.print()
    is_ready = all(check.verdict is not Verdict.FAIL for check in checks)
    console.print(Text(verdict(checks), "bold green" if is_ready else "bold red"))


def _home_relative(words: str) -> str:
    return words.replace(str(Path.home()), "~")
