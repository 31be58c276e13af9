"""Claims that compare what the target gives with a literal: which they are, how they tell, how they are stated anew."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.python_leftovers import without_leftovers
from lsp_server.tests_for.python_values import comparisons_in, literal_in, probe, stated

# the claim; what of it is the target's; None where it is no comparison with a literal
CLAIMS = [
    ("assert f(1) == 2", "f(1)"),
    ("assert 2 == f(1)", "f(1)"),
    ("assert f(1) == ...", "f(1)"),
    ('assert f("é") == [1, (2,)], "wrong"', 'f("é")'),
    ("assert Solution().f([\n        1,\n    ]) is True", "Solution().f([\n        1,\n    ])"),
    ("assert len(f(1)) == 3", "len(f(1))"),
    ("assert (f(1) or 2) == 3", "(f(1) or 2)"),
    ("assert result == expected", "result"),
    ("assert f(1)", "f(1)"),
    ("assert not f(1)", "f(1)"),
    ("self.assertEqual(f(1), 2, 'wrong')", "f(1)"),
    ("self.assertTrue(f(1))", "f(1)"),
    ("assert f(1) == given", None),  # not a literal
    ("assert f(1) == twice", None),  # not the same one all the time
    ("assert f(1) > 2", None),
    ("assert 0 < f(1) == 2", None),
    ("assert g(1) == 2", None),
    ("assert isinstance(f(1), int)", None),
    ("self.assertTrue(isinstance(f(1), int))", None),
    ("with pytest.raises(ValueError):\n        f(1)", None),
]
AROUND = "def test_a(given):\n    twice = 1\n    twice = 2\n    expected = [1]\n    result = f(given)\n    {}\n"


@pytest.mark.parametrize(("claim", "actual"), CLAIMS)
def test_which_claims_compare_with_a_literal(claim: str, actual: str | None) -> None:
    found = comparisons_in(AROUND.format(claim), "f")
    assert [each.actual for each in found] == ([actual] if actual is not None else [])


TEST = TestCode(
    "test_gives_four",
    '''\
@mark
def test_gives_four():
    """Two and two is four."""
    # the expected list
    expected = [4]
    kept = """
# no comment
"""
    result = f(2, kept)
    assert result == expected, "not four"
    assert f(1) == 5  # five
    assert f(3) == 3
    with pytest.raises(ValueError):
        f(4)''',
)


def test_a_probe_tells_one_value_and_claims_nothing() -> None:
    first, second, third = comparisons_in(TEST.text, "f")
    told = probe(TEST, second, 1)
    assert told.name == "test_gives_four__saw_1"
    assert "print('\\nhearthline saw: ' + repr(f(1)))" in told.text
    assert "assert" not in told.text
    assert "raises" not in told.text
    assert "expected = [4]" in told.text
    assert (first.actual, third.actual) == ("result", "f(3)")


def test_what_is_stated_says_nothing_of_what_was_expected() -> None:
    first, second, _ = comparisons_in(TEST.text, "f")
    new = stated(TEST, {first: "[5]", second: "None"}, "f")
    assert new.is_stated
    assert new.name == "test_f_as_it_is"
    assert new.text == (
        '@mark\ndef test_f_as_it_is():\n    kept = """\n# no comment\n"""\n    result = f(2, kept)\n'
        "    assert result == [5]\n    assert f(1) is None"
    )
    method = TestCode(
        "test_empty_2", "def test_empty_2(self):\n    self.assertTrue(f([]))", holder="class TestF(TestCase):"
    )
    (only,) = comparisons_in(method.text, "f")
    assert stated(method, {only: "[]"}, "f").text == "def test_empty_as_it_is(self):\n    self.assertEqual(f([]), [])"


BEFORE = '''\
def test_two(tmp_path):
    """Two cases."""
    unread = 0
    one = [1]
    # case one
    first = f(one)
    two = [2]
    # case two
    second = f(two)

    assert first == 1
    assert second == 2'''


def test_what_only_a_claim_that_is_gone_needed_goes_with_it() -> None:
    after = "\n".join(BEFORE.split("\n")[:-1])
    assert without_leftovers(after, BEFORE) == (
        'def test_two(tmp_path):\n    """Two cases."""\n    unread = 0\n    one = [1]\n    first = f(one)\n\n'
        "    assert first == 1"
    )
    again = "def test_a():\n    x = 1\n    assert f(x)\n    x = 2\n    y = g(x)"
    assert without_leftovers(again, f"{again}\n    assert f(x) == y") == "def test_a():\n    x = 1\n    assert f(x)"
    assert without_leftovers("not a function", BEFORE) == "not a function"


@pytest.mark.parametrize(
    ("printed", "literal"),
    [
        ("hearthline saw: 5", "5"),
        ("words\n\nhearthline saw: [1, 'a', None, True]\nwords", '[1, "a", None, True]'),
        ("hearthline saw: ['a \"b\" c', 'd', \"e's\"]", '[\'a "b" c\', "d", "e\'s"]'),
        ("hearthline saw: {1: (2.5, set())}\n", "{1: (2.5, set())}"),
        ("hearthline saw: 1\nhearthline saw: 1", "1"),
        ("hearthline saw: 1\nhearthline saw: 2", None),
        ("hearthline saw: <object at 0x7f>", None),
        ("hearthline saw: Point(x=1)", None),
        ("hearthline saw: nan", None),
        ("hearthline saw: 0.30000000000000004", None),
        ("hearthline saw: Ellipsis", None),
        ("hearthline saw: b'x'", None),
        ("hearthline saw: " + repr("x" * 200), None),
        ("5", None),
        ("", None),
    ],
)
def test_only_plain_short_literals_that_are_the_same_each_time_are_taken(printed: str, literal: str | None) -> None:
    assert literal_in(printed) == literal


_PLAIN = st.recursive(st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=3), st.lists, max_leaves=5)


@given(_PLAIN)
def test_what_is_printed_is_what_is_stated(value: object) -> None:
    words = literal_in(f"\nhearthline saw: {value!r}\n")
    if len(repr(value)) <= 100:
        assert words is not None
        assert ast.literal_eval(words) == value
