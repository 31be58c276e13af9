"""How each kind of model is made: from a GGUF of the catalogue, of the hub or of this machine, or from a snapshot.

Invariant: `make` returns a whole checkpoint folder, on the disk, with its lock file, inside the work folder it got.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inference.device import checkpoint_layout, describe_device
from inference.errors import ModelMissing, ModelUnknown, ModelUnsupported
from inference.models.catalogue import GGUFSource, ModelSpec, find_model
from inference.models.convert import CONVERTER, checkpoint_bytes, convert_gguf, count_parameters
from inference.models.disk import require_free, size_of, sync_tree
from inference.models.gguf_source import fetch_gguf, fetch_hub_gguf, read_origin
from inference.models.hub import list_repository
from inference.models.lock import Lock, lock_files, sha256_of, write_lock
from inference.models.progress import Reporter, Stage
from inference.models.reference import HubId, is_commit, is_gguf, is_path, parse_hub_id
from inference.models.snapshot import fetch_snapshot
from inference.models.store import file_source, made_of

_OTHER_CONVERTER = "was made by another version"


class Recipe(Protocol):
    """How one model is made."""

    @property
    def name(self) -> str:
        """What the model will be called."""
        ...

    @property
    def file_origin(self) -> tuple[str, str] | None:
        """Source and revision of a model made of a file of this machine, as `store.file_source` says them now."""
        ...

    def outdated(self, locked: Lock) -> str | None:
        """Say why the checkpoint with the lock file `locked` is not what would be made now; None when it is."""
        ...

    def make(self, work: Path, reporter: Reporter) -> Path:
        """Make the checkpoint in `work`; return its folder. Raises PullFailed, ModelUnsupported, OSError."""
        ...


def find_recipe(name: str, reporter: Reporter) -> Recipe:
    """Find out how to make what `name` means (see `pull`). Raises ModelUnknown, ModelMissing, SourceUnreachable."""
    if is_path(name):
        return _LocalGGUF.of(Path(name).expanduser().absolute(), reporter)
    hub_id = parse_hub_id(name)
    if hub_id is None:
        spec = find_model(name)
        source = spec.source
        if isinstance(source, GGUFSource):
            return _CatalogueGGUF(spec, source)
        return _Snapshot(spec.name, source.repository, source.revision)
    revision = hub_id.revision
    if revision is not None and not is_commit(revision):
        # A branch or a tag means another commit tomorrow: asked for by name, it is looked up each time.
        revision = list_repository(hub_id.repository, revision).revision
    if hub_id.filename is not None:
        return _HubGGUF(HubId(hub_id.repository, hub_id.filename, revision))
    return _Snapshot(hub_id.name, hub_id.repository, revision)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A repository of the hub, taken as it is. revision: a commit, None for the newest where none is here."""

    name: str
    repository: str
    revision: str | None
    file_origin: None = None

    def outdated(self, locked: Lock) -> str | None:
        return _other_revision(self.name, self.revision, locked)

    def make(self, work: Path, reporter: Reporter) -> Path:
        return fetch_snapshot(self.name, list_repository(self.repository, self.revision), work, reporter)


@dataclass(frozen=True, slots=True)
class _CatalogueGGUF:
    """A GGUF file whose sha256 the catalogue knows."""

    spec: ModelSpec
    source: GGUFSource
    file_origin: None = None

    @property
    def name(self) -> str:
        return self.spec.name

    def outdated(self, locked: Lock) -> str | None:
        return None if locked.converter == CONVERTER else f"{self.name} {_OTHER_CONVERTER}"

    def make(self, work: Path, reporter: Reporter) -> Path:
        layout = checkpoint_layout(describe_device().kind)
        gguf = fetch_gguf(self.spec, work, layout, reporter)
        return _convert(self.name, gguf, self.source.sha256, read_origin(work), work, reporter)


@dataclass(frozen=True, slots=True)
class _HubGGUF:
    """One GGUF file of a repository. hub_id: with a filename; its revision a commit, None for the newest."""

    hub_id: HubId
    file_origin: None = None

    @property
    def name(self) -> str:
        return self.hub_id.name

    def outdated(self, locked: Lock) -> str | None:
        if locked.converter != CONVERTER:
            return f"{self.name} {_OTHER_CONVERTER}"
        return _other_revision(self.name, self.hub_id.revision, locked)

    def make(self, work: Path, reporter: Reporter) -> Path:
        listing = list_repository(self.hub_id.repository, self.hub_id.revision)
        file = listing.files.get(self.hub_id.filename or "")
        if file is None:
            ggufs = ", ".join(sorted(name for name in listing.files if is_gguf(name))) or "none"
            raise ModelUnknown(
                f"the hub's {listing.repository} has no {self.hub_id.filename}; its GGUF files are {ggufs}"
            )
        gguf = fetch_hub_gguf(self.name, listing, file, work, reporter)
        return _convert(self.name, gguf, file.sha256, read_origin(work), work, reporter)


@dataclass(frozen=True, slots=True)
class _LocalGGUF:
    """A GGUF file of this machine, which stays where it is. The model is named after it and its sha256."""

    name: str
    path: Path
    sha256: str
    file_origin: tuple[str, str]

    @classmethod
    def of(cls, path: Path, reporter: Reporter) -> "_LocalGGUF":
        """Hash the file at `path`. Raises ModelMissing, ModelUnknown."""
        if path.is_dir():
            raise ModelUnknown(f"{path} is a folder: nothing is to be fetched, use it as it is with --model {path}")
        if not path.is_file():
            raise ModelMissing(f"there is no file {path}")
        if not is_gguf(path.name):
            raise ModelUnsupported(f"{path} is not a GGUF file; other files are not converted")
        try:
            sha256 = sha256_of(path, _summing(reporter, Stage.VERIFY, path.stat().st_size))
        except OSError as error:
            raise ModelMissing(f"{path} cannot be read: {error.strerror or error}") from error
        stem = re.sub(r"[^\w.-]+|-{2,}", "-", path.stem, flags=re.ASCII).strip("-.") or "model"
        return cls(made_of(sha256) or f"{stem}-{sha256[:12]}", path, sha256, file_source(path))

    def outdated(self, locked: Lock) -> str | None:
        return None if locked.converter == CONVERTER else f"{self.name} {_OTHER_CONVERTER}"

    def make(self, work: Path, reporter: Reporter) -> Path:
        reporter.note(f"{self.path} is converted once into a checkpoint of its own and stays as it is")
        return _convert(self.name, self.path, self.sha256, self.file_origin, work, reporter)


def _other_revision(name: str, revision: str | None, locked: Lock) -> str | None:
    if revision is None or revision == locked.revision:
        return None
    return f"{name} is here as of {locked.revision[:12]}, and {revision[:12]} is asked for"


def _convert(
    name: str, gguf: Path, sha256: str | None, origin: tuple[str, str], work: Path, reporter: Reporter
) -> Path:
    """Make the checkpoint of the file `gguf` in `work`, with its lock file, all of it on the disk."""
    layout = checkpoint_layout(describe_device().kind)
    checkpoint = work / "checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    size = checkpoint_bytes(count_parameters(gguf), layout)
    require_free(work, name, size)
    checkpoint.mkdir()
    convert_gguf(gguf, checkpoint, layout, lambda share: reporter.progress(Stage.CONVERT, int(share * size), size))
    files = lock_files(checkpoint, _summing(reporter, Stage.VERIFY, size_of(checkpoint)))
    source, revision = origin
    write_lock(checkpoint, Lock(name, source, revision, sha256, layout, CONVERTER, files))
    sync_tree(checkpoint)
    return checkpoint


def _summing(reporter: Reporter, stage: Stage, total: int) -> Callable[[int], None]:
    done = 0

    def add(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        reporter.progress(stage, done, total)

    return add
