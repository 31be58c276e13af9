"""The completion cache: what it may answer, and above all what not."""

import pytest

from lsp_server.completion.cache import CompletionCache
from lsp_server.completion.surroundings import Surroundings
from lsp_server.document import Document, Position


def at(text: str, uri: str = "file:///a.py") -> Surroundings:
    """Return what stands around the cursor (`‸`) in `text`."""
    before, _, after = text.partition("‸")
    snapshot = Document(uri, before + after, version=1).snapshot()
    return Surroundings.of(snapshot, Position(before.count("\n"), len(before.rpartition("\n")[2])))


@pytest.fixture
def cache() -> CompletionCache:
    cache = CompletionCache()
    cache.put(at("x = ‸\n"), "compute(a)\nprint(x)")
    return cache


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x = ‸\n", "compute(a)\nprint(x)"),
        ("x = comp‸\n", "ute(a)\nprint(x)"),
        ("x = compute(a)\npri‸\n", "nt(x)"),
        ("x = compute(a)\nprint(x)‸\n", None),
        ("x = compare‸\n", None),
        ("y = comp‸\n", None),
        ("x = ‸# note\n", None),
        ("x = compute(‸)\n", "a)\nprint(x"),  # with the bracket that the editor closed, the text that was suggested
        ("x =‸\n", None),
    ],
)
def test_hits(cache: CompletionCache, text: str, left: str | None) -> None:
    assert cache.get(at(text)) == left


def test_another_document_is_another_place(cache: CompletionCache) -> None:
    assert cache.get(at("x = ‸\n", uri="file:///b.py")) is None


def test_that_there_is_nothing_is_known_too(cache: CompletionCache) -> None:
    cache.put(at("done‸"), "")
    assert cache.get(at("done‸")) == ""


def test_typed_along_in_a_long_document() -> None:
    cache = CompletionCache()
    above = "line\n" * 1000
    cache.put(at(f"{above}x‸"), "yz = 1")
    assert cache.get(at(f"{above}xyz‸")) == " = 1"


def test_the_oldest_goes_first() -> None:
    cache = CompletionCache()
    for i in range(100):
        cache.put(at(f"{i} ‸"), f"text {i}")
    assert cache.get(at("99 ‸")) == "text 99"
    assert cache.get(at("1 ‸")) is None


@pytest.mark.parametrize(
    ("suggested", "typed", "left"),
    [
        ("print(a, b)", "print(‸)", "a, b"),
        ("print('a')", "print('‸')", "a"),
        ("{\n    a: 1,\n}", "{‸}", "\n    a: 1,\n"),
        ("print(a) + 1", "print(‸)", None),
        ("print()", "print(‸)", None),
    ],
)
def test_brackets_that_the_editor_closed(suggested: str, typed: str, left: str | None) -> None:
    cache = CompletionCache()
    cache.put(at("x = ‸\n"), suggested)
    assert cache.get(at(f"x = {typed}\n")) == left


def test_deleting_back_to_where_something_was_suggested(cache: CompletionCache) -> None:
    cache.put(at("x = compare‸\n"), "(a, b)")
    assert cache.get(at("x = comp‸\n")) == "ute(a)\nprint(x)"
    assert cache.get(at("x = ‸\n")) == "compute(a)\nprint(x)"
