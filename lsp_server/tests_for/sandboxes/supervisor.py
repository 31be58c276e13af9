"""The process that supervises one run: starts the command in its sandbox, reads its output, ends all of it.

Invariant: when it answers, no process of the run is left. It ends the run when the command ends, when a limit is
passed and when its stdin closes, which is how it notices that the run was cancelled or that the editor is gone.
"""

import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from . import scratch
from .child import Child, NotStarted, Streams
from .order import Ended, Order, Outcome

if sys.platform == "darwin":
    from .processes_macos import Processes
else:
    from .processes import Processes

_LOOK_S = 0.02
"""So often it is looked what a run takes: at 2 GB/s, memory that is over the limit is seen 40 MB late."""
_REST = 4
"""Between two looks it rests so many times as long as one took."""
_READ_BYTES = 1 << 16
_LONGEST_END_S = 5.0
_SIGNALLED = 128


def main() -> None:
    """Read an order from stdin, carry it out, write the outcome to stdout."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, _READ_BYTES)
        if not piece:
            return
        line += piece
    try:
        outcome = Run(Order.from_line(line)).outcome()
    except Exception as error:  # stderr leads nowhere, and whoever asked must be told
        outcome = Outcome(None, Ended.NOT_STARTED, f"the supervisor failed: {error!r}", 0.0, b"", b"")
    answer = outcome.to_bytes()
    with suppress(BrokenPipeError):
        while answer:
            answer = answer[os.write(1, answer) :]
    os._exit(0)  # there is nothing to tidy up, and an interpreter takes its time for it


class Run:
    """One command, from its start until nothing of it is left."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._limits = order.limits
        self._selector = selectors.DefaultSelector()
        self._texts: dict[int, bytearray] = {}
        self._exit_code: int | None = None
        self._verdict: tuple[Ended, str] | None = None
        self._has_run: Callable[[], bool] = lambda: True
        self._processes = Processes()

    def outcome(self) -> Outcome:
        """Run the command to its end."""
        started = time.monotonic()
        output, output_end = self._pipe()
        errors, errors_end = self._pipe()
        self._watch_children()
        self._selector.register(0, selectors.EVENT_READ, self._cancel)
        try:
            child = self._start(Streams(output_end, errors_end))
        except NotStarted as error:
            self._verdict = Ended.NOT_STARTED, str(error)
        else:
            os.close(output_end)
            os.close(errors_end)
            self._follow(child, started + self._limits.wall_s)
        self._end_all()
        self._read_rest()
        ended, reason = self._judge()
        return Outcome(
            exit_code=self._exit_code if ended is Ended.EXITED else None,
            ended=ended,
            reason=reason,
            wall_s=time.monotonic() - started,
            output=bytes(self._texts[output]),
            errors=bytes(self._texts[errors]),
        )

    def _start(self, streams: Streams) -> Child:
        """Start the command; of the sandboxes, only the one that is used is imported."""
        if self._order.kind == "sandbox-exec":
            from . import seatbelt

            return seatbelt.start(self._order, streams)
        if self._order.kind == "landlock":
            from . import landlock

            return landlock.start(self._order, streams)
        from . import bubblewrap

        child, status = bubblewrap.start(self._order, streams)
        self._has_run = status.has_run
        return child

    def _follow(self, child: Child, deadline: float) -> None:
        """Wait for the command's end, or for a reason to end it."""
        next_look = 0.0
        while True:
            now = time.monotonic()
            if now >= deadline:
                self._stop(Ended.TIMEOUT, f"it was not done after {self._limits.wall_s:g} s")
            if now >= next_look:
                self._look()
                took_s = time.monotonic() - now
                next_look = now + max(_LOOK_S, _REST * took_s)
            self._reap(child.pid)
            if self._exit_code is not None or self._verdict is not None:
                return
            self._handle(max(0.0, min(deadline, next_look) - time.monotonic()))

    def _handle(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            key.data(key.fd)

    def _pipe(self) -> tuple[int, int]:
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._texts[read_end] = bytearray()
        self._selector.register(read_end, selectors.EVENT_READ, self._read)
        return read_end, write_end

    def _watch_children(self) -> None:
        read_end, write_end = os.pipe()
        for end in (read_end, write_end):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self._selector.register(read_end, selectors.EVENT_READ, lambda fd: os.read(fd, _READ_BYTES))

    def _read(self, fd: int) -> None:
        """Take what was written, and no more of it than is allowed."""
        text = self._texts[fd]
        try:
            piece = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not piece:
            self._selector.unregister(fd)
            return
        room = self._limits.output_bytes - len(text)
        text += piece[:room]
        if len(piece) > room:
            self._stop(Ended.TOO_MUCH_OUTPUT, f"it wrote more than {self._limits.output_bytes:,} bytes")

    def _cancel(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._stop(Ended.KILLED, "it was cancelled")

    def _look(self) -> None:
        """End a run that takes more memory or disk than it may."""
        self._processes.look()
        if self._processes.memory_bytes(self._limits.memory_bytes) > self._limits.memory_bytes:
            self._stop(Ended.KILLED, f"it took more than {self._limits.memory_bytes / 1e6:,.0f} MB of memory")
        limit_bytes = self._limits.scratch_bytes
        device = os.stat(self._order.scratch).st_dev
        unlinked_bytes = self._processes.unlinked_bytes(device)
        if scratch.used_bytes(self._order.scratch, limit_bytes) + unlinked_bytes > limit_bytes:
            self._stop(Ended.KILLED, f"it wrote more than {limit_bytes / 1e6:,.0f} MB of files")

    def _stop(self, ended: Ended, reason: str) -> None:
        if self._verdict is None:
            self._verdict = ended, reason

    def _reap(self, command_pid: int) -> None:
        """Take note of every process that ended. Leaves `_exit_code` None as long as the command goes on."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == command_pid:
                    code = os.waitstatus_to_exitcode(status)
                    self._exit_code = code if code >= 0 else _SIGNALLED - code

    def _end_all(self) -> None:
        """Kill whatever came of this process, again and again until there is nothing left."""
        deadline = time.monotonic() + _LONGEST_END_S
        while time.monotonic() < deadline:
            pids = self._processes.look()
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                if not pids:
                    return
            time.sleep(0.001)

    def _read_rest(self) -> None:
        for fd, text in self._texts.items():
            n = -1
            while n < len(text):
                n = len(text)
                with suppress(KeyError, ValueError, OSError):
                    self._read(fd)

    def _judge(self) -> tuple[Ended, str]:
        if self._verdict is not None:
            return self._verdict
        if not self._has_run():
            return Ended.NOT_STARTED, "the sandbox could not be set up"
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        is_out_of_time = used.ru_utime + used.ru_stime >= self._limits.cpu_s
        was_killed = self._exit_code == _SIGNALLED + signal.SIGKILL  # what follows SIGXCPU a second later
        if self._exit_code == _SIGNALLED + signal.SIGXCPU or (was_killed and is_out_of_time):
            return Ended.TIMEOUT, f"it computed for {self._limits.cpu_s} s"
        return Ended.EXITED, ""
