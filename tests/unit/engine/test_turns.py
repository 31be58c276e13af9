"""Who steps when, with whom and for how long; and that nobody says anything else for it."""

from collections.abc import Callable

import pytest

from inference.jobs import FinishReason, Piece, Sampling
from inference.run import Run
from inference.scheduler import MAX_PASSED_OVER_S, Priority
from tests.unit.engine.harness import CHUNK_TOKENS, DEADLINE_S, N_JOINED, StartEngine


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
