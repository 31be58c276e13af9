"""The engine's thread with a tiny model: turns, supersession, withdrawal, deadlines, failures, and one end for each."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import mlx.core as mx
import pytest

from inference.batch import Batch
from inference.device import Device
from inference.engine import Engine
from inference.errors import EngineFailed, NotReady, Overloaded, RequestInvalid
from inference.jobs import Event, Failed, Finished, FinishReason, Job, Piece, Sampling
from inference.metrics import Metrics
from inference.models.load import load_model
from inference.prefill_chunks import ChunkSizes
from inference.residents import Report, Resident, Residents, Role
from inference.run import Run
from inference.scheduler import MAX_PASSED_OVER_S, Priority
from inference.suffix_reuse import SuffixBlocks
from tests.tiny_model import END_ID, write_tiny_checkpoint

DEADLINE_S = 30.0
CHUNK_TOKENS = 16
CHUNKS = ChunkSizes(brief=8, long=CHUNK_TOKENS)
# The shortest sequences that decode together are padded to so many tokens, of two layers of two heads of 8, float32.
N_JOINED = 1024
N_JOINED_BYTES = N_JOINED * 2 * 2 * 2 * 8 * 4


@dataclass
class Client:
    """One job and the events that came of it."""

    engine: Engine
    events: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)

    def ask(self, text: str = "def f(x):", max_tokens: int = 12, **fields: object) -> Job:
        job = Job(
            model="tiny",
            endpoint="/v1/completions",
            prompt=list(text.encode()),
            max_tokens=max_tokens,
            emit=self.events.put,
            arrived_s=self.engine.clock(),
            **fields,  # type: ignore[arg-type]
        )
        self.engine.submit(job)
        return job

    def first(self) -> Event:
        return self.events.get(timeout=DEADLINE_S)

    def rest(self) -> tuple[str, Finished | Failed]:
        text = ""
        while isinstance(event := self.events.get(timeout=DEADLINE_S), Piece):
            text += event.text
        assert self.events.empty(), "something came after the end"
        return text, event

    def finished(self) -> tuple[str, Finished]:
        text, end = self.rest()
        assert isinstance(end, Finished)
        return text, end


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@dataclass
class Gate:
    """Lets the test hold the engine within a step, so that what comes meanwhile is read before the next.

    first_fed: the first token that each step fed to the model. n_rows: the sequences in it.
    """

    is_open: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    first_fed: list[int] = field(default_factory=list)
    n_rows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_open.set()

    def hold(self) -> None:
        self.reached.clear()
        self.is_open.clear()

    def wait(self, rows: list[list[int]]) -> None:
        self.first_fed.append(rows[0][0])
        self.n_rows.append(len(rows))
        self.reached.set()
        assert self.is_open.wait(DEADLINE_S)


class End:
    """What the engine's thread says last."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._broke: Exception | None = None

    def __call__(self, broke: Exception | None) -> None:
        self._broke = broke
        self._event.set()

    def wait(self) -> Exception | None:
        assert self._event.wait(DEADLINE_S)
        return self._broke


@dataclass
class Bench:
    """An engine under test."""

    engine: Engine
    metrics: Metrics
    clock: Clock
    gate: Gate
    end: End

    def client(self) -> Client:
        return Client(self.engine)


StartEngine = Callable[..., Bench]


@pytest.fixture
def start(checkpoint: Path) -> Iterator[StartEngine]:
    benches: list[Bench] = []

    def start_engine(
        n_context: int = 512,
        broken_token: int | None = None,
        *,
        run_ahead: bool = False,
        speculates: bool = True,
        kv_budget_bytes: int | None = None,
    ) -> Bench:
        gate, metrics, clock = Gate(), Metrics(), Clock()

        def load(report: Report) -> Residents:
            report(0.5, "reading")
            loaded = load_model(checkpoint)
            inner = loaded.model.model

            class Gated(type(inner)):  # type: ignore[misc]
                def __call__(self, inputs: mx.array, *rest: object) -> object:
                    rows = cast(list[list[int]], inputs.tolist())
                    gate.wait(rows)
                    if any(broken_token in tokens for tokens in rows):
                        raise RuntimeError("the device said no")
                    return super().__call__(inputs, *rest)

            inner.__class__ = Gated
            roles: frozenset[Role] = frozenset({"completion", "assistant"})
            suffixes = SuffixBlocks(loaded.model)
            resident = Resident(loaded, roles, n_context, CHUNKS, run_ahead, speculates, suffixes=suffixes)
            return Residents((resident,), Device("cpu", "test", 0), "none")

        end = End()
        engine = Engine(load, metrics, end, clock, kv_budget_bytes)
        benches.append(Bench(engine, metrics, clock, gate, end))
        engine.start()
        deadline_s = time.monotonic() + DEADLINE_S
        while engine.state.status == "loading" and time.monotonic() < deadline_s:
            time.sleep(0.001)
        gate.first_fed.clear()  # of what was fed to see what KV costs
        gate.n_rows.clear()
        return benches[-1]

    yield start_engine
    for bench in benches:
        bench.gate.is_open.set()
        bench.engine.stop()
        bench.end.wait()


def test_an_answer_ends_at_max_tokens_and_is_the_same_again(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40)
    text, end = client.finished()
    assert end.reason is FinishReason.LENGTH
    assert (end.n_prompt, end.n_cached, end.n_decoded, len(text)) == (40, 0, 12, 12)
    client.ask("x" * 40)
    again, end = client.finished()
    assert again == text
    assert end.n_cached == 39


def test_an_answer_given_before_is_guessed_and_counted_right(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 30)
    text, first = client.finished()
    n_steps = len(bench.gate.first_fed)
    client.ask("x" * 40, 30)
    again, end = client.finished()
    assert again == text
    assert len(bench.gate.first_fed) - n_steps < 15
    assert end.n_decoded == 30
    assert 0 < end.n_accepted <= end.n_drafted
    counted = bench.metrics.render({})
    assert "hearthline_decoded_tokens_total 60\n" in counted
    assert f"hearthline_drafted_tokens_total {first.n_drafted + end.n_drafted}\n" in counted
    assert f"hearthline_accepted_tokens_total {first.n_accepted + end.n_accepted}\n" in counted


def test_steps_beside_typing_are_kept_brief(start: StartEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[Priority, bool]] = []
    step = Run.step

    def noted(run: Run, clock: Callable[[], float], *, is_brief: bool) -> FinishReason | None:
        steps.append((run.job.priority, is_brief))
        return step(run, clock, is_brief=is_brief)

    monkeypatch.setattr(Run, "step", noted)
    bench = start()
    client = bench.client()
    for priority in (Priority.BACKGROUND, Priority.INTERACTIVE, Priority.BACKGROUND):
        client.ask(max_tokens=1, priority=priority)
        client.finished()
    bench.clock.now_s += 60.0
    client.ask(max_tokens=1)
    client.finished()
    assert steps == [
        (Priority.BACKGROUND, False),
        (Priority.INTERACTIVE, False),
        (Priority.BACKGROUND, True),
        (Priority.FOREGROUND, False),
    ]


def test_prompts_go_in_brief_chunks_beside_typing_and_in_long_ones_else(start: StartEngine) -> None:
    bench = start()
    client = bench.client()

    def n_steps(first: str, priority: Priority) -> int:
        before = len(bench.gate.first_fed)
        client.ask(first * CHUNK_TOKENS * 2, max_tokens=0, priority=priority)
        client.finished()
        return len(bench.gate.first_fed) - before

    assert n_steps("a", Priority.FOREGROUND) == 2
    assert n_steps("b", Priority.INTERACTIVE) == 2
    assert n_steps("c", Priority.FOREGROUND) == 4
    assert n_steps("d", Priority.BACKGROUND) == 4
    assert n_steps("e", Priority.INTERACTIVE) == 2
    bench.clock.now_s += 60.0
    assert n_steps("f", Priority.BACKGROUND) == 2


def test_an_answer_that_ends_within_a_step_drops_the_rest_of_it(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 30)
    whole, _ = client.finished()
    for stop in (whole[20], whole[21:24]):
        ids = frozenset(stop.encode()) if len(stop) == 1 else frozenset()
        client.ask("x" * 40, 30, stop_ids=ids, stop_strings=() if ids else (stop,))
        text, end = client.finished()
        assert text == whole[: whole.index(stop)]
        assert end.n_decoded == len(text) + len(stop)
        assert end.n_accepted > 0
    client.ask("x" * 40 + whole, 30)
    assert client.finished()[1].n_cached >= 40, "what was computed before the end was lost"


def test_without_an_answer_the_prompt_alone_is_computed_for_a_later_one(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 0)
    text, end = client.finished()
    assert (text, end.reason, end.n_prompt, end.n_decoded) == ("", FinishReason.LENGTH, 40, 0)
    assert "hearthline_decoded_tokens_total 0\n" in bench.metrics.render({})
    client.ask("x" * 40 + "y", 3)
    text, end = client.finished()
    assert (len(text), end.n_cached) == (3, 40)
    assert client.events.empty()


def test_the_text_behind_the_cursor_is_moved_for_who_types_and_exact_for_others(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    before, behind = "def f(x):\n    return ", "|" + "".join(chr(ord("0") + index) for index in range(50)) + "|"
    client.ask(before + behind, goes_on_at=len(before), priority=Priority.INTERACTIVE)
    client.finished()
    typed = before + "x"
    client.ask(typed + behind, goes_on_at=len(typed), priority=Priority.INTERACTIVE)
    assert client.finished()[1].n_cached == len(before) + 50
    client.ask(typed + behind, goes_on_at=len(typed))
    exact, end = client.finished()
    assert end.n_cached == len(typed) + 1
    fresh = start().client()
    fresh.ask(typed + behind, goes_on_at=len(typed))
    assert fresh.finished()[0] == exact


def test_logprobs_come_when_asked_for(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=1, wants_logprobs=True)
    piece = client.first()
    assert isinstance(piece, Piece)
    assert piece.logprob is not None
    assert piece.logprob < 0
    client.rest()
    client.ask(max_tokens=1)
    assert client.first() == Piece(piece.text, None)


def test_stop_strings_end_the_answer_and_are_not_in_it(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=20)
    whole, _ = client.finished()
    stop = whole[6:9]
    client.ask(max_tokens=20, stop_strings=(stop,))
    text, end = client.finished()
    assert text == whole[: whole.index(stop)]
    assert end.reason is FinishReason.STOP


def test_stop_tokens_end_the_answer_and_are_not_in_it(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=20)
    whole, _ = client.finished()
    client.ask(max_tokens=20, stop_ids=frozenset({END_ID, ord(whole[5])}))
    text, end = client.finished()
    assert text == whole[: whole.index(whole[5])]
    assert end.reason is FinishReason.STOP


def test_the_context_is_never_exceeded(start: StartEngine) -> None:
    client = start(n_context=20).client()
    client.ask("x" * 17, max_tokens=100)
    text, end = client.finished()
    assert end.reason is FinishReason.LENGTH
    assert len(text) == 3


def test_jobs_that_take_turns_say_what_they_say_alone(start: StartEngine) -> None:
    bench = start()
    texts = ["background " * 6, "foreground " * 4, "interactive " * 5]
    sampling = Sampling(temperature=1.0, seed=4)
    alone = []
    for text in texts:
        client = bench.client()
        client.ask(text, 20, sampling=sampling)
        alone.append(client.finished()[0])
    fresh = start()
    fresh.gate.hold()
    clients = [fresh.client() for _ in texts]
    for client, text, priority in zip(clients, texts, reversed(Priority), strict=True):
        client.ask(text, 20, priority=priority, sampling=sampling)
        assert fresh.gate.reached.wait(DEADLINE_S)  # each of them is within its prefill when the next one comes
        fresh.gate.reached.clear()
        fresh.gate.is_open.set()
        assert fresh.gate.reached.wait(DEADLINE_S)
        fresh.gate.hold()
    fresh.gate.is_open.set()
    assert [client.finished()[0] for client in clients] == alone


@pytest.mark.parametrize("run_ahead", [False, True])
def test_background_jobs_that_decode_together_say_what_they_say_alone(start: StartEngine, run_ahead: bool) -> None:
    texts = ["one", "the second prompt " * 3, "x" * 40, "and " * 9]
    lengths = [30, 24, 40, 12]
    sampling = Sampling(temperature=1.0, seed=4)
    alone = []
    for text, length in zip(texts, lengths, strict=True):
        client = start().client()
        client.ask(text, length, sampling=sampling)
        alone.append(client.finished()[0])
    bench = start(run_ahead=run_ahead, speculates=False)  # since whose guesses hold may be better off alone
    bench.gate.hold()
    clients = [bench.client() for _ in texts]
    for client, text, length in zip(clients, texts, lengths, strict=True):
        client.ask(text, length, priority=Priority.BACKGROUND, sampling=sampling)
    typing, leaving = bench.client(), bench.client()
    left = leaving.ask("going away", 400, priority=Priority.BACKGROUND)
    bench.gate.is_open.set()
    for _ in range(2):
        assert isinstance(leaving.first(), Piece)
    typing.ask("typed", 5, priority=Priority.INTERACTIVE)
    bench.engine.cancel(left)
    assert leaving.finished()[1].reason is FinishReason.CANCELLED
    assert typing.finished()[1].n_decoded == 5
    assert [client.finished()[0] for client in clients] == alone
    assert max(bench.gate.n_rows) == 5, "they did not decode together"
    client.ask(texts[2] + alone[2], 1)
    assert client.finished()[1].n_cached >= 40, "what was computed together was lost"


def test_who_grows_out_of_a_batch_goes_on_as_alone(start: StartEngine) -> None:
    texts = ["a" * (N_JOINED - 15), "b" * (N_JOINED - 5), "c" * (N_JOINED - 10), "d" * 30]
    bench = start(n_context=8192, speculates=False)
    clients = [bench.client() for _ in texts]
    alone = []
    for client, text in zip(clients, texts, strict=True):
        client.ask(text, 30, sampling=Sampling(temperature=1.0, seed=6))
        alone.append(client.finished()[0])
    bench.gate.hold()
    for client, text in zip(clients, texts, strict=True):
        client.ask(text, 30, sampling=Sampling(temperature=1.0, seed=6), priority=Priority.BACKGROUND)
    bench.gate.is_open.set()
    assert [client.finished()[0] for client in clients] == alone
    assert max(bench.gate.n_rows) > 2


def test_a_long_prompt_lets_others_of_its_class_go_on(start: StartEngine) -> None:
    bench = start(n_context=8192)
    stream, long = bench.client(), bench.client()
    stream.ask("s" * 4, 8000)
    assert isinstance(stream.first(), Piece)
    bench.gate.hold()
    assert bench.gate.reached.wait(DEADLINE_S)
    n_steps = len(bench.gate.first_fed)
    long.ask("\n" * (CHUNK_TOKENS * 6), 1)  # which no answer of this model has
    bench.gate.is_open.set()
    long.finished()
    fed = bytes(bench.gate.first_fed[n_steps:])
    assert fed.count(b"\n") >= 6
    assert b"\n\n" not in fed


def test_an_interactive_job_waits_for_one_step_at_most(start: StartEngine) -> None:
    bench = start()
    background, interactive = bench.client(), bench.client()
    bench.gate.hold()
    background.ask("b" * (CHUNK_TOKENS * 4), 4, priority=Priority.BACKGROUND)
    assert bench.gate.reached.wait(DEADLINE_S)
    interactive.ask("i" * 4, 4, priority=Priority.INTERACTIVE)
    bench.gate.is_open.set()
    interactive.finished()
    background.finished()
    first_fed = bytes(bench.gate.first_fed)
    assert first_fed.startswith(b"bi")  # one chunk of the background job, then the prompt of the interactive one
    assert first_fed[5:8] == b"bbb"  # which decodes three more tokens before the rest of the background job's chunks


def test_held_background_jobs_wait_and_others_do_not(start: StartEngine) -> None:
    bench = start(n_context=8192)
    begun, held, late, urgent = (bench.client() for _ in range(4))
    begun.ask(max_tokens=40, priority=Priority.BACKGROUND)
    assert isinstance(begun.first(), Piece)
    bench.gate.hold()
    assert bench.gate.reached.wait(DEADLINE_S)
    bench.engine.hold_background(True)
    bench.gate.is_open.set()
    held.ask(max_tokens=4, priority=Priority.BACKGROUND)
    late.ask(max_tokens=4, priority=Priority.BACKGROUND, deadline_s=bench.clock() + 1.0)
    urgent.ask(max_tokens=4)
    assert urgent.finished()[1].n_decoded == 4
    bench.clock.now_s += 1.0
    assert late.finished()[1].reason is FinishReason.DEADLINE
    assert held.events.empty()
    assert bench.engine.n_active == 1
    bench.engine.hold_background(False)
    assert begun.finished()[1].n_decoded == 40
    assert held.finished()[1].n_decoded == 4


def test_a_held_job_does_not_keep_the_engine_from_stopping(start: StartEngine) -> None:
    bench = start()
    held = bench.client()
    bench.engine.hold_background(True)
    held.ask(priority=Priority.BACKGROUND)
    bench.engine.stop()
    _, end = held.rest()
    assert isinstance(end, Failed)
    assert isinstance(end.error, NotReady)


def test_a_background_job_steps_although_typing_never_ends(start: StartEngine) -> None:
    bench = start(n_context=8192)
    background, typing = bench.client(), bench.client()
    background.ask(max_tokens=8000, priority=Priority.BACKGROUND)
    assert isinstance(background.first(), Piece)
    typing.ask(max_tokens=8000, priority=Priority.INTERACTIVE)
    assert isinstance(typing.first(), Piece)
    while not background.events.empty():
        background.first()
    for _ in range(3):
        bench.clock.now_s += MAX_PASSED_OVER_S
        assert isinstance(background.first(), Piece)


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


def test_what_can_never_fit_is_refused_and_the_rest_is_answered(start: StartEngine) -> None:
    bench = start(n_context=8192, kv_budget_bytes=N_JOINED_BYTES * 4)
    large, small = bench.client(), bench.client()
    large.ask("x" * 4000, 100)
    _, end = large.rest()
    assert isinstance(end, Failed)
    assert isinstance(end.error, RequestInvalid)
    assert "4000 tokens" in str(end.error)
    small.ask("x" * 1000, 4)
    assert small.finished()[1].n_decoded == 4
    large.ask("x" * 4000, 90, priority=Priority.INTERACTIVE)
    assert large.finished()[1].n_decoded == 90, "who types may have it all"


def test_a_job_waits_for_room_and_interactive_ones_find_it(start: StartEngine) -> None:
    bench = start(n_context=1024, kv_budget_bytes=N_JOINED_BYTES * 2)
    running, waiting, typing = (bench.client() for _ in range(3))
    first = running.ask(max_tokens=1000, priority=Priority.BACKGROUND)
    assert isinstance(running.first(), Piece)
    bench.gate.hold()
    assert bench.gate.reached.wait(DEADLINE_S)
    waiting.ask(max_tokens=4, priority=Priority.BACKGROUND)
    typing.ask(max_tokens=4, priority=Priority.INTERACTIVE)
    bench.gate.is_open.set()
    typing.finished()
    assert waiting.events.empty()
    assert bench.engine.n_active == 1
    assert bench.engine.n_queued == 1
    bench.engine.cancel(first)
    assert waiting.finished()[1].n_decoded == 4


def test_kept_prompts_give_way_to_jobs_and_on_demand(start: StartEngine) -> None:
    bench = start(n_context=1024, kv_budget_bytes=N_JOINED_BYTES * 2)
    client = bench.client()
    for text in "abc":
        client.ask(text * 300, 2)
        client.finished()
    kept = bench.engine.prompt_cache_bytes
    assert 0 < kept <= N_JOINED_BYTES
    client.ask("d" * 300, 700, priority=Priority.INTERACTIVE)
    assert client.finished()[1].n_decoded == 700
    assert bench.engine.prompt_cache_bytes <= N_JOINED_BYTES * 2
    bench.engine.shrink_caches(1)
    bench.engine.shrink_caches(N_JOINED_BYTES)
    client.ask("e", 1)
    client.finished()
    assert bench.engine.prompt_cache_bytes < kept


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


def test_metrics_count_what_happened(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    for _ in range(2):
        client.ask("x" * 30, 5)
        client.finished()
    text = bench.metrics.render({"hearthline_active": 0})
    assert 'hearthline_requests_total{endpoint="/v1/completions",finish_reason="length"} 2\n' in text
    assert "hearthline_prompt_tokens_total 60\n" in text
    assert "hearthline_cached_tokens_total 29\n" in text
    assert "hearthline_prompt_cache_hits_total 1\n" in text
    assert "hearthline_decoded_tokens_total 10\n" in text
    assert "hearthline_active 0\n" in text
    assert bench.engine.prompt_cache_bytes > 0
