"""The language server's own share of the way from a key to its answer, in large files.

Every key is an edit and a request, sent together. The share is the time to the answer without the time that the engine
took by its own clock, from being asked to the last piece that was fetched: what is done while it works delays nobody.
It says a line that is not what is typed next, so that no key is answered without it. A key comes when the last one is
answered; then, as `paced_overhead`, as fast as a held key repeats, where the processor has gone idle in between.

The floor is what is left of the same measurement where the server does nothing: pipes, wake-ups, the client's own work.
"""

import asyncio
import gc
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import texts
from tests.bench.editing import Key, type_text
from tests.bench.json_rpc import Client, open_server
from tests.bench.open_document import Document
from tests.bench.oracle import COMMAND, Oracle, oracle_env, oracle_home
from tests.bench.report import Report

_SIZES = {"5k": 5_000, "50k": 50_000}
_INTERVALS_S = {"": 0.0, "paced_": 0.03}
_LATENCY_S = 0.02
"""To the first piece: less than any model takes. The next ones come at once."""
_LINES_OF_FUNCTION = 7
_BARE_COMMAND = [sys.executable, "-m", "tests.bench.bare_server", str(_LATENCY_S)]
_SETTINGS = {"completion": {"debounceMs": 0, "prefetch": False}}
"""A pause before the engine is asked is meant to be there, and work ahead is nobody's wait."""


async def measure_overhead(report: Report, n_keys: int) -> None:
    """Fill in the times from key to answer for each size."""
    with oracle_home() as (home, workspace):
        env = oracle_env(home, Oracle("", latency_s=_LATENCY_S, wrong_share=1.0))
        async with open_server(COMMAND, workspace, _SETTINGS, env) as client:
            for prefix, interval_s in _INTERVALS_S.items():
                for size, n_lines in _SIZES.items():
                    took_s = await _type_in_large_file(client, workspace, n_lines, n_keys, interval_s)
                    _report(report, f"{prefix}overhead_{size}_lines_ms", took_s)
        async with open_server(_BARE_COMMAND, workspace, _SETTINGS, env) as client:
            for prefix, interval_s in _INTERVALS_S.items():
                took_s = await _type_in_large_file(client, workspace, _SIZES["5k"], n_keys, interval_s)
                _report(report, f"{prefix}floor_ms", took_s)
    report.figures["overhead_keys"] = n_keys


def _report(report: Report, key: str, took_s: Sequence[float]) -> None:
    report.figures[f"{key}_p50"] = 1e3 * statistics.median(took_s)
    report.figures[f"{key}_p99"] = 1e3 * statistics.quantiles(took_s, n=100)[98]


async def _type_in_large_file(
    client: Client, folder: Path, n_lines: int, n_keys: int, interval_s: float
) -> list[float]:
    text = texts.write_module(1, n_lines // _LINES_OF_FUNCTION)
    document = Document(client, folder / f"large_{n_lines}.py", text)
    at = text.index("\n\n\ndef", len(text) // 2) + 3
    gc.collect()
    gc.disable()  # the client's own pauses are not the server's
    try:
        return [await _share(client, document, key, interval_s) for key in _keys(at, n_keys)]
    finally:
        gc.enable()
        document.close()


def _keys(offset: int, n_keys: int) -> list[Key]:
    """Give keys that type functions at `offset`."""
    text = "\n\n\n".join(texts.write_module(number, 8) for number in range(2, 3 + n_keys // 1000))
    return list(type_text(text, offset, random.Random(3)))[:n_keys]


async def _share(client: Client, document: Document, key: Key, interval_s: float) -> float:
    """Press `key` and wait for the answer; return the server's share of the time, in seconds."""
    edit, ask = document.edited(key.start, key.end, key.text), document.asking(key.start + len(key.text))
    before = await client.call("probe/calls", {})
    await asyncio.sleep(interval_s)
    began_s = time.perf_counter()
    client.notify("textDocument/didChange", edit)
    reply = await client.request("textDocument/inlineCompletion", ask)[1]
    after = await client.call("probe/calls", {})
    return reply.at_s - began_s - float(after["took_s"] - before["took_s"])
