"""What was typed between two places, by their text alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.surroundings import Surroundings, Typed
from lsp_server.document import Change, Document, DocumentSnapshot, EncodedRange, Position, PositionEncoding

TEXTS = st.lists(st.sampled_from(["a", "b", "(", " ", "é", "\n"]), max_size=40).map("".join)
WINDOWS_TEXTS = TEXTS.map(lambda text: text.replace("\n", "\r\n"))


def snapshot_of(text: str, uri: str = "file:///a.py") -> DocumentSnapshot:
    return Document(uri, text, version=1, encoding=PositionEncoding.UTF32).snapshot()


def at(text: str, uri: str = "file:///a.py") -> Surroundings:
    before, _, after = text.partition("‸")
    return Surroundings.of(
        snapshot_of(before + after, uri), Position(before.count("\n"), len(before.rpartition("\n")[2]))
    )


@pytest.mark.parametrize(
    ("then", "now", "typed"),
    [
        ("x = ‸\n", "x = ‸\n", Typed("", "")),
        ("x = ‸\n", "x = f‸\n", Typed("f", "")),
        ("x = ‸\n", "x = f(‸)\n", Typed("f(", ")")),
        ("x = ‸\n", "x = [f(‸)]\n", Typed("[f(", ")]")),
        ("x = ‸\n", "x = f‸g\n", None),
        ("x = ‸\n", "y = f‸\n", None),
        ("x = ‸\n", "x =‸\n", None),
        ("‸", "ab\n    ‸", Typed("ab\n    ", "")),
    ],
)
def test_typed(then: str, now: str, typed: Typed | None) -> None:
    assert at(now).typed_since(at(then)) == typed


def test_another_document() -> None:
    assert at("x = ‸", "file:///b.py").typed_since(at("x = ‸")) is None


@given(TEXTS, TEXTS, TEXTS)
def test_what_was_typed_is_found(before: str, typed: str, after: str) -> None:
    then, now = at(f"{before}‸{after}"), at(f"{before}{typed}‸{after}")
    found = now.typed_since(then)
    assert found is not None
    assert before + found.text == before + typed
    assert found.closers == ""


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 40))
def test_where_the_beginning_of_a_text_was_typed_may_follow(before: str, text: str, after: str, n_typed: int) -> None:
    then, now = at(f"{before}‸{after}"), at(f"{before}{text[:n_typed]}‸{after}")
    assert now.may_follow(then, text)


def test_above_the_window_nothing_is_compared() -> None:
    above = "line of text\n" * 400
    assert at(f"{above}x = f‸").typed_since(at(f"new\n{above}x = ‸")) == Typed("f", "")


@given(TEXTS | WINDOWS_TEXTS, TEXTS | WINDOWS_TEXTS, st.data())
def test_a_document_with_text_is_what_an_edit_makes_of_it(text: str, written: str, data: st.DataObject) -> None:
    snapshot = snapshot_of(text)
    line = data.draw(st.integers(0, len(snapshot.lines) - 1))
    column = data.draw(st.integers(0, len(snapshot.lines[line].rstrip("\r\n"))))
    edited = Document("file:///a.py", text, version=1, encoding=PositionEncoding.UTF32)
    edited.apply([Change(written, EncodedRange(line, column, line, column))], 2)
    accepted, behind = snapshot.with_text(Position(line, column), written)
    assert "".join(accepted.lines) == "".join(edited.snapshot().lines)
    before = "".join(accepted.lines[: behind.line]) + accepted.lines[behind.line][: behind.column]
    assert before == "".join(snapshot.lines[:line]) + snapshot.lines[line][:column] + written
