"""The bench of suggested tests: what its figures are made of."""

import json
from dataclasses import asdict
from pathlib import Path

from tests.bench.report import Report
from tests.bench.testgen import GOALS, Measured, Way, Written, read_rows, report_worth, uncut
from tests.bench.testgen_programs import Program, spread
from tests.bench.testgen_scores import Worth, names_in, own_names_in

NOTHING = Worth()
GOOD = Measured(
    "m",
    "f",
    10,
    Worth(4, ("test_a", "test_b")),
    Worth(2, ("test_a", "test_b"), 0.5, 0.25, 4),
    Worth(1, ("t",), 1, 1, 9),
    Worth(1, ("t",), 0.5, 0.5, 3),
    6,
    1,
)
NONE = Measured("m", "g", 10, Worth(2), NOTHING, NOTHING, NOTHING, 4, 0, {"claim what is not so": 4})


def test_figures_are_means_over_functions_and_one_without_tests_counts_as_nothing() -> None:
    report = Report("testgen", GOALS)
    report_worth(report, [GOOD, NONE])
    figures = report.figures
    assert figures["functions_with_kept_tests_pct"] == 50
    assert figures["kept_of_tried_pct"] == 10
    assert figures["kept_passing_pct"] == 100
    assert figures["stated_of_kept_pct"] == 100
    assert figures["raw_passing_of_all_pct"] == 33.3
    assert figures["mutation_score_pct_raw_passing"] == 20
    assert figures["mutation_score_pct_kept"] == 45
    assert figures["mutation_score_pct_own"] == 15
    assert figures["mutation_score_ratio"] == 2.25
    assert figures["line_coverage_gain_points"] == 25
    assert report.missed() == []


def test_without_a_raw_test_that_passes_there_is_no_ratio() -> None:
    report = Report("testgen", GOALS)
    report_worth(report, [NONE])
    assert set(report.missed()) == {"kept_passing_pct", "mutation_score_ratio"}


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    resume = tmp_path / "r.jsonl"
    assert read_rows(resume, "m") == ({}, {})
    raw = Written("m", "h", Way.RAW, "def test_a(): ...", 1.5)
    resume.write_text("".join(json.dumps(asdict(each)) + "\n" for each in (GOOD, NONE, raw)))
    assert read_rows(resume, "m") == ({("h", Way.RAW): raw}, {"f": GOOD, "g": NONE})
    assert read_rows(resume, "other") == ({}, {})


def test_programs_lie_at_equal_distances(tmp_path: Path) -> None:
    text = "class Solution:\n  def f(self, x):\n    return x\n"
    programs = [Program("f", f"{text}# {number}\n") for number in range(10)]
    chosen = [programs.index(each) for each in spread(programs, 10)]
    assert chosen == [0, 8, 4, 2, 6, 1, 9, 5, 3, 7]
    assert spread(programs, 3) == [programs[index] for index in chosen[:3]]
    target = programs[0].target_in(tmp_path)
    assert target.subject.qualified_name == "Solution.f"
    assert names_in("def test_a(): ...\nclass T:\n    async def test_b(self): ...\n    def test_b(self): ...\n") == [
        "test_a",
        "test_b",
    ]


def test_what_states_the_codes_own_values_is_told_apart() -> None:
    stated = "# States what `f` does now: check it.\n@mark\ndef test_b(): ...\n"
    text = f"def test_a(): ...\n\n\n{stated}\n\ndef test_c(): ...\n"
    assert names_in(text) == ["test_a", "test_b", "test_c"]
    assert own_names_in(text) == ["test_a", "test_c"]


def test_what_was_cut_off_does_not_count_against_a_raw_answer() -> None:
    whole = "def test_a():\n    assert f(1) == 1\n    assert f(2) == 2"
    assert uncut(f"{whole}\n    assert f([\n        1,") == whole
    assert uncut(whole) == whole
    assert uncut("cases = [\n    1,\n") == ""
