"""The engine: does anyone who types wait for the machine's own work, and what does a token cost.

Hearthline's worker, `mlx_lm.server` on the same weights and the same fast BLAS, and llama.cpp's server on the GGUF they
were converted from run side by side in one run and take turns, because machines are noisy: what counts is a ratio
within one run. A part that breaks leaves its figures out, says why, and so misses its goals.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from inference.errors import ModelError
from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from tests.bench.decoding import measure_against_llama, measure_decoding
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.keystrokes import measure_keystrokes
from tests.bench.llama import LlamaMissing, find_llama
from tests.bench.memory import measure_memory
from tests.bench.report import Goal, Options, Report
from tests.bench.servers import Hearthline, MlxLm, hearthline, llama_cpp, mlx_lm
from tests.bench.waiting import Lengths, measure_cancels, measure_waits

GOALS = {
    "first_token_beside_decode_speedup_ratio": Goal(">=", 5),
    "first_token_beside_prefill_speedup_ratio": Goal(">=", 5),
    "interactive_wait_steps": Goal("<=", 1),
    "cancel_to_idle_steps": Goal("<=", 1),
    "speculation_speedup_ratio": Goal(">=", 2),
    "prefill_ratio_to_llama_cpp": Goal(">=", 0.8),
    "decode_ratio_to_llama_cpp": Goal(">=", 0.35),
    # A slope of 0 as an allocator can show it: 10 kB a request is less than half of what the KV of one single token
    # takes in the default model, so a leak of anything that a request leaves behind exceeds it.
    "memory_mb_per_1000_requests": Goal("<=", 10),
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    waits: Lengths
    n_cancels: int
    n_pauses: int
    n_decodes: int
    n_against_llama: int
    n_requests: int


_FULL = Size(Lengths(5, 2, 40), n_cancels=5, n_pauses=12, n_decodes=3, n_against_llama=3, n_requests=1000)
_QUICK = Size(Lengths(2, 1, 10), n_cancels=2, n_pauses=4, n_decodes=1, n_against_llama=1, n_requests=100)


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    name = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    checkpoint = find_checkpoint(name)
    report = Report("engine", GOALS)
    llama = _find_llama(report, name, build=options.build_llama)
    with own_home(checkpoint):
        asyncio.run(_measure(report, name, checkpoint, llama, _QUICK if options.quick else _FULL))
    return report


def _find_llama(report: Report, name: str, *, build: bool) -> tuple[Path, Path] | None:
    try:
        return find_llama(name, build=build)
    except (LlamaMissing, ModelError, OSError) as error:
        report.notes["llama_cpp"] = str(error)
        return None


async def _measure(report: Report, name: str, checkpoint: Path, llama: tuple[Path, Path] | None, size: Size) -> None:
    async with _pair(name, checkpoint) as (ours, peer):
        await _part(report, "waits", measure_waits(report, ours, peer, size.waits))
        await _part(report, "cancels", measure_cancels(report, ours, size.n_cancels))
        await _part(report, "keystrokes", measure_keystrokes(report, ours, peer, name, size.n_pauses))
        await _part(report, "decoding", measure_decoding(report, ours, peer, size.n_decodes))
        if llama is not None:
            await _part(report, "llama_cpp", _beside_llama(report, ours, llama, size.n_against_llama))
    # A fresh worker: what the other parts left in its caches would hide what these requests leave.
    async with hearthline(name) as ours:
        await _part(report, "memory", measure_memory(report, ours, size.n_requests))


@asynccontextmanager
async def _pair(name: str, checkpoint: Path) -> AsyncIterator[tuple[Hearthline, MlxLm]]:
    async with hearthline(name) as ours, mlx_lm(checkpoint) as peer:
        yield ours, peer


async def _beside_llama(report: Report, ours: Hearthline, llama: tuple[Path, Path], n_turns: int) -> None:
    async with llama_cpp(*llama) as peer:
        await measure_against_llama(report, ours, peer, n_turns)


async def _part(report: Report, name: str, part: Coroutine[None, None, None]) -> None:
    """Run one part; say why it broke instead of losing what the others measured."""
    try:
        await part
    except (RuntimeError, TimeoutError, httpx.HTTPError) as error:
        report.notes[name] = f"broke off: {type(error).__name__}: {error}"
