"""Where things live on this machine. The only module that decides it, for both halves.

`HEARTHLINE_HOME` moves everything below one folder (tests, portable installs). Without it: the platform's
own places, by platformdirs. Standard library and platformdirs only: the language server imports this too.
"""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

import platformdirs

# sun_path holds 104 bytes on macOS and 108 on Linux, the terminating NUL included; the temporary
# name that `singleton` binds first is 16 bytes longer than the final one.
MAX_SOCKET_PATH_BYTES = 104 - 1 - 16


class UnsafeDirectoryError(RuntimeError):
    """A directory that must belong to this user alone does not."""


def _home() -> Path | None:
    value = os.environ.get("HEARTHLINE_HOME")
    return Path(value).expanduser().absolute() if value else None


def data_dir() -> Path:
    """Folder of models and other things worth keeping; it may not exist yet."""
    home = _home()
    return home / "data" if home else Path(platformdirs.user_data_dir("hearthline", appauthor=False))


def models_dir() -> Path:
    """Folder with one folder per pulled model; it may not exist yet."""
    return data_dir() / "models"


def log_dir() -> Path:
    """Folder of log files, which hold no source text; it may not exist yet."""
    home = _home()
    return home / "log" if home else Path(platformdirs.user_log_dir("hearthline", appauthor=False))


def index_dir() -> Path:
    """Folder of the workspace indexes, which do hold source text and can be built again; it may not exist yet."""
    home = _home()
    return home / "index" if home else Path(platformdirs.user_cache_dir("hearthline", appauthor=False)) / "index"


def runtime_dir() -> Path:
    """Folder of the worker's socket and lock: 0700, this user's own, created here if missing.

    A path too long for a Unix socket is replaced by a short one under the system's temporary folder,
    named after a hash of the long one, so that two homes never share a worker.
    Raises UnsafeDirectoryError when the folder is a link, is another user's or can be entered by others.
    """
    home = _home()
    wanted = home / "run" if home else _platform_runtime_dir()
    if len(os.fsencode(wanted / "worker.sock")) > MAX_SOCKET_PATH_BYTES:
        digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
        wanted = Path(tempfile.gettempdir()) / f"hearthline-{os.getuid()}-{digest}"
    return _private(wanted)


def socket_path() -> Path:
    """Path of the worker's Unix socket; present only while a worker serves."""
    return runtime_dir() / "worker.sock"


def _platform_runtime_dir() -> Path:
    if sys.platform == "linux" and "XDG_RUNTIME_DIR" not in os.environ:
        # No session of a person (containers, cron): platformdirs would warn and name a folder that others share.
        session = Path(f"/run/user/{os.getuid()}")
        return session / "hearthline" if session.is_dir() else Path(tempfile.gettempdir()) / f"hearthline-{os.getuid()}"
    return Path(platformdirs.user_runtime_dir("hearthline", appauthor=False))


def _private(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UnsafeDirectoryError(
            f"{directory} is not a folder of this user; remove it, or set HEARTHLINE_HOME to a folder of your own"
        )
    if status.st_mode & 0o077:
        directory.chmod(0o700)
    return directory
