"""What git's HEAD, or another commit, holds of a file. Blocking, a few milliseconds.

Invariant: a git that does not answer in time, that is missing or that knows nothing of the file is as if there were
no git.
"""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lsp_server.context.files import MAX_FILE_BYTES

_GIT_TIMEOUT_S = 0.5
_KNOWN_S = 2.0
"""So long HEAD is taken for what it was: a person commits less often than they type."""


class Blob(NamedTuple):
    """A file's content in git, by its name there."""

    name: str
    n_bytes: int


def resolve_revision(revision: str, folder: Path) -> str | None:
    """Return the commit that `revision` names in the repository of `folder`; None where there is none."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.decode().strip() if found else None


class Head:
    """HEAD, or the commit `revision`, of the repositories that files lie in. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, revision: str = "HEAD") -> None:
        self._clock = clock
        self._revision = revision
        self._known: dict[str, tuple[float, Blob | None]] = {}

    def blob(self, path: str) -> Blob | None:
        """Return what is held of `path`; None where there is no git, no commit or no such file in it."""
        now = self._clock()
        known = self._known.get(path)
        if known is not None and now - known[0] < _KNOWN_S:
            return known[1]
        file = Path(path)
        answer = _git(file.parent, "cat-file", "--batch-check", given=f"{self._revision}:./{file.name}\n")
        words = answer.split() if answer else []
        blob = Blob(words[0].decode(), int(words[2])) if len(words) == 3 and words[1] == b"blob" else None
        if len(self._known) > 1000:
            self._known.clear()
        self._known[path] = now, blob
        return blob

    def text(self, path: str, blob: Blob) -> str | None:
        r"""Return the text of `blob`, lines ending in `\n`; None if it is too large to be reviewed, or gone."""
        if blob.n_bytes > MAX_FILE_BYTES:
            return None
        data = _git(Path(path).parent, "cat-file", "blob", blob.name)
        if data is None:
            return None
        return data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _git(folder: Path, *arguments: str, given: str = "") -> bytes | None:
    # A repository's own settings may name a program that git starts: not for a look at a file.
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
            input=given.encode(errors="surrogateescape"),
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
