"""What a run has written, counted without following it anywhere."""

import os
from contextlib import suppress

_FILE_BYTES = 4096
"""A file takes so much at least, so that a million empty ones count."""


def used_bytes(folder: str, enough: int) -> int:
    """Return what the files below `folder` take of the disk; stop counting beyond `enough`.

    A folder that cannot be looked into, because of its mode or of its depth, counts as more than enough.
    """
    n_bytes = 0
    folders = [folder]
    while folders and n_bytes <= enough:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    n_bytes += max(_FILE_BYTES, _disk_bytes(entry))
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    if n_bytes > enough:
                        break
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went meanwhile
        except OSError:
            return enough + 1
    return n_bytes


def _disk_bytes(entry: os.DirEntry[str]) -> int:
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_blocks * 512
    return 0
