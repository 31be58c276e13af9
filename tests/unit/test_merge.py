"""Tests put into test files: what stands there stays, nothing is there twice, the result parses."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.merge import UnfitTestFile, insertions, merged
from lsp_server.tests_for.merge_text import Source, applied

SHAPES = "from pkg.shapes import area"
CLASS = "class TestArea(unittest.TestCase):"
AREA = TestCode("test_area", "def test_area():\n    assert area(2) == 4\n", (SHAPES,))
RAISES = TestCode(
    "test_raises",
    "@pytest.mark.parametrize('n', [-1])\ndef test_raises(n):\n    with pytest.raises(ValueError):\n        area(n)\n",
    ("import pytest", SHAPES),
)
METHOD = TestCode(
    "test_area",
    'def test_area(self):\n    self.assertEqual(area(2), 4, """\n  so\n""")\n',
    ("import unittest", SHAPES),
    CLASS,
)
SCRIPT = TestCode(
    "adds",
    'test("adds", () => {\n  assert.equal(area(2), 4);\n});\n',
    (
        'import { test } from "node:test";',
        'import assert from "node:assert/strict";',
        'import { area } from "./shapes.js";',
    ),
)
WITHIN = TestCode(
    "area throws",
    'it("throws", () => {\n  assert.throws(() => area(-1), `\nso`);\n});\n',
    ('import { describe, it } from "node:test";', 'import assert from "node:assert/strict";',
     'import { area } from "./shapes.js";'),
    'describe("area", () => {',
)  # fmt: skip
GO = TestCode(
    "TestArea",
    "func TestArea(t *testing.T) {\n\tif got := Area(2); got != 4 {\n\t\tt.Fatal(fmt.Sprint(got))\n\t}\n}\n",
    ('import "testing"', 'import "fmt"', 'import "os"'),
)


class Case(NamedTuple):
    """A file, what is put into it, and what is there then."""

    id: str
    existing: str | None
    tests: tuple[TestCode, ...]
    result: str
    language_id: str = "python"


CASES = [
    Case("a new file", None, (AREA, RAISES), """\
import pytest

from pkg.shapes import area


def test_area():
    assert area(2) == 4


@pytest.mark.parametrize('n', [-1])
def test_raises(n):
    with pytest.raises(ValueError):
        area(n)
"""),
    Case("a new file with a class", None, (METHOD,), '''\
import unittest

from pkg.shapes import area


class TestArea(unittest.TestCase):
    def test_area(self):
        self.assertEqual(area(2), 4, """
  so
""")
'''),
    Case("names into the import there is, sorted as it is", """\
import os
import pytest
from pkg.shapes import Box, perimeter
""", (AREA, RAISES), """\
import os
import pytest
from pkg.shapes import area, Box, perimeter


def test_area():
    assert area(2) == 4


@pytest.mark.parametrize('n', [-1])
def test_raises(n):
    with pytest.raises(ValueError):
        area(n)
"""),
    Case("a line each where they have one", """\
from pkg.shapes import (
    perimeter,
    Box,
)
""", (AREA,), """\
from pkg.shapes import (
    perimeter,
    Box,
    area,
)


def test_area():
    assert area(2) == 4
"""),
    Case("imports in their groups", '''\
"""Tests."""
import os

import numpy

from pkg.other import x

A = x
''', (RAISES, METHOD), '''\
"""Tests."""
import os
import unittest

import numpy
import pytest

from pkg.other import x
from pkg.shapes import area

A = x


@pytest.mark.parametrize('n', [-1])
def test_raises(n):
    with pytest.raises(ValueError):
        area(n)


class TestArea(unittest.TestCase):
    def test_area(self):
        self.assertEqual(area(2), 4, """
  so
""")
'''),
    Case("another test of that name", "from pkg.shapes import area\n\n\ndef test_area():\n    pass\n", (AREA,), """\
from pkg.shapes import area


def test_area():
    pass


def test_area_2():
    assert area(2) == 4
"""),
    Case("the name means something else", "from other import area\n", (AREA,), """\
from other import area
from pkg.shapes import area as shapes_area


def test_area():
    assert shapes_area(2) == 4
"""),
    Case("known by another name", "from pkg.shapes import area as size\narea = 1\n", (AREA,), """\
from pkg.shapes import area as size
area = 1


def test_area():
    assert size(2) == 4
"""),
    Case("before the program's lines, tabs as the file has", """\
import pytest
from pkg.shapes import area

if __name__ == "__main__":
\tpytest.main()
""", (RAISES,), """\
import pytest
from pkg.shapes import area

@pytest.mark.parametrize('n', [-1])
def test_raises(n):
\twith pytest.raises(ValueError):
\t\tarea(n)


if __name__ == "__main__":
\tpytest.main()
"""),
    Case("into its class", """\
import unittest
from pkg.shapes import area

class TestArea(unittest.TestCase):
  def test_other(self):
    pass

x = 1
""", (METHOD,), '''\
import unittest
from pkg.shapes import area

class TestArea(unittest.TestCase):
  def test_other(self):
    pass

  def test_area(self):
    self.assertEqual(area(2), 4, """
  so
""")

x = 1
'''),
    Case("a class of that name of another kind", "class TestArea:\n    pass\n", (METHOD,), '''\
import unittest

from pkg.shapes import area


class TestArea:
    pass


class TestArea2(unittest.TestCase):
    def test_area(self):
        self.assertEqual(area(2), 4, """
  so
""")
'''),
    Case("CRLF, no line end at the end", "import pytest\r\nfrom pkg.shapes import area\r\nx = 1", (AREA,),
         "import pytest\r\nfrom pkg.shapes import area\r\nx = 1\r\n\r\n\r\n"
         "def test_area():\r\n    assert area(2) == 4"),
    Case("a byte order mark", "\ufeffx = 1\n", (AREA,),
         "\ufefffrom pkg.shapes import area\n\nx = 1\n\n\ndef test_area():\n    assert area(2) == 4\n"),
    Case("only a comment", "# tests\n", (AREA,),
         "# tests\n\nfrom pkg.shapes import area\n\n\ndef test_area():\n    assert area(2) == 4\n"),
    Case("a new script", None, (SCRIPT, WITHIN), """\
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { area } from "./shapes.js";

test("adds", () => {
  assert.equal(area(2), 4);
});

describe("area", () => {
  it("throws", () => {
    assert.throws(() => area(-1), `
so`);
  });
});
""", "javascript"),
    Case("an ES module, its quotes and ends", """\
import {it} from 'node:test'
import {
  Box,
} from './shapes'

describe('area', () => {
  it('throws', () => {
  })
})
""", (SCRIPT, WITHIN), """\
import {it, test} from 'node:test'
import {
  area,
  Box,
} from './shapes'
import assert from 'node:assert/strict'

describe('area', () => {
  it('throws', () => {
  })

  it("throws (2)", () => {
    assert.throws(() => area(-1), `
so`);
  });
})

test("adds", () => {
  assert.equal(area(2), 4);
});
""", "typescript"),
    Case("CommonJS", """\
'use strict';
const test = require('node:test');
const assert = require('assert');
const { Box } = require('./shapes');

test('adds', () => {
\tBox();
});
""", (SCRIPT,), """\
'use strict';
const test = require('node:test');
const assert = require('assert');
const { area, Box } = require('./shapes');
const assertFromStrict = require('node:assert/strict');

test('adds', () => {
\tBox();
});

test("adds (2)", () => {
\tassertFromStrict.equal(area(2), 4);
});
""", "javascript"),
    Case("a new file of Go", "package shapes\n", (GO,), """\
package shapes

import (
\t"fmt"
\t"testing"
)

func TestArea(t *testing.T) {
\tif got := Area(2); got != 4 {
\t\tt.Fatal(fmt.Sprint(got))
\t}
}
""", "go"),
    Case("Go, a name that is taken", """\
package shapes

import (
\t"errors"
\t"testing"
)

func TestArea(t *testing.T) { t.Fatal(errors.New("")) }
""", (GO,), """\
package shapes

import (
\t"errors"
\t"fmt"
\t"testing"
)

func TestArea(t *testing.T) { t.Fatal(errors.New("")) }

func TestArea_2(t *testing.T) {
\tif got := Area(2); got != 4 {
\t\tt.Fatal(fmt.Sprint(got))
\t}
}
""", "go"),
    Case("Go, a single import", 'package shapes\n\nimport "testing"\n\nfunc TestX(t *testing.T) {}\n', (GO,), """\
package shapes

import (
\t"testing"
\t"fmt"
)

func TestX(t *testing.T) {}

func TestArea(t *testing.T) {
\tif got := Area(2); got != 4 {
\t\tt.Fatal(fmt.Sprint(got))
\t}
}
""", "go"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_cases(case: Case) -> None:
    assert merged(case.language_id, case.existing, case.tests) == case.result
    assert merged(case.language_id, case.result, case.tests) == case.result


def test_a_new_file_of_go_begins_with_its_package() -> None:
    assert merged("go", None, (GO,), head="package shapes\n").startswith("package shapes\n\nimport (")


def test_names_that_others_have_are_not_used() -> None:
    assert "func TestArea_2(" in merged("go", "package shapes\n", (GO,), taken={"TestArea"})


@pytest.mark.parametrize(("language_id", "existing"), [("python", "def f(:\n"), ("go", "package\n"), ("rust", "")])
def test_a_file_that_does_not_parse_is_left_alone(language_id: str, existing: str) -> None:
    with pytest.raises(UnfitTestFile):
        merged(language_id, existing, (AREA,))


def test_tests_that_break_the_file_are_not_put_in() -> None:
    with pytest.raises(UnfitTestFile, match="left alone"):
        merged("python", "x = 1\n", (TestCode("test_x", "def test_x(:\n", ()),))


def test_nothing_to_add_adds_nothing() -> None:
    assert merged("python", "x = 1  ", ()) == "x = 1  "


_HEADS = {
    "python": ['"""Doc."""\n', "# c\n", "import os\n", "from pkg.shapes import area, Box\n", "from other import area\n",
               "from __future__ import annotations\n", "import pytest\n",
               "try:\n    import unittest\nexcept ImportError:\n    pass\n"],
    "javascript": ["'use strict';\n", "// c\n", "import a from './a'\n", "import {area} from './shapes'\n",
                   "import assert from 'node:assert'\n", "import * as all from './shapes.js';\n", "const area = 1\n"],
    "go": ['import "fmt"\n', 'import (\n\t"os"\n\t"testing"\n)\n', 'import rand "fmt"\n', "// c\n"],
}  # fmt: skip
_BODIES = {
    "python": ["def test_area():\n  pass\n", AREA.text, "class TestArea(unittest.TestCase):\n\n    x = 1\n",
               "area = 2\n",
               'if __name__ == "__main__":\n    run()\n', "@fixture\ndef é():\n    '''a\n b'''\n", "\n\n"],
    "javascript": ["test('adds', () => {})\n", SCRIPT.text, "describe('area', () => {\n\tit('é', () => {})\n})\n",
                   "describe('area', function () {})\n", "\n\n", "const x = `\n  a\n`\n"],
    "go": ["func TestArea(t *testing.T) {}\n", GO.text, "var é = `\n  a\n`\n", "\n\n"],
}  # fmt: skip
_TESTS = {"python": (AREA, RAISES, METHOD), "javascript": (SCRIPT, WITHIN), "go": (GO,)}


@st.composite
def _files(draw: st.DrawFn) -> tuple[str, str, Sequence[TestCode]]:
    language_id = draw(st.sampled_from(sorted(_TESTS)))
    heads = draw(st.lists(st.sampled_from(_HEADS[language_id]), max_size=4, unique=True))
    bodies = draw(st.lists(st.sampled_from(_BODIES[language_id]), max_size=4))
    text = ("package x\n" if language_id == "go" else "") + "".join([*heads, *bodies])
    text = text.rstrip("\n") if draw(st.booleans()) else text
    text = text.replace("\n", "\r\n") if draw(st.booleans()) else text
    tests = draw(st.lists(st.sampled_from(_TESTS[language_id]), min_size=1, unique=True))
    return language_id, text, tests


@given(_files())
def test_what_stands_stays_and_twice_is_once(given_file: tuple[str, str, Sequence[TestCode]]) -> None:
    language_id, text, tests = given_file
    if not Source(language_id, text).parses:
        return
    added = insertions(language_id, text, tests)
    result = applied(text, added)
    assert Source(language_id, result).parses
    assert merged(language_id, result, tests) == result
    assert [insertion.at for insertion in added] == sorted(insertion.at for insertion in added) or added
    rest = iter(result)
    assert all(character in rest for character in text)
    if "\r\n" in text:
        assert "\n" not in result.replace("\r\n", "")
    if text.strip() and added:
        assert result.endswith("\n") == text.endswith("\n")
