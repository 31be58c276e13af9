"""Text -> the words it is found by. Pure.

Invariant: the terms of a text depend on nothing but the text. What is in the index is taken out by computing them
again; whoever changes the rule changes `store.FORMAT`.
"""

import re
import zlib
from functools import lru_cache

_MAX_CHARS = 48
_IDENTIFIER = re.compile(r"[^\W\d]\w+")
_ASCII_IDENTIFIER = re.compile(_IDENTIFIER.pattern, re.ASCII)  # finds the same in ASCII, in two thirds of the time
_HUMPS = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")

N_SLOTS = 1 << 20
"""How many counters the document frequencies have; terms that share one count as more frequent than they are."""


def terms_of(text: str) -> set[str]:
    """Return the identifiers in `text`, in small letters, whole and by their parts (camelCase, snake_case)."""
    if len(_SPLIT) > _MAX_SPLIT:
        _SPLIT.clear()
    identifier = _ASCII_IDENTIFIER if text.isascii() else _IDENTIFIER
    return set[str]().union(*map(_SPLIT.__getitem__, set(identifier.findall(text))))


class _Split(dict[str, frozenset[str]]):
    """Identifier -> its terms, computed once: a look-up costs a tenth of it."""

    def __missing__(self, identifier: str) -> frozenset[str]:
        whole = identifier.lower()
        if len(whole) > _MAX_CHARS:
            terms = frozenset[str]()
        else:
            parts = {part.lower() for part in _HUMPS.findall(identifier)}
            terms = frozenset({whole, *(part for part in parts if len(part) > 1 and not part.isdigit())})
        self[identifier] = terms
        return terms


_SPLIT = _Split()
_MAX_SPLIT = 20_000


@lru_cache(maxsize=50_000)
def slot_of(term: str) -> int:
    """Return the number of the counter of `term`: the same in every process."""
    return zlib.crc32(term.encode()) & (N_SLOTS - 1)
