"""Is it worth knowing other files? Holes that only another file's definition fills, completed with and without.

Each hole is asked through the language server, as a person asks who waits for the answer: once by a server that indexes
the workspace, once by one that knows the open file alone. Both speak to the same worker. What counts is the first name
of the ghost text.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.models.catalogue import DEFAULT_MODEL
from tests.bench.elsewhere import Case, find_cases, find_sources
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.json_rpc import Client, open_server
from tests.bench.open_document import Document
from tests.bench.report import Goal, Options, Report

GOALS = {"identifier_match_ratio": Goal(">=", 2)}

_N_CASES, _N_QUICK = 100, 3
_SERVER = [sys.executable, "-P", "-m", "lsp_server.cli", "lsp"]
_MAX_TOKENS = 10
_INDEX_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a hole. written: the first name of each ghost text, without and with other files; took_s: each."""

    path: str
    name: str
    without: str
    with_others: str
    without_took_s: float
    with_took_s: float


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("retrieval", GOALS)
    sources = find_sources()
    cases = find_cases(sources, options.n or (_N_QUICK if options.quick else _N_CASES))
    asked = _read(options.resume)
    left = [case for case in cases if case.path not in asked]
    if left:
        asyncio.run(_ask_all(left, sources, options, asked))
    _report(report, [asked[case.path] for case in cases if case.path in asked])
    return report


async def _ask_all(cases: Sequence[Case], sources: dict[str, str], options: Options, asked: dict[str, Asked]) -> None:
    name = options.model or DEFAULT_MODEL
    with own_home(find_checkpoint(name)) as workspace:
        packages = {case.path.partition("/")[0] for case in cases}
        texts = {path: text for path, text in sources.items() if path.partition("/")[0] in packages}
        _write(workspace, texts | {case.path: case.text for case in cases})
        async with _server(name, workspace, indexes=True) as indexing:
            await _until_indexed(indexing, workspace)
            for case in cases:
                written, took_s = await _ask(indexing, workspace, case)
                # One server a hole: what it saw of the holes before would be another file too.
                async with _server(name, workspace, indexes=False) as alone:
                    written_alone, took_alone_s = await _ask(alone, workspace, case)
                answer = Asked(case.path, case.name, written_alone, written, took_alone_s, took_s)
                asked[case.path] = answer
                if options.resume is not None:
                    with options.resume.open("a") as file:
                        file.write(json.dumps(asdict(answer)) + "\n")


@asynccontextmanager
async def _server(model: str, workspace: Path, *, indexes: bool) -> AsyncIterator[Client]:
    settings = {
        "completion": {"model": model, "prefetch": False, "candidates": 1, "maxTokens": _MAX_TOKENS},
        "index": {"enabled": indexes},
        "feedback": {"enabled": False},
    }
    async with open_server(_SERVER, workspace, settings) as client:
        yield client


async def _ask(client: Client, workspace: Path, case: Case) -> tuple[str, float]:
    """Return the first name that is suggested at the hole, and how long that took."""
    document = Document(client, workspace / case.path, case.text)
    began_s = time.perf_counter()
    answer = await client.call("textDocument/inlineCompletion", document.asking(len(case.before), trigger=1))
    took_s = time.perf_counter() - began_s
    document.close()
    items = (answer or {}).get("items", [])
    first = re.match(r"\s*(\w+)", items[0]["insertText"]) if items else None
    return (first[1] if first else ""), took_s


async def _until_indexed(client: Client, workspace: Path) -> None:
    """Wait until the model is read and the index is there: a query answers with what it holds so far."""
    await _ask(client, workspace, Case("warm_up.py", "x = ", "\n", ""))
    last, deadline = b"", time.monotonic() + _INDEX_DEADLINE_S
    while time.monotonic() < deadline:
        await asyncio.sleep(1.0)
        now = b"".join(str(file.stat()).encode() for file in sorted(workspace.parent.rglob("*.db*")))
        if now and now == last:
            return
        last = now
    raise TimeoutError(f"the index was not built within {_INDEX_DEADLINE_S} s")


def _write(workspace: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _read(resume: Path | None) -> dict[str, Asked]:
    lines = resume.read_text().splitlines() if resume is not None and resume.exists() else []
    return {answer.path: answer for answer in (Asked(**json.loads(line)) for line in lines)}


def _report(report: Report, asked: Sequence[Asked]) -> None:
    report.figures["n_holes"] = len(asked)
    if not asked:
        return
    n_without = sum(each.without == each.name for each in asked)
    n_with = sum(each.with_others == each.name for each in asked)
    report.figures["identifier_match_pct_without"] = round(100 * n_without / len(asked), 1)
    report.figures["identifier_match_pct_with"] = round(100 * n_with / len(asked), 1)
    report.figures["shown_pct_without"] = round(100 * sum(each.without != "" for each in asked) / len(asked), 1)
    report.figures["shown_pct_with"] = round(100 * sum(each.with_others != "" for each in asked) / len(asked), 1)
    if n_without:
        report.figures["identifier_match_ratio"] = round(n_with / n_without, 2)
    report.figures["answer_s_median_without"] = round(statistics.median(each.without_took_s for each in asked), 2)
    report.figures["answer_s_median_with"] = round(statistics.median(each.with_took_s for each in asked), 2)
