"""The worker as a process: whether it can be started, starting it, why the last one ended. Blocking; call in a thread.

Invariant: a started worker belongs to no window. It has a session and standard streams of its own, holds no folder of
the workspace, and outlives whoever started it.
"""

import subprocess
import sys
import threading
from pathlib import Path

from inference import errors as inference_errors
from inference import paths, singleton
from inference.models import store
from inference.models.reference import is_path
from lsp_server.errors import EngineUnavailable, ModelMissing

# -P: a folder named `inference` in the current directory is not ours.
COMMAND = (sys.executable, "-P", "-m", "inference", "serve")


def socket_path() -> Path:
    """Return where the worker listens. Raises EngineUnavailable when the runtime folder is not safe to use."""
    try:
        return paths.socket_path()
    except (paths.UnsafeDirectoryError, OSError) as error:
        raise EngineUnavailable(f"the worker has no folder for its socket: {error}") from error


def check_model(model: str) -> None:
    """Raise ModelMissing, in words that say what to do, when `model` is not on this machine."""
    try:
        store.checkpoint_dir(model)
    except inference_errors.ModelError as error:
        raise ModelMissing(str(error)) from error


def resident_name(model: str) -> str:
    """Return the name by which a worker knows `model`, which may be a folder. Raises ModelMissing."""
    try:
        return store.resident_name(model)
    except inference_errors.ModelError as error:
        raise ModelMissing(str(error)) from error


def start(
    model: str, idle_exit_s: float, n_context: int | None = None, memory_gb: float | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker; whether it becomes the worker is decided among all that were started by the lock.

    `returncode` of what is returned tells, without a call, when it has ended. Raises EngineUnavailable.
    """
    # The worker's current folder is not ours: a folder of a model must not be named from here.
    model = str(Path(model).expanduser().absolute()) if is_path(model) else model
    command = [*COMMAND, "--model", model, "--idle-exit-s", f"{idle_exit_s:g}"]
    command += [] if n_context is None else ["--n-context", str(n_context)]
    command += [] if memory_gb is None else ["--memory-gb", f"{memory_gb:g}"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        raise EngineUnavailable(f"the worker cannot be started: {error}") from error
    # Reaped in a thread, lest it stay as a zombie for as long as the window is open; in a daemon, lest the language
    # server live for as long as the worker.
    threading.Thread(target=process.wait, name="worker-reaper", daemon=True).start()
    return process


def last_exit() -> tuple[int, str] | None:
    """Return code and reason that the last worker left behind; None when it could not leave any."""
    left = singleton.read_last_exit(socket_path().parent)
    if left is None:
        return None
    code = left.get("code")
    return (code if isinstance(code, int) else 1), str(left.get("message", ""))
