"""Suggestions made a moment ago, for when the same place is asked again or the person types what was suggested.

Invariant: an entry answers only where the text on both sides of the cursor is what it was made for, followed on the
left by a beginning of what it suggests. In memory only, and small.
"""

from collections import OrderedDict
from dataclasses import dataclass

from lsp_server.document import DocumentSnapshot, Position

_MAX_ENTRIES = 64
_BEFORE_CHARS = 2000
_AFTER_CHARS = 500


@dataclass(frozen=True, slots=True)
class _Key:
    uri: str
    before: str
    after: str


class CompletionCache:
    """The last suggestions. An empty one stands for "nothing to add here"."""

    def __init__(self) -> None:
        self._texts: OrderedDict[_Key, str] = OrderedDict()

    def get(self, snapshot: DocumentSnapshot, position: Position) -> str | None:
        """Return what is left to suggest at `position`; None where nothing is known."""
        here = _key(snapshot, position)
        if here in self._texts:
            self._texts.move_to_end(here)
            return self._texts[here]
        for key in reversed(self._texts):
            left = _left_to_type(self._texts[key], key, here)
            if left is not None:
                return left
        return None

    def put(self, snapshot: DocumentSnapshot, position: Position, text: str) -> None:
        """Remember that `text` was suggested at `position`."""
        key = _key(snapshot, position)
        self._texts[key] = text
        self._texts.move_to_end(key)
        if len(self._texts) > _MAX_ENTRIES:
            self._texts.popitem(last=False)


def _key(snapshot: DocumentSnapshot, position: Position) -> _Key:
    before = snapshot.text_before(position, _BEFORE_CHARS)
    return _Key(snapshot.uri, before, snapshot.text_after(position, _AFTER_CHARS))


def _left_to_type(text: str, then: _Key, now: _Key) -> str | None:
    """Return the rest of `text` where a beginning of it was typed since `then`; None if only blanks are left."""
    if now.uri != then.uri or now.after != then.after:
        return None
    for n_typed in range(1, len(text)):
        # Both windows end at the cursor: the older one moves out at the left by what was typed.
        if not now.before.endswith(text[:n_typed]):
            continue
        if now.before == (then.before + text[:n_typed])[-_BEFORE_CHARS:]:
            return text[n_typed:] if text[n_typed:].strip() else None
    return None
