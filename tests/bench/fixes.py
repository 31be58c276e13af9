"""Do fixes hold, and are they right? Diagnostics of several tools, mended through the pipeline and by the bare model.

Through the pipeline: what `seek` returns, which is what a person is shown. Raw is the same engine's plain, greedy
answer to a plain request for the whole program, applied as it is. Of both a table that neither has seen tells what is
right (`fixes_cases.toml`): a behaviour, run in the sandbox, or what the text must say.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.protocol import Message
from lsp_server.engine.writing import Wanted, write
from lsp_server.fixes.asking import Turn
from lsp_server.fixes.rewriting import first_block
from lsp_server.fixes.seeking import Checked, seek
from lsp_server.review import rulebook
from lsp_server.review_process.mending import try_edit
from lsp_server.review_process.whole import WholeReviewer
from lsp_server.tests_for.sandbox import NoSandbox, Sandbox, find_sandbox
from tests.bench.asking import engine_for, plain_answer
from tests.bench.fixes_cases import Diagnosed, case_for, is_right, parses, read_cases
from tests.bench.report import Goal, Options, Report

GOALS = {"right_gain_points": Goal(">=", 0), "right_of_applied_gain_points": Goal(">=", 0)}

_N_QUICK = 2
_MAX_TOKENS = 1_024


@dataclass(frozen=True, slots=True)
class Mended:
    """One diagnostic. is_proposed: some answer was an edit; is_applied: it held, and would be shown to a person.

    is_verified: the tool that reports it, or what stands in for it, does not any more. refusals: why not. raw_*: the
    same of the bare model's answer, which is applied if it is code that parses.
    """

    model: str
    case: str
    kind: str
    is_proposed: bool
    is_applied: bool
    is_verified: bool
    is_right: bool
    took_s: float
    n_asked: int
    refusals: tuple[str, ...]
    raw_is_applied: bool
    raw_is_right: bool
    raw_took_s: float


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("fixes", GOALS)
    model = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    every = read_cases()
    n = min(options.n or (_N_QUICK if options.quick else len(every)), len(every))
    cases = [every[number * len(every) // n] for number in range(n)]  # of all kinds
    try:
        sandbox = find_sandbox()
    except NoSandbox as error:
        report.notes["cases"] = f"not measured: {error}"
        return report
    mended = read_rows(options.resume, model)
    left = [case for case in cases if case.id not in mended]
    if left:
        asyncio.run(_measure_all(left, sandbox, options, model, mended))
    report_mended(report, [mended[case.id] for case in cases])
    return report


def report_mended(report: Report, rows: Sequence[Mended]) -> None:
    """Fill in the shares, over all diagnostics and by who reports them."""
    n, applied = len(rows), [each for each in rows if each.is_applied]
    raw_applied = [each for each in rows if each.raw_is_applied]
    figures: dict[str, float] = {
        "n_diagnostics": n,
        "proposed_pct": _pct(sum(each.is_proposed for each in rows), n),
        "applied_pct": _pct(len(applied), n),
        "verified_pct": _pct(sum(each.is_verified for each in rows), n),
        "not_verifiable_pct": _pct(sum(not each.is_verified for each in applied), n),
        "right_pct": _pct(sum(each.is_right for each in rows), n),
        "right_of_applied_pct": _pct(sum(each.is_right for each in applied), len(applied)),
        "raw_applied_pct": _pct(len(raw_applied), n),
        "raw_right_pct": _pct(sum(each.raw_is_right for each in rows), n),
        "raw_right_of_applied_pct": _pct(sum(each.raw_is_right for each in raw_applied), len(raw_applied)),
    }
    figures["right_gain_points"] = round(figures["right_pct"] - figures["raw_right_pct"], 1)
    gain = figures["right_of_applied_pct"] - figures["raw_right_of_applied_pct"]
    figures["right_of_applied_gain_points"] = round(gain, 1)
    for kind in sorted({each.kind for each in rows}):
        some = [each for each in rows if each.kind == kind]
        figures[f"{kind}_n"] = len(some)
        figures[f"{kind}_applied"] = sum(each.is_applied for each in some)
        figures[f"{kind}_right"] = sum(each.is_right for each in some)
        figures[f"{kind}_raw_right"] = sum(each.raw_is_right for each in some)
    figures["fix_s_median"] = round(statistics.median(each.took_s for each in rows), 1)
    figures["raw_s_median"] = round(statistics.median(each.raw_took_s for each in rows), 1)
    report.figures |= figures


def read_rows(resume: Path | None, model: str) -> dict[str, Mended]:
    """Read what was measured of `model` before; nothing where there is no such file."""
    rows = map(json.loads, resume.read_text().splitlines() if resume is not None and resume.exists() else [])
    own = [Mended(**{**row, "refusals": tuple(row["refusals"])}) for row in rows if row["model"] == model]
    return {each.case: each for each in own}


def _pct(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


async def _measure_all(
    cases: Sequence[Diagnosed], sandbox: Sandbox, options: Options, model: str, mended: dict[str, Mended]
) -> None:
    reviewer = WholeReviewer(rulebook.load())
    async with engine_for(model, options.engine_url) as engine:
        for case in cases:
            row = await _measure(case, reviewer, engine, model, sandbox)
            mended[case.id] = row
            line = json.dumps(asdict(row)) + "\n"
            sys.stderr.write(line)
            sys.stderr.flush()
            if options.resume is not None:
                with options.resume.open("a") as file:
                    file.write(line)


async def _measure(
    diagnosed: Diagnosed, reviewer: WholeReviewer, engine: HttpEngine, model: str, sandbox: Sandbox
) -> Mended:
    case, request_for = case_for(diagnosed, reviewer)
    known = await engine.capabilities()

    async def ask(turns: tuple[Turn, ...], n_failed: int) -> str:
        messages = tuple(Message(turn.role, turn.content) for turn in turns)
        return await write(engine, known, Wanted(messages, "fix", _MAX_TOKENS, n_failed, is_code=True))

    async def check(fixed: str) -> Checked:
        held = await asyncio.to_thread(try_edit, reviewer, request_for(fixed))
        return Checked(held.refusal, held.checked)

    began_s = time.perf_counter()
    sought = await seek(case, ask, check)
    took_s = round(time.perf_counter() - began_s, 1)
    raw, raw_took_s = await _raw(diagnosed, engine)
    raw_is_applied = bool(raw.strip()) and parses(raw, diagnosed)
    return Mended(
        model=model,
        case=diagnosed.id,
        kind="findings" if diagnosed.rule else "others",
        is_proposed=sought.n_proposed > 0,
        is_applied=sought.fixed is not None,
        is_verified=bool(sought.words),
        is_right=sought.fixed is not None and await is_right(diagnosed, sought.fixed, sandbox),
        took_s=took_s,
        n_asked=len(sought.attempts) + (sought.fixed is not None),
        refusals=tuple(attempt.refusal for attempt in sought.attempts),
        raw_is_applied=raw_is_applied,
        raw_is_right=raw_is_applied and await is_right(diagnosed, raw, sandbox),
        raw_took_s=raw_took_s,
    )


async def _raw(diagnosed: Diagnosed, engine: HttpEngine) -> tuple[str, float]:
    """Ask as a person would who has no tool: the file, what is reported; return the code that comes back."""
    name = " ".join(filter(None, (diagnosed.source, diagnosed.code)))
    words = (
        f"```{diagnosed.language}\n{diagnosed.text.strip()}\n```\n\n{name or 'A security review'} reports on line "
        f"{diagnosed.line + 1}: {diagnosed.message}\n\nFix it. Answer with the code of the whole file only."
    )
    text, took_s = await plain_answer(engine, words, _MAX_TOKENS)
    return "\n".join(first_block(text)) + "\n", took_s
