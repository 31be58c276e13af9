"""The first line of ghost text: how long a person waits for it, and what the way from model to editor costs.

Three programs run by turns over the same weights: Hearthline whole (language server, wire, worker), the stock MLX
wheel, and raw `mlx_lm.stream_generate` on the same fast BLAS. Machines are noisy, so each figure is a median over
turns and each goal a ratio within one run.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference import paths, singleton
from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server.commands.editor import Editor, one_answer, open_editor
from tests.bench.counters import read_counters
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.raw_mlx import RawMlx
from tests.bench.report import Goal, Options, Report

GOALS = {
    "prefill_ratio_to_stock": Goal(">=", 10),
    "decode_overhead_pct": Goal("<=", 5),
}

# The documents ask for a table that is longer: every stream runs to its end, so the worker has made just the tokens
# that the editor waited for.
_MAX_TOKENS = 40
_COUNTED_TIMEOUT_S = 5.0
_TABLES = (
    ("invoice", "DAYS_OF_MONTH", '"january": 31', '"february": 28'),
    ("sensor", "CAPITALS", '"France": "Paris"', '"Italy": "Rome"'),
    ("planet", "ELEMENTS", '"H": "Hydrogen"', '"He": "Helium"'),
    ("ticket", "HTTP_STATUS", '200: "OK"', '201: "Created"'),
    ("recipe", "CURRENCIES", '"EUR": "euro"', '"USD": "dollar"'),
    ("vessel", "MORSE", '"A": ".-"', '"B": "-..."'),
    ("ledger", "COLOURS", '"red": "#ff0000"', '"green": "#00ff00"'),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One ghost text as the editor waited for it, and what the worker counted while making it."""

    elapsed_s: float
    n_requests: float
    n_prompt: float
    n_cached: float
    n_decoded: float
    prefill_s: float
    queue_s: float

    @property
    def decode_s(self) -> float:
        """Return what the editor waited beyond the prefill: decoding, wire and language server."""
        return self.elapsed_s - self.prefill_s


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    name = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    checkpoint = find_checkpoint(name)
    report = Report("first_line", GOALS)
    n_turns = 3 if options.quick else len(_TABLES)
    with own_home(checkpoint) as workspace:
        asyncio.run(_measure_waiting(report, name, workspace, n_turns))
    with own_home(checkpoint) as workspace, _plain_worker(name):
        asyncio.run(_measure_overhead(report, name, checkpoint, workspace, n_turns))
    return report


@contextmanager
def _plain_worker(name: str) -> Iterator[None]:
    """Run a worker that computes every token by a step of its own, as the peers do; the language server finds it."""
    command = [sys.executable, "-P", "-m", "inference", "serve", "--model", name, "--no-speculation"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while singleton.probe(paths.socket_path()) is None:
            if process.poll() is not None:
                raise RuntimeError(f"the worker ended at its start with code {process.returncode}")
            time.sleep(0.05)
        try:
            yield
        finally:
            process.terminate()


def _settings(name: str) -> dict[str, object]:
    return one_answer(name, maxTokens=_MAX_TOKENS)


async def _measure_waiting(report: Report, name: str, workspace: Path, n_turns: int) -> None:
    """Measure what a person waits for, with the worker that the language server starts."""
    started = time.perf_counter()
    async with open_editor(workspace, _settings(name)) as editor:
        await editor.wait_until_ready()
        lines = [await _line(editor, workspace, turn=0)]
        report.figures["cold_first_ghost_text_s"] = time.perf_counter() - started
    started = time.perf_counter()
    async with open_editor(workspace, _settings(name)) as editor:
        await editor.wait_until_ready()
        lines.append(await _line(editor, workspace, turn=1))
        report.figures["warm_first_ghost_text_s"] = time.perf_counter() - started
        lines += [await _line(editor, workspace, turn) for turn in range(2, n_turns)]
    report.figures["ghost_text_s_median"] = statistics.median(line.elapsed_s for line in lines)
    report.figures["prompt_tokens_median"] = statistics.median(line.n_prompt for line in lines)
    report.figures["decoded_tokens_median"] = statistics.median(line.n_decoded for line in lines)
    report.figures["guessing_decode_tokens_per_s"] = statistics.median(
        (line.n_decoded - 1) / line.decode_s for line in lines
    )


async def _measure_overhead(report: Report, name: str, checkpoint: Path, workspace: Path, n_turns: int) -> None:
    """Measure the way from model to editor against the peers, turn by turn."""
    async with open_editor(workspace, _settings(name)) as editor:
        await editor.wait_until_ready()
        await _take_turns(report, editor, workspace, checkpoint, n_turns)


async def _take_turns(report: Report, editor: Editor, workspace: Path, checkpoint: Path, n_turns: int) -> None:
    lines, prefills, decodes, overheads = [], [], [], []
    with RawMlx(checkpoint, "fast") as raw:
        raw.generate(range(1, 65), 4)
        for turn in range(n_turns):
            line = await _line(editor, workspace, turn)
            n_prefilled, n_decoded = int(line.n_prompt - line.n_cached), int(line.n_decoded)
            peer = await asyncio.to_thread(raw.generate, range(1, n_prefilled + 1), n_decoded)
            lines.append(line)
            prefills.append(n_prefilled / line.prefill_s)
            decodes.append((n_decoded - 1) / line.decode_s)
            overheads.append(100 * (line.decode_s / peer.decode_s - 1))
            report.notes["decode_overhead_pct"] = f"turns: {', '.join(f'{value:.1f}' for value in overheads)}"
    report.figures["prefill_tokens_per_s"] = statistics.median(prefills)
    report.figures["decode_tokens_per_s"] = statistics.median(decodes)
    report.figures["decode_overhead_pct"] = statistics.median(overheads)
    with RawMlx(checkpoint, "stock") as stock:
        n_prefilled = int(statistics.median(line.n_prompt - line.n_cached for line in lines))
        peer = await asyncio.to_thread(stock.generate, range(1, n_prefilled + 1), 8)
    report.figures["stock_prefill_tokens_per_s"] = n_prefilled / peer.prefill_s
    report.figures["stock_decode_tokens_per_s"] = 1 / peer.decode_s_per_token
    report.figures["prefill_ratio_to_stock"] = (
        report.figures["prefill_tokens_per_s"] / report.figures["stock_prefill_tokens_per_s"]
    )
    report.figures["decode_ratio_to_stock"] = (
        report.figures["decode_tokens_per_s"] / report.figures["stock_decode_tokens_per_s"]
    )


async def _line(editor: Editor, workspace: Path, turn: int) -> Line:
    """Complete a document that no earlier turn has seen, so that nothing of its prompt is cached."""
    before = _document(turn)
    uri = editor.open(workspace / f"module_{turn + 1}.py", before, "python")
    counted = read_counters()
    started = time.perf_counter()
    ghost_text = await editor.inline_completion(uri, before.count("\n"), 0)
    elapsed_s = time.perf_counter() - started
    if not ghost_text:
        raise RuntimeError(f"no ghost text in turn {turn}: {editor.status.message}")
    now = read_counters()
    while now["n_requests"] == counted["n_requests"]:  # the worker counts just after it has answered
        if time.perf_counter() - started - elapsed_s > _COUNTED_TIMEOUT_S:
            raise RuntimeError("the worker did not count the request it answered")
        await asyncio.sleep(0.01)
        now = read_counters()
    line = Line(elapsed_s, **{key: now[key] - counted[key] for key in now})
    if line.n_requests != 1 or line.n_decoded != _MAX_TOKENS:
        raise RuntimeError(f"turn {turn} was not one request of {_MAX_TOKENS} tokens: {line}")
    return line


def _document(turn: int) -> str:
    """Return a module that asks for the rest of a table. Every turn's is another: no answer can help a later one."""
    name, table, first, second = _TABLES[turn]
    return f'''\
"""{name.title()} records, number {turn + 1}: reading, checking and adding up."""

from dataclasses import dataclass


@dataclass
class {name.title()}:
    name: str
    amount: float
    tags: list[str]


def parse_{name}(line: str) -> {name.title()}:
    """Read one {name} from a line of comma-separated values."""
    name, amount, *tags = line.split(",")
    return {name.title()}(name.strip(), float(amount), [tag.strip() for tag in tags])


{table} = {{
    {first},
    {second},
'''
