"""Logging of the language server: a file of bounded size, and warnings on stderr.

Invariants: no record holds source text (an exception is logged by its type and place, without its words, and
libraries that log message bodies are silenced); logging never blocks whoever logs.
"""

import logging
import os
import queue
import sys
import traceback
from contextlib import suppress
from copy import copy
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from types import TracebackType

MAX_FILE_BYTES = 2 * 1024 * 1024
_MAX_QUEUED = 1000
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def place_of(error: BaseException) -> str:
    """Return what `error` is and where it was raised, without its words, which may quote a document."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " <- ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames[-6:]))
    return f"{type(error).__name__} at {where}" if where else type(error).__name__


def log_path(directory: Path) -> Path:
    """Return the file that every window of this user logs to, with `directory` as the folder of logs."""
    return directory / "lsp.log"


class _Formatter(logging.Formatter):
    """Formats exceptions by `place_of`."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy(record)
        record.exc_text = None  # another handler's, with the words
        return super().format(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        return place_of(ei[1]) if ei[1] is not None else ""


class _SharedFileHandler(RotatingFileHandler):
    """Rotates a file that several windows write: who finds it rotated by another goes on in the new one."""

    def emit(self, record: logging.LogRecord) -> None:
        self._follow()
        super().emit(record)

    def doRollover(self) -> None:  # noqa: N802 - the name is logging's
        if not self._follow():
            super().doRollover()

    def _follow(self) -> bool:
        if self.stream is None or not self._was_replaced(self.stream.fileno()):
            return False
        self.stream.close()
        self.stream = self._open()
        return True

    def _was_replaced(self, fd: int) -> bool:
        try:
            return not os.path.samestat(os.stat(self.baseFilename), os.fstat(fd))
        except OSError:
            return False


class _DroppingQueueHandler(QueueHandler):
    """Drops records when the disk or the reader of stderr is too slow, rather than wait."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


class Logs:
    """The logging of this process, from `open` to `close`."""

    def __init__(self, directory: Path) -> None:
        """Log to `lsp.log` in `directory`; where that cannot be written, to stderr alone."""
        logging.raiseExceptions = False  # a full disk must not fill stderr
        to_stderr = logging.StreamHandler(sys.stderr)
        to_stderr.setLevel(logging.WARNING)
        to_stderr.setFormatter(logging.Formatter("hearthline: %(message)s"))
        to_file, problem = _open_file(directory)
        records: queue.Queue[logging.LogRecord] = queue.Queue(_MAX_QUEUED)
        self._handler = _DroppingQueueHandler(records)
        self._handler.setFormatter(_Formatter("%(message)s"))
        handlers = [handler for handler in (to_stderr, to_file) if handler is not None]
        self._listener = QueueListener(records, *handlers, respect_handler_level=True)
        self._listener.start()
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it logs message bodies
        self.set_level("info")
        if problem is not None:
            logging.getLogger(__name__).warning("no log file in %s: %s", directory, problem)

    def set_level(self, level: str) -> None:
        """Let records of the language server pass from `level` up; a name of `settings.LogLevel`."""
        logging.getLogger("lsp_server").setLevel(level.upper())

    def close(self) -> None:
        """Write what is queued; log no more."""
        logging.getLogger().removeHandler(self._handler)
        with suppress(queue.Full):
            self._listener.stop()
        for handler in self._listener.handlers:
            handler.close()


def _open_file(directory: Path) -> tuple[logging.Handler | None, str | None]:
    """Return the handler of the log file, or why there is none."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _SharedFileHandler(log_path(directory), maxBytes=MAX_FILE_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        return None, error.strerror
    handler.setFormatter(logging.Formatter(_FORMAT))
    return handler, None
