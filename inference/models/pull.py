"""Fetch a model, make it ready, put it where `store` finds it. Invariant: that folder is whole or not there.

All work happens in a folder beside the final one, `.NAME.pull`, under a file lock; it survives an interruption,
and the next pull goes on from what it holds. The last step is a rename.
"""

import contextlib
import errno
import fcntl
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from inference import paths
from inference.errors import CheckpointDamaged, DiskRefused, ModelMissing, ModelUnsupported
from inference.models import lock, recipes
from inference.models.disk import sync
from inference.models.lock import read_lock, write_lock
from inference.models.progress import Reporter
from inference.models.recipes import Recipe
from inference.models.reference import folder_name
from inference.models.store import is_complete


def pull(name: str, reporter: Reporter) -> Path:
    """Make the model that `name` means present; return its checkpoint folder, at once when it is there and right.

    name: of the catalogue, of the hub (`org/name[:file.gguf][@revision]`), or the path of a GGUF file, which is read
    and left where it is. A second process that pulls the same model waits for the first. Raises ModelUnknown,
    ModelMissing, ModelUnsupported, and PullFailed, after which whatever was fetched is kept for the next attempt.
    """
    recipe = recipes.find_recipe(name, reporter)
    final, work = paths.models_dir() / folder_name(recipe.name), _work_dir(recipe.name)
    with _disk_errors_named(final.parent):
        if work.exists() or not final.exists() or _problem(final, recipe) is not None:
            with only_one_pull(recipe.name, reporter), _nothing_useless_left(work):
                _pull_unless_there(recipe, final, work, reporter)
        _note_place(final, recipe)
    return final


def remove(name: str, reporter: Reporter) -> int:
    """Remove the model called `name` and what was fetched of it; return how many bytes that were.

    Whether a worker holds it is the caller's question. Raises ModelMissing, DiskRefused.
    """
    final, work = paths.models_dir() / folder_name(name), _work_dir(name)
    with _disk_errors_named(paths.models_dir()):
        if not is_complete(final) and not work.exists():
            raise ModelMissing(f"there is no model {name} in {paths.models_dir()}")
        with only_one_pull(name, reporter):
            work.mkdir(exist_ok=True)
            if is_complete(final):
                final.rename(work / "removed")
            size = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
            shutil.rmtree(work)
    return size


def _pull_unless_there(recipe: Recipe, final: Path, work: Path, reporter: Reporter) -> None:
    problem = _problem(final, recipe) if final.exists() else None
    if final.exists() and problem is None:
        # Another process made it meanwhile, or one was killed between its last two steps.
        shutil.rmtree(work, ignore_errors=True)
        return
    if problem is not None:
        if not is_complete(final):
            raise DiskRefused(f"{final} is in the way: {problem}; move it elsewhere and pull again")
        reporter.note(f"{problem.partition(';')[0]}; pulling it again")
    work.mkdir(exist_ok=True)
    checkpoint = recipe.make(work, reporter)
    if final.exists():
        # What was found wrong above; it goes with the work folder, now that the new one is whole.
        shutil.rmtree(work / "replaced", ignore_errors=True)
        final.rename(work / "replaced")
    checkpoint.rename(final)
    sync(final.parent)
    shutil.rmtree(work)


def _problem(final: Path, recipe: Recipe) -> str | None:
    """Say what is wrong with an installed checkpoint, None where it is right."""
    try:
        locked = read_lock(final)
        if locked is None:
            return "it is no model that was pulled"
        if (outdated := recipe.outdated(locked)) is not None:
            return outdated
        lock.check(final, locked)
    except CheckpointDamaged as error:
        return str(error)
    return None


def _note_place(final: Path, recipe: Recipe) -> None:
    """Note where the file that a model was made of lies now: by that it is found again."""
    locked = read_lock(final)
    origin = recipe.file_origin
    if locked is not None and origin is not None and (locked.source, locked.revision) != origin:
        write_lock(final, replace(locked, source=origin[0], revision=origin[1]))


def _work_dir(name: str) -> Path:
    return paths.models_dir() / f".{folder_name(name)}.pull"


@contextlib.contextmanager
def only_one_pull(name: str, reporter: Reporter) -> Iterator[None]:
    """Hold the lock of the pull of `name`; wait, and say so, while another process holds it."""
    directory = paths.models_dir()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f".{folder_name(name)}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.note(f"another process is pulling {name}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _nothing_useless_left(work: Path) -> Iterator[None]:
    """Remove the work folder where there is nothing to go on from: it is empty, or what is in it cannot be run."""
    try:
        yield
    except ModelUnsupported:
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        with contextlib.suppress(OSError):
            work.rmdir()


@contextlib.contextmanager
def _disk_errors_named(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = "the disk is full; make room and pull again: what was fetched is kept"
        else:
            problem = f"{error.strerror or error}; let HEARTHLINE_HOME name a folder where you may write"
        raise DiskRefused(f"the model cannot be written to {directory}: {problem}") from error
