"""What the model is asked: the text in front of the cursor and behind it, cut to what the engine reads in time.

Owns the budgets, which are times first: what a keystroke leaves to be computed must be read within `_KEY_S` at the
speed measured on this device; anything larger is computed ahead or once per place. Invariants: the front of the prefix
stays where it is from keystroke to keystroke, since every token behind a changed one is computed again; only slices of
the document are read, so the cost is that of the budget whatever its size.
"""

import math
from dataclasses import dataclass

from lsp_server.document import DocumentSnapshot, Position

CHARS_PER_TOKEN = 3.3  # of code; Qwen's vocabulary on Python, TypeScript and Go files gave 3.1 to 3.6

_KEY_S = 0.3
"""For what is computed again at each keystroke."""
_SUFFIX_S = 0.5
"""For the text behind the cursor. It is computed when typing begins at a place and then moved along."""
_PATIENT_SUFFIX_S = 3.0
"""For the same, where a person asked and waits."""
_COLD_S = 1.5
"""For a place of which nothing was computed ahead."""
_PREFIX_S = 4.0
_SNIPPETS_S = 3.0
"""Computed ahead, while nobody waits."""
_LINE_TOKENS = 12
"""The line being typed, and the control tokens around the hole."""
_MOST_PREFIX, _MOST_SUFFIX, _MOST_SNIPPETS = 4096, 512, 2048
_LEAST_PREFIX, _LEAST_COLD, _LEAST_SUFFIX = 384, 128, 40
"""In tokens. Beyond the most, more text makes answers no better; with less than the least, they are worth nothing:
with 128 tokens of prefix, which leave out the head of many a function, the 1.5B coder had 27 of 40 holes of one line
right, against 33 by itself when it sees all. Less of a suffix would not be moved along, and so cost more."""
_STEP_TOKENS_PER_S = 100.0
"""Speeds count in doublings of this: one is measured on a machine that does other things too, and the same text should
be asked about in the same words tomorrow."""

_FILL = 0.6
"""A new window is filled so far, so that it stays in place until the rest of it has been typed full."""
_FULL = 0.85
"""So far it may fill until the next one is computed ahead."""
_LEAST_FILL = 0.2
"""A cursor that moved up in its window gets a new one when less than this is left in front of it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much text the model is given, in characters.

    prefix_chars, snippet_chars: computed once per place; cold_chars: of the prefix, where nothing was computed ahead;
    suffix_chars: when typing begins at a place; patient_suffix_chars: where a person asked and waits; key_chars: what
    may be computed for one keystroke in all.
    """

    prefix_chars: int
    suffix_chars: int
    snippet_chars: int
    cold_chars: int
    key_chars: int
    patient_suffix_chars: int


@dataclass(frozen=True, slots=True)
class FimContext:
    r"""The text around the cursor, line ends as `\n`. start: where `prefix` begins in the document."""

    prefix: str
    suffix: str
    start: Position


def budget_of(prefill_tokens_per_s: float | None, n_context: int) -> Budget:
    """Return what an engine reads in the time a person grants it.

    prefill_tokens_per_s: None where it is not known, which is taken for fast. n_context: in tokens, 0 where not known.
    """
    speed = math.inf if prefill_tokens_per_s is None else _in_steps(prefill_tokens_per_s)
    room = n_context or math.inf
    prefix = min(max(_PREFIX_S * speed, _LEAST_PREFIX), _MOST_PREFIX, room / 3)
    cold = min(max(_COLD_S * speed, _LEAST_COLD), prefix)
    suffix, patient_suffix = (
        min(max(time_s * speed - _LINE_TOKENS, _LEAST_SUFFIX), _MOST_SUFFIX, room / 6)
        for time_s in (_SUFFIX_S, _PATIENT_SUFFIX_S)
    )
    snippets = min(_SNIPPETS_S * speed, _MOST_SNIPPETS, room / 4)
    key = min(_KEY_S * speed, _MOST_PREFIX + _MOST_SNIPPETS)
    return Budget(
        *(int(n_tokens * CHARS_PER_TOKEN) for n_tokens in (prefix, suffix, snippets, cold, key, patient_suffix))
    )


def _in_steps(speed: float) -> float:
    step = round(math.log2(max(speed, 1.0) / _STEP_TOKENS_PER_S))
    return float(_STEP_TOKENS_PER_S * 2.0**step)


def fim_context(snapshot: DocumentSnapshot, position: Position, budget: Budget, start: Position) -> FimContext:
    """Cut prefix and suffix out of `snapshot`. start: where the window begins; it serves at `position`."""
    prefix = snapshot.text_before(position, n_chars_between(snapshot, start, position, budget.prefix_chars))
    suffix = snapshot.text_after(position, budget.suffix_chars)
    if len(suffix) == budget.suffix_chars and "\n" in suffix:
        suffix = suffix[: suffix.rindex("\n") + 1]  # half a line would mislead
    return FimContext(_plain(prefix), _plain(suffix), start)


def serves(start: Position, snapshot: DocumentSnapshot, position: Position, n_chars: int) -> bool:
    """Tell whether a window of `n_chars` from `start` on reaches `position`, and shows enough in front of it."""
    if start > position or start.column > len(snapshot.lines[start.line]):
        return False
    n_before = n_chars_between(snapshot, start, position, n_chars + 1)
    is_full_enough = start == (0, 0) or n_before >= _LEAST_FILL * n_chars
    return n_before <= n_chars and is_full_enough


def is_nearly_full(start: Position, snapshot: DocumentSnapshot, position: Position, n_chars: int) -> bool:
    """Tell whether it is time to compute the next window ahead."""
    return n_chars_between(snapshot, start, position, n_chars) > _FULL * n_chars


def window_start(snapshot: DocumentSnapshot, position: Position, n_chars: int) -> Position:
    """Return where a new window of `n_chars` begins.

    That is the document's start if it is near enough, else the start of a line that leaves room to type.
    """
    start = Position(0, 0)
    if n_chars_between(snapshot, start, position, n_chars) <= _FULL * n_chars:
        return start
    room = int(_FILL * n_chars) - position.column
    if room < 0:
        return Position(position.line, position.column + room)
    line = position.line
    while line > 0 and room >= len(snapshot.lines[line - 1]):
        line -= 1
        room -= len(snapshot.lines[line])
    return Position(line, 0)


def n_chars_between(snapshot: DocumentSnapshot, start: Position, end: Position, most: int) -> int:
    """Count the characters from `start` to `end`, no further than `most`."""
    if start.line == end.line:
        return min(end.column - start.column, most)
    n_chars = end.column
    for line in range(end.line - 1, start.line, -1):
        if n_chars >= most:
            return most
        n_chars += len(snapshot.lines[line])
    return min(n_chars + len(snapshot.lines[start.line]) - start.column, most)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
