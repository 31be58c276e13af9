"""The document store against a naive model that keeps one text and counts columns by encoding it."""

import re
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.document import (
    Change,
    Document,
    EncodedRange,
    Position,
    PositionEncoding,
    Unfit,
    character_of,
    column_of,
    split_lines,
)

# Characters of every width, every line end of LSP, whole and in pieces, and what only looks like a line end.
PIECES = ["a", "bc", " ", "é", "中", "🦊", "e\u0301", "\n", "\r", "\r\n", "\f", "\v", "\x1c", "\x85", "\u2028", "\0"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
RANGES = st.builds(EncodedRange, *[st.integers(0, 9)] * 4)
EDITS = st.lists(st.one_of(st.builds(Change, TEXTS, RANGES), TEXTS.map(Change)), min_size=1, max_size=8)
ENCODINGS = st.sampled_from(list(PositionEncoding))


def naive_lines(text: str) -> list[str]:
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)


def naive_width(character: str, encoding: PositionEncoding) -> int:
    unit = {PositionEncoding.UTF8: 1, PositionEncoding.UTF16: 2, PositionEncoding.UTF32: 4}[encoding]
    name = encoding if encoding is PositionEncoding.UTF8 else f"{encoding}-le"
    return len(character.encode(name)) // unit


def naive_offset(text: str, line: int, character: int, encoding: PositionEncoding) -> int:
    lines = naive_lines(text)
    if line >= len(lines):
        return len(text)
    offset = sum(map(len, lines[:line]))
    for char in lines[line].rstrip("\r\n"):
        character -= naive_width(char, encoding)
        if character < 0:
            break
        offset += 1
    return offset


def naive_apply(text: str, change: Change, encoding: PositionEncoding) -> str:
    if change.range is None:
        return change.text
    start = naive_offset(text, change.range.start_line, change.range.start_character, encoding)
    end = naive_offset(text, change.range.end_line, change.range.end_character, encoding)
    return text[: min(start, end)] + change.text + text[max(start, end) :]


@settings(max_examples=1500, deadline=None)
@given(TEXTS, st.lists(st.tuples(EDITS, st.booleans(), st.booleans()), max_size=5), ENCODINGS)
def test_edits_leave_the_text_of_the_naive_model(
    text: str, batches: list[tuple[list[Change], bool, bool]], encoding: PositionEncoding
) -> None:
    document = Document("file:///a", text, version=0, encoding=encoding)
    taken = []
    for version, (changes, is_taken, is_prepared) in enumerate(batches, start=1):
        if is_taken:
            taken.append((document.snapshot(), text))
        if is_prepared:
            document.prepare_edit()
        document.apply(changes, version)
        for change in changes:
            text = naive_apply(text, change, encoding)
        assert "".join(document.snapshot().lines) == text
        assert list(document.snapshot().lines) == naive_lines(text)
        assert (document.unfit is Unfit.BINARY) == ("\0" in text)
    for snapshot, old_text in taken:
        assert "".join(snapshot.lines) == old_text, "a snapshot changed"


@given(TEXTS, ENCODINGS, st.integers(0, 40))
def test_columns_round_trip(text: str, encoding: PositionEncoding, character: int) -> None:
    for line in naive_lines(text):
        content = line.rstrip("\r\n")
        for column in range(len(content) + 1):
            assert column_of(line, character_of(line, column, encoding), encoding) == column
        column = column_of(line, character, encoding)
        assert 0 <= column <= len(content)
        assert character_of(line, column, encoding) <= max(character, 0)


@given(TEXTS, st.integers(0, 12), st.integers(0, 6), st.integers(0, 30))
def test_text_around_a_position(text: str, line: int, column: int, max_chars: int) -> None:
    snapshot = Document("file:///a", text, version=0).snapshot()
    line = min(line, len(snapshot.lines) - 1)
    column = min(column, len(snapshot.lines[line]))
    offset = sum(map(len, snapshot.lines[:line])) + column
    assert snapshot.text_before(Position(line, column), max_chars) == text[max(0, offset - max_chars) : offset]
    assert snapshot.text_after(Position(line, column), max_chars) == text[offset : offset + max_chars]


def test_text_larger_than_one_piece_is_split_the_same() -> None:
    for ending in ("\n", "\r\n", "\r", "\u2028\n"):
        text = f"{'x' * 70}{ending}" * 40_000
        assert split_lines(text) == naive_lines(text)


@pytest.mark.parametrize("text", ["", "\n", "\r", "\r\n", "a", "a\n", "\n\r", "\r\r\n\n"])
def test_splitting_small_texts(text: str) -> None:
    assert split_lines(text) == naive_lines(text)


def test_line_end_in_two_halves_becomes_one() -> None:
    document = Document("file:///a", "ab", version=0)
    document.apply([Change("\r", EncodedRange(0, 1, 0, 1))], 1)
    assert list(document.snapshot().lines) == ["a\r", "b"]
    document.apply([Change("\n", EncodedRange(1, 0, 1, 0))], 2)
    assert list(document.snapshot().lines) == ["a\r\n", "b"]


def test_half_a_surrogate_pair_keeps_its_width() -> None:
    document = Document("file:///a", "\ud83dx", version=0)
    document.apply([Change("y", EncodedRange(0, 1, 0, 2))], 1)
    assert list(document.snapshot().lines) == ["\ufffdy"]


def test_out_of_sync_ignores_edits_until_the_whole_text_comes() -> None:
    document = Document("file:///a", "abc", version=0)
    before = document.snapshot()
    document.mark_out_of_sync()
    assert not document.is_current(before)
    document.apply([Change("X", EncodedRange(0, 0, 0, 1))], 1)
    assert document.snapshot().unfit is Unfit.OUT_OF_SYNC
    assert list(document.snapshot().lines) == ["abc"]
    document.apply([Change("new")], 2)
    assert document.snapshot().unfit is None
    assert list(document.snapshot().lines) == ["new"]


def test_snapshot_is_current_until_the_next_change() -> None:
    document = Document("file:///a", "abc", version=1)
    snapshot = document.snapshot()
    assert document.is_current(snapshot)
    assert document.snapshot() is snapshot
    document.apply([], 2)
    assert not document.is_current(snapshot)


def test_an_edit_that_was_prepared_copies_nothing() -> None:
    document = Document("file:///a", "abc\n" * 50_000, version=0)
    snapshot = document.snapshot()
    document.prepare_edit()
    tracemalloc.start()
    document.apply([Change("x", EncodedRange(1, 0, 1, 0))], 1)
    made = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made < 10_000, "a list of 50,000 lines takes 400,000 bytes"
    assert (snapshot.lines[1], document.snapshot().lines[1]) == ("abc\n", "xabc\n")


def test_what_was_prepared_for_a_text_is_gone_with_it() -> None:
    document = Document("file:///a", "old", version=0)
    document.snapshot()
    document.prepare_edit()
    document.mark_out_of_sync()
    document.apply([Change("new")], 1)
    document.snapshot()
    document.prepare_edit()
    document.apply([Change("er", EncodedRange(0, 3, 0, 3))], 2)
    assert list(document.snapshot().lines) == ["newer"]


def test_copy_is_independent() -> None:
    document = Document("file:///a", "abc", version=1, language_id="python", path="/a")
    other = document.copy()
    other.apply([Change("", EncodedRange(0, 0, 0, 1))], 2)
    assert list(document.snapshot().lines) == ["abc"]
    assert list(other.snapshot().lines) == ["bc"]
    assert other.snapshot().language_id == "python"


@pytest.mark.parametrize(("text", "ending"), [("", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb\n", "\r"), ("a\n", "\n")])
def test_line_ending_is_that_of_the_first_line(text: str, ending: str) -> None:
    assert Document("file:///a", text, version=0).snapshot().line_ending == ending


def test_nul_far_from_the_start_is_not_binary() -> None:
    assert Document("file:///a", "x" * 9000 + "\0", version=0).unfit is None
