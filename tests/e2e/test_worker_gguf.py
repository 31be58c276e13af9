"""A worker that is given a GGUF file: converted before the first start, and not before the second."""

from pathlib import Path

from inference.models import store
from inference.serve import ExitCode
from tests.e2e.worker_process import DEADLINE_S, start_worker
from tests.model.tiny_gguf import write_tiny_gguf


def test_a_file_is_converted_once(hearthline_home: Path, tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    names = []
    for _ in range(2):
        with start_worker(hearthline_home, file) as worker:
            names.append(worker.wait_until("ready")["models"][0]["name"])
            made = store.checkpoint_dir(str(file)) / "model.safetensors"
            assert worker.complete(prompt="def", max_tokens=2).status_code == 200
        names.append(str(made.stat().st_mtime_ns))

    assert names[0].startswith("tiny-")
    assert names[:2] == names[2:]


def test_a_file_that_cannot_be_converted_ends_it(hearthline_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "odd.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    with start_worker(hearthline_home, file) as worker:
        assert worker.process.wait(DEADLINE_S) == ExitCode.LOAD_FAILED
        assert "odd.gguf is not a GGUF file this version can read" in worker.stderr()
