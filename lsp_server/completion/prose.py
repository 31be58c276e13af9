"""Text of several lines inside of code, docstrings and comments in blocks: where it ends.

Invariant: as in `cut`, an end that was found is the end whatever follows. In prose brackets and quotes are text.
"""

from lsp_server.completion.lines import Body, Cut, Drop, shown_or_empty
from lsp_server.completion.place import Place, indent_width
from lsp_server.completion.scope import begun_text

_ENDS = ('"""', "'''", "*/")


def cut_prose(body: Body, place: Place, *, has_ended: bool, single_line: bool) -> Cut:
    """Return of `body`, which goes on with a text, what belongs to it.

    A text that is begun goes on to its end; of one that ends below, one paragraph is taken.
    """
    end = begun_text(place)
    width = indent_width(body.before)
    kept: list[str] = []
    lines = body.text.split("\n")
    for i, line in enumerate(lines):
        is_complete = has_ended or i + 1 < len(lines)
        found = min((at for mark in _ENDS if (at := line.find(mark)) >= 0), default=-1)
        if found >= 0:
            kept.append(line[: found + len(end)] if end and line.startswith(end, found) else line[:found])
            return shown_or_empty("\n".join(kept), is_final=True)
        if not is_complete:
            break
        has_begun = any(each.strip() for each in kept)
        is_echo = bool(line.strip()) and line.strip() in (lines[i - 1].strip() if i else "", place.line_below.strip())
        is_over = indent_width(line) < width if line.strip() else end is None
        if is_echo or (has_begun and is_over):
            return shown_or_empty("\n".join(kept), is_final=True, drop=Drop.ECHO)
        kept.append(line)
        if single_line and line.strip():
            return shown_or_empty("\n".join(kept), is_final=True)
    return shown_or_empty(body.text, is_final=has_ended)
