"""The process that becomes a sandboxed command: forked, limited, confined, replaced.

Invariant: it has no file of the supervisor's open but the two pipes for its output and what it was told to keep.
"""

import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .order import Limits

_NICE = 10
_N_OPEN_FILES = 1024


class NotStarted(Exception):
    """The command was not reached. The message says why."""


class Streams(NamedTuple):
    """Where the command writes: file descriptors of its stdout and stderr."""

    output: int
    errors: int


class Child(NamedTuple):
    """A forked process. failure_fd: where to read why it did not become the command; nothing when it did."""

    pid: int
    failure_fd: int

    def check(self) -> None:
        """Wait until it became the command. Raises NotStarted."""
        with os.fdopen(self.failure_fd, "rb") as pipe:
            if reason := pipe.read():
                raise NotStarted(reason.decode())


def fork(
    limits: Limits,
    streams: Streams,
    command: Sequence[str],
    environment: Mapping[str, str],
    confine: Callable[[], None],
    kept_fds: Sequence[int] = (),
) -> Child:
    """Start `command`, after `confine` in its process, for which `kept_fds` stay open. Return at once."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return Child(pid, read_end)
    try:
        _take_streams(streams, {*kept_fds, write_end})
        _limit(limits)
        confine()
        os.execvpe(command[0], [*command], environment)  # noqa: S606  no shell: the command is ours, word by word
    except Exception as error:  # whatever it is, this copy of the supervisor must end here
        os.write(write_end, str(error).encode(errors="replace")[:4096] or b"no reason given")
    finally:
        os._exit(127)


def _take_streams(streams: Streams, kept_fds: set[int]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (streams.output, 1), (streams.errors, 2)):
        os.dup2(fd, place)
    first = 3
    for fd in sorted(kept_fds):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def _limit(limits: Limits) -> None:
    """Set the limits that hold for each process alone."""
    os.nice(_NICE)
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (limits.cpu_s, limits.cpu_s + 1),
        # Not the address space, of which V8 and Go reserve many times what they use.
        resource.RLIMIT_DATA: (limits.memory_bytes, limits.memory_bytes),
        resource.RLIMIT_FSIZE: (limits.scratch_bytes, limits.scratch_bytes),
        resource.RLIMIT_NOFILE: (_N_OPEN_FILES, _N_OPEN_FILES),
    }
    for kind, values in wanted.items():
        hard = resource.getrlimit(kind)[1]
        lowest = values if hard == resource.RLIM_INFINITY else (min(values[0], hard), min(values[1], hard))
        resource.setrlimit(kind, lowest)


def limit_processes(n_processes: int) -> None:
    """Let this user have `n_processes` and no more, as far as this process and what comes of it are concerned."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    n = n_processes if hard == resource.RLIM_INFINITY else min(n_processes, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (n, n))
