"""Are answers better through the language server than the model gives them by itself? Holes of one line, both ways.

Through the server as a client asks: the document is opened with the hole's line empty, the cursor at its beginning, the
person asks and waits, and the text shown goes in. Raw is the same worker's plain answer to the model's own
template around all of the text, greedy, cut after its first line; a model that fills no holes sees what is in front.
One server a hole, since what an earlier hole's document held would be known in the next one.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

import httpx

from inference import paths
from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from tests.bench.holes import PUBLIC_PLACE, Hole, first_line, read_holes, spread
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.json_rpc import open_server
from tests.bench.open_document import Document
from tests.bench.report import Goal, Options, Report

GOALS = {"pass_gain_points": Goal(">=", 5)}

_N_HOLES, _N_QUICK = 100, 4
_MAX_TOKENS = 64
_DEADLINE_S = 300.0
_INVOKED = 1
_SERVER = [sys.executable, "-P", "-m", "lsp_server.cli", "lsp"]


class Way(StrEnum):
    """How a hole is filled."""

    RAW = "raw"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking `model` for the hole `name` one way. text: what goes in; passes: whether that is right.

    speed: tokens of a prompt that the worker says it reads in a second, by which the server sizes what it sends.
    """

    model: str
    name: str
    way: Way
    text: str
    passes: bool
    took_s: float
    speed: float


Answers = dict[tuple[str, Way], Asked]


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("completion_quality", GOALS)
    model = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    holes = spread(read_holes(options.data), options.n or (_N_QUICK if options.quick else _N_HOLES))
    if not holes:
        report.notes["pass_gain_points"] = f"not measured: no holes in {options.data}; get them: {PUBLIC_PLACE}"
        return report
    asked = read_asked(options.resume, model)
    if any((hole.name, way) not in asked for hole in holes for way in Way):
        asyncio.run(_ask_all(holes, model, options.resume, asked))
    report_quality(report, holes, asked)
    return report


def report_quality(report: Report, holes: Sequence[Hole], asked: Answers) -> None:
    """Fill in how often each way was right, and of what was shown, how much."""
    raw, server = ([asked[hole.name, way] for hole in holes] for way in (Way.RAW, Way.SERVER))
    n, n_shown = len(holes), sum(bool(each.text) for each in server)
    n_right_raw, n_right = (sum(each.passes for each in way) for way in (raw, server))
    report.figures |= {
        "n_holes": n,
        "pass_pct_raw": _pct(n_right_raw, n),
        "pass_pct_through_server": _pct(n_right, n),
        "pass_gain_points": _pct(n_right - n_right_raw, n),
        "exact_pct_raw": _pct(_n_exact(holes, raw), n),
        "exact_pct_through_server": _pct(_n_exact(holes, server), n),
        "n_right_by_raw_alone": sum(a.passes > b.passes for a, b in zip(raw, server, strict=True)),
        "n_right_by_server_alone": sum(b.passes > a.passes for a, b in zip(raw, server, strict=True)),
        "shown_pct": _pct(n_shown, n),
        "raw_s_median": statistics.median(each.took_s for each in raw),
        "through_server_s_median": statistics.median(each.took_s for each in server),
    }
    if n_shown:
        report.figures["shown_right_pct"] = _pct(n_right, n_shown)
    speeds = [each.speed for each in server]
    report.notes |= {
        "shown_pct": "where nothing is shown the hole counts as not passed, even if the tests do without the line",
        "prefill_tokens_per_s": f"{min(speeds):.0f} to {max(speeds):.0f} as the worker told; budgets of text go by it",
    }


def read_asked(resume: Path | None, model: str) -> Answers:
    """Read what `model` was asked before; nothing where there is no such file."""
    rows = map(json.loads, resume.read_text().splitlines() if resume is not None and resume.exists() else [])
    asked = (Asked(**{**row, "way": Way(row["way"])}) for row in rows if row["model"] == model)
    return {(each.name, each.way): each for each in asked}


def _pct(part: int, whole: int) -> float:
    return round(100 * part / whole, 1)


def _n_exact(holes: Sequence[Hole], answers: Sequence[Asked]) -> int:
    return sum(hole.is_exact(each.text) for hole, each in zip(holes, answers, strict=True))


async def _ask_all(holes: Sequence[Hole], model: str, resume: Path | None, asked: Answers) -> None:
    with own_home(find_checkpoint(model)) as workspace:
        await _through_server(workspace, model, Hole("warm up", "x = 1\n", "", ""))
        transport = httpx.AsyncHTTPTransport(uds=str(paths.socket_path()))
        async with httpx.AsyncClient(transport=transport, base_url="http://worker", timeout=_DEADLINE_S) as worker:
            (resident,) = (await worker.get("/health")).json()["models"]
            for hole, way in product(holes, Way):
                if (hole.name, way) not in asked:
                    began_s = time.perf_counter()
                    text = await (_raw(worker, hole) if way is Way.RAW else _through_server(workspace, model, hole))
                    took_s = round(time.perf_counter() - began_s, 3)
                    passes = _passes(hole, way, text)
                    speed = float(resident["prefill_tokens_per_s"])
                    asked[hole.name, way] = answer = Asked(model, hole.name, way, text, passes, took_s, speed)
                    _keep(answer, resume)


def _passes(hole: Hole, way: Way, text: str) -> bool:
    return hole.passes(text) if way is Way.RAW else bool(text) and hole.passes(text + "\n")


def _keep(answer: Asked, resume: Path | None) -> None:
    line = json.dumps(asdict(answer)) + "\n"
    sys.stderr.write(line)
    sys.stderr.flush()
    if resume is not None:
        with resume.open("a") as file:
            file.write(line)


async def _through_server(workspace: Path, model: str, hole: Hole) -> str:
    """Return what a person is shown who opens the document and asks at the hole."""
    settings = {
        "completion": {"model": model, "prefetch": False, "candidates": 1, "maxTokens": _MAX_TOKENS},
        "index": {"enabled": False},
        "feedback": {"enabled": False},
    }
    async with open_server(_SERVER, workspace, settings) as client:
        document = Document(client, workspace / "task.py", f"{hole.prefix}\n{hole.suffix}")
        answer = await client.call("textDocument/inlineCompletion", document.asking(len(hole.prefix), _INVOKED))
    items = (answer or {}).get("items", [])
    return str(items[0]["insertText"]) if items else ""


async def _raw(worker: httpx.AsyncClient, hole: Hole) -> str:
    """Return the first line of the model's own answer."""
    body = {"prompt": hole.prefix, "suffix": hole.suffix, "max_tokens": _MAX_TOKENS, "stream": True}
    text = ""
    async with worker.stream("POST", "/v1/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if data in (line, "[DONE]"):
                continue
            text += json.loads(data)["choices"][0]["text"]
            if "\n" in text.lstrip("\n"):
                break
    return first_line(text)
