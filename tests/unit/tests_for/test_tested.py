"""What a test of a project is about."""

import pytest

from lsp_server.tests_for.tested import likely_tested, line_of

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
FILES = (
    "app/__init__.py",
    "app/core.py",
    "app/prices.py",
    "app/shop/prices.py",
    "app/tests/prices.py",
    "lib/prices.py",
    "src/app/prices.py",
)


def test_what_a_test_in_python_may_be_about() -> None:
    found = list(likely_tested("tests/test_prices.py", "assert net(1) == brutto(2)", FILE, FILES))
    assert found == [
        ("app/prices.py", "net"),
        ("src/app/prices.py", "net"),
        ("app/prices.py", "gross"),
        ("src/app/prices.py", "gross"),
    ]
    assert list(likely_tested("tests/test_prices.py", "core.run()", FILE, FILES)) == [("app/core.py", "run")]
    assert list(likely_tested("tests/test_prices.py", "x = 1", FILE, FILES)) == []
    assert list(likely_tested("tests/prices_test.rs", "net(1)", FILE, FILES)) == []


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
def test_where_the_code_of_a_test_in_python_may_lie(imported: str, test: str, path: str) -> None:
    likely = list(likely_tested("app/tests/test_prices.py", test, f"import sys\n{imported}\n", FILES))
    assert (path, "net") in likely


@pytest.mark.parametrize(
    ("imported", "test", "found"),
    [
        ('import { net } from "../src/prices";', "net(1)", ("src/prices.ts", "net")),
        ('import { net } from "../src/prices.js";', "net(1)", ("src/prices.ts", "net")),
        ('import { net as n } from "../src/shop";', "n(1)", ("src/shop/index.js", "net")),
        ('import net from "../src/prices";', "net(1)", ("src/prices.ts", "net")),
        ('import * as prices from "../src/prices";', "prices.net(1)", ("src/prices.ts", "net")),
        ('const prices = require("../src/shop/index.js");', "prices.net(1)", ("src/shop/index.js", "net")),
        ('const { net } = require("../src/shop");', "net(1)", ("src/shop/index.js", "net")),
    ],
)
def test_where_the_code_of_a_script_may_lie(imported: str, test: str, found: tuple[str, str]) -> None:
    text = f'import {{ test }} from "vitest";\nimport type {{ net }} from "./types";\n{imported}\n'
    files = ("src/prices.ts", "src/shop/index.js", "test/types.ts", "test/prices.test.ts")
    assert next(likely_tested("test/prices.test.ts", test, text, files)) == found
    assert list(likely_tested("test/prices.test.ts", "other(1)", text, files)) == []


def test_where_the_code_of_a_test_in_go_may_lie() -> None:
    files = ("shop/net.go", "shop/gross.go", "shop/net_test.go", "other/net.go")
    found = list(likely_tested("shop/net_test.go", "func TestNet(t *testing.T) {\n\tNet(1)\n}", "", files))
    assert [each for each in found if each[1] == "Net"] == [("shop/gross.go", "Net"), ("shop/net.go", "Net")]
    assert {path for path, _ in found} == {"shop/gross.go", "shop/net.go"}


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.py", "x = 1\nasync def net(a):\n    pass\n", 1),
        ("a.py", "    def net(a): ...\ndef netto(): ...\n", None),
        ("a.ts", "\nexport default async function net() {}\n", 1),
        ("a.ts", "\nexport const net = () => 1;\n", 1),
        ("a.js", "\nmodule.exports.net = function () {};\n", 1),
        ("a.js", "\nexports.net = () => 1;\n", 1),
        ("a.js", "function netto() {}\n  const net = 1;\n", None),
        ("a.go", "\nfunc Net(x int) int {\n", 1),
        ("a.go", "\nfunc (s *Shop) Net(x int) int {\n", 1),
        ("a.rs", "fn net() {}\n", None),
    ],
)
def test_where_a_file_defines_a_name(path: str, text: str, line: int | None) -> None:
    assert line_of("Net" if path.endswith(".go") else "net", path, text) == line
