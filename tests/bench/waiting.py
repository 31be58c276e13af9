"""How long someone who types waits: alone, beside a background decode, beside a background prefill; and how soon
a server is idle again after its client has gone.

The one who types has a document that the server has seen, and adds a line: about 20 tokens are new. Turns alternate
between the servers, and every figure is a median over turns, except where the worst is the point.

A step is what an urgent request may have to wait for. Beside a decode it is the longest time between two tokens of that
same background answer before it was disturbed; beside a prefill it is a chunk's share of the time that a shorter prompt
took alone. Waits are the worker's own (from a request's arrival to its first step), in such steps, the worst of all.
Requests come at another moment of a step in every turn, spread over all of it, as keys do.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.engine import TYPING_PAUSE_S
from inference.prefill_chunks import CHUNK_SIZES, ChunkSizes, chunk_tokens
from tests.bench import texts
from tests.bench.report import Report
from tests.bench.servers import Ask, Hearthline, MlxLm, Server
from tests.bench.streams import Answer, complete, running, until

# Guesses grow longer over the first steps, and with them the steps.
_N_STEPS_UNDISTURBED = 16
_DOCUMENT_FUNCTIONS = 3
_SETTLE_STEP_S = 0.1


@dataclass(slots=True)
class Waits:
    """First tokens of one server, in seconds, and what the first steps of the same requests waited, in steps."""

    idle_s: list[float] = field(default_factory=list)
    decode_s: list[float] = field(default_factory=list)
    prefill_s: list[float] = field(default_factory=list)
    decode_steps: list[float] = field(default_factory=list)
    prefill_steps: list[float] = field(default_factory=list)
    cached_share: list[float] = field(default_factory=list)
    after_pause_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much is measured. n_long_turns: beside a prefill, whose prompt has n_prefill_functions, 100 tokens each."""

    n_turns: int
    n_long_turns: int
    n_prefill_functions: int


async def measure_waits(report: Report, ours: Hearthline, peer: MlxLm, lengths: Lengths) -> None:
    """Fill in the first tokens of both servers, their ratios, and our waits in steps."""
    waits: dict[str, tuple[Server, Waits]] = {"": (ours, Waits()), "mlx_lm_": (peer, Waits())}
    for server, _ in waits.values():
        await complete(server, _typed(0))
    for turn in range(lengths.n_turns):
        for server, found in waits.values():
            await _alone(server, found, turn)
            await _beside_decode(server, found, turn, lengths)
    await complete(ours, _typed(90))  # so that chunks are those beside someone who types
    chunk_s = await _prefill_chunk_s(ours, 900, "background")
    for turn in range(lengths.n_long_turns):
        for server, found in waits.values():
            await _beside_prefill(server, found, turn, chunk_s, lengths)
    for turn in range(lengths.n_long_turns):
        await _after_pause(ours, waits[""][1], turn, chunk_s, lengths)
    for prefix, (_, found) in waits.items():
        _report_first_tokens(report, prefix, found)
    for kind in ("decode", "prefill"):
        key = f"first_token_beside_{kind}"
        report.figures[f"{key}_speedup_ratio"] = report.figures[f"mlx_lm_{key}_ms"] / report.figures[f"{key}_ms"]
    found = waits[""][1]
    report.figures["interactive_wait_steps_beside_decode"] = max(found.decode_steps)
    report.figures["interactive_wait_steps_beside_prefill"] = max(found.prefill_steps)
    report.figures["interactive_wait_steps"] = max(found.decode_steps + found.prefill_steps)
    report.figures["prefill_step_ms"] = 1e3 * chunk_s
    report.figures["wait_after_pause_ms"] = 1e3 * max(found.after_pause_s)
    report.notes["wait_after_pause_ms"] = (
        f"of who types the first key for {TYPING_PAUSE_S:.0f} s beside a background prefill, the worst of "
        f"{len(found.after_pause_s)} turns ({_list(found.after_pause_s)} s)"
    )
    report.notes["interactive_wait_steps"] = (
        f"the worst of {len(found.decode_steps)} turns beside a decode ({_list(found.decode_steps)}) "
        f"and {len(found.prefill_steps)} beside a prefill ({_list(found.prefill_steps)})"
    )


async def measure_cancels(report: Report, ours: Hearthline, n_turns: int) -> None:
    """Fill in how many steps after a client has hung up the worker says that nothing is active, the worst of all."""
    chunk_s = await _prefill_chunk_s(ours, 901, "interactive")
    in_decode, in_prefill = [], []
    for turn in range(n_turns):
        async with running(ours, _endless(turn, "foreground")) as answer:
            await _decoding(answer)
            step_s = max(answer.steps_s())
            await asyncio.sleep(turn / n_turns * step_s)  # at another moment of a step in every turn
            left_s = time.perf_counter()
        in_decode.append(await _idle_after(ours, left_s, step_s) / step_s)
        async with running(ours, Ask(texts.write_module(600 + turn, 20), 8)) as answer:
            await asyncio.sleep((1.3 + turn / n_turns) * chunk_s)
            _require_prefill(answer)
            left_s = time.perf_counter()
        in_prefill.append(await _idle_after(ours, left_s, chunk_s) / chunk_s)
    report.figures["cancel_to_idle_steps_in_decode"] = max(in_decode)
    report.figures["cancel_to_idle_steps_in_prefill"] = max(in_prefill)
    report.figures["cancel_to_idle_steps"] = max(in_decode + in_prefill)
    report.notes["cancel_to_idle_steps"] = f"turns in decode: {_list(in_decode)}; in prefill: {_list(in_prefill)}"


async def _alone(server: Server, found: Waits, turn: int) -> None:
    answer = await complete(server, _typed(3 * turn + 1))
    found.idle_s.append(answer.first_s)
    found.cached_share.append(answer.counts.n_cached / answer.counts.n_prompt)


async def _beside_decode(server: Server, found: Waits, turn: int, lengths: Lengths) -> None:
    async with running(server, _endless(turn, "background")) as background:
        await _decoding(background)
        step_s = max(background.steps_s())
        # A piece of text tells that a step begins.
        await asyncio.sleep((turn + 0.5) / lengths.n_turns * step_s)
        answer = await complete(server, _typed(3 * turn + 2))
    await _settle(server)
    found.decode_s.append(answer.first_s)
    found.decode_steps.append(answer.counts.queue_s / step_s)


async def _beside_prefill(server: Server, found: Waits, turn: int, chunk_s: float, lengths: Lengths) -> None:
    prompt = texts.write_module(300 + turn, lengths.n_prefill_functions)
    await complete(server, _typed(3 * turn + 91))
    async with running(server, Ask(prompt, 8, priority="background")) as background:
        # Some chunks in, and at another moment of the chunk in every turn.
        await asyncio.sleep((2.2 + 1.37 * turn) * chunk_s)
        _require_prefill(background)
        answer = await complete(server, _typed(3 * turn + 3))
    await _settle(server)
    found.prefill_s.append(answer.first_s)
    found.prefill_steps.append(answer.counts.queue_s / chunk_s)


async def _after_pause(ours: Hearthline, found: Waits, turn: int, chunk_s: float, lengths: Lengths) -> None:
    """Type the first key after a pause, in which background chunks have become long ones."""
    await asyncio.sleep(TYPING_PAUSE_S)
    prompt = texts.write_module(400 + turn, lengths.n_prefill_functions)
    async with running(ours, Ask(prompt, 8, priority="background")) as background:
        await asyncio.sleep((3.2 + 1.37 * turn) * chunk_s)
        _require_prefill(background)
        answer = await complete(ours, _typed(turn + 95))
    await _settle(ours)
    found.after_pause_s.append(answer.counts.queue_s)


async def _prefill_chunk_s(ours: Hearthline, number: int, priority: str) -> float:
    """Measure a prefill chunk: its share of the time that a prompt of some chunks takes.

    number: of a module that the worker has not seen. Raises RuntimeError when it has, and computes next to nothing.
    """
    sizes = CHUNK_SIZES[(await ours.health())["device"]]
    answer: Answer = await complete(ours, Ask(texts.write_module(number, 6), 1, priority=priority))
    counts = answer.counts
    if counts.n_cached > sizes.brief:
        raise RuntimeError("the prompt that a prefill chunk is timed by was cached; it must be a new one")
    is_brief = priority != "interactive"
    return counts.prefill_s / count_chunks(sizes, counts.n_cached, counts.n_prompt, is_brief=is_brief)


def count_chunks(sizes: ChunkSizes, n_cached: int, n_prompt: int, *, is_brief: bool) -> float:
    """Count the chunks of a prompt of which `n_cached` tokens are cached, the last one by its share."""
    n_chunks = 0.0
    while n_cached < n_prompt:
        n = chunk_tokens(sizes, n_cached, is_brief=is_brief)
        n_chunks += min(1.0, (n_prompt - n_cached) / n)
        n_cached += n
    return n_chunks


async def _settle(server: Server) -> None:
    """Return once `server` is done with what was withdrawn; one that cannot be asked answers a new request first."""
    if isinstance(server, Hearthline):
        await _idle_after(server, time.perf_counter(), _SETTLE_STEP_S)
    else:
        await complete(server, Ask(f"# {time.perf_counter_ns()}\nimport", 2))


def _require_prefill(answer: Answer) -> None:
    if answer.piece_s:
        raise RuntimeError("a prefill ended before it was disturbed; its prompt must be longer")


async def _decoding(answer: Answer) -> None:
    """Return once some of `answer` has come undisturbed."""
    await until(lambda: len(answer.steps_s()) >= _N_STEPS_UNDISTURBED, "a decode to be under way")


async def _idle_after(server: Server, left_s: float, step_s: float) -> float:
    """Return the time from `left_s` until the worker has said that nothing is active: at most a tenth of a step late.

    Asking more often than that takes the processor from the very step that is waited for, and doubles it.
    """
    while True:
        health = await server.health()
        if health["active"] == health["queued"] == 0:
            return time.perf_counter() - left_s
        await asyncio.sleep(step_s / 10)


def _typed(number: int) -> Ask:
    document = texts.write_module(1, _DOCUMENT_FUNCTIONS)
    return Ask(document + texts.write_line_to_complete(number), 4, key="document")


def _endless(turn: int, priority: str) -> Ask:
    return Ask(texts.write_endless_list(3 + turn), 600, priority=priority)


def _report_first_tokens(report: Report, prefix: str, found: Waits) -> None:
    report.figures[f"{prefix}first_token_idle_ms"] = 1e3 * statistics.median(found.idle_s)
    report.figures[f"{prefix}first_token_beside_decode_ms"] = 1e3 * statistics.median(found.decode_s)
    report.figures[f"{prefix}first_token_beside_prefill_ms"] = 1e3 * statistics.median(found.prefill_s)
    report.figures[f"{prefix}first_token_cached_pct"] = 100 * statistics.median(found.cached_share)


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)
