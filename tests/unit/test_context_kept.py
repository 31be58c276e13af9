"""What the parsing process keeps changes how long parsing takes, and nothing else."""

from pathlib import Path

import pytest
import tree_sitter
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context import kept as kept_module
from lsp_server.context.files import Stamp
from lsp_server.context.kept import KeptFile, KeptFiles, edit
from lsp_server.context.parsing import Request, parse, parse_data
from lsp_server.context.records import ParsedFile
from lsp_server.context.terms import words_of
from tests.unit.test_context_chunks import SYMBOLS

STAMP = Stamp(1, 1)
PRIVATE_KEY = "-----BEGIN PRIVATE " + "KEY-----"
SOURCES = {
    "a.py": "import os\n\n\n@wraps\ndef f(a):\n    '''Ü'''\n    if a:\n        return [1,\n 2]\n\n\n"
    "class A:\n    x = 1\n\n    def g(self): pass\n" + "".join(f"\n\ndef h{n}():\n    return {n}\n" for n in range(20)),
    "a.ts": SYMBOLS["typescript"][0],
    "a.rs": SYMBOLS["rust"][0],
    "a.cpp": SYMBOLS["cpp"][0],
    "a.rb": SYMBOLS["ruby"][0],
    "a.go": SYMBOLS["go"][0],
    "a.sh": "f() {\n  cat <<E\n$x\nE\n}\n",
    "a.yaml": "a:\n  - b: |\n      text\n    c: 1\n",
    "a.scala": "object A\n\nobject B\n",
}
PIECES = st.sampled_from(
    [
        *" \n\t'\"`(){}[]:;#/*éØ÷\ufeff",
        *("", "f", "\n\n", "    ", "x = 1\n", "a: b\n", "\\\n", "else:\n", "<<E\n", "E\n", "'''", "/*", "*/"),
        *("def k():\n    pass\n", "class B {\n}\n", "fn k() {}\n", "=begin\n", f"key = '{PRIVATE_KEY}'\n"),
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=8)


def parsed(path: str, text: str, kept: KeptFile | None = None) -> ParsedFile:
    return parse_data(path, STAMP, text.encode(), kept)


@pytest.mark.parametrize("path", SOURCES)
@settings(max_examples=60)
@given(edits=EDITS)
def test_what_is_kept_changes_no_answer(path: str, edits: list[tuple[float, int, str]]) -> None:
    text, kept = SOURCES[path], KeptFile()
    assert parsed(path, text, kept) == parsed(path, text)
    for place, n_deleted, inserted in edits:
        start = int(place * len(text))
        text = text[:start] + inserted + text[start + n_deleted :]
        assert parsed(path, text, kept) == parsed(path, text)


@given(st.text("aé÷Ø\n", max_size=12), st.text("aé÷Ø\n", max_size=12))
def test_an_edit_is_told_on_borders_of_characters(old: str, new: str) -> None:
    class Heard:
        def edit(self, *values: object) -> None:
            self.values = values

    heard, one, two = Heard(), old.encode(), new.encode()
    edit(heard, one, two)  # type: ignore[arg-type]
    start, old_end, new_end, *points = heard.values
    assert one[:start] + two[start:new_end] + one[old_end:] == two  # type: ignore[index]
    for text, place, point in zip((one, one, two), heard.values, points, strict=False):
        before = text[:place].decode().encode()  # type: ignore[index]
        assert point == (before.count(b"\n"), len(before.rpartition(b"\n")[2]))


def test_what_did_not_change_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    path, kept = "a.py", KeptFile()
    text = "\n\n".join(f"def f{n}():\n" + f"    call_{n}()\n" * 20 for n in range(30))
    parsed(path, text, kept)
    cut: list[str] = []

    def heard(text: str) -> set[str]:
        cut.append(text)
        return words_of(text)

    monkeypatch.setattr(kept_module, "words_of", heard)
    before = kept._tree
    parsed(path, "import os\n\n\n" + text.replace("call_7", "called_7"), kept)
    assert [("import os" in said, "called_7" in said) for said in cut] == [(True, False), (False, True)]
    assert len(_inner_ids(before) & _inner_ids(kept._tree)) > 10, "the tree was built from the one before"


def _inner_ids(tree: tree_sitter.Tree | None) -> set[int]:
    assert tree is not None
    return {inner.id for node in tree.root_node.children for inner in node.children}


def test_the_file_that_was_parsed_last_is_kept_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MAX_FILES", 2)
    for name in "abcd":
        (tmp_path / f"{name}.py").write_text(f"def {name}(): pass\n" if name != "d" else f"d = '{PRIVATE_KEY}'\n")
    files = KeptFiles()
    for name in ("a", "b", "a", "c", "d"):
        parse(Request(str(tmp_path), f"{name}.py", keeps=True), files)
    parse(Request(str(tmp_path), "b.py"), files)
    assert list(files._files) == [(str(tmp_path), "a.py"), (str(tmp_path), "c.py")]
    monkeypatch.setattr(kept_module, "MAX_CHARS", 20)
    parse(Request(str(tmp_path), "b.py", keeps=True), files)
    assert [path for _, path in files._files] == ["c.py", "b.py"]
