"""Findings over an edit: what stays while a line is half typed, and where."""

import pytest

from lsp_server.review.carry import carry_forward
from lsp_server.review.finding import Confidence, Finding, Place, Review, Scope, Step

OLD = """import os

def first(request):
    os.system(request.args["a"])

def second(request):
    name = request.args["b"]
    os.system(name)
"""


def finding(line: int, symbol: str, rule: str = "command-injection") -> Finding:
    place = Place(line, 4, line, 12)
    trace = (Step(Place(line - 1, 0, line - 1, 3), "comes in"), Step(place, "used"))
    return Finding(rule, 78, "m", place, Confidence.HIGH, symbol, "anchor", trace=trace)


def scope(symbol: str, line: int, end_line: int, *, is_broken: bool = False) -> Scope:
    return Scope(symbol, Place(line, 0, end_line, 0), is_broken)


REVIEW = Review((finding(3, "first"), finding(7, "second")), (scope("first", 2, 3), scope("second", 5, 7)))


def lines_of(review: Review) -> list[tuple[str, int]]:
    return [(each.symbol, each.place.line) for each in review.findings]


def test_a_file_that_parses_is_believed() -> None:
    new = Review((), (scope("first", 2, 3), scope("second", 5, 7)))

    assert carry_forward(REVIEW, OLD, new, OLD) is new


def test_a_broken_function_keeps_its_findings_moved() -> None:
    text = OLD.replace("    name =", "    other = (\n    name =")
    new = Review((finding(3, "first"),), (scope("first", 2, 3), scope("second", 5, 8, is_broken=True)), is_broken=True)

    carried = carry_forward(REVIEW, OLD, new, text)

    assert lines_of(carried) == [("first", 3), ("second", 8)]
    assert carried.findings[1].trace[0].place.line == 7
    assert carried.findings[1].fingerprint == REVIEW.findings[1].fingerprint


def test_functions_that_an_open_quote_swallowed_keep_their_findings() -> None:
    text = OLD.replace("import os\n", 'import os\nnote = """ half a\n')
    new = Review((), (), is_broken=True)

    assert lines_of(carry_forward(REVIEW, OLD, new, text)) == [("first", 4), ("second", 8)]


def test_a_finding_on_the_line_that_is_being_typed_stays_on_it() -> None:
    text = OLD.replace("    os.system(name)", "    os.system(na")
    new = Review((), (scope("first", 2, 3), scope("second", 5, 7, is_broken=True)), is_broken=True)

    carried = carry_forward(REVIEW, OLD, new, text)

    assert lines_of(carried) == [("first", 3), ("second", 7)]
    assert carried.findings[1].place.end_column == 12


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        pytest.param(
            OLD.replace("    os.system(name)\n", "").replace("    name =", "    broken(\n    name ="),
            (scope("first", 2, 3),),
            id="its line was taken away",
        ),
        pytest.param(
            OLD.replace("os.system(name)", "print(name)") + "broken(\n",
            (scope("first", 2, 3), scope("second", 5, 7)),
            id="its function was changed and parses",
        ),
    ],
)
def test_a_finding_goes(text: str, scopes: tuple[Scope, ...]) -> None:
    carried = carry_forward(REVIEW, OLD, Review((), scopes, is_broken=True), text)

    assert ("first", 3) in lines_of(carried)
    assert "second" not in [symbol for symbol, line in lines_of(carried) if "system" not in text.split("\n")[line]]


def test_nothing_is_told_twice() -> None:
    new = replace_broken(REVIEW)

    assert lines_of(carry_forward(REVIEW, OLD, new, OLD)) == lines_of(REVIEW)


def replace_broken(review: Review) -> Review:
    return Review(review.findings, review.scopes, is_broken=True)
