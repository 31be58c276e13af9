"""Mutants: what is changed, what is not, and that lines stay lines."""

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.tests_for.mutants import Mutant, mutants_of

PYTHON = '''\
LIMIT = 3


class Cart:
    def total(self, items: list[int], rate: int = 2) -> int:
        """Add 1 and 2."""
        if not items or rate < 1:
            raise ValueError("none" + "at all")
        print("x" * 3)
        found = 0
        for item in items:
            found += item * rate
            if item is None:
                break
        self.note(found)
        return found
'''
GO = "package a\n\nfunc Add(a int, b int) int {\n\tif a == 1 {\n\t\treturn a + b\n\t}\n\treturn b\n}\n"
JAVASCRIPT = """\
export function add(a, b = 2) {
  if (a === 1 && !b) {
    return a + b;
  }
  console.log('x');
  return true;
}
"""
THROWING = """\
function area(n) {
  if (n < 0) {
    throw new RangeError("negative" + n);
  }
  return n;
}
"""


def changes(language_id: str, text: str, line: int, most: int = 100) -> list[tuple[str, str]]:
    subject = subject_at(language_id, text, line, line)
    assert subject is not None
    return [(each.old, each.new) for each in mutants_of(text, subject, most)]


def test_what_behaves_is_changed_and_nothing_else() -> None:
    assert changes("python", PYTHON, 5) == [
        ("not items or rate < 1", "not (not items or rate < 1)"),
        ("or", "and"),
        ("<", "<="),
        ("<", ">="),
        ("1", "2"),
        ("0", "1"),
        ("found += item * rate", "pass"),
        ("+=", "-="),
        ("*", "+"),
        ("is", "is not"),
        ("break", "pass"),
        ("self.note(found)", "pass"),
        ("found", "None"),
    ]


@pytest.mark.parametrize(
    ("language_id", "text", "line", "expected"),
    [
        ("go", GO, 2, {("==", "!="), ("1", "2"), ("+", "-")}),
        ("javascript", JAVASCRIPT, 0, {("===", "!=="), ("&&", "||"), ("+", "-"), ("true", "false"), ("1", "2")}),
        ("javascript", THROWING, 0, {('throw new RangeError("negative" + n);', ";"), ("<", ">=")}),
        ("typescript", JAVASCRIPT, 0, {("===", "!=="), ("&&", "||"), ("+", "-"), ("true", "false")}),
    ],
)
def test_other_languages(language_id: str, text: str, line: int, expected: set[tuple[str, str]]) -> None:
    found = set(changes(language_id, text, line))
    assert expected <= found
    assert not any("console" in old for old, _ in found)


def test_a_mutant_is_the_file_with_one_change_on_its_line() -> None:
    text = "# é \U0001f600\n" + PYTHON
    subject = subject_at("python", text, 6, 6)
    assert subject is not None
    for mutant in mutants_of(text, subject, 100):
        changed = mutant.apply(text)
        compile(changed, "x", "exec")
        assert changed.count("\n") == text.count("\n")
        assert text[mutant.start : mutant.end] == mutant.old
        before, after = text.split("\n"), changed.split("\n")
        assert next(n for n in range(len(before)) if before[n] != after[n]) == mutant.line


def test_of_many_a_few_are_taken_from_everywhere() -> None:
    every, some = changes("python", PYTHON, 5), changes("python", PYTHON, 5, most=4)
    assert len(some) == 4
    assert some[0] == every[0]
    assert some[-1] in every[-5:]


def test_no_mutants_where_nothing_is_known() -> None:
    subject = subject_at("python", PYTHON, 5, 5)
    assert subject is not None
    assert mutants_of(PYTHON + "\ndef broken(:\n", subject, 10) == ()
    assert Mutant(0, 5, 0, "LIMIT", "LIMITS").apply(PYTHON).startswith("LIMITS = 3")
