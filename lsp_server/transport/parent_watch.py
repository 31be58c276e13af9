"""Notices that the editor is gone, even where it left the pipes open.

Owns one thread that looks twice a second, so that it notices even when the event loop does not turn.
"""

import logging
import os
import threading
from collections.abc import Callable

INTERVAL_S = 0.5

_log = logging.getLogger(__name__)


class ParentWatch:
    """Calls `on_gone` once, in its own thread, when this process has lost its parent or the editor has ended."""

    def __init__(self, on_gone: Callable[[str], None]) -> None:
        self._on_gone = on_gone
        self._parent = os.getppid()
        self._editor: int | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="parent watch", daemon=True)

    def start(self) -> None:
        """Begin to watch the parent process."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def also_watch(self, editor: int) -> None:
        """Watch the process `editor` too, which the client named as its own."""
        if _runs(editor):
            self._editor = editor
        else:  # an editor in a container, or on another machine, names a process that is not here
            _log.info("the client's process %d is not visible from here and is not watched", editor)

    def _watch(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            if os.getppid() != self._parent:
                return self._on_gone("the process that started this one is gone")
            if self._editor is not None and not _runs(self._editor):
                return self._on_gone("the editor is gone")
        return None


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
