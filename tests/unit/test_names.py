"""Which names at a cursor are worth looking up."""

import time

import pytest

from lsp_server.completion.names import Names, imports_of, module_paths, names_at
from lsp_server.document import split_lines


def at(text: str) -> Names:
    """Return the names at `|`."""
    before, _, after = text.partition("|")
    lines = split_lines(before + after)
    return names_at(lines, before.count("\n"), len(before.rpartition("\n")[2]))


@pytest.mark.parametrize(
    ("text", "close"),
    [
        ("client = Client(1)\nclient.|", "Client"),
        ("client = Client(1)\nclient.se|", "Client"),
        ("client = await make_client()\nclient.|", "make_client"),
        ("def f(client: Client) -> None:\n    client.|", "Client"),
        ("def f(client: 'Optional[Client]') -> None:\n    client.|", "Client"),
        ("class A:\n    def __init__(self):\n        self.box = Box()\n    def f(self):\n        self.box.|", "Box"),
        ("class A(Base):\n    def f(self):\n        self.|", "Base"),
        ("class A extends Base {\n  f() {\n    this.|", "Base"),
        ("with open_client(1) as client:\n    client.|", "open_client"),
        ("x = make_client(1).|", "make_client"),
        ("self._boxes: dict[str, Box] = {}\nself._boxes[name].|", "Box"),
        ("const client = new Client(1)\nclient.|", "Client"),
        ("function f(client: Client) {\n  client?.|", "Client"),
        ("Client client = make();\nclient.|", "Client"),
        ("client := NewClient(1)\nclient.|", "NewClient"),
        ("func f(client *Client) {\n\tclient.|", "Client"),
        ("let client = Client::new(1);\nclient.|", "Client"),
        ("value = Colour.|", "Colour"),
    ],
)
def test_what_stands_in_front_of_the_cursor(text: str, close: str) -> None:
    assert close in at(text).close


def test_modules_are_looked_up_by_their_file() -> None:
    assert at("from . import fields\nx = fields.|").close_modules == (".fields", ".")
    assert at("import pkg.mod as m\nx = m.|").close_modules == ("pkg.mod",)
    assert at("import * as m from './mod'\nx = m.|").close_modules == ("./mod",)
    assert at("from .fields import |").close_modules == (".fields",)


def test_names_stay_while_a_word_grows() -> None:
    line = "result = compute_total(Invoice, values)"
    asked = {at(f"from a import b\n{line[:n]}|") for n in range(line.index("Inv") + 1, line.index(","))}
    assert len(asked) == 1


def test_what_the_file_defines_near_is_not_looked_up() -> None:
    names = at("def helper(x):\n    return x\n\nhelper(Thing(1))\n|")
    assert "helper" not in names.near
    assert "Thing" in names.near


@pytest.mark.parametrize(
    ("head", "imported"),
    [
        ("from a.b import c, d as e\n", {"c": ("a.b.c", "a.b"), "e": ("a.b.d", "a.b")}),
        ("from .b import (\n    c,\n    d,  # why\n)\n", {"c": (".b.c", ".b"), "d": (".b.d", ".b")}),
        ("import { a, b as c } from './x'\n", {"a": ("./x",), "c": ("./x",)}),
        ("const { a } = require('./x')\n", {"a": ("./x",)}),
        ("use crate::store::{Store, open};\n", {"Store": (), "open": ()}),
        ("import java.util.List;\n", {"List": ("java.util.List",)}),
        ("x = 1\n", {}),
    ],
)
def test_imports(head: str, imported: dict[str, tuple[str, ...]]) -> None:
    found = imports_of(tuple(head.splitlines(keepends=True)))
    assert {name: found.get(name) for name in imported} == imported


def test_where_a_module_may_lie() -> None:
    assert list(module_paths("..a.b", "/w/p/q/r.py", ["/w"])) == ["/w/p/a/b.py", "/w/p/a/b/__init__.py"]
    absolute = list(module_paths("p.a", "/w/p/q/r.py", ["/w"]))
    assert absolute[0] == "/w/p/a.py"
    assert "/w/p/q/p/a.py" in absolute
    assert all(path.startswith("/w/") for path in absolute)
    assert "/w/src/x.ts" in list(module_paths("./x", "/w/src/y.ts", ["/w"]))
    assert "/w/src/x.ts" in list(module_paths("./x.js", "/w/src/y.ts", ["/w"]))


def test_a_large_file_costs_no_more() -> None:
    lines = ["value = compute(thing.part, other)  # thing\n"] * 50_000
    began_s = time.process_time()
    names_at([*lines, "thing.part."], 50_000, 11)
    assert time.process_time() - began_s < 0.1  # of computing: all lines would take seconds
