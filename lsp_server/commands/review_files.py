"""Reviewing many files at once: one process a core, results in the order of the files, bounded memory.

Invariant: no file can end the run: whatever is wrong with one is its `skipped`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from lsp_server.context.files import MAX_FILE_BYTES, fit_text
from lsp_server.languages import language_of
from lsp_server.review.baseline import fingerprints, is_new
from lsp_server.review.finding import Finding, Review
from lsp_server.review.rulebook import load
from lsp_server.review.suppressions import find_ignore, parse_comments
from lsp_server.review_process.head import Head, resolve_revision
from lsp_server.review_process.project import Projects
from lsp_server.review_process.whole import WholeReviewer

_FEW_FILES = 8
"""Below this, other processes would take longer to start than the files take."""


class NoSuchRevisionError(Exception):
    """The revision to compare with does not exist here."""


class Looked(NamedTuple):
    """What was found in the file `path`. skipped: why it was not looked at, or, if `is_cut`, not to its end.

    n_ignored: findings that comments or the project's file let stand. lowered: fingerprints of those findings that a
    model showed to be safe.
    """

    path: Path
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    n_ignored: int = 0
    is_cut: bool = False
    lowered: frozenset[str] = frozenset()


def resolve(revision: str, folder: Path) -> str:
    """Return the commit that `revision` names in the repository of `folder`. Raises NoSuchRevisionError."""
    commit = resolve_revision(revision, folder)
    if commit is None:
        raise NoSuchRevisionError(f"git knows no revision {revision!r} in {folder}; name a commit, a branch or a tag")
    return commit


def look_at_all(files: Sequence[Path], commit: str | None, advance: Callable[[], None]) -> Iterator[Looked]:
    """Give what is found in each of `files`, in their order. commit: findings that stood there are left out.

    advance: called after each file.
    """
    look = partial(_look, commit=commit)
    if len(files) < _FEW_FILES:
        for file in files:
            yield look(file)
            advance()
        return
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for looked in pool.map(look, files, chunksize=4):
            yield looked
            advance()


def _look(path: Path, commit: str | None) -> Looked:
    try:
        n_bytes = path.stat().st_size
        if not path.is_file():
            return Looked(path, skipped="it is no plain file")
        text = fit_text(path.read_bytes()) if n_bytes <= MAX_FILE_BYTES else None
    except OSError as error:
        return Looked(path, skipped=f"it cannot be read ({error.strerror})")
    if text is None:
        return Looked(path, skipped=f"it is binary, minified or larger than {MAX_FILE_BYTES // 1024} KB")
    language = language_of(path.name)
    review = _review(text, language, path)
    if not review.is_looked_at:
        return Looked(path, skipped=review.skipped)
    old = _findings_at(commit, path, language) if commit is not None else None
    new = tuple(finding for finding in review.findings if is_new(finding, old))
    kept = _not_ignored(new, text, path)
    return Looked(path, kept, review.skipped, len(new) - len(kept), is_cut=bool(review.skipped))


def _findings_at(commit: str, path: Path, language: str) -> frozenset[str] | None:
    head, absolute = Head(revision=commit), os.path.abspath(path)
    blob = head.blob(absolute)
    text = head.text(absolute, blob) if blob is not None else None
    return None if text is None else fingerprints(_review(text, language, path).findings)


def _not_ignored(findings: Iterable[Finding], text: str, path: Path) -> tuple[Finding, ...]:
    comments, _ = parse_comments(text, load().families)
    project = _projects().of(os.path.abspath(path))
    return tuple(each for each in findings if find_ignore(each, comments, project.entries, project.path) is None)


def _review(text: str, language: str, path: Path) -> Review:
    return _reviewer().review(text, language, str(path), takes_longer=True)


@cache
def _reviewer() -> WholeReviewer:
    return WholeReviewer(load())


@cache
def _projects() -> Projects:
    return Projects(load().families)
