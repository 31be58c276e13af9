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
"""Looked for before the whole window is compared: it tells where the older place may have been."""
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

    def may_follow(self, then: "Surroundings", text: str) -> bool:
        """Tell at little cost of most places that nobody comes there from `then` by typing the beginning of `text`."""
        probe = then.before[-_PROBE_CHARS:]
        return probe + text[:1] in self.before[-_MOST_TYPED_CHARS - _PROBE_CHARS :] or self.before.endswith(probe)

    def typed_since(self, then: "Surroundings") -> Typed | None:
        """Return what was typed to get here from `then`; None where anything else changed as well."""
        # Most places looked at are no such: this tells it of nearly all of them.
        if self.uri != then.uri or then.before[-_PROBE_CHARS:] not in self.before[-_MOST_TYPED_CHARS - _PROBE_CHARS :]:
            return None
        text = self._text_since(then)
        closers = self._closers_since(then) if text is not None else None
        return None if text is None or closers is None else Typed(text, closers)

    def _text_since(self, then: "Surroundings") -> str | None:
        before, probe = self.before, then.before[-_PROBE_CHARS:]
        first, end = max(0, len(before) - _MOST_TYPED_CHARS - len(probe)), len(before)
        while end >= len(probe) and (found := before.rfind(probe, first, end)) >= 0:
            text = before[found + len(probe) :]
            # Both windows end at the cursor: the older one moves out at the left by what was typed.
            if before == (then.before + text)[-_BEFORE_CHARS:]:
                return text
            end = found + len(probe) - 1
        return None

    def _closers_since(self, then: "Surroundings") -> str | None:
        for n in range(_MOST_CLOSERS + 1):
            if set(self.after[:n]) <= _CLOSERS and self.after == (self.after[:n] + then.after)[:_AFTER_CHARS]:
                return self.after[:n]
        return None
