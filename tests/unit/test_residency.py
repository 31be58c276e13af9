"""An assistant model that goes when nobody needs it and comes back, while whoever types is served."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mlx.core as mx
import pytest

from inference import residency
from inference.device import Device
from inference.engine import Engine
from inference.errors import NotReady
from inference.jobs import Event, Failed, Finished, FinishReason, Job, Piece
from inference.metrics import Metrics
from inference.models.load import load_model
from inference.prefill_chunks import ChunkSizes
from inference.residents import Report, Resident, Residents, Role
from inference.scheduler import Priority
from tests.tiny_model import write_tiny_checkpoint

DEADLINE_S = 30.0
WEIGHTS = "model.safetensors"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Reader:
    """Lets the test count the steps of reading weights, and hold the engine within one."""

    is_held: bool = False
    n_steps: int = 0
    _reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def step(self) -> None:
        self.n_steps += 1
        if self.is_held:
            self._reached.release()
            assert self._permits.acquire(timeout=DEADLINE_S)

    def wait_until_held(self) -> None:
        assert self._reached.acquire(timeout=DEADLINE_S)

    def let_one_pass(self) -> None:
        self._permits.release()

    def let_all_pass(self) -> None:
        self.is_held = False
        self._permits.release()


@dataclass
class Bench:
    engine: Engine
    clock: Clock
    reader: Reader
    directories: dict[str, Path]

    def ask(
        self, model: str, text: str = "x" * 20, max_tokens: int = 5, **fields: object
    ) -> "queue.SimpleQueue[Event]":
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.job = Job(
            model=model,
            endpoint="/v1/completions",
            prompt=list(text.encode()),
            max_tokens=max_tokens,
            emit=events.put,
            arrived_s=self.clock(),
            **fields,  # type: ignore[arg-type]
        )
        self.engine.submit(self.job)
        return events

    def states(self) -> dict[str, str]:
        assert self.engine.residents is not None
        return {model.name: model.state for model in self.engine.residents.models}

    def unload_idle(self, limit_s: float) -> dict[str, str]:
        """Let the engine give back what is idle; return the states after it."""
        self.engine.unload_idle(limit_s)
        end(self.ask("typing", max_tokens=1))  # messages are read in order
        return self.states()


def end(events: "queue.SimpleQueue[Event]") -> tuple[str, Finished | Failed]:
    text = ""
    while isinstance(event := events.get(timeout=DEADLINE_S), Piece):
        text += event.text
    return text, event


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    directories = {name: write_tiny_checkpoint(tmp_path / name) for name in ("typing", "chat")}
    clock, reader, ended = Clock(), Reader(), threading.Event()

    def load(_: Report) -> Residents:
        roles: dict[str, frozenset[Role]] = {"typing": frozenset({"completion"}), "chat": frozenset({"assistant"})}
        models = [
            Resident(load_model(directories[name]), roles[name], 512, ChunkSizes(16, 16), run_ahead=False)
            for name in roles
        ]
        return Residents(tuple(models), Device("cpu", "test", 0), "none")

    original = residency._read

    def read(resident: Resident, is_cpu: bool) -> Iterator[Resident]:
        for step in original(resident, is_cpu):
            reader.step()
            yield step

    monkeypatch.setattr(residency, "_read", read)
    engine = Engine(load, Metrics(), lambda _: ended.set(), clock)
    engine.start()
    bench = Bench(engine, clock, reader, directories)
    end(bench.ask("typing", max_tokens=1))
    yield bench
    reader.let_all_pass()
    engine.stop()
    assert ended.wait(DEADLINE_S)


def test_an_idle_assistant_gives_its_memory_back_and_the_other_model_never_does(bench: Bench) -> None:
    end(bench.ask("chat"))
    end(bench.ask("typing"))
    before = mx.get_active_memory()
    bench.clock.now_s += 60.0
    assert bench.unload_idle(60.0) == {"typing": "ready", "chat": "unloaded"}
    weights = (bench.directories["chat"] / WEIGHTS).stat().st_size
    assert before - mx.get_active_memory() > 0.9 * weights
    assert bench.engine.state.status == "ready"


def test_what_was_used_lately_stays(bench: Bench) -> None:
    bench.clock.now_s += 50.0
    end(bench.ask("chat"))
    bench.clock.now_s += 59.0
    assert bench.unload_idle(60.0) == {"typing": "ready", "chat": "ready"}


def test_the_next_request_brings_it_back_as_it_was(bench: Bench) -> None:
    text, _ = end(bench.ask("chat"))
    for _ in range(2):
        bench.clock.now_s += 60.0
        assert bench.unload_idle(60.0)["chat"] == "unloaded"
        again, finished = end(bench.ask("chat"))
        assert again == text
        assert isinstance(finished, Finished)
        assert finished.n_cached == 0
        assert bench.states() == {"typing": "ready", "chat": "ready"}
    assert bench.reader.n_steps > 2 * 20, "more than an array was read in a step"


def test_who_types_is_served_between_two_arrays(bench: Bench) -> None:
    bench.unload_idle(0.0)
    bench.reader.is_held = True
    waiting = bench.ask("chat")
    bench.reader.wait_until_held()
    typing = bench.ask("typing", priority=Priority.INTERACTIVE)
    bench.reader.let_one_pass()
    text, finished = end(typing)
    assert isinstance(finished, Finished)
    assert len(text) == 5
    assert bench.reader.n_steps <= 3
    assert bench.states()["chat"] == "loading"
    assert waiting.empty()
    bench.reader.let_all_pass()
    assert isinstance(end(waiting)[1], Finished)


def test_a_request_that_waits_for_weights_keeps_its_deadline(bench: Bench) -> None:
    bench.unload_idle(0.0)
    bench.reader.is_held = True
    waiting = bench.ask("chat", deadline_s=bench.clock() + 5.0)
    bench.reader.wait_until_held()
    bench.clock.now_s += 5.0
    bench.reader.let_all_pass()
    _, finished = end(waiting)
    assert isinstance(finished, Finished)
    assert finished.reason is FinishReason.DEADLINE


def test_weights_that_were_read_half_for_nobody_are_given_back(bench: Bench) -> None:
    bench.unload_idle(0.0)
    bench.reader.is_held = True
    waiting = bench.ask("chat")
    bench.reader.wait_until_held()
    bench.engine.cancel(bench.job)
    bench.reader.let_all_pass()
    _, finished = end(waiting)
    assert isinstance(finished, Finished)
    assert finished.reason is FinishReason.CANCELLED
    assert bench.unload_idle(60.0)["chat"] == "loading"
    bench.clock.now_s += 60.0
    assert bench.unload_idle(60.0)["chat"] == "unloaded"
    assert isinstance(end(bench.ask("chat"))[1], Finished)


def test_weights_that_cannot_be_read_again_are_said_and_stop_nothing_else(bench: Bench) -> None:
    path = bench.directories["chat"] / WEIGHTS
    whole = path.read_bytes()
    bench.unload_idle(0.0)
    for cut in (whole[:1000], whole[:-1000], b""):
        path.write_bytes(cut)
        _, failed = end(bench.ask("chat"))
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, NotReady)
        assert str(bench.directories["chat"]) in str(failed.error)
        assert bench.states() == {"typing": "ready", "chat": "unloaded"}
        assert isinstance(end(bench.ask("typing"))[1], Finished)
    path.write_bytes(whole)
    assert isinstance(end(bench.ask("chat"))[1], Finished)
