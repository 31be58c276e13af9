"""One worker per user: the lock, the socket's name, who may connect, and how to ask whether one runs.

Invariants: at most one process holds the lock of a runtime folder; only its holder touches the socket's name, so a name
that a killed worker left behind is replaced, never waited for. Standard library only and no MLX: the language server's
launcher imports this.
"""

import contextlib
import fcntl
import http.client
import json
import os
import socket
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_NAME = "worker.lock"
EXIT_NAME = "worker.exit.json"
_BACKLOG = 128

# <sys/un.h> of macOS: level and option, and struct xucred's first two members, version and effective uid.
_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES = 0, 1, 76


class AlreadyRunning(Exception):
    """Another process holds the lock. `pid` is what it wrote there, None when it has not yet."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"a worker is already running{f' (process {pid})' if pid else ''}")
        self.pid = pid


class WorkerLock:
    """The right to be the worker of a runtime folder, held until `release` or the end of the process.

    Raises AlreadyRunning when another process holds it, OSError when the folder cannot be written.
    """

    def __init__(self, runtime_dir: Path) -> None:
        self._path = runtime_dir / LOCK_NAME
        self._descriptor = _lock(self._path)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Remove the lock file and let go. The name goes first: whoever opened it before finds it gone and retries."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _lock(path: Path) -> int:
    """Lock the file now at `path`; return its descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder_pid(descriptor)
            os.close(descriptor)
            raise AlreadyRunning(pid) from None
        # A worker that ended between our open and our lock has unlinked this very file: a lock on it excludes no one.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        os.close(descriptor)


def _holder_pid(descriptor: int) -> int | None:
    """Read the process id that the lock's holder wrote, None when there is none yet."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def bind(path: Path) -> socket.socket:
    """Listen at `path`, replacing whatever has that name. Only the lock's holder may call this.

    The socket is bound and listening under a temporary name before it takes its own: whoever finds the name is served.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(temporary))
        temporary.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        temporary.rename(path)
    except OSError:
        listener.close()
        temporary.unlink(missing_ok=True)
        raise
    return listener


def peer_uid(connection: socket.socket) -> int | None:
    """Tell whose process is at the other end of a Unix socket; None where the system does not say."""
    try:
        if hasattr(socket, "SO_PEERCRED"):
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            _, uid, _ = struct.unpack("3i", credentials)
            return int(uid)
        if sys.platform == "darwin":
            credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
            return int(struct.unpack_from("II", credentials)[1])
    except (OSError, struct.error):
        return None
    return None


def is_own(connection: socket.socket) -> bool:
    """Tell whether the peer is this user (or root, who needs no leave). Unknown peers are strangers."""
    return peer_uid(connection) in (os.getuid(), 0)


def probe(socket_path: Path, timeout_s: float = 2.0) -> dict[str, object] | None:
    """Ask the worker at `socket_path` for its health; None when none answers there within `timeout_s`.

    The answer is `GET /health` of ARCHITECTURE.md; `version` and `wire` in it are the handshake. Blocking.
    """
    return ask(socket_path, "GET", "/health", timeout_s)


def ask(
    socket_path: Path, method: str, path: str, timeout_s: float = 2.0, body: bytes | None = None
) -> dict[str, object] | None:
    """Send a request; return the JSON object answered with 200, None for anything else. body: JSON. Blocking."""
    connection = _UnixConnection(socket_path, timeout_s)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if response.status == 200 and isinstance(answer, dict) else None


def read_last_exit(runtime_dir: Path) -> dict[str, object] | None:
    """Read why the last worker ended (`{"code", "message", "pid"}`); None when none ended since the last start."""
    try:
        reason = json.loads((runtime_dir / EXIT_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return reason if isinstance(reason, dict) else None


def write_last_exit(runtime_dir: Path, code: int, message: str) -> None:
    """Leave word for the launcher, who started a worker without a terminal and sees only that it is gone."""
    temporary = runtime_dir / f"{EXIT_NAME}.{os.getpid()}"
    temporary.write_text(json.dumps({"code": code, "message": message, "pid": os.getpid()}), encoding="utf-8")
    temporary.replace(runtime_dir / EXIT_NAME)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket. The peer is checked in this direction too: a stranger's socket is not spoken to."""

    def __init__(self, socket_path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._socket_path = socket_path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._socket_path))
        if not is_own(self.sock):
            raise OSError(f"{self._socket_path} belongs to another user")
