"""The processes of a run as Linux shows them: all that come of the supervisor, who adopts those whose parents ended."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def adopt_orphans() -> None:
    """Become the one to whom processes fall whose parent ended."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def descendants(pid: int) -> Iterator[int]:
    """Walk over the processes that came of `pid`, parents first."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        with suppress(OSError):
            for child in map(int, Path(f"/proc/{pid}/task/{task}/children").read_bytes().split()):
                yield child
                yield from descendants(child)


def memory_bytes(pids: Iterable[int], enough: int) -> int:
    """Return what processes have of memory; beyond `enough`, with what they share counted once."""
    pids = list(pids)
    resident = sum(_resident_bytes(pid) for pid in pids)
    return resident if resident <= enough else sum(_share_bytes(pid) for pid in pids)


def unlinked_bytes(pids: Iterable[int], device: int) -> int:
    """Return the size of files of `device` that are open and have no name any more."""
    sizes = {}
    for pid in pids:
        with suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    status = os.stat(f"/proc/{pid}/fd/{fd}")
                    if status.st_nlink == 0 and status.st_dev == device:
                        sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _resident_bytes(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
    return 0


def _share_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0
