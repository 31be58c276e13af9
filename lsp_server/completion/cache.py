"""Suggestions made a moment ago, for when the same place is asked again or the person types what was suggested.

Invariant: an entry answers only where the text on both sides of the cursor is what it was made for, followed on the
left by a beginning of what it suggests, and on the right by nothing but brackets that the editor closed meanwhile. In
memory only, and small.
"""

from collections import OrderedDict

from lsp_server.completion.lines import Drop
from lsp_server.completion.surroundings import Surroundings, Typed

_MAX_ENTRIES = 64


class CompletionCache:
    """The last suggestions. An empty one stands for "nothing to add here", for a reason."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Surroundings, str] = OrderedDict()
        self._drops: dict[Surroundings, Drop] = {}

    def get(self, here: Surroundings) -> str | None:
        """Return what is left to suggest at `here`; None where nothing is known."""
        if here in self._texts:
            self._texts.move_to_end(here)
            return self._texts[here]
        for then, text in reversed(self._texts.items()):
            typed = here.typed_since(then) if text and here.may_follow(then, text) else None
            left = left_of(text, typed) if typed else None
            if left is not None:
                return left
        return None

    def why_nothing(self, here: Surroundings) -> Drop | None:
        """Return why there was nothing to suggest at `here`; None where there was, or nothing is known."""
        return self._drops.get(here)

    def put(self, here: Surroundings, text: str, drop: Drop | None = None) -> None:
        """Remember that `text` was suggested at `here`. drop: why nothing was, where it is empty."""
        self._texts[here] = text
        self._texts.move_to_end(here)
        self._drops.pop(here, None)
        if drop is not None and not text:
            self._drops[here] = drop
        if len(self._texts) > _MAX_ENTRIES:
            oldest, _ = self._texts.popitem(last=False)
            self._drops.pop(oldest, None)


def left_of(text: str, typed: Typed) -> str | None:
    """Return what of the suggestion `text` is left after `typed`; None if that was something else, or all but blanks.

    Closers that stand behind the cursor already are not suggested again.
    """
    if not text.startswith(typed.text) or not text.endswith(typed.closers):
        return None
    left = text[len(typed.text) : len(text) - len(typed.closers)]
    return left if left.strip() else None
