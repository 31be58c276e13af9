"""A worker whose model has adapters: what it is called, what it says, and how a wrong one ends it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import pytest

from inference.serve import ExitCode
from tests.e2e.worker_process import WorkerProcess, start_worker
from tests.tiny_model import write_tiny_checkpoint
from tests.unit.test_models_adapters import RANK, write_adapter

TARGET = "model.layers.1.mlp.down_proj"


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    yield directory
    shutil.rmtree(directory)


def write(directory: Path, seed: int, n_in: int = 64) -> Path:
    """Write an adapter that changes what the tiny model says."""
    mx.random.seed(seed)
    a, b = mx.random.normal((n_in, RANK)), mx.random.normal((RANK, 32))
    return write_adapter(directory, {f"{TARGET}.lora_a": a, f"{TARGET}.lora_b": b})


def say(worker: WorkerProcess, model: str | None) -> str:
    fields = {"prompt": "def f(", "max_tokens": 12} | ({"model": model} if model else {})
    answer = worker.client.post("/v1/completions", json=fields)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["text"]
    return text


def test_each_role_has_its_adapter_and_its_name(home: Path) -> None:
    model = write_tiny_checkpoint(home / "tiny")
    options = ("--adapter", str(write(home / "mine", 1)), "--assistant-adapter", str(write(home / "ours", 2)))
    with start_worker(home, model, *options) as worker:
        completion, assistant = worker.wait_until("ready")["models"]
        assert (completion["name"], completion["roles"]) == ("tiny+mine", ["completion"])
        assert (assistant["name"], assistant["roles"]) == ("tiny+ours", ["assistant"])
        assert len({completion["adapter"], assistant["adapter"]}) == 2
        mine, ours = (say(worker, name) for name in ("tiny+mine", "tiny+ours"))
        assert say(worker, None) == say(worker, "tiny") == mine
        assert mine != ours
        assert completion["adapter"] in worker.log_path.read_text()


def test_one_adapter_serves_both_roles_and_is_not_always_there(home: Path) -> None:
    model = write_tiny_checkpoint(home / "tiny")
    with start_worker(home, model, "--adapter", str(write(home / "mine", 1))) as worker:
        (both,) = worker.wait_until("ready")["models"]
        assert (both["name"], both["roles"]) == ("tiny+mine", ["assistant", "completion"])
        changed = say(worker, None)
        assert worker.end() == ExitCode.DONE
    with start_worker(home, model) as worker:
        assert worker.wait_until("ready")["models"][0]["adapter"] is None
        assert say(worker, None) != changed


@pytest.mark.parametrize(
    ("adapter", "code", "words"),
    [
        ("absent", ExitCode.MODEL_MISSING, "there is no adapter in"),
        ("wrong", ExitCode.LOAD_FAILED, "another base model"),
    ],
)
def test_a_wrong_adapter_ends_the_worker_with_a_reason(home: Path, adapter: str, code: ExitCode, words: str) -> None:
    write(home / "wrong", 1, n_in=65)
    with start_worker(home, write_tiny_checkpoint(home / "tiny"), "--adapter", str(home / adapter)) as worker:
        _, said = worker.process.communicate(timeout=60)
    assert worker.process.returncode == code
    assert words in said
