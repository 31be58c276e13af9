"""The suffix bench: what it takes for right, how it judges, and that its typist asks as the worker does."""

from pathlib import Path

import pytest

from inference.models.load import LoadedModel, load_model
from inference.suffix_reuse import MAX_STALE_TOKENS
from tests.bench.holes import Hole, first_line, read_holes
from tests.bench.report import Report
from tests.bench.suffix import GOALS, Typist, Verdict, judge, report_quality
from tests.tiny_model import write_tiny_checkpoint

HOLE = Hole("demo", "def double(x):\n", "    return y\n" * 4, "assert double(2) == 4\n")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.mark.parametrize(
    ("middle", "passes"),
    [("    y = 2 * x\n", True), ("    y = x\n", False), ("    y = (\n", False), ("    raise SystemExit(3)\n", False)],
)
def test_a_middle_is_right_when_the_function_does_what_it_should(middle: str, passes: bool) -> None:
    assert HOLE.passes(middle) is passes


def test_the_first_line_that_says_something_is_the_answer() -> None:
    assert first_line("a = 1\nb = 2") == "a = 1\n"
    assert first_line("\n    a = 1\nb = 2\n") == "\n    a = 1\n"
    assert first_line("") == "\n"


def test_without_the_data_there_are_no_holes(tmp_path: Path) -> None:
    assert read_holes(tmp_path) == []


def test_the_suffix_is_moved_within_its_bounds_when_asked_for(tiny: LoadedModel) -> None:
    typist = Typist(tiny)
    prefix = "".join(f"line {number} is here\n" for number in range(9))
    earlier = typist.earlier(prefix)
    assert prefix.startswith(earlier)
    assert 0 < len(prefix) - len(earlier) <= MAX_STALE_TOKENS
    assert typist.ask(earlier, HOLE.suffix, 1, moves=True).n_moved == 0
    moved = typist.ask(prefix, HOLE.suffix, 4, moves=True)
    assert moved.n_moved == len(HOLE.suffix)
    assert moved.first_s > 0
    assert typist.ask(prefix, HOLE.suffix, 4, moves=False).n_moved == 0
    assert judge(typist, HOLE).name == "demo"


def test_quality_is_the_difference_in_points() -> None:
    report = Report("suffix", GOALS)
    verdicts = [
        Verdict("a", True, True, True),
        Verdict("b", False, True, False),
        *[Verdict("c", True, False, False)] * 2,
    ]
    report_quality(report, verdicts)
    assert report.figures["exact_pass_pct"] == 50
    assert report.figures["moved_pass_pct"] == 25
    assert report.figures["pass_difference_points"] == -25
    assert report.figures["same_answer_pct"] == 75
    assert "pass_difference_points" in report.missed()
