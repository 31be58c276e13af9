"""How a worker begins and ends: one per user, loading, stopping, idling, dying, and what it leaves behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference import singleton
from inference.models.lock import LOCK_FILE
from inference.serve import ExitCode
from tests.e2e.worker_process import (
    DEADLINE_S,
    WorkerProcess,
    read_events,
    start_worker,
    wait_for,
    worker_command,
)
from tests.tiny_model import write_tiny_checkpoint

LONG = 8000  # tokens, about eight seconds of the tiny model


BREAKING_WORKER = """
import runpy
from inference.run import Run

def step(*_, **__):
    raise RuntimeError("the device is gone")

Run.step = step
runpy.run_module("inference", run_name="__main__")
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


def run_cli(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "inference", *words],
        env=os.environ | {"HEARTHLINE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def assert_left_nothing_but_its_reason(worker: WorkerProcess) -> None:
    assert [path.name for path in worker.run_dir.iterdir()] == [singleton.EXIT_NAME]


def test_fifty_starts_at_once_make_one_worker(hearthline_home: Path, tiny: Path) -> None:
    environment = os.environ | {"HEARTHLINE_HOME": str(hearthline_home)}
    with contextlib.ExitStack() as stack:
        starts = []
        for _ in range(50):
            start = subprocess.Popen(worker_command(tiny), env=environment, stderr=subprocess.PIPE, text=True)
            starts.append(stack.enter_context(start))
            stack.callback(start.kill)
        wait_for(lambda: sum(start.poll() is None for start in starts) == 1)
        (winner,) = (start for start in starts if start.poll() is None)
        losers = [start for start in starts if start is not winner]
        assert {loser.returncode for loser in losers} == {ExitCode.DONE}
        assert all("already running" in loser.communicate()[1] for loser in losers)
        health = wait_for(lambda: singleton.probe(hearthline_home / "run" / "worker.sock"))
        assert health["pid"] == winner.pid


def test_a_killed_worker_is_replaced_over_its_stale_socket(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny) as killed:
        killed.wait_until("ready")
        with killed.client.stream("POST", "/v1/completions", json={"prompt": "x", "max_tokens": LONG, "stream": True}):
            killed.end(signal.SIGKILL)
        assert killed.socket_path.exists()
        assert killed.health() is None
    with start_worker(hearthline_home, tiny) as replacement:
        assert replacement.wait_until("ready")["pid"] == replacement.process.pid
        assert replacement.complete(prompt="x", max_tokens=1).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_in_words_and_leaves_nothing(
    hearthline_home: Path, tiny: Path, number: signal.Signals
) -> None:
    with start_worker(hearthline_home, tiny) as worker:
        worker.wait_until("ready")
        fields = {"prompt": "x", "max_tokens": LONG, "stream": True}
        with worker.client.stream("POST", "/v1/completions", json=fields) as response:
            events = read_events(response)
            next(events)
            assert worker.end(number) == ExitCode.DONE
            *_, last = events
        assert json.loads(last)["error"]["message"] == "the worker is stopping"
        assert_left_nothing_but_its_reason(worker)
        reason = singleton.read_last_exit(worker.run_dir)
        assert reason == {"code": 0, "message": f"stopped by {number.name}", "pid": worker.process.pid}


def test_stop_and_status_from_the_command_line(hearthline_home: Path, tiny: Path) -> None:
    absent = run_cli(hearthline_home, "status")
    assert (absent.returncode, absent.stdout) == (1, "no worker is running\n")
    assert "nothing to stop" in run_cli(hearthline_home, "stop").stdout
    with start_worker(hearthline_home, tiny) as worker:
        worker.wait_until("ready")
        status = run_cli(hearthline_home, "status")
        assert status.returncode == 0
        assert f"process {worker.process.pid}" in status.stdout
        assert "holds tiny" in status.stdout
        again = run_cli(hearthline_home, "serve", "--model", str(tiny))
        assert again.returncode == ExitCode.DONE
        assert f"already running (process {worker.process.pid})" in again.stderr
        stopped = run_cli(hearthline_home, "stop")
        assert (stopped.returncode, stopped.stdout) == (0, "the worker has stopped\n")
        assert worker.process.wait(DEADLINE_S) == ExitCode.DONE
        assert_left_nothing_but_its_reason(worker)
    assert "stopped by request" in run_cli(hearthline_home, "status").stdout


def test_it_leaves_when_idle_and_looking_at_it_is_no_work(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny, "--idle-exit-s", "1") as worker:
        worker.wait_until("ready")
        last_work = time.monotonic()
        worker.complete(prompt="x", max_tokens=1)

        def has_ended() -> bool:
            worker.health()
            return worker.process.poll() is not None

        wait_for(has_ended)
        assert time.monotonic() - last_work >= 1.0
        assert worker.process.returncode == ExitCode.DONE
        assert_left_nothing_but_its_reason(worker)


def test_it_does_not_leave_in_the_middle_of_long_work(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny, "--idle-exit-s", "0.3") as worker:
        worker.wait_until("ready")
        answer = worker.complete(prompt="x", max_tokens=1500).json()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["timings"]["decode_ms"] > 300


def test_a_missing_model_is_said_and_has_an_exit_code(hearthline_home: Path) -> None:
    with start_worker(hearthline_home, "smollm2-135m-instruct") as worker:
        assert worker.process.wait(DEADLINE_S) == ExitCode.MODEL_MISSING
        assert "hearthline models pull smollm2-135m-instruct" in worker.stderr()
        reason = singleton.read_last_exit(worker.run_dir)
        assert reason is not None
        assert reason["code"] == ExitCode.MODEL_MISSING
        assert_left_nothing_but_its_reason(worker)


def test_while_it_loads_it_says_so_and_a_failed_load_says_why(hearthline_home: Path) -> None:
    checkpoint = write_tiny_checkpoint(hearthline_home / "slow")
    os.mkfifo(checkpoint / LOCK_FILE)  # reading it waits for whoever writes
    with start_worker(hearthline_home, checkpoint) as worker:
        assert worker.wait_until("loading")["models"] == []
        loading = worker.complete(prompt="x")
        assert (loading.status_code, loading.headers["retry-after"]) == (503, "1")
        error = loading.json()["error"]
        assert (error["code"], error["progress"]) == ("model_loading", 0.0)
        assert worker.client.get("/v1/models").status_code == 503

        (checkpoint / LOCK_FILE).write_text("no lock file at all")
        assert "is not a lock file" in worker.wait_until("failed")["message"]
        failed = worker.complete(prompt="x")
        assert failed.status_code == 503
        assert "is not a lock file" in failed.json()["error"]["message"]
        assert worker.process.wait(DEADLINE_S) == ExitCode.LOAD_FAILED
        assert_left_nothing_but_its_reason(worker)


def test_when_every_step_breaks_the_process_ends_and_says_why(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny, program=("-c", BREAKING_WORKER)) as worker:
        worker.wait_until("ready")
        for _ in range(3):
            failed = worker.complete(prompt="x")
            assert (failed.status_code, failed.json()["error"]["code"]) == (500, "engine_failed")
        assert worker.process.wait(DEADLINE_S) == ExitCode.ENGINE_FAILED
        assert "the engine broke: RuntimeError: the device is gone" in worker.stderr()
        reason = json.loads((worker.run_dir / singleton.EXIT_NAME).read_text())
        assert reason["code"] == ExitCode.ENGINE_FAILED
        assert "the device is gone" in reason["message"]
        assert_left_nothing_but_its_reason(worker)
        assert "Traceback" in worker.log_path.read_text()


def test_a_signal_ends_a_worker_that_is_still_loading(hearthline_home: Path) -> None:
    checkpoint = write_tiny_checkpoint(hearthline_home / "slow")
    os.mkfifo(checkpoint / LOCK_FILE)
    with start_worker(hearthline_home, checkpoint) as worker:
        worker.wait_until("loading")
        assert worker.end() == ExitCode.DONE
        assert_left_nothing_but_its_reason(worker)


def test_two_models_may_share_a_worker(hearthline_home: Path, tiny: Path) -> None:
    other = write_tiny_checkpoint(hearthline_home / "other", fim=False)
    with start_worker(hearthline_home, tiny, "--assistant-model", str(other), "--n-context", "256") as worker:
        models = worker.wait_until("ready")["models"]
        assert [(model["name"], model["roles"], model["fim"], model["n_context"]) for model in models] == [
            ("tiny", ["completion"], True, 256),
            ("other", ["assistant"], False, 256),
        ]
        assert worker.complete(prompt="x", max_tokens=1).json()["model"] == "tiny"
        chat = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
        assert worker.client.post("/v1/chat/completions", json=chat).json()["model"] == "other"
        # A model without these tokens is fed the prefix alone.
        answer = worker.complete(model="other", prompt="xyz", suffix="abc", max_tokens=1)
        assert answer.json()["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize(("options", "guesses"), [((), True), (("--no-speculation",), False)])
def test_guessing_can_be_switched_off_and_changes_no_answer(
    hearthline_home: Path, tiny: Path, options: tuple[str, ...], guesses: bool
) -> None:
    with start_worker(hearthline_home, tiny, *options) as worker:
        worker.wait_until("ready")
        texts = [worker.complete(prompt="ab" * 20, max_tokens=30).json()["choices"][0]["text"] for _ in range(2)]
        assert texts[0] == texts[1]
        assert (worker.counter("hearthline_drafted_tokens_total") > 0) is guesses


def test_a_log_that_cannot_be_written_stops_nothing(hearthline_home: Path, tiny: Path) -> None:
    (hearthline_home / "log").write_text("a file where the folder should be")
    with start_worker(hearthline_home, tiny) as worker:
        worker.wait_until("ready")
        assert worker.complete(prompt="x", max_tokens=1).status_code == 200
        worker.end()
        assert "keeps no log" in worker.stderr()


def test_a_runtime_folder_of_another_kind_is_refused_in_words(hearthline_home: Path, tiny: Path) -> None:
    (hearthline_home / "run").symlink_to(hearthline_home)
    with start_worker(hearthline_home, tiny) as worker:
        assert worker.process.wait(DEADLINE_S) == ExitCode.NO_PLACE
        assert "is not a folder of this user" in worker.stderr()


def test_an_unfinished_connection_does_not_keep_it_from_ending(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny) as worker:
        worker.wait_until("ready")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as half:
            half.connect(str(worker.socket_path))
            half.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\n{")
            assert worker.end() == ExitCode.DONE


@pytest.mark.parametrize("words", [["--n-context", "3"], ["--idle-exit-s", "-1"], ["--unknown"]])
def test_wrong_options_are_refused_with_usage(hearthline_home: Path, words: list[str]) -> None:
    refused = run_cli(hearthline_home, "serve", *words)
    assert refused.returncode == 2
    assert "usage: hearthline worker" in refused.stderr


def test_the_probe_tells_device_and_speed(hearthline_home: Path) -> None:
    probe = json.loads(run_cli(hearthline_home, "probe", "--json").stdout)
    assert probe["device"] in ("cpu", "metal", "cuda")
    assert probe["gflops"] > 0
    assert {"blas", "blas_is_fast", "blas_reason", "device_name", "memory_bytes", "mlx_version"} <= probe.keys()


def test_a_model_that_does_not_fit_is_refused_with_numbers(hearthline_home: Path, tiny: Path) -> None:
    with start_worker(hearthline_home, tiny, "--memory-gb", "0.1") as worker:
        assert worker.process.wait(DEADLINE_S) == ExitCode.LOAD_FAILED
        reason = singleton.read_last_exit(worker.run_dir)
        assert reason is not None
        assert str(reason["message"]).startswith("tiny needs ")
        assert "--memory-gb 0.1 leaves 90 MB" in str(reason["message"])
