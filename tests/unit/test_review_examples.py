"""Every example of every rule file: the marked lines are reported by its family, and no others."""

import re

import pytest

from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rule_forms import Example
from lsp_server.review.rulebook import Family, load

_MARK = re.compile(r"[ \t]*(?:#|//)! finding[ \t]*$", re.MULTILINE)

_EXAMPLES = [
    pytest.param(family, example, id=f"{family.id}-{example.language}-{index}")
    for family in load().families.values()
    for index, example in enumerate(family.examples)
]


@pytest.fixture(scope="module")
def reviewer() -> Reviewer:
    return Reviewer(load())


def marked_lines(code: str) -> set[int]:
    """The 0-based lines that end in a mark."""
    return {index for index, line in enumerate(code.split("\n")) if _MARK.search(line)}


@pytest.mark.parametrize(("family", "example"), _EXAMPLES)
def test_an_example_is_reported_where_it_is_marked(reviewer: Reviewer, family: Family, example: Example) -> None:
    review = reviewer.review(_MARK.sub("", example.code), example.language)

    lines = example.code.split("\n")
    found = {finding.place.line for finding in review.findings if finding.rule == family.id}
    wanted = marked_lines(example.code)
    assert not review.skipped
    assert [lines[line] for line in sorted(wanted - found)] == [], "not reported"
    assert [lines[line] for line in sorted(found - wanted)] == [], "reported, and should not be"


def test_marks_are_found_and_taken_out() -> None:
    code = "run(x)   #! finding\nrun('a')\nrun(y); //! finding\n"

    assert marked_lines(code) == {0, 2}
    assert _MARK.sub("", code) == "run(x)\nrun('a')\nrun(y);\n"
