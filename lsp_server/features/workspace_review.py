"""hearthline.reviewWorkspace, hearthline.clearWorkspaceReview: findings in files that are not open.

Owns which files have been given findings. Invariant: a document that is open is never among them: what is said of it
comes from its text in the editor alone. One file is read at a time, in the review process, and nothing of it is kept.
"""

import asyncio
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server import convert
from lsp_server.context.files import MAX_FILES, TooManyFilesError, list_files
from lsp_server.errors import HearthlineError
from lsp_server.features.diagnostics import Diagnostics
from lsp_server.features.window import Progress
from lsp_server.review_process.messages import Reviewed, ReviewFile
from lsp_server.settings import Baseline

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

REVIEW = "hearthline.reviewWorkspace"
CLEAR = "hearthline.clearWorkspaceReview"

_REPORT_S = 0.1


@dataclass(slots=True)
class _Counts:
    """How far a review is."""

    n_files: int
    n_done: int = 0
    n_skipped: int = 0
    n_findings: int = 0

    @property
    def words(self) -> str:
        return f"{self.n_findings} findings in {self.n_done:,} files, {self.n_skipped:,} of them not looked at"


class WorkspaceReview:
    """Reviews the files of the session's folders, once for each request."""

    def __init__(self, server: "HearthlineServer", diagnostics: Diagnostics) -> None:
        self._server = server
        self._diagnostics = diagnostics
        self._given: dict[str, str] = {}  # path -> the address that findings were sent for
        self._tokens = count(1)
        self._running: tuple[Progress, asyncio.Task[object]] | None = None

    def register(self) -> None:
        """Register the commands."""

        @self._server.command(REVIEW)
        async def review() -> dict[str, int]:
            return await self._review()

        @self._server.command(CLEAR)
        async def clear() -> None:
            for path in list(self._given):
                self._take_back(path)

    def note_opened(self, uri: str) -> None:
        """Leave a document to those who look at open ones."""
        path = convert.path_of(uri)
        if path is not None:
            self._take_back(path)

    def cancel(self, token: int | str) -> None:
        """Stop, if it is this review's progress that the person does not want any more."""
        if self._running is not None and self._running[0].token == token:
            self._running[1].cancel()

    async def _review(self) -> dict[str, int]:
        if self._running is not None:
            raise HearthlineError("the workspace is being reviewed already")
        if not self._server.session.folders:
            raise HearthlineError("no folder is open here; open the project's folder to review its files")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        token, title = f"hearthline-review-{next(self._tokens)}", "Hearthline: reviewing the workspace"
        progress = Progress(self._server, token, title, cancellable=True)
        self._running = progress, task
        counts = _Counts(0)
        try:
            if self._server.session.capabilities.work_done_progress:
                self._server.spawn(progress.begin())
            await self._review_all(await asyncio.to_thread(self._files), counts, progress)
        finally:
            self._running = None
            progress.end(counts.words)
        return {"files": counts.n_done, "skipped": counts.n_skipped, "findings": counts.n_findings}

    def _files(self) -> list[Path]:
        """Return the files of all folders, each once. Blocking."""
        exclude = self._server.session.settings.index.exclude
        try:
            return sorted(
                {folder / path for folder in self._server.session.folders for path in list_files(folder, exclude)}
            )
        except TooManyFilesError:
            raise HearthlineError(
                f"a folder holds more than {MAX_FILES:,} files; exclude some with hearthline.index.exclude"
            ) from None

    async def _review_all(self, files: list[Path], counts: _Counts, progress: Progress) -> None:
        counts.n_files = len(files)
        reported_at = 0.0
        for file in files:
            await self._review_file(str(file), counts)
            counts.n_done += 1
            if time.monotonic() - reported_at > _REPORT_S:
                reported_at = time.monotonic()
                words = f"{counts.n_done:,} of {counts.n_files:,} files, {counts.n_findings} findings"
                progress.report(words, counts.n_done / counts.n_files)

    async def _review_file(self, path: str, counts: _Counts) -> None:
        if self._is_open(path):
            return
        session = self._server.session
        request = ReviewFile(path, session.settings.review.baseline is Baseline.HEAD)
        reviewed = await self._server.reviewing.process.ask(request, Reviewed)
        counts.n_skipped += bool(reviewed.skipped)
        uri, encoding = convert.uri_of(path), session.capabilities.position_encoding
        items = self._diagnostics.of_findings(reviewed, reviewed.lines, encoding, uri)
        counts.n_findings += len(items)
        if self._is_open(path):  # it was opened meanwhile
            return
        if items:
            self._given[path] = uri
            self._diagnostics.publish(uri, items)
        else:
            self._take_back(path)

    def _is_open(self, path: str) -> bool:
        return any(document.path == path for document in self._server.session.documents.values())

    def _take_back(self, path: str) -> None:
        uri = self._given.pop(path, None)
        if uri is not None:
            self._diagnostics.publish(uri, [])
