"""Whether a model's verdicts make the review better: right and false findings of the rules, judged one at a time.

A verdict can only lower a finding. A model is worth asking where it lowers false findings clearly more often than
right ones; `judge_gain` is the difference of the two shares.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lsp_server.languages import language_of
from lsp_server.review.finding import Confidence, Finding
from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rulebook import load
from lsp_server.review.slices import slice_of
from lsp_server.review.verdict import VERDICT_SCHEMA, ask, judged, read
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.report import Report
from tests.bench.review_sets import Marked
from tests.bench.servers import Hearthline, hearthline

_MAX_TOKENS = 320
_N_OF_EACH = 30


class Case(NamedTuple):
    """A finding of the rules. code: its slice; line: where it is reported; is_right: whether that line is marked."""

    finding: Finding
    code: str
    line: str
    is_right: bool


def measure_verdicts(
    report: Report, marked: Sequence[Marked], same: Mapping[int, frozenset[int]], model: str, n: int | None
) -> None:
    """Have `model` judge as many right as false findings, `n` in all at most, and fill in the shares it lowered."""
    cases = list(_cases(marked, same))
    n_of_each = (n or 2 * _N_OF_EACH) // 2
    right = _spread([case for case in cases if case.is_right], n_of_each)
    false = _spread([case for case in cases if not case.is_right], n_of_each)
    with own_home(find_checkpoint(model)):
        answers = asyncio.run(_judge([*right, *false], model))
    lowered = [judged(case.finding, read(answer, case.code)) != case.finding for case, answer in answers]
    void = sum(read(answer, case.code) is None for case, answer in answers)
    report.figures["judged_right"], report.figures["judged_false"] = len(right), len(false)
    report.figures["void_answers_share"] = void / max(1, len(answers))
    if right and false:
        share_right = sum(lowered[: len(right)]) / len(right)
        share_false = sum(lowered[len(right) :]) / len(false)
        report.figures["right_lowered_share"], report.figures["false_lowered_share"] = share_right, share_false
        report.figures["judge_gain"] = share_false - share_right


def _cases(marked: Sequence[Marked], same: Mapping[int, frozenset[int]]) -> Iterator[Case]:
    reviewer, families = Reviewer(load()), load().families
    for each in marked:
        review = reviewer.review(each.code, language_of(each.path), each.path)
        lines = each.code.split("\n")
        for finding in review.findings:
            if finding.confidence < Confidence.MEDIUM or each.cwe not in same.get(finding.cwe, ()):
                continue
            assert finding.rule in families
            covered = range(finding.place.line + 1, finding.place.end_line + 2)
            is_right = any(line in covered for line in each.lines)
            code = slice_of(each.code, finding, review.scopes)
            yield Case(finding, code, lines[finding.place.line], is_right)


def _spread(cases: Sequence[Case], n: int) -> list[Case]:
    step = max(1, len(cases) // max(1, n))
    return list(cases[::step][:n])


async def _judge(cases: Sequence[Case], model: str) -> list[tuple[Case, str]]:
    async with hearthline(model) as server:
        return [(case, await _answer(server, case)) for case in cases]


async def _answer(server: Hearthline, case: Case) -> str:
    prompt = ask(case.finding, case.line, case.code, load().families[case.finding.rule].title)
    body: dict[str, Any] = {
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "max_tokens": _MAX_TOKENS,
        "temperature": 0.0,
        "priority": "background",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": VERDICT_SCHEMA},
        },
    }
    response = await server.client.post("/v1/chat/completions", json=body)
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"])
