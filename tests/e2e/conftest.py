"""A project's folder, and one worker with the tiny model for the files that ask it many things."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.worker_process import WorkerProcess, start_worker, wait_for
from tests.tiny_model import write_tiny_checkpoint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a folder that git would take for a repository, empty."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    """Give one worker for all tests of a file: that it lives through every one of them is part of each."""
    home = Path(tempfile.mkdtemp(prefix="hl-"))
    with start_worker(home, write_tiny_checkpoint(home / "tiny")) as running:
        running.wait_until("ready")
        yield running
        assert running.process.poll() is None
    shutil.rmtree(home)


@pytest.fixture
def settled(worker: WorkerProcess) -> Iterator[None]:
    """See that a test leaves the worker with nothing to do."""
    yield
    wait_for(worker.is_idle)
