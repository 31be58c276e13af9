"""Ends before the last word: supersession, withdrawal, deadlines, refusals, failures; one for each job."""

import pytest

from inference.batch import Batch
from inference.engine import Engine
from inference.errors import EngineFailed, NotReady, Overloaded
from inference.jobs import Failed, FinishReason, Piece
from inference.metrics import Metrics
from inference.residents import Report, Residents
from inference.scheduler import Priority
from tests.unit.engine.harness import CHUNK_TOKENS, DEADLINE_S, End, StartEngine


def test_a_newer_job_supersedes_the_older_which_ends_as_cancelled(start: StartEngine) -> None:
    bench = start()
    older, newer = bench.client(), bench.client()
    bench.gate.hold()
    older.ask("x" * 64, key="document")
    assert bench.gate.reached.wait(DEADLINE_S)
    newer.ask("x" * 64 + "y", key="document")
    bench.gate.is_open.set()
    text, end = older.finished()
    assert (text, end.reason) == ("", FinishReason.CANCELLED)
    _, end = newer.finished()
    assert end.reason is FinishReason.LENGTH
    assert end.n_cached == CHUNK_TOKENS, "what the older one had computed was lost"


def test_a_withdrawn_job_stops_within_one_step(start: StartEngine) -> None:
    bench = start(n_context=8192)
    client = bench.client()
    job = client.ask(max_tokens=8000)
    assert isinstance(client.first(), Piece)
    bench.gate.hold()
    assert bench.gate.reached.wait(DEADLINE_S)
    while not client.events.empty():
        client.events.get()
    bench.engine.cancel(job)
    bench.gate.is_open.set()
    text, end = client.finished()
    assert len(text) <= 1
    assert end.reason is FinishReason.CANCELLED
    bench.engine.cancel(job)  # a second time changes nothing
    client.ask(max_tokens=2)
    client.finished()
    assert bench.engine.n_active == 0


def test_a_deadline_ends_an_answer_with_what_there_is(start: StartEngine) -> None:
    bench = start(n_context=8192)
    client = bench.client()
    client.ask(max_tokens=8000, deadline_s=bench.clock() + 5.0)
    assert isinstance(client.first(), Piece)
    bench.clock.now_s += 5.0
    text, end = client.finished()
    assert end.reason is FinishReason.DEADLINE
    assert 0 < end.n_decoded < 8000
    assert len(text) == end.n_decoded - 1


def test_a_deadline_passes_in_the_queue_too(start: StartEngine) -> None:
    bench = start()
    busy, late = bench.client(), bench.client()
    bench.gate.hold()
    busy.ask("x" * 64)
    assert bench.gate.reached.wait(DEADLINE_S)
    late.ask(deadline_s=bench.clock() + 1.0)
    bench.clock.now_s += 2.0
    bench.gate.is_open.set()
    text, end = late.finished()
    assert (text, end.reason, end.n_decoded) == ("", FinishReason.DEADLINE, 0)
    assert end.queue_s == 2.0
    busy.finished()


def test_a_full_queue_refuses_and_says_when_to_come_back(start: StartEngine) -> None:
    bench = start()
    bench.gate.hold()
    clients = [bench.client() for _ in range(34)]
    for client in clients:
        client.ask("x" * 20, 1, priority=Priority.BACKGROUND)
    urgent = bench.client()
    urgent.ask(max_tokens=1, priority=Priority.INTERACTIVE)
    bench.gate.is_open.set()
    assert urgent.finished()[1].reason is FinishReason.LENGTH
    ends = [client.rest()[1] for client in clients]
    refused = [end for end in ends if isinstance(end, Failed)]
    assert 1 <= len(refused) <= 2
    assert isinstance(refused[0].error, Overloaded)
    assert refused[0].error.retry_after_s >= 1


def test_a_request_that_breaks_the_model_fails_alone(start: StartEngine) -> None:
    bench = start(broken_token=0x21)
    good, bad = bench.client(), bench.client()
    bench.gate.hold()
    good.ask("x" * 40)
    assert bench.gate.reached.wait(DEADLINE_S)
    bad.ask("y" * 20 + "!", priority=Priority.INTERACTIVE)
    bench.gate.is_open.set()
    _, end = bad.rest()
    assert isinstance(end, Failed)
    assert isinstance(end.error, EngineFailed)
    assert "the device said no" in str(end.error)
    assert good.finished()[1].reason is FinishReason.LENGTH
    assert bench.engine.state.status == "ready"


def test_a_step_together_that_breaks_ends_its_jobs_alone(start: StartEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the device said no")

    monkeypatch.setattr(Batch, "step", broken)
    bench = start(n_context=1024, speculates=False)
    clients = [bench.client() for _ in range(2)]
    bench.gate.hold()
    for client in clients:
        client.ask("x", 1000, priority=Priority.BACKGROUND)
    bench.gate.is_open.set()
    for client in clients:
        _, end = client.rest()
        assert isinstance(end, Failed)
        assert isinstance(end.error, EngineFailed)
    clients[0].ask(max_tokens=4)
    assert clients[0].finished()[1].n_decoded == 4
    assert bench.engine.n_active == 0
    assert bench.engine.state.status == "ready"


def test_when_every_request_breaks_the_engine_ends_and_says_why(start: StartEngine) -> None:
    bench = start(broken_token=0x21)
    for _ in range(3):
        client = bench.client()
        client.ask("!")
        assert isinstance(client.rest()[1], Failed)
    broke = bench.end.wait()
    assert "the device said no" in str(broke)
    assert bench.engine.state.status == "failed"
    late = bench.client()
    late.ask()
    _, end = late.rest()
    assert isinstance(end, Failed)
    assert isinstance(end.error, NotReady)


def test_a_held_job_does_not_keep_the_engine_from_stopping(start: StartEngine) -> None:
    bench = start()
    held = bench.client()
    bench.engine.hold_background(True)
    held.ask(priority=Priority.BACKGROUND)
    bench.engine.stop()
    _, end = held.rest()
    assert isinstance(end, Failed)
    assert isinstance(end.error, NotReady)


def test_stopping_ends_every_job_with_an_error(start: StartEngine) -> None:
    bench = start(n_context=8192)
    running, waiting = bench.client(), bench.client()
    running.ask(max_tokens=8000)
    assert isinstance(running.first(), Piece)
    waiting.ask(max_tokens=8000)
    bench.engine.stop()
    for client in (running, waiting):
        _, end = client.rest()
        assert isinstance(end, Failed)
        assert isinstance(end.error, NotReady)
    assert bench.end.wait() is None
    assert bench.engine.state.status == "stopping"


def test_a_failed_load_is_told_and_ends_the_engine() -> None:
    end = End()

    def load(report: Report) -> Residents:
        report(0.3, "reading")
        raise RuntimeError("no such weights")

    engine = Engine(load, Metrics(), end)
    engine.start()
    assert str(end.wait()) == "no such weights"
    assert engine.state.status == "failed"
    assert engine.state.message == "no such weights"
