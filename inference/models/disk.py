"""Room on the disk, and what is on it for good."""

import os
import shutil
from pathlib import Path

from inference.errors import DiskRefused


def size_of(directory: Path) -> int:
    """Give the bytes of the files that lie in `directory` itself."""
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())


def require_free(directory: Path, name: str, needed: int) -> None:
    """Raise DiskRefused where fewer than `needed` bytes are free for the model `name`."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise DiskRefused(
            f"{name} needs {needed / 1e9:.1f} GB on the disk of {directory.parent}, and {free / 1e9:.1f} GB are "
            "free; make room, or let HEARTHLINE_HOME name a folder on another disk"
        )


def sync_tree(directory: Path) -> None:
    """Wait until the files of `directory`, and their names, are on the disk."""
    for path in directory.iterdir():
        sync(path)
    sync(directory)


def sync(path: Path) -> None:
    """Wait until the file or folder at `path` is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
