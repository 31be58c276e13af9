"""The worker's process: lock, socket, log, and how it ends. What it does in between is `server`.

Order: the lock comes first, before anything heavy is imported, so that whoever loses the race has cost little.
Invariant: whatever ends the process short of kill -9, its socket and lock are gone, and why it ended is written where
the launcher reads it.
"""

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from enum import IntEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import NoReturn

from inference import paths, singleton

_LOG_BYTES = 2**20

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """How `hearthline worker` ends. 2 is argparse's, for wrong usage."""

    DONE = 0  # stopped, or idle for long enough, or another worker runs already
    MODEL_MISSING = 3  # the model is not on this machine, or there is none of that name
    LOAD_FAILED = 4  # the model is there and cannot be loaded
    ENGINE_FAILED = 5  # the model was loaded and the engine broke
    NO_PLACE = 6  # the runtime folder, the lock or the socket cannot be had


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line says. assistant_model: None gives both roles to `model`; n_context: None takes theirs.

    memory_gb: the ceiling, None for a share of what the device has. idle_unload_s: see `Engine.unload_idle`.
    adapter, assistant_adapter: folders of adapters for either.
    """

    model: str
    assistant_model: str | None = None
    n_context: int | None = None
    idle_exit_s: float = 1800.0
    reuses_suffixes: bool = True
    speculates: bool = True
    memory_gb: float | None = None
    background_on_battery: bool = False
    idle_unload_s: float = 600.0
    adapter: Path | None = None
    assistant_adapter: Path | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the worker ends."""

    code: ExitCode
    message: str


def serve(options: ServeOptions) -> ExitCode:
    """Be the worker until there is a reason to leave; return the exit code.

    A thread may still be inside MLX or the tokenizer: leave the process by `exit_now`.
    """
    try:
        runtime_dir = paths.runtime_dir()
        lock = singleton.WorkerLock(runtime_dir)
    except singleton.AlreadyRunning as running:
        _say(f"{running}; one serves every window of this user")
        return ExitCode.DONE
    except (OSError, paths.UnsafeDirectoryError) as error:
        _say(f"the worker has no place to run in: {error}")
        return ExitCode.NO_PLACE
    with lock:
        _set_up_logging()
        ending = _serve_locked(options, runtime_dir)
        logger.info("ends with code %d: %s", ending.code, ending.message)
        if not sys.stderr.isatty():  # where it is one, the log has said it
            _say(ending.message)
        with contextlib.suppress(OSError):
            singleton.write_last_exit(runtime_dir, ending.code, ending.message)
    return ending.code


def exit_now(code: ExitCode) -> NoReturn:
    """End the process without waiting for threads; ending the interpreter under them could crash it."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve_locked(options: ServeOptions, runtime_dir: Path) -> Ending:
    (runtime_dir / singleton.EXIT_NAME).unlink(missing_ok=True)
    socket_path = paths.socket_path()
    try:
        listener = singleton.bind(socket_path)
    except OSError as error:
        return Ending(ExitCode.NO_PLACE, f"the worker cannot listen at {socket_path}: {error}")
    try:
        # Only now: importing it takes a moment, and who asks meanwhile waits in the socket's backlog.
        from inference.server import run_server

        return asyncio.run(run_server(listener, options))
    finally:
        socket_path.unlink(missing_ok=True)
        listener.close()


def _set_up_logging() -> None:
    """Log to a file of bounded size, and to a terminal if there is one. A log that cannot be written stops nothing."""
    handlers: list[logging.Handler] = [logging.NullHandler()]
    if sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    try:
        paths.log_dir().mkdir(parents=True, exist_ok=True)
        path = paths.log_dir() / "worker.log"
        handlers.append(RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8"))
    except OSError as error:
        _say(f"the worker keeps no log: {error}")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # A disk that fills up later must not print tracebacks into whatever stderr is.
    logging.raiseExceptions = False
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s", handlers=handlers
    )


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"hearthline worker: {message}\n")
