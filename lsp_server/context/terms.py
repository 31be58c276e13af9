"""Text -> the words it is found by. Pure.

Invariant: the terms of a text depend on nothing but the text. What is in the index is taken out by computing them
again; whoever changes the rule changes `store.FORMAT`.
"""

import re
import zlib
from collections.abc import Iterable

_MAX_CHARS = 48
_WORD = re.compile(r"\w+")
_IDENTIFIER = re.compile(r"[^\W\d]\w+")
_HUMPS = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_BLANKED = bytes(code if chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(128)) + b" " * 128

N_SLOTS = 1 << 20
"""How many counters the document frequencies have; terms that share one count as more frequent than they are."""


def words_of(text: str) -> set[str]:
    """Return the runs of letters, digits and underscores in `text`."""
    if text.isascii():  # a third of the time that the pattern takes
        return set(text.encode().translate(_BLANKED).decode().split())
    return set(_WORD.findall(text))


def terms_of(text: str) -> set[str]:
    """Return the identifiers in `text`, in small letters, whole and by their parts (camelCase, snake_case)."""
    return terms_of_words(words_of(text))


def terms_of_words(words: Iterable[str]) -> set[str]:
    """Return the terms of a text that has the `words_of` it."""
    if len(_SPLIT) > _MAX_SPLIT:
        _SPLIT.clear()
    return set[str]().union(*map(_SPLIT.__getitem__, words))


class _Split(dict[str, tuple[str, ...]]):
    """Word -> its terms, computed once: a look-up costs a tenth of it."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        if word.isascii() and word.isalpha() and word.islower():  # what most words are, so that they get no pattern
            terms: tuple[str, ...] = (word,) if 1 < len(word) <= _MAX_CHARS else ()
        else:
            identifier = _IDENTIFIER.search(word)  # at most one: it goes on to the end of the word
            terms = () if identifier is None else _terms_in(identifier[0])
        self[word] = terms
        return terms


def _terms_in(identifier: str) -> tuple[str, ...]:
    whole = identifier.lower()
    if len(whole) > _MAX_CHARS:
        return ()
    parts = [part.lower() for part in _HUMPS.findall(identifier)]
    return (whole, *(part for part in parts if len(part) > 1 and not part.isdigit()))


_SPLIT = _Split()
_MAX_SPLIT = 50_000


def slot_of(term: str) -> int:
    """Return the number of the counter of `term`: the same in every process."""
    return zlib.crc32(term.encode()) & (N_SLOTS - 1)
