"""The index of one folder: what is written is found, changed, taken out, and never returned damaged."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context import store as store_module
from lsp_server.context.files import Stamp
from lsp_server.context.frequencies import Frequencies, slots_of
from lsp_server.context.parsing import parse_data
from lsp_server.context.records import Call, ParsedFile
from lsp_server.context.store import IndexFullError, Store, open_store
from lsp_server.context.terms import terms_of


def parsed(path: str, text: str) -> ParsedFile:
    return parse_data(path, Stamp(len(text), 1), text.encode())


def found(store: Store, text: str, exclude_path: str | None = None) -> list[str]:
    return [chunk.path for chunk in store.queries.search(terms_of(text), 10, exclude_path)]


def everything(store: Store) -> dict[str, object]:
    """Return all that can be asked, in an order of its own."""
    rows = store._reader.execute(
        "SELECT path, first_line, text, chunk.id FROM chunk JOIN file ON file.id = file_id"
    ).fetchall()
    holds = [
        (path, line, term)
        for path, line, text, chunk_id in rows
        for term in terms_of(text)
        if store._reader.execute(
            "SELECT 1 FROM term WHERE term MATCH ? AND rowid = ?", (f'"{term}"', chunk_id)
        ).fetchone()
    ]
    terms = {term for *_, text, _ in rows for term in terms_of(text)}
    return {
        "stamps": store.stamps(),
        "chunks": sorted(row[:3] for row in rows),
        "terms": sorted(holds),
        "symbols": sorted(
            store._reader.execute("SELECT path, name, kind, line, signature FROM symbol JOIN file ON file.id = file_id")
        ),
        "counted": sorted(store._reader.execute("SELECT term, doc FROM term_frequency")),
        "frequencies": {term: store._frequencies.of(term) for term in terms},
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "index.db")


def test_chunks_are_found_by_their_rarest_terms(store: Store) -> None:
    store.update([parsed(f"{n}.py", f"def common():\n    common_{n % 2}()\n") for n in range(9)])
    store.update([parsed("rare.py", "def common():\n    quokkaTelescope()\n")])
    [first, *_] = store.queries.search(terms_of("common quokka_telescope"), 10)
    assert (first.path, first.first_line, first.text.split("\n")[1]) == ("rare.py", 0, "    quokkaTelescope()")
    assert first.score > 0
    assert found(store, "never_seen_anywhere") == []
    assert "rare.py" not in found(store, "quokka common", exclude_path="rare.py")


def test_what_only_the_asking_file_says_takes_no_place_among_the_terms(store: Store) -> None:
    own = "".join(f"local{letter}ish = 1\n" for letter in "abcdefghijkl")
    store.update([parsed("own.py", own + "shared_thing()\n"), parsed("other.py", "shared_thing()\n")])
    assert found(store, own + "shared_thing", exclude_path="own.py") == ["other.py"]


def test_definitions_nearest_first_with_their_text(store: Store) -> None:
    text = "import a\n\ndef mean(values):\n    return 1\n"
    store.update([parsed(path, text) for path in ("z/far.py", "a/b/near.py", "a/mid.py")])
    definitions = store.queries.definitions("mean", "a/b/here.py", 2)
    assert [definition.path for definition in definitions] == ["a/b/near.py", "a/mid.py"]
    assert definitions[0][1:] == ("mean", "function", 2, "def mean(values):", "def mean(values):\n    return 1")
    assert store.queries.definitions("median", "a", 2) == []


def test_callers_nearest_first_with_what_they_stand_in(store: Store) -> None:
    store.update([parsed("a/lib.py", "def mean(values):\n    return mean(values[1:])\n")])
    store.update([parsed("z/far.py", "class A:\n    def f(self):\n        x = 1\n        return lib.mean([x])\n")])
    store.update([parsed("a/near.py", "import lib\n\n\ndef g():\n    pass\n\n\nlib.mean([])\n")])
    store.update([parsed("a/never.py", "mean = 'a word'  # and mean alone\n")])
    calls = store.queries.callers("mean", "a/here.py", 9)
    assert calls == [
        Call("a/lib.py", 1, "return mean(values[1:])", "mean"),
        Call("a/near.py", 7, "lib.mean([])", ""),
        Call("z/far.py", 3, "return lib.mean([x])", "f"),
    ]
    assert store.queries.callers("mean", "", 1) == calls[:1]
    for name in ("median", "", 'me"an', "x" * 99, "*", "mean OR f"):
        assert store.queries.callers(name, "", 9) == []


def test_an_update_touches_what_changed_alone(store: Store) -> None:
    body = "".join(f"    line_{number} = {number}\n" for number in range(20))
    store.update([parsed("a.py", f"def f():\n{body}\ndef g():\n{body}")])
    before = dict(store._reader.execute("SELECT text, id FROM chunk").fetchall())
    store.update([parsed("a.py", f"import x\n\n\ndef f():\n{body}\ndef g(changed):\n{body}")])
    after = dict(store._reader.execute("SELECT text, id FROM chunk").fetchall())
    kept = before.keys() & after.keys()
    assert len(kept) == 1
    assert all(before[text] == after[text] for text in kept)
    assert store.queries.definitions("g", "", 1)[0].signature == "def g(changed):"


def test_symbols_that_stayed_keep_their_rows(store: Store) -> None:
    text = "def f():\n    pass\n\n\ndef g():\n    pass\n"
    store.update([parsed("a.py", text)])
    before = dict(store._reader.execute("SELECT name, rowid FROM symbol").fetchall())
    store.update([parsed("a.py", "import a\n" + text.replace("def g", "def changed"))])
    after = dict(store._reader.execute("SELECT name, rowid FROM symbol").fetchall())
    assert after.keys() == {"f", "changed"}
    assert after["f"] == before["f"]
    assert [store.queries.definitions(name, "", 1)[0].line for name in ("f", "changed")] == [1, 5]


def test_removed_files_leave_nothing(store: Store) -> None:
    store.update([parsed("a.py", "def f():\n    pass\n"), parsed("d/b.py", "def g():\n    pass\n")])
    assert store.has_below("d")
    store.remove(["a.py", "d/b.py", "never.py"])
    assert not store.has_below("d")
    assert everything(store) == everything(open_store(None))


def test_broken_code_keeps_the_symbols_it_still_names(store: Store) -> None:
    good = "def first():\n    pass\n\n\ndef second():\n    pass\n\n\ndef third():\n    pass\n"
    store.update([parsed("a.py", good)])
    store.update([parsed("a.py", '"""unclosed\n' + good.replace("third", "fourth"))])
    assert [len(store.queries.definitions(name, "", 5)) for name in ("first", "second", "third")] == [1, 1, 0]
    store.update([parsed("a.py", good.replace("first", "renamed"))])
    assert [len(store.queries.definitions(name, "", 5)) for name in ("first", "renamed", "third")] == [0, 1, 1]


NAMES = st.sampled_from(["a.py", "d/b.py", "d/c.go"])
LINES = st.lists(
    st.sampled_from(["def f():", "def f(): pass", "    return fooBar", "class A:", "", "x = quokka_1", "type T int"]),
    max_size=60,
)
EDITS = st.lists(st.tuples(NAMES, LINES | st.none()), max_size=12)


@given(EDITS)
def test_any_edits_leave_what_a_fresh_build_has(edits: list[tuple[str, list[str] | None]]) -> None:
    edited, texts = open_store(None), dict[str, str]()
    for path, lines in edits:
        if lines is None:
            edited.remove([path])
            texts.pop(path, None)
        else:
            texts[path] = "\n".join(lines)
            file = parsed(path, texts[path])
            edited.update([file._replace(is_broken=False)])  # that it remembers symbols is tested by itself
    fresh = open_store(None)
    fresh.update([parsed(path, text) for path, text in sorted(texts.items())])
    assert everything(edited) == everything(fresh)
    edited.close()
    fresh.close()


@pytest.mark.parametrize("everything", [True, False])
def test_what_another_window_wrote_is_found(tmp_path: Path, everything: bool) -> None:
    one, other = open_store(tmp_path / "index.db"), open_store(tmp_path / "index.db")
    other.update([parsed("a.py", "quokkaTelescope()\n")])
    assert found(one, "quokka") == []
    one.follow_others(None if everything else ["a.py", "never.py"])
    assert found(one, "quokka") == ["a.py"]
    one.update([parsed("a.py", "other = 1\n")])
    other.follow_others(None)
    assert found(other, "quokka") == []


@pytest.mark.parametrize("saved", [True, False])
def test_opening_again_finds_the_same(tmp_path: Path, saved: bool) -> None:
    store = open_store(tmp_path / "index.db")
    store.update([parsed("a.py", "def f():\n    fooBar()\n")])
    if saved:
        store.save_frequencies()
    before = everything(store)
    store.close()
    again = open_store(tmp_path / "index.db")
    assert everything(again) == before
    again.update([parsed("b.py", "fooBar = 1\n")])
    again.close()
    assert open_store(tmp_path / "index.db")._frequencies.of("foobar") == 2


def test_the_file_is_the_persons_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "deep" / "index.db")
    store.update([parsed("a.py", "x = 1\n")])
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "deep").iterdir()} == {0o600}
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_index_is_built_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.db").write_bytes(content)
    store = open_store(tmp_path / "index.db")
    assert store.stamps() == {}


def test_an_index_of_another_format_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "index.db")
    store.update([parsed("a.py", "x = 1\n")])
    store.close()
    monkeypatch.setattr(store_module, "FORMAT", store_module.FORMAT + 1)
    assert open_store(tmp_path / "index.db").stamps() == {}


@pytest.mark.parametrize("seed", range(30))
def test_damage_is_noticed_or_harmless(tmp_path: Path, seed: int) -> None:
    """Random bytes over a page: what comes out is right, or DatabaseError."""
    path = tmp_path / "index.db"
    store = open_store(path)
    texts = {f"{n}.py": f"def function_{n}():\n" + f"    call_{n}_and_on()\n" * 30 for n in range(60)}
    store.update([parsed(name, text) for name, text in texts.items()])
    store.close()
    chance = random.Random(seed)
    with path.open("r+b") as file:
        for _ in range(4):
            file.seek(chance.randrange(4096, path.stat().st_size - 200))
            file.write(chance.randbytes(200))
    try:
        damaged = open_store(path)
        for n in range(60):
            for chunk in damaged.queries.search(terms_of(f"call_{n}_and_on"), 5):
                assert chunk.text in texts[chunk.path]
    except sqlite3.DatabaseError:
        return


def test_an_index_in_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MEMORY_LIMIT_BYTES", 300_000)
    store = open_store(None)

    def fill() -> None:
        for n in range(1_000):
            store.update([parsed(f"{n}.py", f"call_{n}()\n" * 200)])

    with pytest.raises(IndexFullError, match="larger than"):
        fill()
    assert found(store, "call_1")[0] == "1.py"


def test_frequencies_survive_and_refuse_what_is_damaged() -> None:
    frequencies = Frequencies([("foo", 3)])
    frequencies.add(slots_of(["foo", "bar"]))
    frequencies.take(["bar", "bar"])
    again = Frequencies.from_bytes(frequencies.to_bytes())
    assert (again.of("foo"), again.of("bar")) == (4, 0)
    for damaged in (b"", b"x" * 99, frequencies.to_bytes()[:-9]):
        with pytest.raises(ValueError, match=r"compressed|size"):
            Frequencies.from_bytes(damaged)


WRITER = """
import sys
from pathlib import Path
from tests.unit.test_context_store import parsed
from lsp_server.context.store import open_store
store = open_store(Path(sys.argv[1]))
n = len(store.stamps())
while True:
    store.update([parsed(f"{m}.py", f"def f_{m}():\\n    call_{m}()\\n") for m in range(n, n + 20)])
    n += 20
    print(n, flush=True)
"""


def test_killing_the_writer_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        written = [int(writer.stdout.readline()) for _ in range(3)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        store = open_store(path)
        assert len(store.stamps()) >= written
        assert len(store.stamps()) % 20 == 0
        assert found(store, f"call_{written - 1}")[0] == f"{written - 1}.py"
        store._writer.execute("INSERT INTO term (term) VALUES ('integrity-check')")
        assert store._writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store.close()
