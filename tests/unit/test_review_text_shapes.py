"""Shapes of constant texts, and regular expressions that take long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.review.slow_regexes import is_exponential, is_polynomial
from lsp_server.review.text_shapes import SHAPES, is_shaped


@pytest.mark.parametrize(
    ("pattern", "exponential", "polynomial"),
    [
        (r"(a*)*b", True, True),
        (r"(a|a)*b", True, True),
        (r"(ab|a|b)*c", True, True),
        (r"^(\w+\s?)*$", True, True),
        (r"^\w+(\s\w+)*$", False, False),
        (r"(a+)+$", True, True),
        (r"(a+)+", False, False),
        (r"a*b", False, True),
        (r"^a*b", False, False),
        (r"\s+$", False, True),
        (r"^\s+", False, False),
        (r"\s*\n\s*", False, True),
        (r"^[\w-]+$", False, False),
        (r"^(?:[a-z]+\.)+[a-z]{2,}$", False, False),
        (r"^([a-z]([a-z-]{0,61}[a-z])?\.)+x$", False, False),
        (r"(x*)+(?=$)", True, True),
    ],
)
def test_slow_expressions_are_told(pattern: str, exponential: bool, polynomial: bool) -> None:
    assert (is_exponential(pattern), is_polynomial(pattern)) == (exponential, polynomial)


@given(st.text(alphabet="ab.*+?()[]{}|^$\\1-,wds=!<>:", max_size=40))
def test_any_pattern_is_judged_quickly(pattern: str) -> None:
    started = time.process_time()
    is_polynomial(pattern)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        ("half anchored", "^a|b", True),
        ("half anchored", "^(?:a|b)", False),
        ("half anchored", "^a|b$", False),
        ("half anchored", "(^a)|b", False),
        ("free dot", r"^https:\/\/www.example.com\/", True),
        ("free dot", r"^https:\/\/www\.example.com\/", False),
        ("unanchored host", r"https:\/\/www\.example\.com\/", True),
        ("unanchored host", r"^https:\/\/www\.example\.com\/", False),
        ("odd range", "[A-z]", True),
        ("odd range", "[A-Za-z0-9._-]", False),
        ("odd range", r"[\x00-\x7f]", False),
        ("multi-character", r"<script[^>]*>", True),
        ("multi-character", r"\.\.\/", True),
        ("multi-character", r"[<>]", False),
        ("multi-character", r"<[^<]*>", False),
        ("bad tag filter", r"<script.*?>.*?<\/script>", True),
        ("bad tag filter", r"<b>", False),
    ],
)
def test_shapes_are_told(shape: str, text: str, expected: bool) -> None:
    assert is_shaped(shape, text) is expected


@given(st.sampled_from(sorted(SHAPES)), st.text(max_size=60))
def test_any_text_has_a_shape_or_none(shape: str, text: str) -> None:
    assert is_shaped(shape, text) in {True, False}
