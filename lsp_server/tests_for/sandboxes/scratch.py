"""What a run has written, counted without following it anywhere."""

import os
from contextlib import suppress

_FILE_BYTES = 4096
"""A file takes so much at least, so that a million empty ones count."""


def used_bytes(folder: str, enough: int) -> int:
    """Return what the files below `folder` take of the disk; stop counting beyond `enough`."""
    n_bytes = 0
    folders = [folder]
    while folders and n_bytes <= enough:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    n_bytes += max(_FILE_BYTES, entry.stat(follow_symlinks=False).st_blocks * 512)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                if n_bytes > enough:
                    break
    return n_bytes
