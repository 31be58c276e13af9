"""The processes of a run as Linux shows them: all that come of the supervisor, who adopts those whose parents ended."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Processes:
    """What came of this process, as it was when it was last looked for."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.pids: list[int] = []

    def look(self) -> list[int]:
        """Find them all, parents first."""
        self.pids = list(_descendants(os.getpid()))
        return self.pids

    def memory_bytes(self, enough: int) -> int:
        """Return what they have of memory; beyond `enough`, with what they share counted once."""
        resident = sum(_resident_bytes(pid) for pid in self.pids)
        return resident if resident <= enough else sum(_share_bytes(pid) for pid in self.pids)

    def unlinked_bytes(self, device: int) -> int:
        """Return the size of the files of `device` that they have open and that have no name any more."""
        sizes = {}
        for pid in self.pids:
            with suppress(OSError):
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    with suppress(OSError):
                        status = os.stat(f"/proc/{pid}/fd/{fd}")
                        if status.st_nlink == 0 and status.st_dev == device:
                            sizes[status.st_ino] = status.st_blocks * 512
        return sum(sizes.values())


def _descendants(pid: int) -> Iterator[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        with suppress(OSError):
            for child in map(int, _read(f"/proc/{pid}/task/{task}/children").split()):
                yield child
                yield from _descendants(child)


def _resident_bytes(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
    return 0


def _share_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
