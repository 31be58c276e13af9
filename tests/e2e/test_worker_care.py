"""How a real worker is paused, and how its models come and go."""

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from inference.serve import ExitCode
from tests.e2e.test_worker_life import LONG, assert_left_nothing_but_its_reason, run_cli
from tests.e2e.worker_process import WorkerProcess, start_worker, wait_for
from tests.tiny_model import write_tiny_checkpoint

CHAT = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 3}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


def states(worker: WorkerProcess) -> dict[str, str]:
    health = worker.health()
    assert health is not None
    return {model["name"]: model["state"] for model in health["models"]}


def chat(worker: WorkerProcess, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = worker.client.post("/v1/chat/completions", json=CHAT | fields).json()
    return answer


def test_pausing_and_resuming_from_the_command_line(hearthline_home: Path, tiny: Path) -> None:
    def said(*words: str) -> str:
        done: subprocess.CompletedProcess[str] = run_cli(hearthline_home, *words)
        assert done.returncode == 0, done
        return done.stdout

    absent = run_cli(hearthline_home, "pause")
    assert (absent.returncode, absent.stdout) == (1, "no worker is running\n")
    with start_worker(hearthline_home, tiny) as worker:
        worker.wait_until("ready")
        assert said("status").endswith("background work may run\n")
        assert said("pause") == "background work waits: paused by request\n"
        assert "background work waits: paused by request\n" in said("status")
        assert said("resume") == "background work may run\n"
        assert said("pause", "--for-s", "0.5") == "background work waits: paused by request for 0 s more\n"
        wait_for(lambda: "background work may run" in said("status"))
        assert worker.complete(prompt="x", max_tokens=1, priority="background").status_code == 200


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_signal_ends_a_worker_with_background_work(hearthline_home: Path, tiny: Path, is_paused: bool) -> None:
    with start_worker(hearthline_home, tiny) as worker, ThreadPoolExecutor(1) as pool:
        worker.wait_until("ready")
        if is_paused:
            worker.client.post("/control/pause")
        waiting = pool.submit(worker.complete, prompt="x", max_tokens=LONG, priority="background")
        state = "queued" if is_paused else "active"
        wait_for(lambda: (worker.health() or {}).get(state) == 1)
        assert worker.end(signal.SIGTERM) == ExitCode.DONE
        answer = waiting.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
        assert_left_nothing_but_its_reason(worker)


def test_an_idle_assistant_is_unloaded_and_read_again_and_nothing_else_ever_is(
    hearthline_home: Path, tiny: Path
) -> None:
    other = write_tiny_checkpoint(hearthline_home / "other")
    options = ("--assistant-model", str(other), "--idle-unload-s", "0.3")
    with start_worker(hearthline_home, tiny, *options) as worker:
        worker.wait_until("ready")
        text = chat(worker)["choices"]
        wait_for(lambda: states(worker) == {"tiny": "ready", "other": "unloaded"})
        for name in ("tiny2", str(tiny), "smollm2-135m-instruct"):
            refused = worker.complete(model=name, prompt="x")
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
        assert worker.complete(prompt="x", max_tokens=1).status_code == 200
        assert states(worker) == {"tiny": "ready", "other": "unloaded"}
        assert chat(worker)["choices"] == text
        assert states(worker)["other"] == "ready"
        wait_for(lambda: states(worker)["other"] == "unloaded")


@pytest.mark.model
def test_unloading_gives_the_memory_back_to_the_system(model_home: Path, tiny: Path, test_model_dir: Path) -> None:
    name = test_model_dir.name
    weights = (test_model_dir / "model.safetensors").stat().st_size
    with start_worker(model_home, tiny, "--assistant-model", name, "--idle-unload-s", "1") as worker:
        worker.wait_until("ready")

        def used_bytes() -> int:
            return int((worker.health() or {})["memory"]["used_bytes"])

        chat(worker)
        wait_for(lambda: used_bytes() > weights)
        loaded_bytes = used_bytes()
        wait_for(lambda: states(worker)[name] == "unloaded")
        wait_for(lambda: loaded_bytes - used_bytes() > 0.9 * weights)
        assert len(chat(worker)["choices"][0]["message"]["content"]) > 0
        assert states(worker)[name] == "ready"
