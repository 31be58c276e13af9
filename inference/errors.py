"""The worker's errors, one tree. Each message names the thing, the cause and the way out.

InferenceError
├── BlasError                 the fast BLAS cannot be put under MLX
├── ModelError
│   ├── ModelUnknown          neither a name in the catalogue nor on the hub, nor a folder with a checkpoint
│   ├── ModelMissing          a name or a path that may be right, and nothing there on this machine
│   ├── ModelHeld             a worker uses it
│   ├── ModelUnsupported      a file whose architecture, tokenizer or layout this version cannot read
│   ├── ModelTooLarge         the device has not the memory for it
│   ├── CheckpointDamaged     files of a checkpoint are not those its lock file records
│   └── PullFailed            a model could not be fetched; nothing half-written is left
│       ├── SourceUnreachable   no answer from a source, or not the file it promised
│       ├── HashMismatch        the bytes that came are not the bytes that were promised
│       └── DiskRefused         no room, or no permission, where the model should go
└── RequestError              one request is not answered; the others are
    ├── RequestInvalid        the request is wrong; says which field, and what would be right (400)
    ├── ModelNotResident      the request names a model that this worker does not hold (404)
    ├── BodyTooLarge          more bytes than a request may have (413)
    ├── Overloaded            no room now; carries when to come back (429)
    ├── NotReady              the weights are being read, or could not be, or the worker is leaving (503)
    ├── MemoryShort           the worker is at its memory ceiling; carries when to come back (503)
    └── EngineFailed          the model broke while it worked on this request (500)
"""


class InferenceError(Exception):
    """Root of the tree. `str(error)` is a sentence for a person and holds no source text."""


class BlasError(InferenceError):
    """The fast BLAS cannot be put under MLX."""


class ModelError(InferenceError):
    """Something about a model: its name, its files or how they got here."""


class ModelUnknown(ModelError):
    """Neither a name in the catalogue nor on the hub, nor a folder with a checkpoint."""


class ModelMissing(ModelError):
    """A name or a path that may be right, and nothing there on this machine."""


class ModelHeld(ModelError):
    """A worker uses the model."""


class ModelUnsupported(ModelError):
    """A file whose architecture, tokenizer or layout this version cannot read."""


class ModelTooLarge(ModelError):
    """The device has not the memory for the model, at the context it was asked for."""


class CheckpointDamaged(ModelError):
    """Files of a checkpoint are not those its lock file records."""


class PullFailed(ModelError):
    """A model could not be fetched; nothing half-written is left in its place."""


class SourceUnreachable(PullFailed):
    """A source gave no answer, or not the file it promised."""


class HashMismatch(PullFailed):
    """The bytes that came are not the bytes that were promised."""


class DiskRefused(PullFailed):
    """No room, or no permission, where the model should go."""


class RequestError(InferenceError):
    """One request is not answered; the others are."""


class RequestInvalid(RequestError):
    """The request is wrong. `param` is the field, where it is one field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class ModelNotResident(RequestError):
    """The request names a model that this worker does not hold."""


class BodyTooLarge(RequestError):
    """More bytes than a request may have."""


class Overloaded(RequestError):
    """There is no room now. `retry_after_s` is when there may be."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReady(RequestError):
    """No model answers. `progress` is the share of the weights read, None when reading has ended or failed."""

    def __init__(self, message: str, progress: float | None = None) -> None:
        super().__init__(message)
        self.progress = progress


class MemoryShort(RequestError):
    """The worker is at its memory ceiling. `retry_after_s` is when it may no longer be."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineFailed(RequestError):
    """The model broke while it worked on this request."""
