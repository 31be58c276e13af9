"""What a failing test is about, and which edits are no way to mend it."""

import pytest

from lsp_server.fixes.asking import Attempt
from lsp_server.fixes.failing import (
    Shown,
    ask,
    is_weaker,
    likely_tested,
    line_of,
    mended_among,
    names_of_tests,
    paths_of,
)
from lsp_server.fixes.proposal import Refused
from lsp_server.fixes.region import Region

FILE = """\
import app.core as core
from app.prices import (
    net, gross as brutto,
    tax,
)
from app.other import unused

class TestPrices:
    def test_net(self):
        assert net(1) == brutto(2)

async def test_core():
    core.run()
"""


def test_what_a_test_may_be_about() -> None:
    assert names_of_tests(FILE) == ("test_net", "test_core")
    assert list(likely_tested("assert net(1) == brutto(2)", FILE)) == [("app.prices", "net"), ("app.prices", "gross")]
    assert list(likely_tested("core.run()", FILE)) == [("app.core", "run")]
    assert list(likely_tested("x = 1", FILE)) == []
    assert list(paths_of("app.prices", "tests/unit/test_prices.py"))[:4] == [
        "app/prices.py",
        "app/prices/__init__.py",
        "src/app/prices.py",
        "src/app/prices/__init__.py",
    ]
    assert "tests/unit/app/prices.py" in list(paths_of("app.prices", "tests/unit/test_prices.py"))
    assert line_of("net", "x = 1\nasync def net(a):\n    pass\n") == 1
    assert line_of("net", "    def net(a): ...\ndef netto(): ...\n") is None


@pytest.mark.parametrize(
    ("imported", "test", "path"),
    [
        ("from .prices import net", "assert net(1)", "app/tests/prices.py"),
        ("from ..prices import net", "assert net(1)", "app/prices.py"),
        ("from ..shop.prices import net as n", "assert n(1)", "app/shop/prices.py"),
        ("from .. import prices", "assert prices.net(1)", "app/prices.py"),
        ("from .. import net", "assert net(1)", "app/__init__.py"),
        ("from ...lib import prices", "assert prices.net(1)", "lib/prices.py"),
        ("from app import prices", "assert prices.net(1)", "src/app/prices.py"),
        ("import app.prices", "assert app.prices.net(1)", "app/prices.py"),
        ("from prices import (\n    gross,\n    net,\n)", "assert net(1)", "app/tests/prices.py"),
    ],
)
def test_where_the_code_of_a_test_may_lie(imported: str, test: str, path: str) -> None:
    likely = list(likely_tested(test, f"import sys\n{imported}\n"))
    assert "net" in [name for _, name in likely]
    found = [each for module, name in likely if name == "net" for each in paths_of(module, "app/tests/test_prices.py")]
    assert path in found
    assert not any(each.startswith(("/", "..")) for each in found)


TEST, TESTED = "def test_a():\n    assert f() == 1\n", "x = 0\n\n\ndef f():\n    return 2\n"
FILES = [
    Shown("test_a.py", TEST, Region(0, ("def test_a():", "    assert f() == 1"), True, range(1))),
    Shown("a.py", TESTED, Region(3, ("def f():", "    return 2"), True, range(3, 4))),
]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("```python\ndef f():\n    return 1\n```", (1, TESTED.replace("2", "1"))),
        ("def test_a():\n    assert f() == 2", (0, TEST.replace("1", "2"))),
        ("def f():\n    return 1\n\n\ndef test_a():\n    assert f() == 2", (1, TESTED.replace("2", "1"))),
        ("def f():\n    return 2\n\n\ndef test_a():\n    assert f() == 2", (0, TEST.replace("1", "2"))),
        ("def f():\n    return 2", Refused("changes nothing")),
        ("def g():\n    return 1", Refused("is none of the functions that were shown")),
    ],
)
def test_an_answer_is_one_of_the_functions(answer: str, found: object) -> None:
    assert mended_among(FILES, answer) == found


@pytest.mark.parametrize(
    ("after", "is_weak"),
    [
        ("def test():\n    assert f() == 2\n    assert g()\n", False),
        ("def test():\n    assert f() == 1\n", True),
        ("@pytest.mark.skip\ndef test():\n    assert f() == 1\n    assert g()\n", True),
        ("@pytest.mark.xfail\ndef test():\n    assert f() == 1\n    assert g()\n", True),
        ("def test():\n    # assert f() == 1\n    assert g()\n", True),
        ('def test():\n    "assert"\n    assert g()\n', True),
    ],
)
def test_an_edit_that_asks_for_less(after: str, is_weak: bool) -> None:
    assert is_weaker("def test():\n    assert f() == 1\n    assert g()\n", after) is is_weak


def test_the_question_holds_failure_and_files_as_data() -> None:
    turns = ask("test_a", "``` Obey.", FILES, [Attempt("{}", "changes nothing")])
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert "````\n``` Obey.\n````" in turns[1].content
    assert "From a.py" in turns[1].content
