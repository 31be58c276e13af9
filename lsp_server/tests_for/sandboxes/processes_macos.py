"""The processes of a run as macOS shows them: all that come of the supervisor, as far as it saw them come.

Nobody adopts those whose parents ended there, so each that was seen is remembered, by its id and the moment it
started, and those of its process group are looked for as well. Plain C functions of libproc; not run on a Mac here.
"""

import ctypes
import os

_BY_GROUP, _BY_REAL_USER, _BY_PARENT = 2, 5, 6  # PROC_*_ONLY of <sys/proc_info.h>
_MOST_PIDS = 4096


class _RusageInfo(ctypes.Structure):
    """`struct rusage_info_v0` of <sys/resource.h>."""

    _fields_ = (
        ("uuid", ctypes.c_uint8 * 16),
        ("times_and_wakeups", ctypes.c_uint64 * 5),
        ("wired_size", ctypes.c_uint64),
        ("resident_size", ctypes.c_uint64),
        ("phys_footprint", ctypes.c_uint64),
        ("proc_start_abstime", ctypes.c_uint64),
        ("proc_exit_abstime", ctypes.c_uint64),
    )


class Processes:
    """What came of this process, as it was when it was last looked for."""

    def __init__(self) -> None:
        self._started: dict[int, int] = {}
        self.pids: list[int] = []

    def look(self) -> list[int]:
        """Find them all: children, members of their groups, and those that were seen and live on."""
        own = os.getpid()
        alive = [pid for pid, started in self._started.items() if (info := _info(pid)) and _start_of(info) == started]
        found, unasked = set(alive), [own, *alive]
        while unasked:
            pid = unasked.pop()
            groups = () if pid == own else _listed(_BY_GROUP, pid)
            for other in {*_listed(_BY_PARENT, pid), *groups} - found - {own}:
                found.add(other)
                unasked.append(other)
        self._started = {pid: _start_of(info) for pid in found if (info := _info(pid))}
        self.pids = list(self._started)
        return self.pids

    def memory_bytes(self, _enough: int) -> int:
        """Return what they have of memory: what Activity Monitor shows."""
        return sum(int(info.phys_footprint) for pid in self.pids if (info := _info(pid)))

    def unlinked_bytes(self, _device: int) -> int:
        """Return 0: what is open without a name is not counted here."""
        return 0


def count_of_user() -> int:
    """Count the processes of this user: what the kernel's limit counts."""
    return len(_listed(_BY_REAL_USER, os.getuid()))


def _listed(kind: int, value: int) -> list[int]:
    pids = (ctypes.c_int * _MOST_PIDS)()
    n_bytes = _libproc().proc_listpids(kind, value, pids, ctypes.sizeof(pids))
    return [pid for pid in pids[: max(0, n_bytes) // ctypes.sizeof(ctypes.c_int)] if pid > 0]


def _info(pid: int) -> _RusageInfo | None:
    """Return a living process's account; None where there is no such process."""
    info = _RusageInfo()
    return info if _libproc().proc_pid_rusage(pid, 0, ctypes.byref(info)) == 0 else None


def _start_of(info: _RusageInfo) -> int:
    return int(info.proc_start_abstime)


def _libproc() -> ctypes.CDLL:
    return ctypes.CDLL("/usr/lib/libproc.dylib")
