"""In how many chunks each term stands, in memory: asking the index itself would cost milliseconds a term. Pure.

Terms are counted in a fixed number of slots by their hash, so that a workspace of any size costs 4 MB. Two terms in one
slot count as more frequent than they are; a term with no count stands nowhere for certain.
"""

import zlib
from array import array
from collections.abc import Iterable

from lsp_server.context.terms import N_SLOTS, slot_of


def slots_of(terms: Iterable[str]) -> bytes:
    """Return the counters of `terms` in a form to hand on, for machines of the same byte order."""
    if len(_SLOTS) > _MAX_SLOTS:
        _SLOTS.clear()
    return array("I", map(_SLOTS.__getitem__, terms)).tobytes()


class _Slots(dict[str, int]):
    """Term -> its counter, computed once."""

    def __missing__(self, term: str) -> int:
        slot = self[term] = slot_of(term)
        return slot


_SLOTS = _Slots()
_MAX_SLOTS = 50_000


class Frequencies:
    """Counts by term."""

    def __init__(self, counted: Iterable[tuple[str, int]] = ()) -> None:
        """Begin with `counted`: terms, each with the number of its chunks."""
        self._slots = array("I", bytes(4 * N_SLOTS))
        for term, n_chunks in counted:
            self._slots[slot_of(term)] += n_chunks

    @classmethod
    def from_bytes(cls, data: bytes) -> "Frequencies":
        """Return what `to_bytes` gave. Raises ValueError when `data` is something else."""
        frequencies = cls()
        try:
            slots = zlib.decompress(data)
        except zlib.error as error:
            raise ValueError("not compressed") from error
        if len(slots) != 4 * N_SLOTS:
            raise ValueError("of another size")
        frequencies._slots = array("I", slots)
        return frequencies

    def replace(self, other: "Frequencies") -> None:
        """Hold what `other` does."""
        self._slots = other._slots

    def to_bytes(self) -> bytes:
        """Return the counts in a form to keep, for machines of the same byte order."""
        return zlib.compress(self._slots.tobytes(), 1)

    def of(self, term: str) -> int:
        """Return in how many chunks `term` stands, at most."""
        return self._slots[slot_of(term)]

    def add(self, slots: bytes) -> None:
        """Count the terms of new chunks, by their `slots_of`, one behind the other."""
        counts = self._slots
        for slot in array("I", slots):
            counts[slot] += 1

    def take(self, terms: Iterable[str]) -> None:
        """Count the terms of a chunk that is gone no more."""
        for slot in map(slot_of, terms):
            self._slots[slot] = max(self._slots[slot], 1) - 1
