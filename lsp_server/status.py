"""What the person is told: the state of the whole, why there is no suggestion, and what they must do.

The one place that decides it. Invariant: a client hears of a state only when it changed, and of one problem only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lsp_server.document import Unfit
from lsp_server.errors import (
    EngineBusy,
    EngineError,
    EngineUnavailable,
    ModelLoading,
    ModelMissing,
    RequestSuperseded,
)

STATUS_METHOD = "hearthline/status"


class State(StrEnum):
    """How things stand."""

    STARTING = "starting"  # no engine asked yet
    LOADING = "loading"  # the model is being read
    READY = "ready"
    WORKING = "working"  # an answer is being made
    PAUSED = "paused"  # by the person, in this window, until they resume
    OFF = "off"  # by the person's own settings
    PROBLEM = "problem"  # something has to be done about it


class Severity(StrEnum):
    """How much a message to the person matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Reason(StrEnum):
    """Why there is no suggestion now."""

    MODEL_MISSING = "modelMissing"
    MODEL_LOADING = "modelLoading"
    ENGINE_UNAVAILABLE = "engineUnavailable"
    ENGINE_BUSY = "engineBusy"
    ENGINE_ERROR = "engineError"
    DEADLINE = "deadline"
    NOTHING_TO_ADD = "nothingToAdd"
    CANCELLED = "cancelled"
    STALE = "stale"
    OFF = "off"
    PAUSED = "paused"
    LANGUAGE_DISABLED = "languageDisabled"
    IN_COMMENT = "inComment"
    IN_STRING = "inString"
    SECRET = "secret"  # noqa: S105 - the name of a reason
    FILE_TOO_LARGE = "fileTooLarge"
    FILE_BINARY = "fileBinary"
    FILE_UNKNOWN = "fileUnknown"
    OUT_OF_SYNC = "outOfSync"

    @classmethod
    def of_unfit(cls, unfit: Unfit) -> "Reason":
        """Return the reason that a document gives by being `unfit`."""
        return _REASON_OF_UNFIT[unfit]

    @classmethod
    def of_error(cls, error: EngineError) -> "Reason":
        """Return the reason that an engine's failure is."""
        return next((reason for kind, reason in _REASON_OF_ERROR.items() if isinstance(error, kind)), cls.ENGINE_ERROR)


_REASON_OF_ERROR = {
    ModelMissing: Reason.MODEL_MISSING,
    ModelLoading: Reason.MODEL_LOADING,
    EngineUnavailable: Reason.ENGINE_UNAVAILABLE,
    EngineBusy: Reason.ENGINE_BUSY,
    RequestSuperseded: Reason.CANCELLED,
}

_REASON_OF_UNFIT = {
    Unfit.BINARY: Reason.FILE_BINARY,
    Unfit.TOO_LARGE: Reason.FILE_TOO_LARGE,
    Unfit.OUT_OF_SYNC: Reason.OUT_OF_SYNC,
}

_STATE_WORDS = {
    State.STARTING: "starting",
    State.LOADING: "the model is being read",
    State.READY: "ready",
    State.WORKING: "working",
    State.PAUSED: "suggestions are paused in this window",
    State.OFF: "completion is switched off",
    State.PROBLEM: "something is wrong; the log file says what",
}

_REASON_WORDS = {
    Reason.MODEL_MISSING: "the model is not on this machine; `hearthline models pull` fetches it",
    Reason.MODEL_LOADING: "the model is still being read",
    Reason.ENGINE_UNAVAILABLE: "the inference worker does not answer; `hearthline doctor` says why",
    Reason.ENGINE_BUSY: "the inference worker has too much to do",
    Reason.ENGINE_ERROR: "the inference worker failed; its log file says why",
    Reason.DEADLINE: "the model was too slow for this place",
    Reason.NOTHING_TO_ADD: "the model had nothing to add here",
    Reason.CANCELLED: "the editor withdrew the request",
    Reason.STALE: "the text changed while the answer was made",
    Reason.OFF: "completion is switched off (hearthline.completion.enabled)",
    Reason.PAUSED: "suggestions are paused in this window",
    Reason.LANGUAGE_DISABLED: "completion is switched off for this language (hearthline.completion.disabledLanguages)",
    Reason.IN_COMMENT: "completion is switched off inside comments (hearthline.completion.inComments)",
    Reason.IN_STRING: "completion is switched off inside strings (hearthline.completion.inStrings)",
    Reason.SECRET: "this looks like passwords or keys, which are shown to no model",
    Reason.FILE_TOO_LARGE: "this file is too large",
    Reason.FILE_BINARY: "this file is not text",
    Reason.FILE_UNKNOWN: "the editor has not opened this file here",
    Reason.OUT_OF_SYNC: "an edit of this file was lost; close it and open it again",
}


@dataclass(frozen=True, slots=True)
class Report:
    """One `hearthline/status` notification. progress: share of the loading done, 0.0 to 1.0."""

    state: State
    message: str
    reason: Reason | None = None
    model: str | None = None
    progress: float | None = None

    def as_params(self) -> dict[str, object]:
        """Return the notification's parameters."""
        return {
            "state": self.state.value,
            "message": self.message,
            "reason": self.reason.value if self.reason else None,
            "model": self.model,
            "progress": self.progress,
        }


class Client(Protocol):
    """The ways to reach the person; each does nothing where the client has no such way."""

    def send_status(self, params: Mapping[str, object]) -> None:
        """Send the `hearthline/status` notification."""
        ...

    def show_message(self, message: str, severity: Severity) -> None:
        """Show a message that stays until it is read."""
        ...

    def show_progress(self, title: str, message: str, share: float) -> None:
        """Begin or go on with showing progress. share: 0.0 to 1.0."""
        ...

    def end_progress(self, message: str) -> None:
        """Stop showing progress, if any is shown."""
        ...


class Status:
    """Tells the person how things stand."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._last: Report | None = None
        self._sent: Report | None = None
        self._is_paused = False
        self._said: set[str] = set()
        self._progress_shown = False

    @property
    def is_paused(self) -> bool:
        """Tell whether the person wants no ghost text in this window for now."""
        return self._is_paused

    def pause(self, *, is_paused: bool) -> None:
        """Show the window as paused, whatever else is reported but problems; or as it is again."""
        self._is_paused = is_paused
        self._send(self._last or Report(State.STARTING, _STATE_WORDS[State.STARTING]))

    @property
    def last(self) -> Report | None:
        """What was reported last."""
        return self._last

    def report(
        self,
        state: State,
        reason: Reason | None = None,
        *,
        message: str | None = None,
        model: str | None = None,
        progress: float | None = None,
    ) -> None:
        """Say how things stand, if that is news.

        message: words of its own in place of the state's or the reason's. model: where not given, the last one stays.
        """
        words = message or (_REASON_WORDS[reason] if reason else _STATE_WORDS[state])
        if model is None and self._last is not None:
            model = self._last.model
        report = Report(state, words, reason, model, None if progress is None else round(progress, 2))
        if report == self._last:
            return
        self._last = report
        self._send(report)
        self._follow_loading(report)

    def say_once(self, key: str, message: str, severity: Severity) -> None:
        """Show `message`, unless one with the same `key` was shown before."""
        if key not in self._said:
            self._said.add(key)
            self._client.show_message(message, severity)

    def forget(self, key: str) -> None:
        """Let `key` be said again: what it was about has been mended meanwhile."""
        self._said.discard(key)

    def _send(self, report: Report) -> None:
        if self._is_paused and report.state is not State.PROBLEM:
            report = Report(State.PAUSED, _STATE_WORDS[State.PAUSED], Reason.PAUSED, report.model)
        if report != self._sent:
            self._sent = report
            self._client.send_status(report.as_params())

    def _follow_loading(self, report: Report) -> None:
        if report.state is State.LOADING:
            self._progress_shown = True
            title = f"Hearthline: loading {report.model}" if report.model else "Hearthline: loading the model"
            self._client.show_progress(title, report.message, report.progress or 0.0)
        elif self._progress_shown:
            self._progress_shown = False
            self._client.end_progress(report.message)
