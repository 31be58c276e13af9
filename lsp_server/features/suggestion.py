"""What came of one request for a suggestion, and how the person is told of it.

Invariant: what holds no text has a reason, and the person can read it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.document import DocumentSnapshot, Position
from lsp_server.errors import EngineError, EngineFailed, EngineUnavailable, ModelLoading, ModelMissing
from lsp_server.feedback.records import Source
from lsp_server.status import Reason, State, Status

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to show at the cursor, or why nothing. words: the reason's own, where it has more to say than its name.

    others: further candidates for the same place, none like another. source: where it came from.
    """

    text: str = ""
    reason: Reason | None = None
    words: str | None = None
    others: tuple[str, ...] = ()
    source: Source = Source.ENGINE


OnAnswer = Callable[[DocumentSnapshot, Position, Suggestion, float], None]
"""Is told what the editor was answered, and after how many seconds."""


def report(status: Status, suggestion: Suggestion, state: State = State.READY) -> Suggestion:
    """Tell how it went; return `suggestion`."""
    status.report(state, suggestion.reason, message=suggestion.words)
    return suggestion


def report_error(status: Status, error: EngineError) -> Suggestion:
    """Tell what went wrong; return what stands for it."""
    _log.info("no suggestion: %s", error)
    reason, state, progress = Reason.of_error(error), State.READY, None
    if isinstance(error, ModelLoading):
        state, progress = State.LOADING, error.progress
    elif isinstance(error, ModelMissing | EngineUnavailable | EngineFailed):
        state = State.PROBLEM
    status.report(state, reason, message=str(error), progress=progress)
    return Suggestion(reason=reason)
