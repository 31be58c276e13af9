"""Which beginning of a text fits best between what stands around it, by what a grammar cannot make sense of.

Invariant: a text is only ever shortened, by whole lines, and only where that leaves fewer flaws.
"""

from lsp_server.completion.place import Place
from lsp_server.completion.tree import n_flaws

_MOST_CUT = 6
"""Lines that may be dropped from the end. Each costs a parse."""


def with_fewest_flaws(text: str, place: Place) -> str:
    """Return the longest beginning of `text`, in whole lines, with the fewest flaws; all of it where there is no tree.

    A text that leaves no more flaws at the cursor than there are without it stays whole.
    """
    least = n_flaws(place, text)
    if not least or least <= (n_flaws(place, "") or 0):
        return text
    best, lines = text, text.split("\n")
    for _ in range(min(_MOST_CUT, len(lines) - 1)):
        lines.pop()
        shorter = "\n".join(lines).rstrip()
        n = n_flaws(place, shorter) if shorter.strip() else None
        if n is not None and n < least:
            best, least = shorter, n
    return best
