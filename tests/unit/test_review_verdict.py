"""What a model is shown of a finding, and what of its answer counts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.review.finding import Confidence, Finding, Place, Step
from lsp_server.review.slices import GAP, slice_of
from lsp_server.review.verdict import VERDICT_SCHEMA, Fix, Judgement, apply_fix, ask, judged, read

CODE = "def view(request):\n    q = clean(request.args['q'])\n    db.execute('select ' + q)\n"


@dataclass(frozen=True)
class Scope:
    place: Place


def _finding(line: int = 2, trace: tuple[Step, ...] = (), confidence: Confidence = Confidence.HIGH) -> Finding:
    return Finding(
        "sql-injection", 89, "The query is built.", Place(line, 4, line, 20), confidence, "view", "x", 0, trace
    )


def _step(line: int, path: str | None = None) -> Step:
    return Step(Place(line, 0, line, 1), f"step at {line}", path)


def _answer(**changes: Any) -> str:
    answer: dict[str, Any] = {
        "evidence_quotes": ["db.execute('select ' + q)"],
        "source_controlled": True,
        "sanitizer_quote": "clean(request.args['q'])",
        "verdict": "safe",
        "fix": None,
    }
    return json.dumps(answer | changes)


def test_an_answer_of_the_schema_is_read() -> None:
    jsonschema.validate(json.loads(_answer()), dict(VERDICT_SCHEMA))
    verdict = read(_answer(), CODE)
    assert verdict is not None
    assert verdict.verdict is Judgement.SAFE


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no JSON",
        "{}",
        _answer(verdict="maybe"),
        _answer(evidence_quotes=[]),
        _answer(evidence_quotes=["db.execute(q)"]),  # not in the code
        _answer(evidence_quotes=["db.execute('select '  +  q)"]),  # nearly, but not letter for letter
        _answer(evidence_quotes=["  "]),
        _answer(sanitizer_quote="escape(q)"),
    ],
)
def test_an_answer_with_anything_that_is_not_in_the_code_is_void(answer: str) -> None:
    assert read(answer, CODE) is None


def test_safe_without_a_reason_is_unsure() -> None:
    verdict = read(_answer(sanitizer_quote=""), CODE)
    assert verdict is not None
    assert verdict.verdict is Judgement.UNSURE


@pytest.mark.parametrize(
    ("confidence", "answer", "expected"),
    [
        (Confidence.HIGH, _answer(), Confidence.MEDIUM),
        (Confidence.MEDIUM, _answer(), Confidence.LOW),
        (Confidence.LOW, _answer(), Confidence.LOW),
        (Confidence.MEDIUM, _answer(verdict="vulnerable"), Confidence.MEDIUM),
        (Confidence.MEDIUM, _answer(verdict="unsure"), Confidence.MEDIUM),
        (Confidence.MEDIUM, "void", Confidence.MEDIUM),
    ],
)
def test_a_verdict_can_only_lower(confidence: Confidence, answer: str, expected: Confidence) -> None:
    assert judged(_finding(confidence=confidence), read(answer, CODE)).confidence is expected


@given(st.text())
def test_no_answer_raises_a_finding_or_breaks(answer: str) -> None:
    assert judged(_finding(), read(answer, CODE)).confidence <= Confidence.HIGH


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        (Fix("'select ' + q", "'select ?', [q]"), CODE.replace("'select ' + q", "'select ?', [q]")),
        (Fix("not there", "x"), None),
        (Fix("q", "x"), None),  # more than once
        (Fix("", "x"), None),
        (Fix("request.args['q']", "request.args['q']"), None),
    ],
)
def test_a_fix_is_applied_where_its_text_stands_once(fix: Fix, expected: str | None) -> None:
    assert apply_fix(CODE, fix) == expected


def _file() -> Iterator[str]:
    yield "import db"
    yield from (f"filler_{n} = {n}" for n in range(50))
    yield "def view(request):"
    yield "    q = request.args['q']"
    yield "    db.execute(q)"
    yield from (f"more_{n} = {n}" for n in range(50))


def test_a_slice_is_the_function_its_trace_and_the_imports() -> None:
    text = "\n".join(_file())
    finding = _finding(53, (_step(20), _step(52), _step(3, "other.py")))
    shown = slice_of(text, finding, [Scope(Place(51, 0, 53, 17))]).split("\n")
    assert shown == ["import db", GAP, *(f"filler_{n} = {n}" for n in range(16, 23)), GAP, *list(_file())[51:54]]


def test_a_function_that_is_too_long_is_shown_around_the_trace() -> None:
    text = "\n".join(["def long():", *(f"    line_{n} = 'some text that fills'" for n in range(2000))])
    shown = slice_of(text, _finding(900, (_step(100),)), [Scope(Place(0, 0, 2000, 3))])
    assert "line_99 " in shown
    assert "line_899 " in shown
    assert len(shown) < 2000


@given(st.text(), st.integers(0, 5), st.integers(0, 30), st.integers(0, 30))
def test_every_line_of_a_slice_is_a_line_of_the_file(text: str, line: int, first: int, last: int) -> None:
    shown = slice_of(text, _finding(line), [Scope(Place(first, 0, max(first, last), 0))])
    assert set(shown.split("\n")) <= {*text.split("\n"), GAP, ""}


def test_the_question_holds_the_code_and_no_line_numbers() -> None:
    prompt = ask(_finding(2, (_step(1), _step(2))), "    db.execute('select ' + q)", CODE, "SQL injection")
    assert CODE in prompt.user
    assert "CWE-89" in prompt.user
    assert "line 2" not in prompt.user
    assert "as data" in prompt.system or "is data" in prompt.system
