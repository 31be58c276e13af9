"""What the model is asked: the text in front of the cursor and behind it, cut to what the engine reads in time.

Invariants: the front of the prefix stays where it is from keystroke to keystroke, since every token behind a changed
one is computed again; only slices of the document are read, so the cost is that of the budget whatever its size.
"""

from dataclasses import dataclass

from lsp_server.document import DocumentSnapshot, Position

_CHARS_PER_TOKEN = 3.3  # of code; Qwen's vocabulary on Python, TypeScript and Go files gave 3.1 to 3.6
_TIERS = ((250.0, 384, 64), (1500.0, 1024, 128))
_FAST = (4096, 512)
"""Up to so many tokens a second: tokens of prefix, read once per place, and of suffix, read again at each keystroke
since it stands behind what was typed. Steps, because a speed is measured on a machine that does other things too, and
the same text should be asked about in the same words tomorrow."""

_FILL = 0.6
"""A new window is filled so far, so that it stays in place until the rest of it has been typed full."""
_LEAST_FILL = 0.2
"""A cursor that moved up in its window gets a new one when less than this is left in front of it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much text the model is given, in characters."""

    prefix_chars: int
    suffix_chars: int


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
    speed = float("inf") if prefill_tokens_per_s is None else prefill_tokens_per_s
    n_prefix, n_suffix = next(((prefix, suffix) for most, prefix, suffix in _TIERS if speed <= most), _FAST)
    room = n_context // 2 or n_prefix
    return Budget(int(min(n_prefix, room) * _CHARS_PER_TOKEN), int(min(n_suffix, room) * _CHARS_PER_TOKEN))


def fim_context(
    snapshot: DocumentSnapshot, position: Position, budget: Budget, last_start: Position | None = None
) -> FimContext:
    """Cut prefix and suffix out of `snapshot`.

    last_start: where the prefix of the last request in this document began; kept for as long as it serves.
    """
    start = last_start
    if start is None or not _serves(start, snapshot, position, budget):
        start = _new_start(snapshot, position, budget)
    prefix = snapshot.text_before(position, _n_chars(snapshot, start, position, budget.prefix_chars))
    suffix = snapshot.text_after(position, budget.suffix_chars)
    if len(suffix) == budget.suffix_chars and "\n" in suffix:
        suffix = suffix[: suffix.rindex("\n") + 1]  # half a line would mislead
    return FimContext(_plain(prefix), _plain(suffix), start)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _serves(start: Position, snapshot: DocumentSnapshot, position: Position, budget: Budget) -> bool:
    if start > position or start.column > len(snapshot.lines[start.line]):
        return False
    n_chars = _n_chars(snapshot, start, position, budget.prefix_chars + 1)
    is_full_enough = start == (0, 0) or n_chars >= _LEAST_FILL * budget.prefix_chars
    return n_chars <= budget.prefix_chars and is_full_enough


def _n_chars(snapshot: DocumentSnapshot, start: Position, end: Position, most: int) -> int:
    """Count the characters from `start` to `end`, no further than `most`."""
    if start.line == end.line:
        return min(end.column - start.column, most)
    n_chars = end.column
    for line in range(end.line - 1, start.line, -1):
        if n_chars >= most:
            return most
        n_chars += len(snapshot.lines[line])
    return min(n_chars + len(snapshot.lines[start.line]) - start.column, most)


def _new_start(snapshot: DocumentSnapshot, position: Position, budget: Budget) -> Position:
    """Return the document's start if it is near enough, else the start of a line that leaves room to type."""
    if _n_chars(snapshot, Position(0, 0), position, budget.prefix_chars + 1) <= budget.prefix_chars:
        return Position(0, 0)
    room = int(_FILL * budget.prefix_chars) - position.column
    if room < 0:
        return Position(position.line, position.column + room)
    line = position.line
    while line > 0 and room >= len(snapshot.lines[line - 1]):
        line -= 1
        room -= len(snapshot.lines[line])
    return Position(line, 0)
