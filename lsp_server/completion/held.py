"""What an answer is held to before it is made: that it goes on with the word being typed, and fits where it stands.

Owns where the prompt ends. A cut within what the model reads as one token makes it say something else: the prompt ends
in front of the word and the blanks before it, and the answer has to say them first. Pure.
"""

import re
from typing import NamedTuple

from lsp_server.completion.line_start import is_above_indentation
from lsp_server.completion.place import Place, opened
from lsp_server.completion.shape import slots_at, to_grammar

_BEGUN = re.compile(r"[ \t]*\w*\Z")
_MOST_BEGUN_CHARS = 40
"""Of a word. What is said again costs decoding, though it is computed like a guess that holds."""


class Held(NamedTuple):
    """begun: what stands right in front of the cursor, and the answer says first; grammar: in Lark's notation."""

    begun: str
    grammar: str


def held_at(place: Place) -> Held | None:
    """Return what an answer at `place` is held to; None for nothing."""
    begun = begun_of(place.before)
    slots = slots_at(opened(place) if is_above_indentation(place) else place)
    if slots:
        return Held(begun, to_grammar(slots))
    return Held(begun, f"start: ALL\nALL: /{begun}(.|\\n)*/\n") if begun else None


def begun_of(before: str) -> str:
    """Return the end of `before` that may be the beginning of a token."""
    match = _BEGUN.search(before)
    begun = match.group() if match is not None else ""
    return begun if len(begun.strip()) <= _MOST_BEGUN_CHARS else ""
