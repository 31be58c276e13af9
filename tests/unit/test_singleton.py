"""The lock, the socket's name, the peer check and the handshake, within one process and a few children."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import singleton

HOLD_THE_LOCK = """
import sys; from pathlib import Path; from inference.singleton import WorkerLock
lock = WorkerLock(Path(sys.argv[1])); print("held", flush=True); sys.stdin.read()
"""


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    """Give a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hl-") as directory:
        yield Path(directory)


def test_the_lock_excludes_another_process_and_names_it(runtime_dir: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(runtime_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(singleton.AlreadyRunning) as refusal:
        singleton.WorkerLock(runtime_dir)
    assert refusal.value.pid == child.pid
    child.kill()
    child.communicate()
    with singleton.WorkerLock(runtime_dir):
        assert (runtime_dir / singleton.LOCK_NAME).read_text() == f"{os.getpid()}\n"
    assert not (runtime_dir / singleton.LOCK_NAME).exists()


def test_a_lock_on_an_unlinked_file_excludes_no_one_and_is_retried(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = runtime_dir / singleton.LOCK_NAME
    flock = fcntl.flock
    calls: list[int] = []

    def flock_after_unlink(descriptor: int, operation: int) -> None:
        if not calls:
            path.unlink()  # the worker that held it ends between open and flock
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock_after_unlink)
    with singleton.WorkerLock(runtime_dir):
        assert len(calls) == 2
        assert path.exists()


def test_binding_replaces_a_stale_socket_and_leaves_no_other_name(runtime_dir: Path) -> None:
    path = runtime_dir / "worker.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(path))
    assert singleton.probe(path) is None
    with singleton.bind(path):
        assert [entry.name for entry in runtime_dir.iterdir()] == ["worker.sock"]
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))


def test_a_failed_bind_leaves_nothing(runtime_dir: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        singleton.bind(runtime_dir / ("x" * 200))
    assert list(runtime_dir.iterdir()) == []


def test_the_peer_of_a_pair_is_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert singleton.peer_uid(left) == os.getuid()
        assert singleton.is_own(left)
        monkeypatch.setattr(singleton, "peer_uid", lambda _: os.getuid() + 1)
        assert not singleton.is_own(left)
        monkeypatch.setattr(singleton, "peer_uid", lambda _: None)
        assert not singleton.is_own(left)


def test_a_peer_that_cannot_be_told_is_none() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as closed:
        closed.close()
        assert singleton.peer_uid(closed) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"wire": 1}', {"wire": 1}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", None),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!", None),
        (b"\x00\xffgarbage\r\n\r\n", None),
        (b"", None),
    ],
)
def test_probe_trusts_only_a_json_object_with_200(
    runtime_dir: Path, answer: bytes, expected: dict[str, object] | None
) -> None:
    path = runtime_dir / "worker.sock"
    listener = singleton.bind(path)
    listener.setblocking(True)

    def serve_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    server = threading.Thread(target=serve_once)
    server.start()
    assert singleton.probe(path) == expected
    server.join()
    listener.close()


def test_probe_gives_up_on_a_silent_worker(runtime_dir: Path) -> None:
    with singleton.bind(runtime_dir / "worker.sock"):
        assert singleton.probe(runtime_dir / "worker.sock", timeout_s=0.05) is None


def test_probe_speaks_to_no_stranger(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singleton, "is_own", lambda _: False)
    with singleton.bind(runtime_dir / "worker.sock"):
        assert singleton.probe(runtime_dir / "worker.sock") is None


def test_the_last_exit_is_written_whole_and_read_back(runtime_dir: Path) -> None:
    assert singleton.read_last_exit(runtime_dir) is None
    singleton.write_last_exit(runtime_dir, 3, "the model is missing")
    assert singleton.read_last_exit(runtime_dir) == {"code": 3, "message": "the model is missing", "pid": os.getpid()}
    (runtime_dir / singleton.EXIT_NAME).write_text(json.dumps([]))
    assert singleton.read_last_exit(runtime_dir) is None


def test_importing_it_loads_no_heavy_module() -> None:
    code = "import sys, inference.singleton; print({'mlx', 'httpx', 'uvicorn', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
