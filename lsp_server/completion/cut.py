"""Where raw model output ends for what is shown, read from left to right as it arrives.

Invariant: an end that was found once is the end whatever follows. `cut(raw + more).text == cut(raw).text` for every
`more` once `cut(raw).is_final`, so that the caller may stop the model there.
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from lsp_server.completion.place import Place, indent_unit, indent_width
from lsp_server.completion.syntax import (
    CLOSER_OF,
    closer_of_line,
    is_clause,
    is_definition,
    marks,
    may_become_word,
    may_open_below,
    open_string,
    opens_block,
    unmatched,
    wants_more,
)


class Drop(StrEnum):
    """Why nothing is shown although the model answered."""

    EMPTY = "the model had nothing to add"
    ECHO = "the model repeated a line that stands there already"
    REPETITION = "the model repeated itself"
    MISFIT = "the model went on in a place that is not the cursor's"
    UNBALANCED = "the model's brackets do not fit"
    CUT_OFF = "the answer was cut off before it made sense"


@dataclass(frozen=True, slots=True)
class Cut:
    """What of the raw text may be shown. is_final: more raw text cannot change it."""

    text: str
    is_final: bool
    drop: Drop | None = None


class _Kind(Enum):
    MIDLINE = auto()  # text stands after the cursor: what comes fits on this line
    REST = auto()  # the rest of a line that was begun
    NEXT = auto()  # the line is complete, the model goes on below it
    BLANK = auto()  # the cursor's line is blank


@dataclass(frozen=True, slots=True)
class _Body:
    """Raw text whose beginning has been fitted to the cursor. `before` + `text` is how the document would read."""

    kind: _Kind
    text: str
    before: str


# Sentinels of the families in `inference/fim_templates.py` and chat markup; then what is no text at all.
_CONTROL = re.compile(
    r"<\|[a-z_]{1,24}\|>|</s>|<(?:fim_[a-z]+|file_sep|repo_name|endoftext)>|<\[(?:fim|end)[^\]\n]{0,20}\]>"
    r"|\[(?:PREFIX|SUFFIX|MIDDLE)\]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_CONTROL_BEGUN = re.compile(r"<(?:\||\[|/?[a-zA-Z_])?[^<>\s]{0,25}$|\[[A-Z]{0,6}$|\r$")
_TRIPLE_QUOTED = frozenset({"python", "kotlin", "scala", "swift", "julia", "dart", "groovy"})
_MAX_LEADING_NEWLINES = 3
_MAX_PERIOD = 4


def cut(raw: str, place: Place, *, has_ended: bool, single_line: bool) -> Cut:
    """Find the end of what may be shown of `raw` at `place`.

    has_ended: the model will send no more. single_line: never more than one line.
    """
    text, is_closed = _readable(raw, has_ended=has_ended)
    has_ended = has_ended or is_closed
    if not text.strip():
        is_final = has_ended or text.count("\n") > _MAX_LEADING_NEWLINES
        return Cut("", is_final, Drop.EMPTY)
    body = _fit(text, place)
    if isinstance(body, Drop):
        return Cut("", is_final=True, drop=body)
    found = _inline_end(body, place)
    if found is not None:
        return _shown_or_empty(body.text[:found], is_final=True)
    if body.kind is _Kind.MIDLINE:
        return Cut(body.text, has_ended)
    return _Lines(body, place, has_ended=has_ended, single_line=single_line).cut()


def _shown_or_empty(text: str, *, is_final: bool, drop: Drop = Drop.EMPTY) -> Cut:
    return Cut(text, is_final) if text.strip() else Cut("", is_final, drop)


def _readable(raw: str, *, has_ended: bool) -> tuple[str, bool]:
    r"""Return `raw` up to the first control token, with `\n` for line ends; and whether there was such a token.

    What may yet become a control token or a line end is held back; of a model that has ended it is dropped only where
    it looks like a sentinel.
    """
    found = _CONTROL.search(raw)
    text = raw[: found.start()] if found else raw
    if found is None:
        begun = _CONTROL_BEGUN.search(text)
        if begun is not None and (not has_ended or begun.group().startswith(("<|", "<[", "\r"))):
            text = text[: begun.start()]
    return text.replace("\r\n", "\n").replace("\r", "\n"), found is not None


def _fit(text: str, place: Place) -> _Body | Drop:
    """Fit the beginning of `text` to the cursor: a newline or an indentation that is there, or missing there."""
    stripped = text.lstrip(" \t\n")
    lead = text[: len(text) - len(stripped)]
    n_newlines = lead.count("\n")
    if n_newlines == 0 and place.before[-1:].isspace():
        text = stripped
    if place.after.strip():
        return _Body(_Kind.MIDLINE, text, place.before) if n_newlines == 0 else Drop.MISFIT
    if not place.before.strip():
        indent = _missing_indent(lead.rpartition("\n")[2], place, is_absolute=n_newlines > 0)
        return Drop.MISFIT if indent is None else _Body(_Kind.BLANK, indent + stripped, place.before)
    if n_newlines == 0:
        return _Body(_Kind.REST, text, place.before)
    if wants_more(place.before, place.language_id):
        gap = "" if place.before[-1:] in " \t." else " "
        return _Body(_Kind.REST, gap + stripped, place.before)
    if n_newlines > 1 and not opens_block(place.before, place.language_id):
        return Drop.EMPTY  # the line is complete, and so is what it belongs to
    return _Body(_Kind.NEXT, "\n" + lead.rpartition("\n")[2] + stripped, place.before)


def _missing_indent(indent: str, place: Place, *, is_absolute: bool) -> str | None:
    """Return what is missing between the cursor and the first line's text; None when it lies left of the cursor.

    is_absolute: `indent` was written on a line of its own; otherwise it may go on from the cursor, or repeat what
    stands in front of it.
    """
    before = place.before
    if is_absolute:
        if indent.startswith(before):
            return indent[len(before) :]
        return None if indent_width(indent) < indent_width(before) else ""
    wanted = indent_width(place.line_above)
    if opens_block(place.line_above, place.language_id):
        wanted += indent_width(indent_unit(place))
    if indent_width(before + indent) <= wanted:
        return indent
    if indent.startswith(before) and indent_width(before) < wanted:
        return indent[len(before) :]
    return ""


def _inline_end(body: _Body, place: Place) -> int | None:
    """Return where in the first line of `body.text` the line's own rest begins; None where it does not."""
    first = body.text.partition("\n")[0]
    start = len(body.before)
    if body.kind is _Kind.BLANK and closer_of_line(first) is not None:
        return None  # a line of its own, judged as such
    # By where it is noticed, not by where it cuts: the first to be noticed must stand whatever follows.
    noticed: list[tuple[int, int]] = []
    after = place.after.strip()
    if body.kind is _Kind.MIDLINE and len(after) > 1 and after in first:
        index = first.index(after)
        noticed.append((index + len(after), index))
    stray = _stray_closer(body.before + first, start, place)
    if stray is not None:
        noticed.append((stray - start + 1, stray - start))
    if body.kind is _Kind.MIDLINE and len(first) < len(body.text):
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


class _Verdict(Enum):
    GO_ON = auto()
    WAIT = auto()  # what was read of the line does not tell yet
    BEFORE = auto()  # the end is before this line
    AFTER = auto()  # the end is after this line


class _Lines:
    """Walks the lines of a body until one says where it ends."""

    def __init__(self, body: _Body, place: Place, *, has_ended: bool, single_line: bool) -> None:
        self._place = place
        self._language_id = place.language_id
        self._kind = body.kind
        self._single_line = single_line
        self._has_ended = has_ended
        self._made = body.text.split("\n")
        # As they would stand in the document; the first is the cursor's own.
        self._lines = [body.before + self._made[0], *self._made[1:]]
        self._first = 1 if body.kind is _Kind.NEXT else 0
        self._under_opener = self._first == 1 and opens_block(body.before, place.language_id)
        # Lines indented less do not belong to what is written here.
        self._floor = indent_width(self._lines[0]) + (self._kind is _Kind.REST or self._under_opener)
        self._keep: int | None = None  # across a blank line, go on only at lines indented so far
        self._awaits_brace = False  # the first line is a header whose brace may stand below it
        self._in_block = False  # the last header is ended by indentation, not by a bracket
        self._blank_since: int | None = None
        self._in_text = False  # of several lines, between triple quotes
        self._open_made: tuple[str, ...] = ()  # brackets opened by what was made up to now
        self._open_all: tuple[str, ...] = ()  # the same and those of the cursor's line

    def cut(self) -> Cut:
        """Return the lines up to the first that ends them."""
        for i in range(self._first, len(self._lines)):
            is_complete = self._has_ended or i + 1 < len(self._lines)
            verdict = self._verdict(i, is_complete=is_complete)
            if verdict is _Verdict.WAIT:
                return self._upto(i + 1, is_final=False)
            if verdict is _Verdict.BEFORE:
                return self._upto(i if self._blank_since is None else self._blank_since, is_final=True)
            period = self._period(i)
            if period or verdict is _Verdict.AFTER:
                return self._upto(i + 1 - period, is_final=True)
        return self._upto(len(self._lines), is_final=self._has_ended)

    def _upto(self, end: int, *, is_final: bool) -> Cut:
        drop = Drop.ECHO if self._is_echo(self._first) else Drop.EMPTY
        return _shown_or_empty("\n".join(self._made[:end]), is_final=is_final, drop=drop)

    def _verdict(self, i: int, *, is_complete: bool) -> _Verdict:
        line = self._lines[i]
        if not line.strip():
            return self._at_blank(i) if is_complete else _Verdict.WAIT
        if i > self._first or self._kind is not _Kind.REST:
            verdict = self._by_beginning(i, line, is_complete=is_complete)
            if verdict is not _Verdict.GO_ON:
                return verdict
        if not is_complete:
            return _Verdict.WAIT
        if self._is_echo(i):
            return _Verdict.BEFORE
        self._blank_since = None
        self._open_made = tuple(unmatched(self._made[i], self._language_id, self._open_made)[1])
        self._open_all = tuple(unmatched(line, self._language_id, self._open_all)[1])
        return self._after_line(i, line)

    def _at_blank(self, i: int) -> _Verdict:
        if self._open_made or self._in_text:
            return _Verdict.GO_ON
        if self._single_line or self._keep is None:
            return _Verdict.BEFORE
        if self._blank_since is None:
            self._blank_since = i
        return _Verdict.GO_ON

    def _by_beginning(self, i: int, line: str, *, is_complete: bool) -> _Verdict:
        """Judge a line by where and with what it begins, which for most its first character tells."""
        if self._open_made or self._in_text:
            return _Verdict.GO_ON
        if not is_complete and may_become_word(line):
            return _Verdict.WAIT
        width = indent_width(line)
        closer = closer_of_line(line)
        if closer is not None:
            if self._blank_since is not None or not self._is_needed(closer, width, i):
                return _Verdict.BEFORE
            return _Verdict.AFTER if is_complete else _Verdict.WAIT
        if self._blank_since is not None and (self._keep is None or width < self._keep):
            return _Verdict.BEFORE
        if i > self._first and is_definition(line) and width <= self._floor:
            return _Verdict.GO_ON if is_definition(self._lines[i - 1]) else _Verdict.BEFORE
        if self._awaits_brace and i == self._first + 1 and line.lstrip().startswith("{"):
            return _Verdict.GO_ON
        if is_clause(line) and (i == self._first or (self._blank_since is None and width + 1 >= self._floor)):
            return _Verdict.GO_ON
        return _Verdict.BEFORE if width < self._floor else _Verdict.GO_ON

    def _after_line(self, i: int, line: str) -> _Verdict:
        """Judge by a complete line whether it was the last, and what may follow it."""
        if self._single_line:
            return _Verdict.AFTER
        self._in_text ^= self._language_id in _TRIPLE_QUOTED and line.count('"""') % 2 == 1
        begins_block = opens_block(line, self._language_id)
        if self._kind is _Kind.BLANK or self._under_opener:
            self._go_on_in_body(i, line, begins_block=begins_block)
            return _Verdict.GO_ON
        if i == self._first:
            self._floor = indent_width(line) + 1
        if self._open_all or self._in_text:
            return _Verdict.GO_ON
        self._in_block = self._in_block or begins_block
        if self._in_block:
            self._keep = self._floor
            return _Verdict.GO_ON
        self._awaits_brace = i == self._first and may_open_below(line, self._language_id)
        return _Verdict.GO_ON if self._awaits_brace else _Verdict.AFTER

    def _go_on_in_body(self, i: int, line: str, *, begins_block: bool) -> None:
        if i > self._first:
            return
        if self._under_opener:
            self._floor = indent_width(line)
        if self._under_opener or self._is_empty_body():
            self._keep = self._floor
        elif begins_block or self._open_made:
            self._keep = self._floor + 1

    def _is_empty_body(self) -> bool:
        """Tell whether the cursor is at the first line of a block."""
        if not opens_block(self._place.line_above, self._language_id):
            return False
        below = self._place.line_below
        return not below or indent_width(below) < self._floor

    def _is_echo(self, i: int) -> bool:
        """Tell whether line `i` stands in the document already: next below, indented alike or not, or right above."""
        if i >= len(self._lines):
            return False
        stripped = self._lines[i].strip()
        if sum(map(str.isalnum, stripped)) <= 2 or closer_of_line(stripped):
            return False
        above = self._place.before if self._kind is _Kind.NEXT else self._place.line_above
        return stripped == self._place.line_below.strip() or (i == self._first and stripped == above.strip())

    def _is_needed(self, closer: str, width: int, i: int) -> bool:
        """Tell whether a block above line `i` lacks its closer: nothing below stands where it would end."""
        below = self._place.line_below
        if below and indent_width(below) > width:
            return False
        if below and indent_width(below) == width and closer_of_line(below) == closer:
            return False
        for line in (*reversed(self._lines[:i]), *reversed(self._place.above)):
            if line.strip() and indent_width(line) <= width:
                opened = unmatched(line, self._language_id)[1]
                if closer in CLOSER_OF.values():
                    return any(CLOSER_OF[opener] == closer for opener in opened)
                return closer == "</" or opens_block(line, self._language_id)
        return False

    def _period(self, i: int) -> int:
        """Return after how many lines the text repeats itself up to line `i`; 0 where it does not."""
        lines = [line.strip() for line in self._lines[: i + 1]]
        if not any(map(str.isalnum, lines[i])):
            return 0
        for period in range(1, _MAX_PERIOD + 1):
            if i + 1 - self._first >= 2 * period and lines[-period:] == lines[-2 * period : -period]:
                return period
        return 0
