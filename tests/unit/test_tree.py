"""What is parsed around the cursor, and what of it counts."""

import time

import pytest

from lsp_server.completion.place import Place, place_at
from lsp_server.completion.tree import n_flaws, tree_with
from lsp_server.document import Document, Position

METHOD = "    def method_{}(self, rows):\n        total = sum(row.count for row in rows)\n        return total\n\n"
CLASS = "class Store:\n" + "".join(METHOD.format(n) for n in range(400))


def place(text: str, line: int, column: int, language_id: str = "python") -> Place:
    return place_at(Document("file:///a", text, version=1, language_id=language_id).snapshot(), Position(line, column))


def test_a_window_in_the_middle_of_a_class_is_parsed_with_its_header() -> None:
    middle = place(CLASS, 803, 8)
    assert middle.outer == ("class Store:", "    def method_185(self, rows):")
    tree = tree_with(middle, "")
    assert tree is not None
    assert not tree.root.has_error


def test_blocks_that_end_below_the_window_are_no_error() -> None:
    body = "".join(f"  method{n}() {{\n    return {n};\n  }}\n" for n in range(200))
    middle = place("class Store {\n" + body + "}\n", 302, 4, "javascript")
    tree = tree_with(middle, "")
    assert tree is not None
    assert not tree.root.has_error


def test_only_flaws_at_the_cursor_count() -> None:
    here = place("def broken(:\n    x = = 1\n\n\ndef f(rows):\n    \n", 5, 4)
    assert n_flaws(here, "") == n_flaws(here, "return rows") == 0
    sound = place("def f(rows):\n    \n\n\nrows = []\n\n\ndef g(:\n    x = = 1\n", 1, 4)
    assert n_flaws(sound, "return rows") == 0
    assert (n_flaws(sound, "return = rows") or 0) > 0


def test_the_same_text_gives_the_same_flaws_in_any_order() -> None:
    texts = ["x = (", "x = 1", "", "x = 'a", "return", "if x:\n            y()"]
    here, again = place(CLASS, 803, 8), place(CLASS, 803, 8)
    assert [n_flaws(here, text) for text in texts] == [n_flaws(again, text) for text in texts[::-1]][::-1]


@pytest.mark.parametrize(
    ("text", "language_id"),
    [("a = 1", "unheard-of"), ("x = [" + "1, " * 200 + "]", "python"), ("a" * 499 + "\n", "plaintext")],
)
def test_what_is_no_program_has_no_tree(text: str, language_id: str) -> None:
    assert tree_with(place("\n".join([text] * 100), 50, 0, language_id), "") is None


def test_a_window_is_parsed_in_time() -> None:
    took = []
    for line in range(403, 803, 4):
        here = place(CLASS, line, 8)
        began_s = time.thread_time()
        tree_with(here, "return rows")
        took.append(time.thread_time() - began_s)
    assert sorted(took)[len(took) * 9 // 10] < 0.02  # 1 ms on the machine this was made on
