"""What a test runs of the target, and what it must not do."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from .target import is_of_target

if TYPE_CHECKING:
    import types

    from .job import Job

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.symlink", "os.link", "os.truncate", "os.chmod")
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")


class Traced:
    """The lines of the target that ran, 1-based, and from which line to which; 0 is its end."""

    def __init__(self, job: Job) -> None:
        self.lines: set[int] = set()
        self.branches: set[tuple[int, int]] = set()
        self._job = job
        self._wanted: dict[types.CodeType, bool] = {}

    def begin(self) -> None:
        """Note lines from now on, in threads that begin later as well."""
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def _enter(self, frame: types.FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._wanted[code] = event == "call" and is_of_target(code, self._job)
        return self._follow() if wanted else None

    def _follow(self) -> Any:
        before = 0

        def local(frame: types.FrameType, event: str, _: object) -> Any:
            nonlocal before
            if event == "line":
                self.lines.add(frame.f_lineno)
                if before:
                    self.branches.add((before, frame.f_lineno))
                before = frame.f_lineno
            elif event == "return" and before:
                self.branches.add((before, 0))
            return local

        return local


class Fence:
    """Notes and refuses what a test must not do. The sandbox holds without it; this one says what it was."""

    def __init__(self, job: Job) -> None:
        self.broken = ""
        self._is_closed = False
        self._allowed = (os.path.realpath(job.temporary) + os.sep, "/dev/")

    def close(self) -> None:
        """Refuse from now on."""
        self._is_closed = True
        sys.addaudithook(self._look)

    def open(self) -> None:
        """Refuse nothing any more."""
        self._is_closed = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_closed:
            return
        if event == "open":
            path, mode, flags = arguments
            if any(letter in (mode or "") for letter in "wax+") or (flags or 0) & _WRITES:
                self._check(path)
        elif event in _CHANGES or (event == "sqlite3.connect" and arguments[0] not in (":memory:", "", b":memory:")):
            self._check(arguments[0])
        elif event in _NETWORK:
            self._refuse("reached for the network")
        elif event in _PROGRAMS:
            self._refuse("ran another program")

    def _check(self, path: object) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if not (place + os.sep).startswith(self._allowed):
                self._refuse("wrote outside their temporary folder")

    def _refuse(self, what: str) -> None:
        self.broken = what
        raise PermissionError("suggested tests must not do this: they " + what)
