"""What a model wrote again: what of it counts, which lines it changes, and where that stands in the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.fixes.proposal import Refused, applied
from lsp_server.fixes.quoting import edits_between, places, quoted
from lsp_server.fixes.region import Region, region_of
from lsp_server.fixes.rewriting import Rewritten, assembled, first_block, names_head, read_rewritten
from lsp_server.review.verdict import Fix

PYTHON = """\
import os
import sys


class Shelf:
    @cached
    def find(self, title):
        # the first one
        for book in self.books:
            if book.title == None:
                return 'nothing'
        return book


print(Shelf())
"""
FIND = range(5, 12)
BLOCK = """\
    @cached
    def find(self, title):
        # the first one
        for book in self.books:
            if book.title is None:
                return 'nothing'
        return book
"""
GO = """\
package a

import (
\t"os"
)

func f(x int) int {
\tif x > 0 {
\t\treturn 1
\t}
}
"""


def _mended(text: str, answer: str, reported: int, around: range | None, language_id: str = "python") -> str:
    region = region_of(text.split("\n"), range(reported, reported + 1), around)
    assert region is not None
    rewritten = read_rewritten(answer, region, language_id)
    if isinstance(rewritten, Refused):
        return f"refused: it {rewritten.words}"
    return assembled(text, region, rewritten, language_id)


MENDED = PYTHON.replace("== None", "is None")


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (f"```python\n{BLOCK}```", MENDED),
        (f"Here it is:\n\n```\n{BLOCK}```\nI changed it.\n```\nx = 1\n```", MENDED),
        (BLOCK, MENDED),
        (f"```python\n{BLOCK}", MENDED),  # the fence is not closed
        (BLOCK.replace("\n    ", "\n")[4:], MENDED),  # at the margin
        (BLOCK.replace("\n", "   \r\n"), MENDED),
        (BLOCK.replace("'nothing'", '"nothing"').replace("books:", "books:  # each"), MENDED),
        (BLOCK.replace("        # the first one\n", ""), MENDED),
        (BLOCK.replace("    @cached\n", ""), MENDED),
        (f"import os\nimport sys\n\nclass Shelf:\n{BLOCK}", MENDED),
        (f"{BLOCK}\nprint(Shelf().find('a'))\n", MENDED),
        (f"{BLOCK}\n# Example:\nprint(Shelf().find('a'))\n", MENDED),
        ("            if book.title is None:", MENDED),
        ("if book.title is None:", MENDED),
        ("for book in self.books:\n    if book.title is None:\n        return 'nothing'", MENDED),
        (f"def safe(x):\n    return x\n\n{BLOCK.replace('is None', 'in safe(0)')}", "refused: it is not the code"),
        (f"import json\n{BLOCK}", MENDED.replace("import os\n", "import json\nimport os\n")),
        (BLOCK.replace("is None", "== None"), "refused: it changes nothing"),
        ("", "refused: it holds no code"),
        ("```python\nimport os\n```", "refused: it holds no code"),
        (BLOCK.replace("        # the first one", "        # ... rest of the code"), "refused: it leaves out some"),
        ("    def find(self, title):\n        return None", "refused: it leaves out some"),
        ("x = 1\ny = 2", "refused: it is not the code"),
        ("I see no problem.", "refused: it is not the code"),
    ],
)
def test_an_answer_becomes_the_function_as_it_shall_be(answer: str, after: str) -> None:
    mended = _mended(PYTHON, answer, 9, FIND)
    assert mended.startswith(after) if after.startswith("refused") else mended == after


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ("```go\nfunc f(x int) int {\n\tif x > 0 {\n\t\treturn 1\n\t}\n\treturn -1\n}\n\nfunc main() {}\n```", ""),
        ("func f(x int) int {\n    if x > 0 {\n        return 1\n    }\n    return -1\n}", ""),  # blanks for tabs
        (
            'package a\n\nimport (\n\t"os"\n\t"fmt"\n)\n\n'
            "func f(x int) int {\n\tif x > 0 {\n\t\treturn 1\n\t}\n\treturn -1\n}",
            '\t"fmt"\n',
        ),
    ],
)
def test_blanks_are_those_of_the_file(answer: str, after: str) -> None:
    expected = GO.replace("\t}\n}", "\t}\n\treturn -1\n}").replace('\t"os"\n', f'{after}\t"os"\n')
    assert _mended(GO, answer, 10, range(6, 11), "go") == expected


@pytest.mark.parametrize("docstring", ['    """Say it."""\n', '    """Say it.\n\n    Twice.\n    """\n'])
def test_a_docstring_stays(docstring: str) -> None:
    text = f"def say(\n    x,\n):\n{docstring}    return y\n"
    mended = text.removesuffix("y\n") + "x\n"
    reported = text.count("\n") - 1
    for answer in (mended, mended.replace(docstring, "")):
        assert _mended(text, answer, reported, range(reported + 1)) == mended


def test_a_line_is_mended_by_one_like_it() -> None:
    assert _mended("x = 1\nprint(y)\n", "```\nprint(x)\n```", 1, None) == "x = 1\nprint(x)\n"


def test_an_import_is_mended_where_it_stands() -> None:
    assert _mended(PYTHON, "import sys", 0, None) == PYTHON.removeprefix("import os\n")


def test_a_long_function_is_written_again_in_part() -> None:
    lines = ["def f():", *(f"    x{number} = {number}" for number in range(200)), "    return y"]
    region = region_of(lines, range(100, 101), range(202))
    assert region is not None
    assert (region.is_function, 100 in region.numbers, len(region.lines) < 40) == (False, True, True)
    answer = region.text.replace("x99 = 99", "y = 99")
    assert isinstance(read_rewritten(answer, region, "python"), Rewritten)
    assert region_of(["x" * 1000], range(1)) is None


def test_which_function_an_answer_writes() -> None:
    region = Region(0, ("def double(x):", "    return x"), True, range(1))
    assert names_head("```\ndef double(x: int):\n    return 2 * x\n```", region)
    assert not names_head("def test_it():\n    assert double(1) == 2", region)
    assert first_block("text\n~~~\na\n~~~\n") == ("a",)


_LINE = st.text(st.sampled_from("ab( \té😀"), max_size=3)
_TEXT = st.lists(_LINE, min_size=1, max_size=8).map("\n".join)


@given(_TEXT, _TEXT)
def test_the_edits_between_two_texts_are_quoted_once_and_make_one_of_the_other(text: str, fixed: str) -> None:
    if not text.strip():
        return
    fixes = quoted(text, fixed)
    for fix in fixes:
        assert f"\n{text}\n".count(f"\n{fix.old_text}\n") == 1
    after = text
    for edit in reversed(edits_between(text, fixed)):
        after = applied(after, edit)
    assert after == fixed


def test_what_is_not_there_once_has_no_place() -> None:
    assert places("a\nb\na", [Fix("a", "c")]) is None
    assert places("a\nb", [Fix("c", "d")]) is None
    assert places("a\nb\nc", [Fix("a\nb", "x"), Fix("b\nc", "y")]) is None
    assert places("a\nb", [Fix("", "d")]) is None


@given(_TEXT, st.integers(0, 7))
def test_an_answer_that_is_the_region_changes_nothing(text: str, line: int) -> None:
    lines = text.split("\n")
    line = min(line, len(lines) - 1)
    region = region_of(lines, range(line, line + 1))
    if region is not None and lines[line].strip() and lines[line] == lines[line].rstrip():
        assert isinstance(read_rewritten(region.text, region, "python"), Refused)
