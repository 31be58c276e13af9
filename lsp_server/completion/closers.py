"""Whether a closer, a bracket or a word that ends a block, is missing where the model writes it. By indentation."""

from collections.abc import Sequence

from lsp_server.completion.place import indent_width
from lsp_server.completion.syntax import CLOSER_OF, closer_of_line, opens_block, unmatched


def lacks_closer(closer: str, width: int, above: Sequence[str], below: str, language_id: str) -> bool:
    """Tell whether a block that is open after the lines `above` lacks `closer`, written at `width` columns.

    below: the next line that is not blank, empty where there is none. A closer that stands there ends the block.
    """
    lines = [line for line in above if line.strip()]
    if below and indent_width(below) > width and not _is_left_open(lines, below, language_id):
        return False
    if below and indent_width(below) == width and closer_of_line(below) == closer:
        return False
    n_ended = 0  # blocks on the way up whose own closers were met, and their headers not yet
    for line in reversed([line for line in lines if indent_width(line) <= width]):
        if closer in CLOSER_OF.values():
            return any(CLOSER_OF[opener] == closer for opener in unmatched(line, language_id)[1])
        is_opener = closer == "</" or opens_block(line, language_id)
        if n_ended == 0 and (is_opener or indent_width(line) < width):
            return is_opener
        n_ended += (closer_of_line(line) is not None) - is_opener
    return False


def _is_left_open(above: Sequence[str], below: str, language_id: str) -> bool:
    """Tell whether the block that the last line stands in has no end: what follows is no deeper than its header."""
    if not above or closer_of_line(below) is not None:
        return False
    width = indent_width(above[-1])
    header = next((line for line in reversed(above) if indent_width(line) < width), "")
    return opens_block(header, language_id) and indent_width(below) <= indent_width(header)
