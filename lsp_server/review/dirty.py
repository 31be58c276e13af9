"""What an edit in one statement of a file changes in the others. Pure.

A function that is called tells its callers what it does, so that whoever mentions what has changed is dirty too. Some
functions tell another story when they are walked through in another order: those that change variables of the file or
what is known of a class, those that call each other in a circle, and all that mention these. Invariant: of such
functions either none is walked through again or all that could have had them walked through, in the order of before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lsp_server.review.taint.records import Record
from lsp_server.review.units import Names, Unit, names_in, unit_at


@dataclass(slots=True)
class Deeds:
    """What a statement did in the file. names: those that it binds or changes. written: those its functions change."""

    names: set[bytes] = field(default_factory=set)
    written: set[bytes] = field(default_factory=set)
    is_cyclic: bool = False

    def add(self, record: Record) -> None:
        """Take in what one record has."""
        written = {name for each in record.written for name in names_in(each.encode("utf-8", "replace"))}
        bound = {name for each in record.bound for name in names_in(each.encode("utf-8", "replace"))}
        self.names |= written | bound
        self.written |= written
        self.is_cyclic = self.is_cyclic or record.is_cyclic


def deeds_of(units: Sequence[Unit], records: Iterable[Record]) -> list[Deeds]:
    """Return what each of `units` did, as `records` tell it."""
    deeds = [Deeds() for _ in units]
    for record in records:
        number = unit_at(units, record.start)
        if number >= 0:
            deeds[number].add(record)
    return deeds


class Ties:
    """How the statements of a file hang together by the names in them."""

    def __init__(self, units: Sequence[Unit], deeds: Sequence[Deeds]) -> None:
        self._units = units
        self._names = [each.names for each in deeds]
        self._definers: dict[bytes, list[int]] = defaultdict(list)
        for number, names in enumerate(self._names):
            for name in names:
                self._definers[name].append(number)
        known = self._definers.keys()
        self._mentions = [unit.mentions & known for unit in units]
        self._users: dict[bytes, list[int]] = defaultdict(list)
        for number, mentions in enumerate(self._mentions):
            for name in mentions:
                self._users[name].append(number)
        self._shaky = self._find_shaky(deeds)

    def dirty_after(self, number: int) -> set[int]:
        """Return the statements whose findings may be others after an edit in the functions of one."""
        dirty = {number}
        pending = [number]
        while pending:
            each = pending.pop()
            found = {user for name in self._names[each] for user in self._users[name]}
            found |= self._reached([self._mentions[each]]) & self._shaky
            pending += found - dirty
            dirty |= found
        return dirty

    def needed_for(self, dirty: Iterable[int]) -> set[int]:
        """Return the statements whose functions may run while the file is, or functions of `dirty`."""
        needed = set(dirty)
        known = self._definers.keys()
        # A function's own name in its head only says what it is called.
        starts = [
            unit.head & known - names if unit.bodies else unit.mentions & known
            for unit, names in zip(self._units, self._names, strict=True)
        ]
        return needed | self._reached([*starts, *(self._mentions[number] for number in needed)])

    def _find_shaky(self, deeds: Sequence[Deeds]) -> set[int]:
        """Return the statements that tell another story in another order."""
        written: set[bytes] = set().union(*(each.written for each in deeds))
        shaky = {
            number
            for number, each in enumerate(deeds)
            if each.written or each.is_cyclic or not written.isdisjoint(self._mentions[number])
        }
        pending = list(shaky)
        while pending:
            users = {user for name in self._names[pending.pop()] for user in self._users[name]}
            pending += users - shaky
            shaky |= users
        return shaky

    def _reached(self, starts: Iterable[Names]) -> set[int]:
        """Return the statements that what mentions `starts` leads to."""
        reached: set[int] = set()
        pending = [definer for names in starts for name in names for definer in self._definers[name]]
        while pending:
            number = pending.pop()
            if number not in reached:
                reached.add(number)
                pending += [definer for name in self._mentions[number] for definer in self._definers[name]]
        return reached
