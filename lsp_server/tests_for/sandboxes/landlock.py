"""A run under Landlock: the process gives up, for good, every file but those it is given, and all sockets.

It holds what an issue of trust needs: no file's contents are read beyond the system's folders, the workspace and what
else is given, none is written outside the scratch folder, no network, no other process is traced, read or sent a
signal. It does *not* hold what bubblewrap does: names, sizes and times of files anywhere can be asked for; the
machine's users, load and processors can be seen; modes, owners and times of one's own files in the scratch cannot be
changed either; processes are counted together with all others of this user; and a process that the supervisor could
not end, because it was itself killed, goes on until its CPU time is over.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress

from . import seccomp
from .bubblewrap import SYSTEM_FILES, SYSTEM_FOLDERS
from .child import Child, Streams, fork, limit_processes
from .order import Order

NEEDED_ABI = 6
"""Linux 6.12: the first that keeps signals inside."""
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_ALL_FILES = (1 << 16) - 1
_ALL_NET = 0b11  # bind and connect by TCP
_ALL_SCOPES = 0b11  # abstract sockets, signals
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _ALL_FILES & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _IOCTL_DEV)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_ABOUT_THE_MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
_OTHER_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 8, 38, 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION = 0x20080522
_SIGKILL = 9


def abi() -> int:
    """Return the version of Landlock that the kernel has; 0 where it has none."""
    version: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(0, version)


def start(order: Order, streams: Streams) -> Child:
    """Start the command of `order`. Raises NotStarted."""
    child = fork(order.limits, streams, order.command, order.environment, lambda: _confine(order))
    child.check()
    return child


def _confine(order: Order) -> None:
    """Give up everything that `order` does not need, in the process that becomes the command. Raises OSError.

    Under root it becomes nobody, whom the kernel's limit on processes binds, and keeps the right to open root's files.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    own = f"/proc/{os.getpid()}"
    if os.geteuid() == 0:
        _become_nobody(libc)
    limit_processes(_count_tasks(os.geteuid()) + order.limits.n_processes)
    _checked(libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "prctl")
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    attributes = struct.pack("QQQ", _ALL_FILES, _ALL_NET, _ALL_SCOPES)
    ruleset = _checked(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock")
    readable = (*SYSTEM_FOLDERS, *_OTHER_FOLDERS, *SYSTEM_FILES, *_ABOUT_THE_MACHINE, own)
    _allow(libc, ruleset, (*readable, *order.readable, order.workspace), _READ)
    _allow(libc, ruleset, _DEVICES, _READ | _WRITE_FILE)
    _allow(libc, ruleset, (order.scratch,), _WRITE)
    os.chdir(order.cwd)
    _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)
    seccomp.install(seccomp.program(keeps_metadata=True))


def _allow(libc: ctypes.CDLL, ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            granted = rights if os.path.isdir(path) else rights & _OF_A_FILE
            rule = struct.pack("=Qi", granted, fd)
            _checked(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0), "Landlock")
            os.close(fd)


def _become_nobody(libc: ctypes.CDLL) -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl")
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    kept = 1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH
    head = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    sets = struct.pack("IIIIII", kept, kept, kept, 0, 0, 0)
    _checked(libc.capset(head, sets), "capset")
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl")


def _count_tasks(uid: int) -> int:
    """Count the threads of all processes of `uid`: what the kernel's limit on processes counts."""
    n = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                n += len(os.listdir(f"/proc/{pid}/task"))
    return n


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
