"""Where raw model output ends, line by line: blocks, blank lines, closers, repetition.

Invariant: a verdict on a line depends on the lines up to it alone, and on as much of it as settles the matter.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from lsp_server.completion.closers import lacks_closer
from lsp_server.completion.place import Place, indent_of, indent_width
from lsp_server.completion.repetition import n_echoed, n_repeated
from lsp_server.completion.scope import ONE_LINE, Scope, is_among_fields, is_empty_body, scope_at
from lsp_server.completion.syntax import (
    closer_of_line,
    ends_by_colon,
    ends_by_indent,
    is_arm,
    is_clause,
    is_comment,
    is_definition,
    is_link,
    leaves_block,
    may_become_word,
    may_chain,
    may_open_below,
    opens_block,
    unmatched,
    wants_more,
)

_TRIPLE_QUOTED = frozenset({"python", "kotlin", "scala", "swift", "julia", "dart", "groovy"})


class Drop(StrEnum):
    """Why nothing is shown although the model answered."""

    EMPTY = "the model had nothing to add"
    ECHO = "the model repeated a line that stands there already"
    REPETITION = "the model repeated itself"
    MISFIT = "the model went on in a place that is not the cursor's"
    UNBALANCED = "the model's brackets do not fit"
    UNSURE = "the model was not sure enough; ask for a suggestion to see its answer all the same"
    CUT_OFF = "the answer was cut off before it made sense"


@dataclass(frozen=True, slots=True)
class Cut:
    """What of the raw text may be shown. is_final: more raw text cannot change it."""

    text: str
    is_final: bool
    drop: Drop | None = None


class Kind(Enum):
    """How what the model writes stands to the cursor's line."""

    MIDLINE = auto()  # text stands after the cursor: what comes fits on this line
    REST = auto()  # the rest of a line that was begun
    NEXT = auto()  # the line is complete, the model goes on below it
    BLANK = auto()  # the cursor's line is blank


@dataclass(frozen=True, slots=True)
class Body:
    """Raw text whose beginning has been fitted to the cursor. `before` + `text` is how the document would read."""

    kind: Kind
    text: str
    before: str


def shown_or_empty(text: str, *, is_final: bool, drop: Drop = Drop.EMPTY) -> Cut:
    """Return a Cut of `text`, or one that says why there is none."""
    return Cut(text, is_final) if text.strip() else Cut("", is_final, drop)


class _Verdict(Enum):
    GO_ON = auto()
    WAIT = auto()  # what was read of the line does not tell yet
    BEFORE = auto()  # the end is before this line
    AFTER = auto()  # the end is after this line


class LineWalk:
    """Walks the lines of a body until one says where it ends."""

    def __init__(self, body: Body, place: Place, *, has_ended: bool, single_line: bool) -> None:
        self._place = place
        self._language_id = place.language_id
        self._kind = body.kind
        scope = Scope.CODE if body.kind is Kind.NEXT else scope_at(place)
        self._single_line = single_line or scope in ONE_LINE
        self._is_in_brackets = scope is Scope.BRACKETS
        self._has_ended = has_ended
        self._drop = Drop.EMPTY  # the reason should nothing be left
        self._made = body.text.split("\n")
        # As they would stand in the document; the first is the cursor's own.
        self._lines = [body.before + self._made[0], *self._made[1:]]
        self._first = 1 if body.kind is Kind.NEXT else 0
        self._start = self._first  # of the unit, comments in front of it not counted
        self._under_opener = self._first == 1 and opens_block(body.before, place.language_id)
        # Lines indented less do not belong to what is written here.
        self._floor = indent_width(self._lines[0]) + (self._kind is Kind.REST or self._under_opener)
        # Where more of the same block follows at once, what is missing is one statement.
        self._has_room = self._width_of_next() < self._floor or closer_of_line(place.below[0]) is not None
        self._keep: int | None = None  # across a blank line, go on only at lines indented so far
        self._is_listed = body.kind is Kind.REST and is_among_fields(place)  # its like may follow, line by line
        self._among_arms = False
        self._awaits_link = False  # the next line belongs here only if it begins with a dot
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
            made = self._lines[self._first : i + 1]
            n_copied = n_repeated(made) or n_echoed(made, self._place.below)
            if n_copied or verdict is _Verdict.AFTER:
                return self._upto(i + 1 - n_copied, is_final=True)
        return self._upto(len(self._lines), is_final=self._has_ended)

    def _upto(self, end: int, *, is_final: bool) -> Cut:
        return shown_or_empty("\n".join(self._made[:end]), is_final=is_final, drop=self._drop)

    def _verdict(self, i: int, *, is_complete: bool) -> _Verdict:
        line = self._lines[i]
        if not line.strip():
            return self._at_blank(i) if is_complete else _Verdict.WAIT
        if i > self._first or self._kind is not Kind.REST:
            verdict = self._by_beginning(i, line, is_complete=is_complete)
            if verdict is not _Verdict.GO_ON:
                return verdict
        if not is_complete:
            return _Verdict.WAIT
        if self._is_echo(i):
            self._drop = Drop.ECHO
            return _Verdict.BEFORE
        self._blank_since = None
        if not self._in_text:
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
        if self._awaits_link:
            return self._by_link(line, is_complete=is_complete)
        closer = closer_of_line(line)
        if closer is not None:
            is_needed = self._blank_since is None and self._is_needed(closer, width, i)
            return _Verdict.BEFORE if not is_needed else _Verdict.AFTER if is_complete else _Verdict.WAIT
        if self._blank_since is not None and (self._keep is None or width < self._keep):
            return _Verdict.BEFORE
        if i > self._first and is_definition(line) and width <= self._floor:
            return _Verdict.GO_ON if is_definition(self._lines[i - 1]) else _Verdict.BEFORE
        if self._awaits_brace and i == self._first + 1 and line.lstrip().startswith("{"):
            return _Verdict.GO_ON
        if is_clause(line) and (i == self._first or (self._blank_since is None and width + 1 >= self._floor)):
            return _Verdict.GO_ON
        if self._is_behind_guard(i, width):
            self._start, self._in_block, self._keep = i, False, None
            return _Verdict.GO_ON
        is_other = self._among_arms and width == self._floor and not is_arm(line, self._language_id)
        return _Verdict.BEFORE if width < self._floor or is_other else _Verdict.GO_ON

    def _is_behind_guard(self, i: int, width: int) -> bool:
        """Tell whether line `i` stands right behind a guard, which goes with what it guards."""
        first, last = self._lines[self._start], self._lines[i - 1]
        is_guard = first.lstrip().startswith("if ") and leaves_block(last) and indent_width(last) > width
        is_beside = ends_by_colon(self._language_id) and width == indent_width(first) and self._blank_since is None
        return self._in_block and is_guard and is_beside and not self._single_line

    def _is_needed(self, closer: str, width: int, i: int) -> bool:
        lines = (*self._place.above, *self._lines[:i])
        return lacks_closer(closer, width, lines, self._place.line_below, self._language_id)

    def _by_link(self, line: str, *, is_complete: bool) -> _Verdict:
        """Judge the line below a complete expression: only one that goes on with it belongs here."""
        if self._blank_since is not None or indent_width(line) < self._floor:
            return _Verdict.BEFORE
        if is_link(line):
            return _Verdict.GO_ON
        return _Verdict.WAIT if not is_complete and line.strip() in ("?", "-") else _Verdict.BEFORE

    def _after_line(self, i: int, line: str) -> _Verdict:
        """Judge by a complete line whether it was the last, and what may follow it."""
        if self._single_line:
            return _Verdict.AFTER
        if self._is_in_brackets:
            return _Verdict.GO_ON if self._open_made else _Verdict.AFTER
        self._in_text ^= self._language_id in _TRIPLE_QUOTED and line.count('"""') % 2 == 1
        begins_block = opens_block(line, self._language_id)
        if begins_block and indent_width(line) < self._width_of_next():
            return _Verdict.AFTER  # its body stands below already
        if self._under_opener or self._is_listed or (self._kind is Kind.BLANK and self._has_room):
            return self._in_body(i, line, begins_block=begins_block)
        if i == self._start and self._kind is Kind.BLANK and is_comment(line, self._language_id):
            self._start += 1  # it announces the unit
            return _Verdict.GO_ON
        if i == self._start:
            self._among_arms = is_arm(line, self._language_id) and not is_arm(self._place.line_below, self._language_id)
            self._floor = indent_width(line) + (not self._among_arms and not is_link(line))
        self._awaits_link = False
        if self._open_all or self._in_text or self._among_arms:
            return _Verdict.GO_ON
        self._in_block = self._in_block or begins_block
        if self._in_block:
            self._keep = self._floor
            return _Verdict.GO_ON
        self._awaits_brace = i == self._first and may_open_below(line, self._language_id)
        if self._awaits_brace or wants_more(line, self._language_id):
            return _Verdict.GO_ON
        self._awaits_link = may_chain(line, self._language_id)
        return _Verdict.GO_ON if self._awaits_link else _Verdict.AFTER

    def _in_body(self, i: int, line: str, *, begins_block: bool) -> _Verdict:
        if i == self._first:
            if self._under_opener or self._is_listed:
                self._floor = indent_width(line)
            if self._under_opener or self._is_empty_body():
                self._keep = self._floor
            elif begins_block or self._open_made:
                self._keep = self._floor + 1
        is_open = self._open_made or self._in_text
        if leaves_block(line) and not is_open and indent_width(line) <= self._floor and self._is_closed_below():
            return _Verdict.AFTER
        return _Verdict.GO_ON

    def _width_of_next(self) -> int:
        """Return how far the line right below the cursor is indented; -1 where it is blank or there is none."""
        return indent_width(self._place.below[0]) if self._place.below and self._place.below[0].strip() else -1

    def _is_closed_below(self) -> bool:
        """Tell whether the block around the cursor ends below, or needs nothing to end."""
        return ends_by_indent(self._language_id) or closer_of_line(self._place.line_below) is not None

    def _is_empty_body(self) -> bool:
        """Tell whether the cursor is at the first line of a block, comments and a docstring not counted."""
        place = self._place
        if self._kind is Kind.BLANK:
            # Its indentation tells where the line goes, not the column that the cursor happens to be in.
            place = replace(place, before=indent_of(self._lines[self._first]))
        if is_empty_body(place):
            return True
        if not opens_block(self._place.line_above, self._language_id):
            return False
        below = self._place.line_below
        return not below or indent_width(below) < self._floor

    def _is_echo(self, i: int) -> bool:
        """Tell whether line `i` stands in the document already: next below, indented alike or not, or right above."""
        stripped = self._lines[i].strip()
        if sum(map(str.isalnum, stripped)) <= 2 or closer_of_line(stripped):
            return False
        above = self._place.before if self._kind is Kind.NEXT else self._place.line_above
        is_beside = i == self._first and indent_width(self._lines[i]) == indent_width(above)
        return stripped == self._place.line_below.strip() or (is_beside and stripped == above.strip())
