"""The text on both sides of a cursor, and what was typed between two such places.

Invariant: two places are compared by their text alone, never by line numbers, so that edits far above change nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lsp_server.document import DocumentSnapshot, Position

_BEFORE_CHARS = 2000
_AFTER_CHARS = 500
_MOST_TYPED_CHARS = 400
_PROBE_CHARS = 24
"""Compared before the whole window is: most lengths that cannot be right differ here already."""
_CLOSERS = frozenset(")]}\"'`>")
_MOST_CLOSERS = 3


class Typed(NamedTuple):
    """What was written in front of the cursor, and the brackets and quotes that the editor put behind it meanwhile."""

    text: str
    closers: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a cursor: `before` ends at it, `after` begins there."""

    uri: str
    before: str
    after: str

    @classmethod
    def of(cls, snapshot: DocumentSnapshot, position: Position) -> "Surroundings":
        """Look around `position`."""
        before = snapshot.text_before(position, _BEFORE_CHARS)
        return cls(snapshot.uri, before, snapshot.text_after(position, _AFTER_CHARS))

    def typed_since(self, then: "Surroundings") -> Typed | None:
        """Return what was typed to get here from `then`; None where anything else changed as well."""
        if self.uri != then.uri:
            return None
        closers = self._closers_since(then)
        if closers is None:
            return None
        probe = then.before[-_PROBE_CHARS:]
        for n in range(min(len(self.before), _MOST_TYPED_CHARS) + 1):
            old = self.before[: len(self.before) - n]
            # Both windows end at the cursor: the older one moves out at the left by what was typed.
            if (
                old.endswith(probe[-len(old) :] if old else "")
                and self.before == (then.before + self.before[len(old) :])[-_BEFORE_CHARS:]
            ):
                return Typed(self.before[len(old) :], closers)
        return None

    def _closers_since(self, then: "Surroundings") -> str | None:
        for n in range(_MOST_CLOSERS + 1):
            if set(self.after[:n]) <= _CLOSERS and self.after == (self.after[:n] + then.after)[:_AFTER_CHARS]:
                return self.after[:n]
        return None
