"""What becomes of a suggestion: read off the document, recorded without its text, summed up."""

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.completion.surroundings import Surroundings
from lsp_server.document import Document, DocumentSnapshot, Position, PositionEncoding
from lsp_server.feedback.acceptance import Shown
from lsp_server.feedback.figures import sum_up
from lsp_server.feedback.records import Fate, Outcome, Request
from lsp_server.feedback.store import FeedbackStore, read


def snapshot_of(text: str) -> DocumentSnapshot:
    return Document("file:///a.py", text, version=1, encoding=PositionEncoding.UTF32).snapshot()


def shown_at(text: str, suggestion: str) -> Shown:
    before, _, after = text.partition("‸")
    position = Position(before.count("\n"), len(before.rpartition("\n")[2]))
    return Shown(position, Surroundings.of(snapshot_of(before + after), position), suggestion)


@pytest.mark.parametrize(
    ("edits", "outcome", "n_taken"),
    [
        (["x = compute(a)\n"], Outcome.ACCEPTED, 10),
        (["x = compute\n", "x = compute(\n"], Outcome.PARTLY, 7),  # a word, then a letter
        (["x = compute\n", "x = compute(a)\n"], Outcome.ACCEPTED, 10),  # a word, then the rest
        (["x = c\n", "x = compute(a)\n"], Outcome.ACCEPTED, 9),  # a letter, then the rest
        ([f"x = {'compute(a)'[:n]}\n" for n in range(1, 11)], Outcome.TYPED, 0),
        (["x = d\n"], Outcome.IGNORED, 0),
        (["y = compute(a)\n"], Outcome.IGNORED, 0),
        ([""], Outcome.IGNORED, 0),
        (["x = compute(a)\n# and below\n"], Outcome.ACCEPTED, 10),
    ],
)
def test_outcomes(edits: list[str], outcome: Outcome, n_taken: int) -> None:
    shown = shown_at("x = ‸\n", "compute(a)")
    for text in edits:
        shown.follow(snapshot_of(text))
    assert shown.outcome() is outcome
    assert shown.n_at_once == n_taken


def test_it_is_over_once_all_of_it_is_there_or_its_place_is_gone() -> None:
    assert not shown_at("x = ‸\n", "ab").follow(snapshot_of("x = ab\n"))
    assert not shown_at("x = ‸\n", "ab").follow(snapshot_of("new\nx = \n"))
    assert shown_at("x = ‸\n", "ab").follow(snapshot_of("x = a\n"))


@pytest.mark.parametrize(
    ("later", "is_kept"),
    [
        ("x = compute(a)\n", True),
        ("import b\n\nx = compute(a) + b\n", True),
        ("x = compare(a)\n", False),
        ("", False),
    ],
)
def test_kept(later: str, is_kept: bool) -> None:
    shown = shown_at("x = ‸\n", "compute(a)")
    shown.follow(snapshot_of("x = compute(a)\n"))
    assert shown.is_kept(snapshot_of(later)) is is_kept


def test_the_rest_of_a_suggestion_is_the_same_suggestion() -> None:
    shown = shown_at("x = ‸\n", "compute(a)")
    now = snapshot_of("x = com\n")
    shown.follow(now)
    assert shown.expects(now, Position(0, 7), "pute(a)")
    assert not shown.expects(now, Position(0, 7), "plete()")


FATES = [
    Fate(86_400, "python", "accepted", 10, 10, True),
    Fate(86_400, "python", "ignored", 5, 0, None),
    Fate(3 * 86_400, "go", "partly", 10, 4, False),
    Fate(3 * 86_400, "python", "typed", 10, 0, None),
]
REQUESTS = [Request(86_400, "cache", 1.0, 3), Request(86_400, "engine", 100.0, 0), Request(86_400, "stream", 20.0, 3)]


def test_summing_up() -> None:
    figures = sum_up(REQUESTS, FATES)
    assert (figures.n_requests, figures.n_shown, figures.n_chars_taken) == (3, 4, 14)
    assert figures.outcomes == {"accepted": 1, "partly": 1, "typed": 1, "ignored": 1}
    assert figures.taken_share == 0.5
    assert figures.kept_share == 0.5
    assert figures.engine_free_share == pytest.approx(2 / 3)
    assert (figures.latency_ms_p50, figures.latency_ms_p95) == (20.0, 100.0)
    assert [(day.day, day.n_shown, day.n_taken) for day in figures.days] == [(1, 2, 1), (2, 0, 0), (3, 2, 1)]
    assert [language.name for language in figures.languages] == ["python", "go"]


def test_nothing_to_sum_up() -> None:
    figures = sum_up([], [])
    assert figures.taken_share is figures.latency_ms_p50 is figures.kept_share is None
    assert figures.days == ()


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "feedback.sqlite"
    fates = [replace(fate, at=2**31 + number) for number, fate in enumerate(FATES)]
    store = FeedbackStore(path)
    for fate in fates:
        store.add(fate)
    for request in REQUESTS:
        store.add(request)
    store.close()
    assert read(path, Fate, 0) == fates
    assert read(path, Fate, 2**31 + 2) == fates[2:]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_old_records_go(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"
    store = FeedbackStore(path)
    store.add(REQUESTS[0])  # of 1970
    store.close()
    assert read(path, Request, 0) == []


@pytest.mark.parametrize("round_", range(10))
def test_windows_that_open_at_once_share_the_file(tmp_path: Path, round_: int) -> None:
    path = tmp_path / f"feedback{round_}.sqlite"
    stores = [FeedbackStore(path) for _ in range(8)]
    for number in range(20):
        stores[number % 8].add(Fate(2**31, "python", "ignored", number, 0, None))
    for store in stores:
        store.close()
    assert sorted(fate.n_chars for fate in read(path, Fate, 0)) == list(range(20))


@pytest.mark.parametrize("content", [b"no database at all, but text " * 100, None])
def test_a_file_that_cannot_be_used_stops_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "feedback.sqlite"
    path.mkdir() if content is None else path.write_bytes(content)
    store = FeedbackStore(path)
    store.add(REQUESTS[0])
    store.add(REQUESTS[1])
    store.close()


def test_another_versions_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 99")
    connection.close()
    store = FeedbackStore(path)
    store.add(REQUESTS[0])
    store.close()
    with pytest.raises(sqlite3.Error, match="another version"):
        read(path, Request, 0)


def test_nothing_was_recorded_yet(tmp_path: Path) -> None:
    assert read(tmp_path / "feedback.sqlite", Request, 0) == []
