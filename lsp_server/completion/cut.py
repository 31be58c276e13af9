"""Where raw model output ends for what is shown, read from left to right as it arrives.

Invariant: an end that was found once is the end whatever follows. `cut(raw + more).text == cut(raw).text` for every
`more` once `cut(raw).is_final`, so that the caller may stop the model there.
"""

import re
from dataclasses import replace

from lsp_server.completion.lines import Body, Cut, Drop, Kind, LineWalk, shown_or_empty
from lsp_server.completion.place import Place, indent_unit, indent_width
from lsp_server.completion.prose import cut_prose
from lsp_server.completion.scope import Scope, scope_at
from lsp_server.completion.syntax import (
    CLOSER_OF,
    closer_of_line,
    ends_by_colon,
    is_definition,
    marks,
    open_string,
    opens_block,
    unmatched,
    wants_more,
)

# Sentinels of the families in `inference/fim_templates.py` and chat markup; then what is no text at all.
_CONTROL = re.compile(
    r"<\|[a-z_]{1,24}\|>|</s>|<(?:fim_[a-z]+|file_sep|repo_name|endoftext)>|<\[(?:fim|end)[^\]\n]{0,20}\]>"
    r"|\[(?:PREFIX|SUFFIX|MIDDLE)\]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_CONTROL_BEGUN = re.compile(r"<(?:\||\[|/?[a-zA-Z_])?[^<>\s]{0,25}\Z|\[[A-Z]{0,6}\Z")
_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)
_MAX_LEADING_NEWLINES = 3
_PROSE = "plaintext"


def cut(raw: str, place: Place, *, has_ended: bool, single_line: bool) -> Cut:
    """Find the end of what may be shown of `raw` at `place`.

    has_ended: the model will send no more. single_line: never more than one line.
    """
    text, is_closed = _readable(raw, has_ended=has_ended)
    has_ended = has_ended or is_closed
    lead = text[: len(text) - len(text.lstrip())]
    is_far_off = lead.count("\n") > _MAX_LEADING_NEWLINES
    if is_far_off or lead == text:
        return Cut("", has_ended or is_far_off, Drop.EMPTY)
    scope = scope_at(place)
    body = _fit(text, replace(place, language_id=_PROSE) if scope is Scope.DOCSTRING else place)
    if isinstance(body, Drop):
        return Cut("", is_final=True, drop=body)
    if scope is Scope.DOCSTRING and body.kind is not Kind.MIDLINE:
        return cut_prose(body, place, has_ended=has_ended, single_line=single_line)
    found = _inline_end(body, place)
    if found is not None:
        return shown_or_empty(body.text[:found], is_final=True)
    if body.kind is Kind.MIDLINE:
        return Cut(body.text, has_ended)
    return LineWalk(body, place, has_ended=has_ended, single_line=single_line).cut()


def _readable(raw: str, *, has_ended: bool) -> tuple[str, bool]:
    r"""Return `raw` up to the first control token, with `\n` for line ends; and whether there was such a token.

    What may yet become a control token or a line end is held back; of a model that has ended it is dropped only where
    it looks like a sentinel.
    """
    raw = raw.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
    found = _CONTROL.search(raw)
    text = raw[: found.start()] if found else raw
    if found is None:
        begun = _CONTROL_BEGUN.search(text)
        if begun is not None and (not has_ended or begun.group().startswith(("<|", "<["))):
            text = text[: begun.start()]
    return text, found is not None


def _fit(text: str, place: Place) -> Body | Drop:
    """Fit the beginning of `text` to the cursor: a newline or an indentation that is there, or missing there."""
    stripped = text.lstrip(" \t\n")
    lead = text[: len(text) - len(stripped)]
    n_newlines = lead.count("\n")
    if n_newlines == 0 and place.before[-1:].isspace():
        text = stripped
    if place.after.strip():
        return Body(Kind.MIDLINE, text, place.before) if n_newlines == 0 else Drop.MISFIT
    if not place.before.strip():
        return _fit_blank(lead.rpartition("\n")[2], stripped, place, is_absolute=n_newlines > 0)
    if n_newlines == 0:
        return Body(Kind.REST, text, place.before)
    if wants_more(place.before, place.language_id):
        gap = "" if place.before[-1:] in " \t." else " "
        return Body(Kind.REST, gap + stripped, place.before)
    if n_newlines > 1 and not opens_block(place.before, place.language_id):
        return Drop.EMPTY  # the line is complete, and so is what it belongs to
    return Body(Kind.NEXT, "\n" + _under(place.before, lead.rpartition("\n")[2] + stripped, place), place.before)


def _under(header: str, text: str, place: Place) -> str:
    """Move `text`, whole lines, one step in where it is no deeper than `header`, whose body it must be."""
    width = indent_width(header)
    is_missing = ends_by_colon(place.language_id) and opens_block(header, place.language_id)
    if not is_missing or indent_width(text) != width or indent_width(place.below[0] if place.below else "") > width:
        return text
    return _LINE_START.sub(indent_unit(place), text)


def _fit_blank(indent: str, text: str, place: Place, *, is_absolute: bool) -> Body | Drop:
    """Fit `text`, which the model indented by `indent`, to a cursor that has nothing but whitespace in front of it.

    is_absolute: `indent` stands on a line of its own; otherwise it may go on from the cursor, or be one too many: then
    the lines that follow are as much too deep.
    """
    before = place.before
    moved = _under(place.above[-1] if place.above else "", (indent if is_absolute else before + indent) + text, place)
    if indent_width(moved) > indent_width(indent if is_absolute else before + indent) and moved.startswith(before):
        return Body(Kind.BLANK, moved[len(before) :], before)
    if is_absolute:
        if indent_width(indent) < indent_width(before):
            return Drop.MISFIT
        missing = indent.removeprefix(before) if indent.startswith(before) else ""
        above = place.above[-1] if place.above else ""
        if is_definition(text) and above.strip() and not opens_block(above, place.language_id) and "@" not in above:
            # What the model skipped a line for stays apart from what ends right above.
            return Body(Kind.NEXT, "\n" + indent + text, before)
        return Body(Kind.BLANK, missing + text, before)
    wanted = indent_width(place.line_above)
    if opens_block(place.line_above, place.language_id):
        wanted += indent_width(indent_unit(place))
    elif before:
        wanted = 0  # the cursor was put where the text shall begin
    if indent_width(before + indent) <= wanted:
        return Body(Kind.BLANK, indent + text, before)
    if indent.startswith(before) and indent_width(before) < wanted:
        return Body(Kind.BLANK, indent[len(before) :] + text, before)
    if _goes_on_deeper(text, indent_width(before + indent), place.language_id):
        text = text.replace(f"\n{before}{indent}", f"\n{before}")
    return Body(Kind.BLANK, text, before)


def _goes_on_deeper(text: str, width: int, language_id: str) -> bool:
    """Tell whether the lines after the first go with a first line indented by `width`, not with the cursor's column."""
    first, *lines = text.split("\n")
    second = next((line for line in lines if line.strip()), "")
    if opens_block(first, language_id):
        return indent_width(second) > width
    return indent_width(second) >= width


def _inline_end(body: Body, place: Place) -> int | None:
    """Return where in the first line of `body.text` the line's own rest begins; None where it does not."""
    first = body.text.partition("\n")[0]
    start = len(body.before)
    if body.kind is Kind.BLANK and closer_of_line(first) is not None:
        return None  # a line of its own, judged as such
    # By where it is noticed, not by where it cuts: the first to be noticed must stand whatever follows.
    noticed: list[tuple[int, int]] = []
    after = place.after.strip()
    if body.kind is Kind.MIDLINE and len(after) > 1 and after in first:
        index = first.index(after)
        noticed.append((index + len(after), index))
    stray = _stray_closer(body.before + first, start, place)
    if stray is not None:
        noticed.append((stray - start + 1, stray - start))
    if body.kind is Kind.MIDLINE and len(first) < len(body.text):
        noticed.append((len(first) + 1, len(first)))
    return min(noticed)[1] if noticed else None


def _stray_closer(line: str, start: int, place: Place) -> int | None:
    """Return where in `line`, from `start` on, a closing bracket or quote is that stands behind the cursor already."""
    openers: list[tuple[str, bool]] = []  # the bracket, and whether the cursor is behind it
    quote = open_string(line[:start], place.language_id)
    for mark in marks(line, place.language_id):
        if mark.char in CLOSER_OF:
            openers.append((mark.char, mark.offset < start))
        elif mark.char == quote and mark.offset >= start:
            if mark.char in place.after:
                return mark.offset
            quote = None
        elif mark.char in CLOSER_OF.values():
            is_match = bool(openers) and CLOSER_OF[openers[-1][0]] == mark.char
            is_own = is_match and not openers[-1][1]
            if mark.offset >= start and not is_own and _is_closed(mark.char, line[:start], place):
                return mark.offset
            if is_match:
                openers.pop()
    return None


def _is_closed(closer: str, before: str, place: Place) -> bool:
    """Tell whether every `closer` that the text up to the cursor lacks stands behind the cursor already."""
    opener = next(o for o, c in CLOSER_OF.items() if c == closer)
    n_open = unmatched(before, place.language_id)[1].count(opener)
    n_closed = unmatched(place.after, place.language_id)[0].count(closer)
    if n_open > 0 and place.after.strip():
        return n_closed >= n_open
    if n_closed > 0 or place.line_below.lstrip().startswith(closer):
        return True
    if n_open == 0:
        # None on this line: it would close one of a line above.
        n_open = unmatched("\n".join((*place.above, before)), place.language_id)[1].count(opener)
    n_below = unmatched("\n".join(place.below), place.language_id)[0].count(closer)
    return n_below >= n_open
