"""Where in the text before a cursor later prompts may begin to differ. Pure: text in, offsets out, by rules of lines.

Invariant: a handful of places, whatever the text and its language: each may cost a hybrid model's KV cache a
checkpoint.
"""

import re
from itertools import pairwise

# Of each of the two outermost kinds of blocks (a class and its methods, a function and its loops) the last ones.
_N_LEVELS = 2
_N_PER_LEVEL = 2
_LINE = re.compile(r"^([ \t]*)(\S)", re.MULTILINE)
# What goes on from the line before, as the end of a signature over several lines does.
_CLOSING = ")]}"


def line_starts(text: str) -> list[int]:
    """Return the offsets in `text` of the last function starts, and of its last line; in order, each once."""
    return sorted({*function_starts(text), text.rfind("\n") + 1})


def function_starts(text: str) -> list[int]:
    """Return the offsets of the last lines that begin an outer block: those with deeper lines under them.

    At most four; the line that the cursor stands in counts as a line, whatever is on it.
    """
    lines = [(match.start(), _width(match[1]), match[2]) for match in _LINE.finditer(text)]
    last = text.rfind("\n") + 1
    if not text[last:].strip():
        lines.append((last, _width(text[last:]), ""))
    openers = [
        (width, start)
        for (start, width, first), (_, next_width, _) in pairwise(lines)
        if next_width > width and first not in _CLOSING
    ]
    levels = sorted({width for width, _ in openers})[:_N_LEVELS]
    return sorted(start for level in levels for start in [s for width, s in openers if width == level][-_N_PER_LEVEL:])


def _width(indentation: str) -> int:
    return len(indentation.expandtabs())
