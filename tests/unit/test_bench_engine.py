"""The engine bench: what it asks, how it reads answers, and how it judges, without a server."""

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from inference.prefill_chunks import ChunkSizes
from tests.bench import engine, memory, texts
from tests.bench.llama import build_switches, read_cpu_features
from tests.bench.memory import slope
from tests.bench.report import Report
from tests.bench.servers import Ask, Counts, Hearthline, LlamaCpp, MlxLm, Server
from tests.bench.streams import Answer
from tests.bench.waiting import count_chunks


@pytest.mark.parametrize("write", [lambda n: texts.write_module(n, 2), texts.write_story, texts.write_rename])
def test_texts_of_different_numbers_share_no_beginning_worth_caching(write: Callable[[int], str]) -> None:
    for one, other in itertools.combinations([write(number) for number in range(20)], 2):
        n_common = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        assert n_common < 16


def test_a_line_is_typed_at_a_line_start_and_ends_whole() -> None:
    text = "one\ntwo\nthree\nfour\n"
    states = list(texts.type_line(text, "abcdefg", 3))
    assert [prefix for prefix, _ in states] == ["one\ntwo\nabc", "one\ntwo\nabcdef", "one\ntwo\nabcdefg"]
    assert {suffix for _, suffix in states} == {"\nthree\nfour\n"}


def test_a_rename_asks_for_what_stands_before() -> None:
    before, _, after = texts.write_rename(4).partition("# after")
    assert after.splitlines()[-1] in before


@pytest.mark.parametrize(("rise", "mb"), [(0.0, 0.0), (0.5, 0.5), (-1.0, -1.0)])
def test_the_slope_of_a_line_is_its_own(rise: float, mb: float) -> None:
    assert slope([(float(x), 100 + rise * x) for x in range(10)]) == pytest.approx(mb)


def test_a_leak_of_one_tokens_kv_a_request_misses_the_goal() -> None:
    leaked = slope([(float(x), 600 + x * 24_576 / 1e6) for x in range(500, 1000)])
    assert not engine.GOALS["memory_mb_per_1000_requests"].met_by(1000 * leaked)


@pytest.mark.anyio
@pytest.mark.parametrize(("held_mb", "n_asked"), [([1, 2, 3, 4, 4], 5), ([2, 4, 3], 3), ([5, 5], 2)])
async def test_the_cache_is_full_when_something_had_to_go(
    monkeypatch: pytest.MonkeyPatch, held_mb: list[int], n_asked: int
) -> None:
    asked: list[Ask] = []

    async def complete(_: Server, ask: Ask) -> Answer:
        asked.append(ask)
        return Answer(0.0)

    def tell(_: httpx.Request) -> httpx.Response:
        held = held_mb[len(asked) - 1]
        return httpx.Response(200, text=f"# HELP x\nhearthline_prompt_cache_bytes {held * 10**6}\nother 1\n")

    monkeypatch.setattr(memory, "complete", complete)
    async with httpx.AsyncClient(transport=httpx.MockTransport(tell), base_url="http://worker") as client:
        assert await memory._fill_prompt_cache(Hearthline(client, pid=0)) == n_asked
    assert len({ask.prompt for ask in asked}) == n_asked
    assert {ask.max_tokens for ask in asked} == {0}


@pytest.mark.parametrize(
    ("n_cached", "n_prompt", "is_brief", "n_chunks"),
    [(0, 128, False, 1), (0, 192, False, 1.5), (0, 128, True, 2), (64, 80, True, 0.25), (10, 10, True, 0)],
)
def test_chunks_are_counted_the_last_by_its_share(
    n_cached: int, n_prompt: int, is_brief: bool, n_chunks: float
) -> None:
    assert count_chunks(ChunkSizes(64, 128), n_cached, n_prompt, is_brief=is_brief) == n_chunks


def test_without_figures_every_goal_is_missed() -> None:
    assert Report("engine", engine.GOALS).missed() == list(engine.GOALS)


def test_amx_is_never_switched_on() -> None:
    flags = read_cpu_features("processor\t: 0\nflags\t\t: avx avx2 fma f16c bmi2 avx512f amx_int8 amx_tile\n")
    switches = build_switches(flags)
    assert "-DGGML_NATIVE=OFF" in switches
    assert "-DGGML_AVX2=ON" in switches
    assert "-DGGML_AVX512=OFF" in switches  # only a part of what ggml means by it
    assert not any("AMX" in switch for switch in switches)


def test_a_cpu_without_x86_flags_is_left_to_ggml() -> None:
    assert build_switches(read_cpu_features("processor : 0\nFeatures : fp asimd\n")) == []


def test_the_first_text_counts_and_steps_are_between_texts() -> None:
    answer = Answer(began_s=1.0, ended_s=5.0)
    assert answer.answered_s == 4.0
    with pytest.raises(RuntimeError, match="without text"):
        _ = answer.first_s
    answer.piece_s += [2.0, 2.5, 2.501, 3.501]  # one step made two pieces
    assert (answer.first_s, answer.answered_s) == (1.0, 1.0)
    assert answer.steps_s() == pytest.approx([0.5, 1.0])


def test_too_few_tokens_tell_no_speed() -> None:
    answer = Answer(0.0, piece_s=[1.0, 2.0], counts=Counts(n_decoded=2))
    with pytest.raises(RuntimeError, match="too few"):
        _ = answer.decode_tokens_per_s
    answer.counts.n_decoded = 11
    assert answer.decode_tokens_per_s == 10.0


_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}


@pytest.mark.parametrize(
    ("dialect", "event", "counted"),
    [
        (Hearthline, {"usage": _USAGE, "timings": {"queue_ms": 7.0, "prefill_ms": 20.0}}, Counts(9, 5, 4, 0.007, 0.02)),
        (MlxLm, {"usage": _USAGE}, Counts(9, 5, 4)),
        (LlamaCpp, {"timings": {"prompt_n": 9, "predicted_n": 4}}, Counts(9, 0, 4)),
    ],
)
def test_each_dialect_is_counted(dialect: type[Server], event: dict[str, Any], counted: Counts) -> None:
    counts = Counts()
    dialect(httpx.AsyncClient(), pid=0).count(event, counts)
    assert counts == counted


@pytest.mark.anyio
async def test_a_part_that_breaks_says_why_and_leaves_the_others_figures() -> None:
    async def break_off() -> None:
        raise RuntimeError("the peer refused")

    report = Report("engine", engine.GOALS, figures={"cancel_to_idle_steps": 0.5})
    await engine._part(report, "waits", break_off())
    assert report.figures == {"cancel_to_idle_steps": 0.5}
    assert "the peer refused" in report.notes["waits"]
    assert "interactive_wait_steps" in report.missed()
