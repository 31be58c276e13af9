"""What the person saw and wrote a moment ago: a small ring, and edits as diffs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.likeness import likeness
from lsp_server.context.recent import Edits, SeenChunks
from lsp_server.document import Change, Document, EncodedRange

PATH = "/project/a.py"


def module(name: str, n_lines: int = 30) -> list[str]:
    return [f"def {name}_{number}(values): return {name}_total(values, {number})\n" for number in range(n_lines)]


def never(_path: str, _first: int, _last: int) -> bool:
    return False


def texts(seen: SeenChunks, around: str) -> list[str]:
    return [chunk.path for chunk in seen.telling(around, never, 10)]


def test_chunks_that_share_identifiers_come_first() -> None:
    seen = SeenChunks()
    for name in ("parcel", "ledger", "sensor"):
        seen.note(f"/{name}.py", module(name), 10)
    around = "x = ledger_total(ledger_1, ledger_2, ledger_3, values)"
    assert texts(seen, around)[0] == "/ledger.py"
    assert "/sensor.py" not in texts(seen, around)


def test_what_looks_like_the_text_at_the_cursor_leaves_the_ring() -> None:
    seen = SeenChunks()
    seen.note(PATH, module("parcel"), 10)
    assert texts(seen, "".join(module("parcel"))) == []
    assert texts(seen, "parcel_total(parcel_1, parcel_2, parcel_3)") == []


def test_the_same_place_is_kept_once() -> None:
    seen = SeenChunks()
    for line in (100, 103, 98):
        seen.note(PATH, module("parcel", 200), line)
    assert len(texts(seen, "parcel_total(parcel_98, parcel_99, values)")) == 1


def test_what_stands_in_the_prompt_anyway_is_left_out() -> None:
    seen = SeenChunks()
    seen.note(PATH, module("parcel"), 10)
    assert seen.telling("parcel_total(parcel_1, parcel_2, values)", lambda path, *_: path == PATH, 10) == []


@pytest.mark.parametrize("path", ["/project/.env", "/home/me/.ssh/config", "/project/server.pem"])
def test_files_named_as_secrets_are_never_seen(path: str) -> None:
    seen = SeenChunks()
    seen.note(path, module("parcel"), 3)
    assert texts(seen, "parcel_total(parcel_1, parcel_2, values)") == []
    document = Document("u", "KEY=1\n", version=1, path=path)
    edits = Edits(lambda _: document.snapshot().lines)
    edits.follow(path, 0, 0, 1)
    edits.settle()
    assert edits.last(9) == []


@given(st.integers(1, 200))
def test_the_ring_stays_small(n_places: int) -> None:
    seen = SeenChunks()
    for number in range(n_places):
        seen.note(f"/{number}.py", module(f"name{number}", 12), 0)
    assert len(seen.telling("values " + " ".join(f"name{n}_total" for n in range(200)), never, 999)) <= 32


def test_likeness() -> None:
    text = "".join(module("parcel"))
    assert likeness(text, text) == 1.0
    assert likeness(text, "".join(module("ledger"))) < 0.5
    assert likeness("", "") == 0.0


class Typist:
    """A document whose edits are followed."""

    def __init__(self, text: str) -> None:
        self.document = Document("u", text, version=1, path=PATH)
        self.edits = Edits(lambda path: self.document.snapshot().lines if path == PATH else None)

    def edit(self, first: int, start: int, last: int, end: int, text: str) -> None:
        self.edits.follow(PATH, first, last, text.count("\n") + 1)
        change = Change(text, EncodedRange(first, start, last, end))
        self.document.apply([change], self.document.version + 1)

    def diffs(self) -> list[str]:
        self.edits.settle()
        return [edit.text for edit in self.edits.last(9)]


LINES = "".join(f"line {number}\n" for number in range(20))


def test_what_is_typed_in_one_place_is_one_edit() -> None:
    typist = Typist(LINES)
    for column, character in enumerate("new "):
        typist.edit(3, column, 3, column, character)
    assert typist.diffs() == ["-line 3\n+new line 3"]


def test_edits_in_neighbouring_lines_are_one() -> None:
    typist = Typist(LINES)
    typist.edit(5, 0, 5, 4, "row")
    typist.edit(4, 0, 4, 4, "row")
    typist.edit(6, 6, 6, 6, "\nmore")
    assert typist.diffs() == ["-line 4\n-line 5\n+row 4\n+row 5\n line 6\n+more"]


def test_edits_in_places_apart_are_several_the_newest_first() -> None:
    typist = Typist(LINES)
    typist.edit(15, 0, 15, 4, "row")
    typist.edit(2, 0, 3, 0, "")
    assert typist.diffs() == ["-line 2", "-line 15\n+row 15"]


def test_what_was_undone_is_no_edit() -> None:
    typist = Typist(LINES)
    typist.edit(3, 0, 3, 0, "x")
    typist.edit(3, 0, 3, 1, "")
    assert typist.diffs() == []


def test_large_edits_are_left_out() -> None:
    typist = Typist(LINES)
    typist.edit(3, 0, 3, 0, "more\n" * 40)
    assert typist.diffs() == []


edits = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.text("ab\n", max_size=6)), min_size=1, max_size=12)


@given(edits)
def test_what_a_diff_adds_stands_in_the_text(steps: list[tuple[int, int, str]]) -> None:
    typist = Typist("".join(f"l{number}\n" for number in range(12)))
    for first, n_more, text in steps:
        most = len(typist.document.snapshot().lines) - 1
        typist.edit(min(first, most), 0, min(first + n_more, most), 0, text)
    newest = next(iter(typist.diffs()), "")
    now = "".join(typist.document.snapshot().lines)
    assert "\n".join(line[1:] for line in newest.split("\n") if line[:1] in ("+", " ")) in now
