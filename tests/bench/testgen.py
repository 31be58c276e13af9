"""Are suggested tests better than what the model writes by itself? Functions of others, both ways.

Through the pipeline: what `suggest` keeps, written to one file. Raw is the same worker's plain, greedy answer to a
plain request for tests, written to a file as it is. Of both, a fresh run by pytest tells what passes and covers, and
all mutants of the function are met by what passes.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server.engine.http import HttpEngine
from lsp_server.tests_for.asking import Effort
from lsp_server.tests_for.fences import code_of
from lsp_server.tests_for.mutants import mutants_of
from lsp_server.tests_for.python import PythonFramework
from lsp_server.tests_for.python_source import is_python
from lsp_server.tests_for.sandbox import NoSandbox, Sandbox, find_sandbox
from lsp_server.tests_for.suggest import suggest
from lsp_server.tests_for.target import Target
from tests.bench.asking import engine_for, plain_answer
from tests.bench.report import Goal, Options, Report
from tests.bench.testgen_programs import PUBLIC_PLACE, SOURCE, Program, read_programs, spread
from tests.bench.testgen_scores import TEMPORARY, Worth, names_in, own_interpreter, own_names_in, worth_of

GOALS = {
    "kept_passing_pct": Goal("==", 100),
    "mutation_score_ratio": Goal(">=", 1.5),
    "line_coverage_gain_points": Goal(">=", 0),
    "branch_coverage_gain_points": Goal(">=", 0),
}

_N_PROGRAMS, _N_QUICK = 40, 1
_RAW_TOKENS = 512
_SEED = 20
_WORTHS = ("raw_all", "raw", "kept", "own")
_MOST_MUTANTS = 120


class Way(StrEnum):
    """How tests come about."""

    RAW = "raw"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Written:
    """A file of tests. n_tried, n_stated and dropped: as the pipeline tells."""

    model: str
    function: str
    way: Way
    text: str
    took_s: float
    n_tried: int = 0
    n_stated: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """One function. raw_all: the raw answer as it is; raw: those of its tests that pass; kept: what is suggested.

    own: those of the kept ones whose expectations are the model's own. n_tried and n_stated: tests that the pipeline
    tried, and kept ones that expect what the code gave.
    """

    model: str
    function: str
    n_mutants: int
    raw_all: Worth
    raw: Worth
    kept: Worth
    own: Worth
    n_tried: int
    n_stated: int
    dropped: dict[str, int] = field(default_factory=dict)
    raw_s: float = 0.0
    suggest_s: float = 0.0


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("testgen", GOALS)
    model = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    programs = spread(read_programs(options.data), options.n or (_N_QUICK if options.quick else _N_PROGRAMS))
    if not programs:
        report.notes["functions"] = f"not measured: no programs in {options.data}; get them: {PUBLIC_PLACE}"
        return report
    try:
        sandbox = find_sandbox()
    except NoSandbox as error:
        report.notes["functions"] = f"not measured: {error}"
        return report
    written, measured = read_rows(options.resume, model)
    left = [program for program in programs if program.function not in measured]
    if left:
        asyncio.run(_measure_all(left, sandbox, options, model, written, measured))
    report_worth(report, [measured[program.function] for program in programs])
    return report


def report_worth(report: Report, measured: Sequence[Measured]) -> None:
    """Fill in what each way is worth, over all functions; a function without a test counts as nothing covered."""
    n_kept = sum(each.kept.n_tests for each in measured)
    raw, kept, own = ([getattr(each, way) for each in measured] for way in ("raw", "kept", "own"))
    figures = {
        "n_functions": len(measured),
        "functions_with_kept_tests_pct": _pct(sum(each.kept.n_tests > 0 for each in measured), len(measured)),
        "functions_with_raw_passing_pct": _pct(sum(bool(each.raw.passed) for each in measured), len(measured)),
        "kept_of_tried_pct": _pct(n_kept, sum(each.n_tried for each in measured)),
        "stated_of_kept_pct": _pct(sum(each.n_stated for each in measured), n_kept),
        "raw_passing_of_all_pct": _pct(sum(len(each.passed) for each in raw), sum(e.raw_all.n_tests for e in measured)),
    }
    for name, share in (("line_coverage", "line_share"), ("branch_coverage", "branch_share")):
        every = {"raw_all": [each.raw_all for each in measured], "raw_passing": raw, "kept": kept, "own": own}
        for way, worths in every.items():
            figures[f"{name}_pct_{way}"] = round(100 * statistics.mean(getattr(each, share) for each in worths), 1)
        figures[f"{name}_gain_points"] = round(figures[f"{name}_pct_kept"] - figures[f"{name}_pct_raw_passing"], 1)
    scores = {
        way: statistics.mean(
            worth.n_killed / max(1, each.n_mutants) for worth, each in zip(worths, measured, strict=True)
        )
        for way, worths in (("raw_passing", raw), ("kept", kept), ("own", own))
    }
    figures |= {f"mutation_score_pct_{way}": round(100 * score, 1) for way, score in scores.items()}
    if scores["raw_passing"]:
        figures["mutation_score_ratio"] = round(scores["kept"] / scores["raw_passing"], 2)
    if n_kept:
        figures["kept_passing_pct"] = _pct(sum(len(each.passed) for each in kept), n_kept)
    figures["suggest_s_median"] = round(statistics.median(each.suggest_s for each in measured), 1)
    figures["raw_s_median"] = round(statistics.median(each.raw_s for each in measured), 1)
    report.figures |= figures


def read_rows(resume: Path | None, model: str) -> tuple[dict[tuple[str, Way], Written], dict[str, Measured]]:
    """Read what was written and measured of `model` before; nothing where there is no such file."""
    rows = map(json.loads, resume.read_text().splitlines() if resume is not None and resume.exists() else [])
    own = [row for row in rows if row["model"] == model]
    written = [Written(**{**row, "way": Way(row["way"])}) for row in own if "way" in row]
    measured = {row["function"]: _measured(row) for row in own if "way" not in row}
    return {(each.function, each.way): each for each in written}, measured


def _measured(row: dict[str, Any]) -> Measured:
    worths = {name: Worth(**{**row[name], "passed": tuple(row[name]["passed"])}) for name in _WORTHS}
    return Measured(**{**row, **worths})


def _pct(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


async def _measure_all(
    programs: Sequence[Program],
    sandbox: Sandbox,
    options: Options,
    model: str,
    written: dict[tuple[str, Way], Written],
    measured: dict[str, Measured],
) -> None:
    """Write and measure one function after the other; what is done is kept step by step."""
    async with engine_for(model, options.engine_url) as engine:
        for program in programs:
            with TemporaryDirectory(dir=TEMPORARY) as folder:
                target = program.target_in(Path(folder))
                for way in Way:
                    if (program.function, way) not in written:
                        made = await (_raw if way is Way.RAW else _kept)(target, model, engine, sandbox)
                        written[program.function, way] = made
                        _keep(asdict(made), options.resume)
                files = [written[program.function, way] for way in Way]
                measured[program.function] = await _measure(target, model, files[0], files[1], sandbox)
            _keep(asdict(measured[program.function]), options.resume)


def _keep(row: dict[str, Any], resume: Path | None) -> None:
    line = json.dumps(row) + "\n"
    sys.stderr.write(line)
    sys.stderr.flush()
    if resume is not None:
        with resume.open("a") as file:
            file.write(line)


async def _raw(target: Target, model: str, engine: HttpEngine, sandbox: Sandbox) -> Written:
    """Ask as a person would who has no tool: the file, what to test."""
    del sandbox
    words = (
        f"`{SOURCE}`:\n\n```python\n{target.text.strip()}\n```\n\n"
        f"Write pytest tests for the method `{target.subject.qualified_name}`. "
        "Answer with the code of the test file only."
    )
    text, took_s = await plain_answer(engine, words, _RAW_TOKENS)
    code = code_of(text, frozenset({"python", "py"}))
    return Written(model, target.subject.name, Way.RAW, code, took_s)


async def _kept(target: Target, model: str, engine: HttpEngine, sandbox: Sandbox) -> Written:
    framework = PythonFramework(own_interpreter(), uses_pytest=True)
    began_s = time.perf_counter()
    suggestion = await suggest(target, framework, engine, sandbox, lambda *_: None, seed=_SEED, effort=Effort())
    took_s = round(time.perf_counter() - began_s, 1)
    text = framework.assembled(target, suggestion.kept) if suggestion.kept else ""
    tally = suggestion.tally
    return Written(model, target.subject.name, Way.KEPT, text, took_s, tally.tried, tally.stated, dict(tally.dropped))


def uncut(text: str) -> str:
    """Return as many of the first lines of a raw answer as are Python: what was cut off shall not count against it."""
    lines = text.split("\n")
    while lines and not is_python("\n".join(lines)):
        lines.pop()
    return "\n".join(lines)


async def _measure(target: Target, model: str, raw: Written, kept: Written, sandbox: Sandbox) -> Measured:
    mutants = mutants_of(target.text, target.subject, _MOST_MUTANTS)
    raw = replace(raw, text=uncut(raw.text))
    raw_all = await worth_of(sandbox, target, raw.text, None, ())
    return Measured(
        model=model,
        function=target.subject.name,
        n_mutants=len(mutants),
        raw_all=raw_all,
        raw=await worth_of(sandbox, target, raw.text, raw_all.passed, mutants),
        kept=await worth_of(sandbox, target, kept.text, names_in(kept.text), mutants),
        own=await worth_of(sandbox, target, kept.text, own_names_in(kept.text), mutants),
        n_tried=kept.n_tried,
        n_stated=kept.n_stated,
        dropped=kept.dropped,
        raw_s=raw.took_s,
        suggest_s=kept.took_s,
    )
