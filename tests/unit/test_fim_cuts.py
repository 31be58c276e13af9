"""Places before the cursor, shown as the lines that begin there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.fim_cuts import function_starts, line_starts


def lines_at(text: str, starts: list[int]) -> list[str]:
    assert all(start == 0 or text[start - 1] == "\n" for start in starts)
    return [text[start:].partition("\n")[0].strip() for start in starts]


PYTHON = """\
import os

def first():
    pass

@decorated
def second(
    a,
    b,
) -> None:
    for x in a:
        print(x)
    return b


def third():
    if True:
        \
"""
JAVA = """\
package a;
import b;

public class C {
    int n;

    void first() {
        n = 1;
    }

    void second() {
        n = 2;
    }

    void third() {
        n = 3;
        ret\
"""


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (PYTHON, ["def second(", "for x in a:", "def third():", "if True:"]),
        (JAVA, ["public class C {", "void second() {", "void third() {"]),
        ("def f():\n    ", ["def f():"]),
        ("def f():\n\t", ["def f():"]),
        ("def f():", []),
        ("key = 1\nother = 2\n", []),
        ("", []),
    ],
)
def test_functions_begin_where_deeper_lines_follow(text: str, starts: list[str]) -> None:
    assert lines_at(text, function_starts(text)) == starts


def test_the_line_that_is_typed_is_one_of_the_places() -> None:
    assert lines_at("a = 1\nb = ", line_starts("a = 1\nb = ")) == ["b ="]
    assert line_starts("") == [0]


@given(st.text("a )\n\t", max_size=80))
def test_there_are_few_places_and_typing_on_a_line_moves_none(text: str) -> None:
    starts = line_starts(text)
    assert starts == sorted(set(starts))
    assert len(starts) <= 5
    assert all(0 <= start <= len(text) for start in starts)
    lines_at(text, starts)
    if not text.endswith(("\n", " ", "\t")):
        assert line_starts(text + "a") == starts
