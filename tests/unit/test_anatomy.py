"""The steps of a function and what in it acts on the outside, by table, over languages."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.anatomy import MOST_STEPS, anatomy_at
from lsp_server.grammars import LANGUAGES

PYTHON = '''\
def read(place, log):
    """Read."""
    try:
        text = place.path.read_bytes().decode()
    except OSError as error:
        raise PlaceError("no") from error
    lines = {}
    lines[0] = text
    log.last = text
    self._known[text] += 1
    os.path.join("a")
    if not lines:
        print(text)
        raise
    return text
'''
TYPESCRIPT = """\
export const save = async (store: Store) => {
  const kept = {};
  kept.a = 1;
  this.size = 1;
  store.n++;
  if (!store) {
    throw new TypeError("no");
  }
  await fs.writeFile("a", "b");
};
"""
GO = """\
func (s *Store) Put(k string) error {
	m := map[string]int{}
	m[k] = 1
	s.size++
	s.last = k
	for i := range k {
		fmt.Println(i)
	}
	panic("no")
}
"""
JAVA = 'class A {\n  int f() {\n    this.x = 1;\n    throw new IOException("no");\n  }\n}\n'
RUST = 'fn f(a: &mut A) {\n    let mut b = A {};\n    b.x = 1;\n    a.x = 1;\n    panic!("no");\n}\n'
RUBY = "def f(a)\n  @x = 1\n  raise ArgumentError, 'no'\n  puts a\nend\n"


@pytest.mark.parametrize(
    ("language_id", "text", "line", "steps"),
    [
        ("python", PYTHON, 3, [(2, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (11, 13), (14, 14)]),
        ("typescript", TYPESCRIPT, 1, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 7), (8, 8)]),
        ("go", GO, 1, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 7), (8, 8)]),
        ("java", JAVA, 2, [(2, 2), (3, 3)]),
        ("rust", RUST, 2, [(1, 1), (2, 2), (3, 3), (4, 4)]),
        ("ruby", RUBY, 1, [(1, 1), (2, 2), (3, 3)]),
        (
            "python",
            "def f():\n    for a in b:\n        c()\n        d()\n        e()\n        g()\n",
            2,
            [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)],
        ),
        ("python", "def f(a):\n    return a\n", 1, [(1, 1)]),
        ("python", "def f(a): return a\n", 0, [(0, 0)]),
        ("python", "x = 1\n", 0, []),
    ],
)
def test_steps_are_the_statements_of_the_body(
    language_id: str, text: str, line: int, steps: list[tuple[int, int]]
) -> None:
    found = anatomy_at(language_id, text, line, line).steps
    assert [(step.first_line, step.last_line) for step in found] == steps
    lines = text.split("\n")
    assert all(step.text == "\n".join(lines[step.first_line : step.last_line + 1]) for step in found)


def test_many_statements_are_told_together() -> None:
    text = "def f():\n" + "".join(f"    a{number} = {number}\n" for number in range(40))
    steps = anatomy_at("python", text, 1, 1).steps
    assert len(steps) == MOST_STEPS
    assert "\n".join(step.text for step in steps) == text.partition("\n")[2].rstrip("\n")


@pytest.mark.parametrize(
    ("language_id", "text", "line", "marks"),
    [
        (
            "python",
            PYTHON,
            3,
            [
                ("calls", "place.path.read_bytes", 3),
                ("raises", "PlaceError", 5),
                ("changes", "log.last", 8),
                ("changes", "self._known", 9),
                ("calls", "print", 12),
                ("raises", "", 13),
            ],
        ),
        (
            "typescript",
            TYPESCRIPT,
            1,
            [
                ("changes", "this.size", 3),
                ("changes", "store.n", 4),
                ("raises", "TypeError", 6),
                ("calls", "fs.writeFile", 8),
            ],
        ),
        (
            "go",
            GO,
            1,
            [("changes", "s.size", 3), ("changes", "s.last", 4), ("calls", "fmt.Println", 6), ("raises", "panic", 8)],
        ),
        (
            "python",
            "def f(urls):\n    def fetch(url):\n        return url\n    fetch(urls)\n    g.fetch(urls)\n",
            0,
            [("calls", "g.fetch", 4)],
        ),
        (
            "javascript",
            "function f(a) {\n  function g() {}\n  g.stop = a;\n  a.stop = g;\n}\n",
            0,
            [("changes", "a.stop", 3)],
        ),
        ("java", JAVA, 2, [("changes", "this.x", 2), ("raises", "IOException", 3)]),
        ("rust", RUST, 2, [("changes", "a.x", 3), ("raises", "panic!", 4)]),
        ("ruby", RUBY, 1, [("changes", "@x", 1), ("raises", "ArgumentError", 2), ("calls", "puts", 3)]),
    ],
)
def test_what_acts_on_the_outside_is_marked(
    language_id: str, text: str, line: int, marks: list[tuple[str, str, int]]
) -> None:
    assert [(str(mark.acts), mark.what, mark.line) for mark in anatomy_at(language_id, text, line, line).marks] == marks


@given(st.sampled_from(sorted(LANGUAGES)), st.text(alphabet="def f():{}\n\t raise self.x=1 if", max_size=120))
def test_whatever_the_text_steps_stand_in_order(language_id: str, text: str) -> None:
    steps = anatomy_at(language_id, text, 0, text.count("\n")).steps
    assert len(steps) <= MOST_STEPS
    assert all(one.last_line < other.first_line for one, other in pairwise(steps))
