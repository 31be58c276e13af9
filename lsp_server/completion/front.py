"""What the prompts of a document begin with, and when that changes. Pure.

Invariant: an answer that somebody waits for never pays for a front that is dearer than its budget: it goes by the one
that was computed before, or by a short one, while the front that is wanted is computed ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsp_server.completion.fim_context import Budget, is_nearly_full, n_chars_between, serves, window_start
from lsp_server.completion.snippets import Snippet, arrange
from lsp_server.document import DocumentSnapshot, Position

_MOVED_LINES = 40
_DOCUMENT_START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Front:
    """The front of a prompt. start: where its prefix begins in the document."""

    snippets: tuple[Snippet, ...] = ()
    start: Position = _DOCUMENT_START


@dataclass(frozen=True, slots=True)
class Fronts:
    """used: what requests go by, None before the first; wanted: what they should go by; chosen_at: its cursor."""

    used: Front | None = None
    wanted: Front | None = None
    chosen_at: Position = _DOCUMENT_START


def follow(
    fronts: Fronts,
    snapshot: DocumentSnapshot,
    position: Position,
    admitted: Sequence[Snippet],
    budget: Budget,
    *,
    at_once: bool,
) -> Fronts:
    """Return the fronts for a request at `position`.

    admitted: snippets, the most telling first. at_once: nothing is computed ahead; whoever waits, waits for all.
    """
    wanted, chosen_at = _wanted(fronts, snapshot, position, admitted, budget)
    is_cheap = _costs(wanted, snapshot, position, budget) <= budget.key_chars
    used = wanted if at_once or is_cheap else serving(fronts.used, snapshot, position, budget)
    return Fronts(used, wanted, chosen_at)


def computed(fronts: Fronts, ready: Front) -> Fronts:
    """Return the fronts now that `ready` costs nothing any more."""
    is_better = fronts.used != fronts.wanted and fronts.wanted is not None and ready.start == fronts.wanted.start
    return replace(fronts, used=ready) if is_better else fronts


def serving(used: Front | None, snapshot: DocumentSnapshot, position: Position, budget: Budget) -> Front:
    """Return `used` where it serves at `position`, else a short one behind its snippets."""
    if used is not None and serves(used.start, snapshot, position, budget.prefix_chars):
        return used
    snippets = used.snippets if used is not None else ()
    return Front(snippets, window_start(snapshot, position, budget.cold_chars))


def _wanted(
    fronts: Fronts, snapshot: DocumentSnapshot, position: Position, admitted: Sequence[Snippet], budget: Budget
) -> tuple[Front, Position]:
    old, n_chars = fronts.wanted, budget.prefix_chars
    has_moved = abs(position.line - fronts.chosen_at.line) > _MOVED_LINES
    snippets = arrange(old.snippets if old else (), admitted, budget.snippet_chars, has_moved=has_moved)
    is_new = old is None or snippets != old.snippets
    start = old.start if old is not None else None
    if (
        start is None
        or not serves(start, snapshot, position, n_chars)
        or is_nearly_full(start, snapshot, position, n_chars)
    ):
        start = window_start(snapshot, position, n_chars)
    return Front(snippets, start), position if is_new or has_moved else fronts.chosen_at


def _costs(front: Front, snapshot: DocumentSnapshot, position: Position, budget: Budget) -> int:
    """Return how many characters the engine reads for `front` when it knows nothing of it."""
    n_chars = sum(snippet.n_chars for snippet in front.snippets)
    return n_chars + n_chars_between(snapshot, front.start, position, budget.prefix_chars)
