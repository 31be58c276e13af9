"""The language server's errors, one tree. Each message names the thing, the cause and the way out.

HearthlineError
├── DocumentError             a position, version or edit that does not fit the document
└── EngineError
    ├── EngineUnavailable     nothing answers, and starting one did not help
    ├── ModelMissing          the configured model is not on this machine
    ├── ModelLoading          the worker is there, its weights not yet; carries the share done
    ├── EngineRefused         the engine understood the request and will not do it (4xx)
    ├── EngineBusy            the engine has no room now (429, 503); carries when to come back
    ├── EngineFailed          the engine tried and could not (5xx, or an error in mid-stream)
    ├── RequestSuperseded     a newer request with the same key took this one's place
    └── StreamBroken          the engine went away in the middle of an answer
"""


class HearthlineError(Exception):
    """Root of the tree. `str(error)` is a sentence for a person and holds no source text."""


class DocumentError(HearthlineError):
    """A position, version or edit that does not fit the document."""


class EngineError(HearthlineError):
    """The engine did not give an answer."""


class EngineUnavailable(EngineError):
    """Nothing answers at the engine's address, and starting a worker did not help."""


class ModelMissing(EngineError):
    """The configured model is not on this machine."""


class ModelLoading(EngineError):
    """The worker is reading its weights. `progress` is the share done, 0.0 to 1.0."""

    def __init__(self, message: str, progress: float) -> None:
        super().__init__(message)
        self.progress = progress


class EngineRefused(EngineError):
    """The engine understood the request and will not do it."""


class EngineBusy(EngineError):
    """The engine has no room now. `retry_after_s` is its own estimate of when it will."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineFailed(EngineError):
    """The engine tried and could not: a fault of its own, not of the request."""


class RequestSuperseded(EngineError):
    """A newer request with the same key took this one's place."""


class StreamBroken(EngineError):
    """The engine went away in the middle of an answer."""
