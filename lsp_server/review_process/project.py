"""The `.hearthline.toml` that a file belongs to, and what it ignores. Blocking, well below a millisecond.

Invariant: a file that is open in the editor counts as it stands there, saved or not; one on the disk is read again
when its stamp has changed. The search goes upwards and ends at a repository's root and at the home folder.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lsp_server.context.files import Stamp, stamp_of
from lsp_server.review.suppressions import PROJECT_FILE, Entry, parse_project


class Project(NamedTuple):
    """What a project ignores. path: of a file, relative to the project. problem: what cannot be read, in words."""

    entries: tuple[Entry, ...] = ()
    path: str | None = None
    problem: str = ""


class _Read(NamedTuple):
    stamp: Stamp
    text: str


class Projects:
    """The projects' files. known: the rules there are."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._open: dict[Path, str] = {}
        self._read: dict[Path, _Read] = {}

    def hold(self, path: str, text: str | None) -> None:
        """Let `text` count for the file at `path`; None: what the disk holds."""
        if text is None:
            self._open.pop(Path(path), None)
        else:
            self._open[Path(path)] = text

    def of(self, path: str) -> Project:
        """Return the project of the file at `path`."""
        for folder in _folders_above(Path(path)):
            text = self.text(folder / PROJECT_FILE)
            if text is not None:
                entries, problems = parse_project(text, self._known)
                is_open = folder / PROJECT_FILE in self._open  # then the editor shows there what is wrong with it
                problem = f"{folder / PROJECT_FILE}: {problems[0].words}" if problems and not is_open else ""
                return Project(entries, Path(path).relative_to(folder).as_posix(), problem)
        return Project()

    def file_of(self, path: str, folders: Iterable[str]) -> Path | None:
        """Return the project's file for the file at `path`, made already or not. folders: of the workspace."""
        above = list(_folders_above(Path(path)))
        for folder in above:
            if self.text(folder / PROJECT_FILE) is not None:
                return folder / PROJECT_FILE
        roots = [folder for folder in above if (folder / ".git").exists()]
        roots += [folder for folder in map(Path, folders) if folder in above]
        return roots[0] / PROJECT_FILE if roots else None

    def text(self, file: Path) -> str | None:
        """Return what a project's file holds; None where there is none."""
        if file in self._open:
            return self._open[file]
        stamp = stamp_of(file)
        if stamp is None:
            self._read.pop(file, None)
            return None
        read = self._read.get(file)
        if read is None or read.stamp != stamp:
            try:
                read = _Read(stamp, file.read_bytes().decode("utf-8-sig", errors="replace"))
            except OSError:
                return None
            self._read[file] = read
        return read.text


def _folders_above(path: Path) -> Iterator[Path]:
    home = Path.home()
    for folder in path.parents:
        if folder == home:
            return
        yield folder
        if (folder / ".git").exists():
            return
