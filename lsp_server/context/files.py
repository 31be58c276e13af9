"""Which files of a folder belong to its index, and whether a file's content is fit for it.

Invariants: what git ignores, what `.hearthlineignore` or the person excludes and what is named as a secret never
belongs; a symbolic link is never followed, so no loop is walked and nothing outside the folder is read. Paths are
relative to the folder, with `/`. Blocking: call in a thread.
"""

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import NamedTuple

from pathspec import GitIgnoreSpec

from lsp_server.context.secrets import is_secret_name
from lsp_server.languages import PLAIN_TEXT, language_of

MAX_FILE_BYTES = 512 * 1024
MAX_FILES = 100_000
OWN_IGNORE = ".hearthlineignore"

_GIT_TIMEOUT_S = 60.0
_BINARY_HEAD_BYTES = 8192
_MAX_MEAN_LINE_BYTES = 300
_NEVER_ENTERED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        ".tox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
    }
)
_GENERATED = ("-lock.json", ".min.js", ".min.css", ".lock", "-lock.yaml", ".bundle.js")
"""Ends of names of what programs write for programs."""


class Stamp(NamedTuple):
    """What tells that a file was written, without reading it."""

    size: int
    mtime_ns: int


UNSAVED = Stamp(-1, 0)
"""Of what an editor shows and no disk has: it differs from every file's."""


class TooManyFilesError(Exception):
    """A folder holds more than MAX_FILES files that belong."""


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a plain file that is not too large; None for everything else, links included."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) and _is_fit_size(status) else None


def fit_text(data: bytes) -> str | None:
    r"""Return a file's content as text whose lines end in `\n`; None if it is binary or not written by hand."""
    if len(data) > MAX_FILE_BYTES or b"\0" in data[:_BINARY_HEAD_BYTES]:
        return None
    n_lines = data.count(b"\n") + data.count(b"\r") + 1
    if len(data) / n_lines > _MAX_MEAN_LINE_BYTES:
        return None
    text = data.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class Exclusions:
    """The person's `index.exclude` and the folder's `.hearthlineignore` files: they only take away."""

    def __init__(self, folder: Path, patterns: Sequence[str]) -> None:
        self._folder = folder
        self._spec = _spec(patterns)
        self._own = lru_cache(maxsize=None)(self._read)

    def excludes(self, path: str) -> bool:
        """Tell whether the file `path` is left out."""
        if self._spec is not None and self._spec.match_file(path):
            return True
        for folder in _folders_above(path):
            spec = self._own(folder)
            if spec is not None and spec.match_file(path[len(folder) :]):
                return True
        return False

    def _read(self, folder: str) -> GitIgnoreSpec | None:
        return _spec(_lines_of(self._folder / folder / OWN_IGNORE))


def list_files(folder: Path, exclude: Sequence[str], only: Collection[str] | None = None) -> dict[str, Stamp]:
    """Return the files of `folder` that belong to its index.

    exclude: patterns in gitignore's syntax. only: look no further than these paths.
    Raises TooManyFilesError.
    """
    listed = _git_files(folder, only)
    if listed is None or (only is None and not listed):  # no git, or a folder that git ignores as a whole
        listed = _walk(folder) if only is None else _Ignored(folder).kept(only)
    exclusions = Exclusions(folder, exclude)
    files: dict[str, Stamp] = {}
    for path in listed:
        if not is_candidate(path) or exclusions.excludes(path):
            continue
        stamp = stamp_of(folder / path)
        if stamp is not None:
            files[path] = stamp
        if len(files) > MAX_FILES:
            raise TooManyFilesError
    return files


def is_candidate(path: str) -> bool:
    """Tell whether a file of this name may belong: code by its name, no secret, written by a person."""
    return language_of(path) != PLAIN_TEXT and not path.lower().endswith(_GENERATED) and not is_secret_name(path)


def _is_fit_size(status: os.stat_result) -> bool:
    return 0 < status.st_size <= MAX_FILE_BYTES


def _git_files(folder: Path, only: Collection[str] | None = None) -> Iterable[str] | None:
    """Return what git tracks or would track, submodules and nested repositories too; None where git cannot say."""
    # A repository's own settings may name a program that git starts when it reads its index: not for a listing.
    command = [
        "git",
        "--literal-pathspecs",
        "-c",
        "core.fsmonitor=false",
        "ls-files",
        "-co",
        "--exclude-standard",
        "-z",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            [*command, "--", *(only or ())],
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    paths = dict.fromkeys(os.fsdecode(path) for path in answer.stdout.split(b"\0") if path)
    return [each for path in paths for each in _with_nested(folder, path)]


def _with_nested(folder: Path, path: str) -> Iterable[str]:
    """Return `path`, or what lies in it: git names a repository inside another by its folder alone."""
    inner = folder / path
    if not os.path.lexists(inner / ".git") or inner.is_symlink():
        return (path,)
    prefix = path if path.endswith("/") else f"{path}/"
    return [prefix + each for each in _git_files(inner) or ()]


def _walk(folder: Path) -> Iterator[str]:
    """Give the files below `folder` that no `.gitignore` in it leaves out."""
    ignored = _Ignored(folder)
    for directory, names, files in os.walk(folder):
        inner = Path(directory).relative_to(folder).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        names[:] = [
            name
            for name in names
            if name not in _NEVER_ENTERED and not ignored.names(f"{prefix}{name}", is_folder=True)
        ]
        yield from (path for name in files if not ignored.names(path := prefix + name, is_folder=False))


class _Ignored:
    """The `.gitignore` files of a tree that git does not look after."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._specs = lru_cache(maxsize=None)(self._read)

    def names(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether `path` itself is ignored; of the files above it, the deepest that names it decides."""
        for folder in reversed(list(_folders_above(path))):
            spec = self._specs(folder)
            decided = spec.check_file(path[len(folder) :] + ("/" if is_folder else "")).include if spec else None
            if decided is not None:
                return decided
        return False

    def kept(self, paths: Iterable[str]) -> Iterator[str]:
        """Give those of `paths` that are not ignored, nor lie in a folder that is."""
        for path in paths:
            folders = [folder.rstrip("/") for folder in _folders_above(path) if folder]
            if any(PurePosixPath(folder).name in _NEVER_ENTERED for folder in folders):
                continue
            if not any(self.names(folder, is_folder=True) for folder in folders) and not self.names(
                path, is_folder=False
            ):
                yield path

    def _read(self, folder: str) -> GitIgnoreSpec | None:
        return _spec(_lines_of(self._folder / folder / ".gitignore"))


def _folders_above(path: str) -> Iterator[str]:
    """Give the folders that `path` lies in, the outermost first: empty, then each with a `/` at its end."""
    yield ""
    for number, character in enumerate(path):
        if character == "/":
            yield path[: number + 1]


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _spec(lines: Sequence[str]) -> GitIgnoreSpec | None:
    """Return the patterns as one, None where there are none; a line that is no pattern is left out."""
    if not lines:
        return None
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def read_plain(path: str | Path) -> bytes | None:
    """Return the first bytes of a plain file, one more than are reviewed; None where there is none that can be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not S_ISREG(os.fstat(fd).st_mode):
            return None
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
