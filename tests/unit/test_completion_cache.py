"""The completion cache: what it may answer, and above all what not."""

import pytest

from lsp_server.completion.cache import CompletionCache
from lsp_server.document import Document, DocumentSnapshot, Position


def at(text: str, uri: str = "file:///a.py") -> tuple[DocumentSnapshot, Position]:
    """Return the document and the cursor (`‸`) that `text` shows."""
    before, _, after = text.partition("‸")
    snapshot = Document(uri, before + after, version=1).snapshot()
    return snapshot, Position(before.count("\n"), len(before.rpartition("\n")[2]))


@pytest.fixture
def cache() -> CompletionCache:
    cache = CompletionCache()
    cache.put(*at("x = ‸\n"), "compute(a)\nprint(x)")
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
        ("x =‸\n", None),
    ],
)
def test_hits(cache: CompletionCache, text: str, left: str | None) -> None:
    assert cache.get(*at(text)) == left


def test_another_document_is_another_place(cache: CompletionCache) -> None:
    assert cache.get(*at("x = ‸\n", uri="file:///b.py")) is None


def test_that_there_is_nothing_is_known_too(cache: CompletionCache) -> None:
    cache.put(*at("done‸"), "")
    assert cache.get(*at("done‸")) == ""


def test_typed_along_in_a_long_document() -> None:
    cache = CompletionCache()
    above = "line\n" * 1000
    cache.put(*at(f"{above}x‸"), "yz = 1")
    assert cache.get(*at(f"{above}xyz‸")) == " = 1"


def test_the_oldest_goes_first() -> None:
    cache = CompletionCache()
    for i in range(100):
        cache.put(*at(f"{i} ‸"), f"text {i}")
    assert cache.get(*at("99 ‸")) == "text 99"
    assert cache.get(*at("1 ‸")) is None
