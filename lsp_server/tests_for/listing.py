"""What of a workspace is looked at to find out how it tests: a listing of its files, and a bounded way to read them.

Invariants: what git ignores, what is named as a secret and what is too large is never read, nor is a symbolic link
followed; what an editor shows of a file stands for what is on the disk. Blocking: make and use one in a thread.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lsp_server.context.files import TooManyFilesError, fit_text, list_files, read_plain
from lsp_server.context.secrets import is_secret_name
from lsp_server.errors import HearthlineError
from lsp_server.tests_for.conventions_runner import folders_above

_SETTINGS = (
    "conftest.py",
    "go.mod",
    "package.json",
    "Pipfile",
    "pyproject.toml",
    "pytest.ini",
    "requirements-dev.txt",
    "requirements.txt",
    "setup.cfg",
    "setup.py",
    "tox.ini",
)
"""Files that say how a project tests; the index does not take all of them for code."""


class Listing:
    """The files of `folder`, for tests of the file at `path`, which is relative to it.

    exclude: the person's patterns. shown: lines by path of files that are open in the editor. Raises HearthlineError.
    """

    def __init__(self, folder: Path, path: str, exclude: Sequence[str], shown: Mapping[str, Sequence[str]]) -> None:
        self._folder = folder
        self._shown = shown
        self._texts: dict[str, str | None] = {}
        try:
            found = set(list_files(folder, exclude))
        except TooManyFilesError:
            raise HearthlineError(
                f"{folder.name} holds too many files to find its tests; leave some out with hearthline.index.exclude"
            ) from None
        for above in folders_above(path):
            settings = [f"{above}/{name}" if above else name for name in _SETTINGS]
            found.update(each for each in settings if os.path.isfile(folder / each))
        self.files = frozenset(found | {path} | shown.keys())

    def read(self, path: str) -> str | None:
        r"""Return the text of a file, its lines ending in `\n`; None where there is none to be read."""
        if path not in self._texts:
            lines = self._shown.get(path)
            self._texts[path] = fit_text("".join(lines).encode()) if lines is not None else self._from_disk(path)
        return self._texts[path]

    def _from_disk(self, path: str) -> str | None:
        data = None if is_secret_name(path) else read_plain(self._folder / path)
        return fit_text(data) if data is not None else None


def require_plain_place(folder: Path, path: str) -> None:
    """Raise HearthlineError if what is written to `path`, relative to `folder`, would land anywhere else."""
    if (folder / path).resolve() != folder.resolve() / path:
        raise HearthlineError(f"{path} is a link, or lies behind one; tests are put into plain files only")
