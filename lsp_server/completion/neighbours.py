"""Whether the end of a text goes with the lines right below it: nothing unreachable, no block broken, no idle comment.

Invariant: a text is only ever shortened, by whole lines from its end.
"""

from lsp_server.completion.place import Place, indent_width
from lsp_server.completion.syntax import (
    closer_of_line,
    ends_by_colon,
    is_clause,
    is_comment,
    is_definition,
    is_guard,
    is_prose,
    leaves_block,
    opens_block,
    unmatched,
)


def with_neighbours(text: str, place: Place) -> str:
    """Return `text` without the lines at its end that do not go with what stands below; empty where none does."""
    if is_prose(place.language_id) or place.after.strip():
        return text
    lines = [place.before + text.partition("\n")[0], *text.split("\n")[1:]]
    made = text.split("\n")
    while made and not _goes_with_below(lines, place):
        made.pop()
        lines.pop()
    return text if len(made) == text.count("\n") + 1 else "\n".join(made).rstrip()


def _goes_with_below(lines: list[str], place: Place) -> bool:
    last, below = lines[-1], place.line_below
    if not last.strip():
        return len(lines) == 1
    if _is_idle(last, place):
        return False
    is_right_below = bool(place.below and place.below[0].strip()) and closer_of_line(below) is None
    is_left = leaves_block(last) and not is_guard(last, place.language_id)
    if is_left and below and indent_width(below) == indent_width(last):
        return is_clause(below) or closer_of_line(below) is not None or is_definition(below)
    if ends_by_colon(place.language_id) and is_right_below and indent_width(last) < indent_width(below):
        return _heads(lines, place)
    return True


def _is_idle(line: str, place: Place) -> bool:
    """Tell whether `line` is a comment that the model wrote and that nothing follows but what stood there already."""
    is_own = not place.before.strip() and not is_definition(place.line_below)
    return is_own and is_comment(line, place.language_id)


def _heads(lines: list[str], place: Place) -> bool:
    """Tell whether the last of `lines` may stand above a line that is deeper: it opens a block or a bracket."""
    before = "\n".join((*place.above, *lines))
    return opens_block(lines[-1], place.language_id) or bool(unmatched(before, place.language_id)[1])
