"""A real worker process in a home of its own, and what a test does with it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from inference import singleton

DEADLINE_S = 60.0


def wait_for(condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Return `condition()` once it is true. Fails when it does not become so."""
    give_up_s = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < give_up_s, f"{condition} did not become true within {deadline_s} s"
        time.sleep(0.01)
    return value


def worker_command(model: str | Path, *options: str, program: Sequence[str] = ("-m", "inference")) -> list[str]:
    """Give the command line that the launcher uses. program: what Python runs."""
    return [sys.executable, "-P", *program, "serve", "--model", str(model), *options]


class WorkerProcess:
    """One process of `python -m inference serve`, its runtime folder and a client."""

    def __init__(
        self, home: Path, model: str | Path, *options: str, program: Sequence[str] = ("-m", "inference")
    ) -> None:
        self.run_dir = home / "run"
        self.socket_path = self.run_dir / "worker.sock"
        self.log_path = home / "log" / "worker.log"
        self.process = subprocess.Popen(
            worker_command(model, *options, program=program),
            env=os.environ | {"HEARTHLINE_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket_path)), base_url="http://worker", timeout=DEADLINE_S
        )

    def health(self) -> dict[str, Any] | None:
        """Ask how it is; None while it does not answer."""
        return singleton.probe(self.socket_path)

    def wait_until(self, status: str) -> dict[str, Any]:
        """Wait for /health to say `status`."""

        def has_status() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.stderr()
            health = self.health()
            return health if health is not None and health["status"] == status else None

        health: dict[str, Any] = wait_for(has_status)
        return health

    def is_idle(self) -> bool:
        """Tell whether no request runs or waits."""
        health = self.health()
        return health is not None and health["active"] == health["queued"] == 0

    def counter(self, name: str) -> float:
        """Read a counter or gauge of /metrics, labels and all; 0 where it is not there yet."""
        lines = self.client.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)

    def complete(self, **fields: Any) -> httpx.Response:
        """Ask for a completion at once."""
        return self.client.post("/v1/completions", json=fields)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def stderr(self) -> str:
        """Read what an ended process wrote."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        """Make sure that it is gone."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        if self.process.stderr is not None:
            self.process.stderr.close()


@contextlib.contextmanager
def start_worker(
    home: Path, model: str | Path, *options: str, program: Sequence[str] = ("-m", "inference")
) -> Iterator[WorkerProcess]:
    """Start a worker that is gone afterwards."""
    worker = WorkerProcess(home, model, *options, program=program)
    try:
        yield worker
    finally:
        worker.close()


def read_events(response: httpx.Response) -> Iterator[str]:
    """Read the data of a stream's events."""
    for line in response.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield line.removeprefix("data: ")
