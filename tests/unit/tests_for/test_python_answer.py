"""A model's answer -> tests that stand alone, whatever shape it has."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.tests_for.python_answer import Style, read_answer
from lsp_server.tests_for.python_imports import sources_of

SOURCES = sources_of("shop.price", "import decimal\nfrom typing import List\n\nRATE = 2\n\ndef total(items): ...\n")
FUNCTION = Style("total")
METHOD = Style("total", owner="Cart", is_bound=True)
UNITTEST = Style("total", holder="class TestTotal(unittest.TestCase):")

# what the answer says; what its tests are; what they import; why others are none
CASES = {
    "a block": (
        "Sure!\n```python\nfrom your_module import total\n\ndef test_a():\n    assert total([1]) == 1\n```\nThere.",
        ["def test_a():\n    assert total([1]) == 1"],
        ["from shop.price import total"],
        [],
    ),
    "bare code": ("def test_a():\n    assert total([]) == 0\n", ["def test_a():\n    assert total([]) == 0"], None, []),
    "cut off in the last test": (
        "```python\ndef test_a():\n    assert total([]) == 0\n\n"
        "def test_b():\n    assert total([1]) == 1\n    assert total([",
        ["def test_a():\n    assert total([]) == 0", "def test_b():\n    assert total([1]) == 1"],
        None,
        [],
    ),
    "nothing whole": ("```python\ndef test_a(:\n    assert total(", [], None, ["were cut off or are not Python"]),
    "not about it": ("def test_a():\n    assert 1 == 1\n", [], None, ["do not call `total`"]),
    "said twice": (
        "def test_a():\n    assert total([]) == 0\n\ndef test_b():\n    assert total([])  ==  0\n",
        ["def test_a():\n    assert total([]) == 0"],
        None,
        ["say what another one says"],
    ),
    "claims without a test": (
        "assert total([1]) == 1\nassert total([2]) == 2\n",
        ["def test_total():\n    assert total([1]) == 1\n    assert total([2]) == 2"],
        None,
        [],
    ),
    "a TestCase": (
        "import unittest\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.one = [1]\n\n"
        "    def test_a(self):\n        self.assertEqual(total(self.one), 1)\n        self.assertFalse(total([]))\n",
        ["def test_a():\n    one = [1]\n    assert total(one) == 1\n    assert not total([])"],
        ["from shop.price import total"],
        [],
    ),
    "a class that sets itself up elsewhere": (
        "class TestX(Base):\n    def test_a(self):\n        assert total(self.items) == 1\n",
        [],
        None,
        ["need a class of their own"],
    ),
    "helpers and fixtures": (
        "import pytest\nITEMS = [1, 2]\n\n@pytest.fixture\ndef one():\n    return 1\n\n"
        "def double(x):\n    return 2 * x\n\n"
        "def test_a(one):\n    assert total(ITEMS) == double(one) + one\n",
        [
            "def test_a():\n    ITEMS = [1, 2]\n    def double(x):\n        return 2 * x\n    one = 1\n"
            "    assert total(ITEMS) == double(one) + one"
        ],
        ["from shop.price import total"],
        [],
    ),
    "names that nothing defines": (
        "def test_a():\n    assert total(cart) == 1\n",
        [],
        None,
        ["use names that nothing defines"],
    ),
    "what the file imports, what everybody knows": (
        "def test_a():\n    with pytest.raises(ValueError):\n        total(math.inf, decimal.Decimal(1), RATE)\n",
        ["def test_a():\n    with pytest.raises(ValueError):\n        total(math.inf, decimal.Decimal(1), RATE)"],
        [
            "import decimal",
            "import math",
            "import pytest",
            "from shop.price import RATE",
            "from shop.price import total",
        ],
        [],
    ),
    "a coroutine and nobody to run it": (
        "async def test_a():\n    assert await total([1]) == 1\n",
        ["def test_a():\n    async def run():\n        assert await total([1]) == 1\n\n    asyncio.run(run())"],
        ["import asyncio", "from shop.price import total"],
        [],
    ),
    "another language": ("```bash\npytest\n```\n", [], None, []),
    "a secret": (
        'def test_a():\n    assert total("ghp_' + "a1B2" * 9 + '") == 0\n',
        [],
        None,
        ["hold something that looks like a secret"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_answers(case: str) -> None:
    said, tests, imports, dropped = CASES[case]
    answer = read_answer(said, FUNCTION, SOURCES, ())
    assert [test.text for test in answer.tests] == tests
    assert list(answer.dropped) == dropped
    if imports is not None:
        assert list(answer.tests[0].imports) == imports


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("Cart.total([1])", "Cart().total([1])"),
        ("total([1])", "Cart().total([1])"),
        ("self.total([1])", "Cart().total([1])"),
        ("Cart().total([1])", "Cart().total([1])"),
        ("cart.total([1])", "cart.total([1])"),
    ],
)
def test_a_method_is_called_on_an_instance(said: str, call: str) -> None:
    sources = sources_of("shop", "class Cart: ...\n")
    answer = read_answer(f"def test_a():\n    cart = Cart()\n    assert {said} == 1\n", METHOD, sources, ())
    assert f"assert {call} == 1" in answer.tests[0].text


def test_as_unittest_has_it() -> None:
    said = "def test_a():\n    assert total([1]) == 1\n    assert not total([])\n    assert total([2]) is None\n"
    (test,) = read_answer(said, UNITTEST, SOURCES, ()).tests
    assert test.holder == "class TestTotal(unittest.TestCase):"
    assert test.text == textwrap.dedent("""\
        def test_a(self):
            self.assertEqual(total([1]), 1)
            self.assertFalse(total([]))
            self.assertIsNone(total([2]))""")
    assert "import unittest" in test.imports


def test_no_name_is_used_twice() -> None:
    said = "def test_a():\n    assert total([1]) == 1\n\ndef test_a():\n    assert total([2]) == 2\n"
    answer = read_answer(said, FUNCTION, SOURCES, ["test_a"])
    assert [test.name for test in answer.tests] == ["test_a_2", "test_a_3"]
    assert all(f"def {test.name}(" in test.text for test in answer.tests)


_PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "def test_a():\n",
                "    assert total([1]) == 1\n",
                "class T:\n",
                "    def test_b(self):\n",
                "```python\n",
            ),
            *("```\n", "@pytest.mark.x\n", "import os\n", "x = (\n", '"""', "    self.assertEqual(total(1), 2)\n"),
            *("async ", "\t", "é"),
        ]
    )
)


@given(_PIECES)
def test_whatever_it_says_each_test_parses_and_calls_the_target(pieces: list[str]) -> None:
    for test in read_answer("".join(pieces), FUNCTION, SOURCES, ()).tests:
        compile(test.text, test.name, "exec")
        assert "total" in test.text
