"""Text -> the words it is found by. Pure.

Invariant: the terms of a text depend on nothing but the text. What is in the index is taken out by computing them
again; whoever changes the rule changes `store.FORMAT`.
"""

import re
import zlib
from functools import lru_cache

_MAX_CHARS = 48
_IDENTIFIER = re.compile(r"[^\W\d]\w+")
_HUMPS = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")

N_SLOTS = 1 << 20
"""How many counters the document frequencies have; terms that share one count as more frequent than they are."""


def terms_of(text: str) -> set[str]:
    """Return the identifiers in `text`, in small letters, whole and by their parts (camelCase, snake_case)."""
    terms: set[str] = set()
    for identifier in set(_IDENTIFIER.findall(text)):
        terms |= _split(identifier)
    return terms


@lru_cache(maxsize=20_000)
def _split(identifier: str) -> frozenset[str]:
    whole = identifier.lower()
    if len(whole) > _MAX_CHARS:
        return frozenset()
    parts = {part.lower() for part in _HUMPS.findall(identifier)}
    return frozenset({whole, *(part for part in parts if len(part) > 1 and not part.isdigit())})


@lru_cache(maxsize=50_000)
def slot_of(term: str) -> int:
    """Return the number of the counter of `term`: the same in every process."""
    return zlib.crc32(term.encode()) & (N_SLOTS - 1)
