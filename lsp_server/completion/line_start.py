"""Whether what the model writes in front of a line belongs on lines of its own above it, or into the line.

Invariant: as in `cut`, a verdict that was given on the beginning of an answer stands whatever follows.
"""

from lsp_server.completion.cut import cut
from lsp_server.completion.place import Place, opened


def place_of(raw: str, place: Place) -> Place:
    """Return where `raw` goes: `place`, or a line of its own in front of the rest of the cursor's line."""
    if place.before.strip() or not place.after.strip():
        return place
    if is_above_indentation(place):
        return opened(place)
    text = raw.replace("\r", "\n")
    first, newline, _ = text.lstrip().partition("\n")
    lead = text[: len(text) - len(text.lstrip())]
    if "\n" in lead:
        return opened(place)
    is_inline = not newline or cut(lead + first, place, has_ended=False, single_line=True).is_final
    return place if is_inline else opened(place)


def is_above_indentation(place: Place) -> bool:
    """Tell whether the cursor stands at the beginning of a line that is indented: nothing goes in front of that."""
    return not place.before and place.after[:1].isspace() and bool(place.after.strip())
