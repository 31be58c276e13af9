"""The bench report: goals are judged right, and what could not be measured counts as missed."""

import json

import pytest

from tests.bench.report import Goal, Report


@pytest.mark.parametrize(
    ("goal", "figure", "met"),
    [
        (Goal(">=", 10), 10.0, True),
        (Goal(">=", 10), 9.9, False),
        (Goal("<=", 5), 5.0, True),
        (Goal("<=", 5), 5.1, False),
        (Goal("==", 0), 0.0, True),
        (Goal("==", 0), 1.0, False),
    ],
)
def test_a_goal_is_met_or_not(goal: Goal, figure: float, met: bool) -> None:
    assert goal.met_by(figure) is met


def test_an_unmeasured_goal_is_missed_and_has_no_figure() -> None:
    report = Report("demo", goals={"speed_ratio": Goal(">=", 10), "overhead_pct": Goal("<=", 5)})
    report.figures["overhead_pct"] = 3.0
    answer = json.loads(report.to_json())
    assert answer["missed"] == ["speed_ratio"]
    assert answer["figures"] == {"overhead_pct": 3.0}
    assert answer["goals"]["speed_ratio"] == {"op": ">=", "value": 10}
    assert {"bench", "commit", "machine"} <= answer.keys()
