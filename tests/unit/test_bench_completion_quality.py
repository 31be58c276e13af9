"""The completion_quality bench: which holes it takes, what it counts as right, and what it says of both ways."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench.completion_quality import Asked, Way, read_asked, report_quality, run
from tests.bench.holes import Hole, spread
from tests.bench.report import Options, Report

HOLES = [Hole(f"hole {number}", "def f():\n", "", "", f"    return {number}\n") for number in range(7)]


@pytest.mark.parametrize(
    ("n", "numbers"),
    [(0, []), (1, [0]), (2, [0, 3]), (3, [0, 2, 4]), (7, [0, 1, 2, 3, 4, 5, 6]), (9, [0, 1, 2, 3, 4, 5, 6])],
)
def test_holes_are_chosen_at_equal_distances(n: int, numbers: list[int]) -> None:
    assert spread(HOLES, n) == [HOLES[number] for number in numbers]


@pytest.mark.parametrize(
    ("middle", "is_exact"), [("    return 0\n", True), ("\n  return 0", True), ("    return 1\n", False), ("", False)]
)
def test_exact_is_what_the_author_wrote_whitespace_around_it_aside(middle: str, is_exact: bool) -> None:
    assert HOLES[0].is_exact(middle) is is_exact


def asked(hole: Hole, way: Way, text: str) -> Asked:
    return Asked("tiny", hole.name, way, text, "0" in text, 2.0 if way is Way.RAW else 1.0, 112.0)


def test_the_gain_is_the_difference_in_points() -> None:
    report = Report("completion_quality", {})
    texts = [("return 0", "return 0"), ("return 1", "return 0"), ("return 0 ", ""), ("return 2", "return 0")]
    pairs = list(zip(HOLES, texts, strict=False))
    answers = {
        (hole.name, way): asked(hole, way, text) for hole, two in pairs for way, text in zip(Way, two, strict=True)
    }
    report_quality(report, HOLES[:4], answers)
    expected = {
        "n_holes": 4,
        "pass_pct_raw": 50.0,
        "pass_pct_through_server": 75.0,
        "pass_gain_points": 25.0,
        "exact_pct_raw": 50.0,
        "exact_pct_through_server": 25.0,
        "n_right_by_raw_alone": 1,
        "n_right_by_server_alone": 2,
        "shown_pct": 75.0,
        "shown_right_pct": 100.0,
        "raw_s_median": 2.0,
        "through_server_s_median": 1.0,
    }
    assert report.figures == expected
    assert "112 to 112" in report.notes["prefill_tokens_per_s"]


def test_where_nothing_is_shown_there_is_no_share_of_it() -> None:
    report = Report("completion_quality", {})
    report_quality(report, HOLES[:1], {(HOLES[0].name, way): asked(HOLES[0], way, "") for way in Way})
    assert report.figures["shown_pct"] == 0.0
    assert "shown_right_pct" not in report.figures


def test_what_was_asked_before_is_gone_on_from_for_the_same_model_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    assert read_asked(kept, "tiny") == {}
    rows = [asked(HOLES[0], Way.RAW, "a"), asked(HOLES[0], Way.SERVER, "b")]
    kept.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    assert read_asked(kept, "tiny") == {("hole 0", Way.RAW): rows[0], ("hole 0", Way.SERVER): rows[1]}
    assert read_asked(kept, "other") == {}
    assert read_asked(None, "tiny") == {}


def test_without_the_data_the_bench_says_where_it_lies(tmp_path: Path) -> None:
    report = run(Options(data=tmp_path))
    assert report.missed() == ["pass_gain_points"]
    assert "https://" in report.notes["pass_gain_points"]
