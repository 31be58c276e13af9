"""What an answer is held to before it is made: that it goes on with the word being typed, and fits where it stands.

Owns where the prompt ends. A cut within what the model reads as one token makes it say something else: the prompt ends
in front of the word and the blanks before it, and the answer has to say them first. Where only one depth is possible
the prompt ends with that indentation but for its last blank, which is of one token with the word behind it: a model
that may choose begins with the indentation it would rather have and is then led to the other blank by blank. Pure.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from lsp_server.completion.line_start import is_above_indentation
from lsp_server.completion.place import Place, opened
from lsp_server.completion.shape import slots_at, to_grammar

_BEGUN = re.compile(r"[ \t]*\w*\Z")
_MOST_BEGUN_CHARS = 40
"""Of a word. What is said again costs decoding, though it is computed like a guess that holds."""


class Held(NamedTuple):
    """begun: what stands right in front of the cursor and is not in the prompt; said: what of the answer is in it.

    said and answer together say `begun` first. grammar: of the answer, in Lark's notation.
    """

    begun: str
    said: str
    grammar: str


def held_at(place: Place) -> Held | None:
    """Return what an answer at `place` is held to; None for nothing."""
    begun = begun_of(place.before)
    slots = slots_at(opened(place) if is_above_indentation(place) else place)
    if len(slots) == 1:
        indent = slots[0].indent
        return Held(begun, indent[:-1], to_grammar([replace(slots[0], indent=indent[-1:])]))
    if slots:
        return Held(begun, "", to_grammar(slots))
    return Held(begun, "", f"start: ALL\nALL: /{begun}(.|\\n)*/\n") if begun else None


def begun_of(before: str) -> str:
    """Return the end of `before` that may be the beginning of a token."""
    match = _BEGUN.search(before)
    begun = match.group() if match is not None else ""
    return begun if len(begun.strip()) <= _MOST_BEGUN_CHARS else ""
