"""Room for KV: who is refused, who waits, what gives way."""

from inference.errors import RequestInvalid
from inference.jobs import Failed, Piece
from inference.scheduler import Priority
from tests.unit.engine.harness import DEADLINE_S, N_JOINED_BYTES, StartEngine


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
