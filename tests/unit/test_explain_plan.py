"""The plan of an explanation: what is told in any case, and what a model of which size is asked."""

import pytest

from lsp_server.context.anatomy import anatomy_at
from lsp_server.context.subject import subject_at
from lsp_server.explain.plan import Around, of_subject

MIXED = """\
def total(lines):
    sum_ = 0
    for line in lines:
        sum_ += line
    return sum_
"""
PLAIN = """\
def total(lines):
    first = lines[0]
    return first
"""


@pytest.mark.parametrize(
    ("text", "is_trusted", "asked"),
    [
        (MIXED, False, ["for line in lines:"]),
        (MIXED, True, ["sum_ = 0", "for line in lines:", "return sum_"]),
        (PLAIN, False, ["first = lines[0]", "return first"]),
    ],
)
def test_every_step_is_told_and_a_small_model_is_asked_of_the_long_ones(
    text: str, is_trusted: bool, asked: list[str]
) -> None:
    subject = subject_at("python", text, 0, 0)
    assert subject is not None
    anatomy = anatomy_at("python", text, 0, 0)
    parts = of_subject(subject, anatomy, Around("file:///a.py", "a.py", (), (), (), is_trusted))
    steps = [part for part in parts if part.is_step]
    assert [part.text.split("`")[1] for part in steps if part.question] == asked
    assert len(steps) == len(anatomy.steps)
    told = "".join(part.text if part.question is None else f"{part.text}: said\n" for part in steps)
    assert told.startswith("\n## Steps\n\n1. [line 2](file:///a.py#L2) `")
    assert [line[:2] for line in told.splitlines()[3:]] == [f"{n}." for n in range(1, len(steps) + 1)]
