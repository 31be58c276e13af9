"""Counting of findings against marked lines."""

import pytest

from tests.bench.review_scores import Alert, Scores, Tally, pair_is_told, same_family, tally
from tests.bench.review_sets import half_typed

SQL = frozenset({89, 564})


@pytest.mark.parametrize(
    ("alerts", "marked", "expected"),
    [
        ([Alert(3, 3, SQL)], {3}, (1, 0, 0)),
        ([Alert(3, 3, SQL)], {4}, (0, 1, 1)),
        ([Alert(3, 5, SQL)], {4, 5}, (2, 0, 0)),  # a call over several lines covers the marks in it
        ([Alert(3, 3, SQL), Alert(3, 3, SQL)], set(), (0, 0, 1)),  # two on a line are one
        ([Alert(3, 3, frozenset({79}))], {3}, (0, 1, 0)),  # another weakness says nothing about this one
        ([], {1, 2}, (0, 2, 0)),
        ([], set(), (0, 0, 0)),
    ],
)
def test_lines_are_counted_by_family(alerts: list[Alert], marked: set[int], expected: tuple[int, int, int]) -> None:
    counted = tally(alerts, 89, frozenset(marked))
    assert (counted.n_found, counted.n_missed, counted.n_false) == expected


def test_shares_are_left_open_where_nothing_was_counted() -> None:
    assert Tally().precision is None
    assert Tally().recall is None
    assert Tally(3, 1, 1).precision == 0.75
    assert Tally(3, 1, 1).recall == 0.75


def test_scores_sum_up_by_language() -> None:
    scores = Scores()
    scores.add("python", 89, Tally(1, 0, 0))
    scores.add("python", 79, Tally(0, 2, 1))
    scores.add("javascript", 89, Tally(5, 5, 5))
    total = scores.of("python")
    assert (total.n_found, total.n_missed, total.n_false) == (1, 2, 1)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([Alert(1, 1, SQL)], [], True),
        ([Alert(1, 1, SQL)], [Alert(9, 9, SQL)], False),
        ([], [], False),
        ([Alert(1, 1, frozenset({79}))], [], False),
    ],
)
def test_a_pair_is_told_when_only_the_weak_one_is_reported(before: list[Alert], after: list[Alert], told: bool) -> None:
    assert pair_is_told(before, after, 89) is told


def test_cwes_of_one_family_mean_the_same() -> None:
    same = same_family([frozenset({89, 564}), frozenset({79, 80}), frozenset({80, 116})])
    assert same[564] == {89, 564}
    assert same[80] == {79, 80, 116}


def test_half_typed_lines_lose_their_second_half_and_nothing_else() -> None:
    text = "\n".join(f"    statement_number_{n}()" for n in range(12))
    variants = list(half_typed(text, frozenset({3})))
    assert variants
    for variant in variants:
        pairs = list(zip(text.split("\n"), variant.split("\n"), strict=True))
        changed = [(old, new) for old, new in pairs if old != new]
        assert len(changed) == 1
        assert changed[0][0].startswith(changed[0][1])
        assert pairs[3][0] == pairs[3][1]
