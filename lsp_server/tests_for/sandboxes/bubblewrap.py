"""A run inside bubblewrap: its own namespaces of mounts, processes, network, users; what is not bound does not exist.

Invariant: everything that is mounted is read-only but the scratch folder. The command has no capability and no way to
a new user namespace, and runs as somebody whom the kernel's limit on processes binds: that is counted for each user
within a user namespace, and root is exempt from it. So under root a second, unprivileged user is mapped, and becomes
the one.
"""

import ctypes
import json
import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from . import seccomp
from .child import Child, Streams, fork
from .order import Order

SYSTEM_FOLDERS = ("/usr", "/nix/store")
_MERGED_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf")
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534
# Of root's: what becoming somebody else takes, and what files of root need to be read and, in the scratch, written.
_FILES_OF_ROOT = ("dac_override", "dac_read_search")
_CAPABILITIES = ("setuid", "setgid", "setpcap", *_FILES_OF_ROOT)
_N_OWN_PROCESSES = 1  # bubblewrap's first process in the namespace, which reaps the others


class _Pipes(NamedTuple):
    """Ends of the pipes between the supervisor and bubblewrap: what it says of itself, and what it waits for."""

    status_read: int
    status_write: int
    go_read: int
    go_write: int

    @classmethod
    def opened(cls) -> "_Pipes":
        """Open both."""
        return cls(*os.pipe(), *os.pipe())


def arguments(order: Order, pipes: _Pipes, seccomp_fd: int, *, as_root: bool) -> list[str]:
    """Build bubblewrap's command line."""
    words = [order.program, *_NAMESPACES, "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--json-status-fd", str(pipes.status_write), "--block-fd", str(pipes.go_read)]
    words += ["--seccomp", str(seccomp_fd)]
    words += ["--cap-drop", "ALL"] if as_root else ["--unshare-user"]
    for capability in _CAPABILITIES if as_root else ():
        words += ["--cap-add", f"CAP_{capability.upper()}"]
    words += _mounts(order)
    for name, value in order.environment.items():
        words += ["--setenv", name, value]
    words += ["--chdir", order.cwd, "--"]
    return [*words, *(_become_nobody() if as_root else ()), *order.command]


def _mounts(order: Order) -> list[str]:
    words = []
    for folder in (*SYSTEM_FOLDERS, *SYSTEM_FILES):
        words += ["--ro-bind-try", folder, folder]
    for folder in _MERGED_FOLDERS:
        if os.path.islink(folder):
            words += ["--symlink", os.readlink(folder), folder]
        else:
            words += ["--ro-bind-try", folder, folder]
    words += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--bind", order.scratch, "/dev/shm"]  # noqa: S108  the sandbox's own
    words += ["--dir", "/tmp"]  # noqa: S108  empty, so that it can be looked for
    for place in (*order.readable, order.workspace):
        for path in _names(place):
            words += [*_above(path), "--ro-bind-try", place, path]
    for path in _names(order.scratch):
        words += [*_above(path), "--bind", order.scratch, path]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/"]


def _above(path: str) -> list[str]:
    """Return what makes the folders that `path` lies in: made by bubblewrap itself, not everybody may go through them."""
    parents = [str(parent) for parent in reversed(PurePath(path).parents) if parent.name]
    return [word for parent in parents for word in ("--dir", parent)]


def _names(place: str) -> Sequence[str]:
    """Return the names that `place` has inside: what it is called, and what that leads to."""
    real = os.path.realpath(place)
    return (place,) if real == place else (place, real)


def _become_nobody() -> list[str]:
    kept = ",".join(["-all", *(f"+{name}" for name in _FILES_OF_ROOT)])
    user = ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"]
    return [
        "setpriv",
        *user,
        "--inh-caps",
        kept,
        "--ambient-caps",
        kept,
        "--bounding-set",
        kept,
        "--no-new-privs",
        "--",
    ]


def start(order: Order, streams: Streams) -> tuple[Child, "Status"]:
    """Start the command of `order`. Raises NotStarted."""
    users = _UserNamespace() if os.geteuid() == 0 else None
    pipes, seccomp_fd = _Pipes.opened(), _seccomp_file()
    words = arguments(order, pipes, seccomp_fd, as_root=users is not None)
    passed = (pipes.status_write, pipes.go_read, seccomp_fd)

    def confine() -> None:
        for fd in passed:
            os.set_inheritable(fd, True)
        if users:
            users.enter()

    kept = (*passed, *(users.fds if users else ()))
    child = fork(order.limits, streams, words, {"PATH": os.defpath}, confine, kept)
    os.close(pipes.status_write)
    if users:
        users.map(child.pid)
    child.check()
    status = Status(pipes.status_read)
    _let_go(pipes, status, order.limits.n_processes)
    return child, status


class _UserNamespace:
    """A user namespace of root's with a second user in it. The child enters it, the parent writes who is who."""

    def __init__(self) -> None:
        self._entered_read, self._entered_write = os.pipe()
        self._mapped_read, self._mapped_write = os.pipe()
        self.fds = (self._entered_write, self._mapped_read)

    def enter(self) -> None:
        """In the child: go into it, wait until the users are mapped. Raises OSError."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no user namespace is to be had")
        os.write(self._entered_write, b".")
        if not os.read(self._mapped_read, 1):
            raise OSError("the user namespace was given no users")

    def map(self, pid: int) -> None:
        """In the parent: give the child's namespace its users. Raises OSError."""
        os.close(self._entered_write)
        if os.read(self._entered_read, 1):
            for kind in ("uid_map", "gid_map"):
                with open(f"/proc/{pid}/{kind}", "w") as file:
                    file.write(f"0 0 1\n{_NOBODY} {_NOBODY} 1\n")
            os.write(self._mapped_write, b".")
        for end in (self._entered_read, self._mapped_read, self._mapped_write):
            os.close(end)


class Status:
    """What bubblewrap says of its run: the process that it made, and how the command ended."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unread = b""

    def first_process(self) -> int | None:
        """Wait for the id of the namespace's first process; None where bubblewrap failed before."""
        while line := self._line():
            if isinstance(pid := line.get("child-pid"), int):
                return pid
        return None

    def has_run(self) -> bool:
        """After the end: tell whether the command was reached at all."""
        while line := self._line():
            if "exit-code" in line:
                return True
        return False

    def _line(self) -> dict[str, object] | None:
        while b"\n" not in self._unread:
            piece = os.read(self._fd, 4096)
            if not piece:
                return None
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        values: dict[str, object] = json.loads(line)
        return values


def _let_go(pipes: _Pipes, status: Status, n_processes: int) -> None:
    """Limit the processes from inside the namespace's count, then let the command begin."""
    if (pid := status.first_process()) is not None:
        n = n_processes + _N_OWN_PROCESSES
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NPROC, (n, n))
    os.write(pipes.go_write, b".")


def _seccomp_file() -> int:
    """Return a file descriptor from which bubblewrap reads the filter of system calls."""
    fd = os.memfd_create("seccomp")
    os.write(fd, seccomp.program(keeps_metadata=False))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
