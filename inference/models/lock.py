"""The lock file of a checkpoint: where its bytes came from and what each file must hash to.

Written last into a checkpoint folder, so a folder with a lock file is whole. Reading and verifying need
neither MLX nor any heavy import: the language server's half does both.

When is a file hashed? Reading 2 GB through sha256 takes seconds, a start takes about as long. So a full hash is
taken once, when the checkpoint is made; the file's size and modification time are recorded with it (`seen`).
`check` re-hashes only files whose size and time are no longer those, which catches every ordinary change;
`verify` hashes everything and also catches a disk that returns other bytes for an untouched file.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from inference.errors import CheckpointDamaged

LOCK_FILE = "hearthline.lock.json"
FILE_SOURCE = "file "  # begins a `source` that is a path on this machine
_FORMAT = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a checkpoint. mtime_ns: its modification time when sha256 was last found right."""

    size: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Lock:
    """What a checkpoint is made of. source: an address of the bytes; revision: of that source.

    gguf_sha256: of the file it was converted from. layout: see `device.checkpoint_layout`. Both and `converter` are
    None where the files are those of the source.
    """

    model: str
    source: str
    revision: str
    gguf_sha256: str | None
    layout: str | None
    converter: str | None
    files: dict[str, LockedFile]

    @property
    def way_out(self) -> str:
        """Say how to have the same again when it is damaged."""
        if self.source.startswith(FILE_SOURCE):
            return _way_out(self.source.removeprefix(FILE_SOURCE))
        # What is in the catalogue has its revision there.
        return _way_out(f"{self.model}@{self.revision}" if "/" in self.model else self.model)


def write_lock(directory: Path, lock: Lock) -> None:
    """Write the lock file into `directory`, whole or not at all, and onto the disk."""
    path = directory / LOCK_FILE
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT, **asdict(lock)}, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_lock(directory: Path) -> Lock | None:
    """Read the lock file of `directory`; None where there is none.

    Raises CheckpointDamaged when it cannot be understood.
    """
    path = directory / LOCK_FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.pop("format") != _FORMAT:
            raise CheckpointDamaged(f"{path} has a format this version does not know; {_way_out(directory.name)}")
        files = {name: LockedFile(**entry) for name, entry in value.pop("files").items()}
        return Lock(**value, files=files)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointDamaged(f"{path} is not a lock file ({error}); {_way_out(directory.name)}") from error


def lock_files(directory: Path, on_bytes: Callable[[int], None] | None = None) -> dict[str, LockedFile]:
    """Hash every file in `directory` but the lock file itself; on_bytes as in `verify`."""
    return {
        path.name: _hashed(path, on_bytes)
        for path in sorted(directory.iterdir())
        if path.is_file() and path.name != LOCK_FILE
    }


def check(directory: Path, lock: Lock) -> None:
    """Hash those files whose size or time changed since they were last found right, and note the new times.

    Raises CheckpointDamaged. Cheap when nothing changed: one stat per file.
    """
    seen = {}
    for name, locked in lock.files.items():
        status = _status(directory, name, lock)
        if (status.st_size, status.st_mtime_ns) == (locked.size, locked.mtime_ns):
            seen[name] = locked
        else:
            seen[name] = _require(directory, name, lock, None)
    if seen != lock.files:
        _note_times(directory, replace(lock, files=seen))


def verify(directory: Path, lock: Lock, on_bytes: Callable[[int], None] | None = None) -> None:
    """Hash every file. on_bytes gets the number of bytes read since its last call. Raises CheckpointDamaged."""
    for name in lock.files:
        _status(directory, name, lock)
        _require(directory, name, lock, on_bytes)


def sha256_of(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hash the file at `path`; on_bytes as in `verify`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            if on_bytes is not None:
                on_bytes(len(block))
    return digest.hexdigest()


def _status(directory: Path, name: str, lock: Lock) -> os.stat_result:
    try:
        return (directory / name).stat()
    except FileNotFoundError as error:
        raise CheckpointDamaged(f"{directory / name} is missing; {lock.way_out}") from error


def _require(directory: Path, name: str, lock: Lock, on_bytes: Callable[[int], None] | None) -> LockedFile:
    path = directory / name
    found, locked = _hashed(path, on_bytes), lock.files[name]
    if found.sha256 != locked.sha256:
        raise CheckpointDamaged(
            f"{path} is damaged: its sha256 is {found.sha256[:12]}..., the lock file says "
            f"{locked.sha256[:12]}...; {lock.way_out}"
        )
    return found


def _way_out(model: str) -> str:
    return f"replace it with: hearthline models pull {model}"


def _hashed(path: Path, on_bytes: Callable[[int], None] | None = None) -> LockedFile:
    status = path.stat()
    return LockedFile(status.st_size, sha256_of(path, on_bytes), status.st_mtime_ns)


def _note_times(directory: Path, lock: Lock) -> None:
    try:
        write_lock(directory, lock)
    except OSError:
        # A read-only folder: the next start hashes again, which is slow and still right.
        return
