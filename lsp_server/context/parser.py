"""The parsing process as its parent sees it: started when it is needed, started again when it dies.

Invariant: a file that kills the process, or holds it for PARSE_S, is answered as one without chunks and never sent
again while it stays as it is; everything else is answered. One thread calls `parse`; `close` may come from any.
"""

import fcntl
import logging
import os
import select
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

import msgspec

from lsp_server.context.files import Stamp, stamp_of
from lsp_server.context.parsing import GREETING, Answer, Request, write_frame
from lsp_server.context.records import ParsedFile

# -P: a folder named `lsp_server` in the current directory is not ours.
COMMAND = (sys.executable, "-P", "-m", "lsp_server.context.parsing")
PARSE_S = 20.0
_START_S = 30.0
NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_SENT_AHEAD = 32
"""Enough for a process to go on while its parent waits for the other one with a large file."""

_SENT_AHEAD_CHARS = 4_000
"""So much of their paths always fits a pipe: the parent never waits while the child waits for it."""

_PIPE_BYTES = 512 * 1024

_log = logging.getLogger(__name__)


class ParserUnavailableError(Exception):
    """The parsing process cannot be started."""


class ParserClosedError(Exception):
    """`close` was called."""


class _DiedError(Exception):
    """The process ended, or gave no answer in time."""


class _Sent(NamedTuple):
    """A file that is to be answered next. is_left_out: the process did not get it, as it would die."""

    path: str
    is_left_out: bool


class Parser:
    """Parses files in a process of its own."""

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        parse_s: float = PARSE_S,
        killers: dict[tuple[Path, str], Stamp | None] | None = None,
    ) -> None:
        """killers: the files that killed a process, as they were; shared by those that take turns."""
        self._command = command
        self._parse_s = parse_s
        self._process: subprocess.Popen[bytes] | None = None
        self._killers = killers if killers is not None else {}
        self._lock = threading.Lock()
        self._closed = False
        self._in_use = False
        self._answers = msgspec.msgpack.Decoder(Answer)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def parse(
        self, folder: Path, paths: Iterable[str], texts: Mapping[str, str] = NO_TEXTS, *, keeps: bool = False
    ) -> Generator[tuple[str, ParsedFile | None]]:
        """Give each of `paths`, in order, with what is in it; None for a file that cannot be read.

        texts: by path, what is parsed instead of what is on disk. keeps: they are likely to come again soon.
        Raises ParserUnavailableError, ParserClosedError.
        """
        with self._lock:
            self._in_use = True
        try:
            yield from self._parse(folder, iter(paths), texts, keeps=keeps)
        finally:
            with self._lock:
                self._in_use = False
                if self._closed:
                    self._end()

    def rest(self) -> None:
        """End the process until `parse` is called again."""
        with self._lock:
            if not self._in_use:
                self._end()

    def close(self) -> None:
        """End the process; whoever waits for it gets ParserClosedError."""
        with self._lock:
            self._closed = True
            if self._in_use and self._process is not None:
                self._process.kill()  # who reads from its pipe closes it
            else:
                self._end()

    def _parse(
        self, folder: Path, waiting: Iterator[str], texts: Mapping[str, str], *, keeps: bool
    ) -> Iterator[tuple[str, ParsedFile | None]]:
        sent: deque[_Sent] = deque()
        again: deque[str] = deque()
        while True:
            try:
                while (
                    _has_room(folder, sent) and (path := again.popleft() if again else next(waiting, None)) is not None
                ):
                    if path in texts and sent:  # it may be too long for the pipe: only to a process that waits for it
                        again.appendleft(path)
                        break
                    sent.append(_Sent(path, is_left_out=self._kills(folder, path)))
                    if not sent[-1].is_left_out:
                        self._send(Request(str(folder), path, texts.get(path), keeps))
                if not sent:
                    return
                path, is_left_out = sent[0]
                if is_left_out:
                    answer = Answer(ParsedFile(path, stamp_of(folder / path) or Stamp(0, 0)))
                else:
                    answer = self._answers.decode(self._frame(self._parse_s))
                sent.popleft()
                yield path, answer.file
            except GeneratorExit:
                if sent:
                    self._end()  # what it would still answer would be taken for the next files
                raise
            except _DiedError as error:
                _log.warning("the parsing process died at a file (%s); that file is left out", error)
                path = sent[0].path
                self._killers[folder, path] = stamp_of(folder / path)
                self._end()
                again.extendleft(each.path for each in reversed(sent))
                sent.clear()

    def _kills(self, folder: Path, path: str) -> bool:
        """Tell whether `path` killed the process as it is now."""
        return (folder, path) in self._killers and self._killers[folder, path] == stamp_of(folder / path)

    def _send(self, request: Request) -> None:
        stdin, _ = self._pipes()
        try:
            write_frame(stdin, msgspec.msgpack.encode(request))
        except (BrokenPipeError, ValueError):
            return  # `_frame` finds the end of the other pipe, behind the answers that are still in it

    def _frame(self, timeout_s: float) -> bytes:
        length = int.from_bytes(self._read(4, timeout_s), "big")
        return self._read(length, timeout_s)

    def _read(self, n_bytes: int, timeout_s: float) -> bytes:
        _, stdout = self._pipes()
        pieces = bytearray()
        try:
            while len(pieces) < n_bytes:
                if not select.select([stdout], [], [], timeout_s)[0]:
                    raise _DiedError(f"no answer within {timeout_s:g} s")
                piece = os.read(stdout.fileno(), n_bytes - len(pieces))
                if not piece:
                    raise _DiedError("it ended")
                pieces += piece
        except (OSError, ValueError) as error:
            raise _DiedError(str(error)) from error
        finally:
            self._check_open()
        return bytes(pieces)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """Return the ends of the running process's pipes; start one if none runs."""
        with self._lock:
            self._check_open()
            is_new = self._process is None
            if self._process is None:
                try:
                    self._process = subprocess.Popen(
                        self._command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        cwd="/",
                        bufsize=0,
                    )
                except OSError as error:
                    raise ParserUnavailableError(f"the parsing process cannot be started: {error}") from error
                _widen(self._process.stdout)
            stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - as asked for above
        if is_new:
            self._greet()
        return stdin, stdout

    def _greet(self) -> None:
        try:
            if self._frame(_START_S) == GREETING:
                return
            reason = "it answers something else"
        except _DiedError as error:
            reason = str(error)
        self._end()
        raise ParserUnavailableError(f"the parsing process cannot be started: {reason}")

    def _check_open(self) -> None:
        if self._closed:
            raise ParserClosedError

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()


def _has_room(folder: Path, sent: Collection[_Sent]) -> bool:
    """Tell whether one more may be sent to a process that has yet to answer for `sent`."""
    n_chars = sum(len(each.path) for each in sent) + len(sent) * len(str(folder))
    return len(sent) < _SENT_AHEAD and n_chars < _SENT_AHEAD_CHARS


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more than the 64 KB it has, where the system can: a process waits less for who reads from it."""
    if pipe is not None and sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
