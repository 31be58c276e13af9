"""The bench of fixes: its table, and what its figures are made of."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lsp_server.review import rulebook
from lsp_server.review_process.whole import WholeReviewer
from lsp_server.tests_for.sandbox import find_sandbox
from tests.bench.fixes import GOALS, Mended, read_rows, report_mended
from tests.bench.fixes_cases import case_for, is_right, parses, read_cases
from tests.bench.report import Report

GOOD = Mended("m", "a", "findings", True, True, True, True, 2.0, 1, (), True, False, 1.0)
WRONG = replace(GOOD, case="b", kind="others", is_verified=False, is_right=False, took_s=4.0)
NONE = Mended("m", "c", "others", False, False, False, False, 6.0, 3, ("changes nothing",) * 3, False, False, 1.0)


def test_figures_are_shares_of_all_diagnostics_and_of_what_was_applied() -> None:
    report = Report("fixes", GOALS)
    report_mended(report, [GOOD, WRONG, NONE])
    figures = report.figures
    assert (figures["proposed_pct"], figures["applied_pct"]) == (66.7, 66.7)
    assert (figures["verified_pct"], figures["not_verifiable_pct"]) == (33.3, 33.3)
    assert (figures["right_pct"], figures["right_of_applied_pct"]) == (33.3, 50)
    assert (figures["raw_applied_pct"], figures["raw_right_pct"], figures["right_gain_points"]) == (66.7, 0, 33.3)
    assert (figures["findings_n"], figures["findings_right"], figures["others_right"]) == (1, 1, 0)
    assert figures["fix_s_median"] == 4
    assert report.missed() == []


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    resume = tmp_path / "r.jsonl"
    assert read_rows(resume, "m") == {}
    resume.write_text("".join(json.dumps(asdict(each)) + "\n" for each in (GOOD, NONE)))
    assert read_rows(resume, "m") == {"a": GOOD, "c": NONE}
    assert read_rows(resume, "other") == {}


def test_every_diagnostic_is_one_that_the_language_server_would_be_asked_about() -> None:
    reviewer = WholeReviewer(rulebook.load())
    cases = read_cases()
    assert len({case.id for case in cases}) == len(cases) >= 20
    for diagnosed in cases:
        case, request_for = case_for(diagnosed, reviewer)
        assert case.region.reported.start in case.region.numbers
        assert request_for("").first_line == case.region.reported.start
        assert parses(diagnosed.text, diagnosed) is (diagnosed.id != "python-syntax")


@pytest.mark.anyio
@pytest.mark.sandbox
async def test_what_is_right_is_told_from_the_program_as_it_was() -> None:
    sandbox = find_sandbox()
    cases = {case.id: case for case in read_cases()}
    typo = cases["python-typo"]
    assert not await is_right(typo, typo.text, sandbox)
    assert await is_right(typo, typo.text.replace("totl", "total"), sandbox)
    for diagnosed in cases.values():
        if not diagnosed.check:
            assert not await is_right(diagnosed, diagnosed.text, sandbox), diagnosed.id
