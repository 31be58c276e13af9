"""The worker's errors, one tree. Each message names the thing, the cause and the way out.

InferenceError
├── BlasError                 the fast BLAS cannot be put under MLX
└── ModelError
    ├── ModelUnknown          neither a name in the catalogue nor a folder with a checkpoint
    ├── ModelMissing          in the catalogue, not on this machine
    ├── ModelUnsupported      a file whose architecture, tokenizer or layout this version cannot read
    ├── CheckpointDamaged     files of a checkpoint are not those its lock file records
    └── PullFailed            a model could not be fetched; nothing half-written is left
        ├── SourceUnreachable   no answer from a source, or not the file it promised
        ├── HashMismatch        the bytes that came are not the bytes that were promised
        └── DiskRefused         no room, or no permission, where the model should go
"""


class InferenceError(Exception):
    """Root of the tree. `str(error)` is a sentence for a person and holds no source text."""


class BlasError(InferenceError):
    """The fast BLAS cannot be put under MLX."""


class ModelError(InferenceError):
    """Something about a model: its name, its files or how they got here."""


class ModelUnknown(ModelError):
    """Neither a name in the catalogue nor a folder with a checkpoint."""


class ModelMissing(ModelError):
    """The model is in the catalogue and not on this machine."""


class ModelUnsupported(ModelError):
    """A file whose architecture, tokenizer or layout this version cannot read."""


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
