"""workspace/didChangeWatchedFiles, textDocument/didSave, and the index of the session's folders: when there is one.

Invariant: `session.index` is the index of the folders and settings of now, or None. What an open document says and no
disk has stands in it for the file, until that is saved or closed.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import convert
from lsp_server.context.index import WorkspaceIndex
from lsp_server.features.window import Progress
from lsp_server.status import Severity

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_WORTH_SHOWING_FILES = 100
_ANSWER_S = 10.0
_IDLE_S = 0.7
"""How long nobody must type before a document is parsed again for the others."""

_log = logging.getLogger(__name__)


def register(server: "HearthlineServer") -> None:
    """Register the methods that tell of changed files, and the one that cancels a progress."""

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        uris = [event.uri for event in params.changes]
        server.indexing.note_dirty(uris)
        server.reviewing.note_files(uris)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.indexing.note_saved(params.text_document.uri)
        server.reviewing.note_files([params.text_document.uri])
        server.preparing.note_saved(params.text_document.uri)

    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    async def cancel(params: types.WorkDoneProgressCancelParams) -> None:
        server.indexing.cancel(params.token)
        server.workspace_review.cancel(params.token)
        server.running.cancel(params.token)


class Indexing:
    """Starts and ends the index, and shows its progress. Implements `index.Listener`, called in another thread."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client_watches = False
        self._wanted: tuple[Sequence[Path], Sequence[str]] = ((), ())
        self._tokens = count(1)
        self._progress: Progress | None = None
        self._idle: dict[str, asyncio.TimerHandle] = {}
        self._unsaved: set[str] = set()

    async def begin(self) -> None:
        """Index the session's folders from now on; let the client watch them where it can."""
        if self._server.session.capabilities.watching_registration:
            self._client_watches = await self._ask_to_watch()
        self._loop = asyncio.get_running_loop()
        self.follow()

    def follow(self) -> None:
        """Do as folders and settings want it now; nothing before `begin`."""
        if self._loop is None:
            return
        session = self._server.session
        settings = session.settings.index
        wanted = (_worth_indexing(session.folders) if settings.enabled else [], settings.exclude)
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if session.index is not None:
            self._server.spawn(session.index.close())
            session.index = None
        if wanted[0]:
            session.index = WorkspaceIndex(*wanted, self, watches=not self._client_watches)
            session.index.start()
            for uri in tuple(self._unsaved):
                self._tell_text(uri)

    def note_dirty(self, uris: Sequence[str]) -> None:
        """Note that something happened to the files of `uris`."""
        index = self._server.session.index
        if index is not None:
            index.note_dirty([path for uri in uris if (path := convert.path_of(uri)) is not None])

    def note_edited(self, uri: str) -> None:
        """Note that a document was edited; when that is over, its text stands in the index for what is on disk."""
        if self._loop is None or self._server.session.index is None:
            return
        if uri in self._idle:
            self._idle[uri].cancel()
        self._idle[uri] = self._loop.call_later(_IDLE_S, self._tell_text, uri)

    def note_saved(self, uri: str) -> None:
        """Note that a document was saved."""
        self.note_closed(uri)
        self.note_dirty([uri])

    def note_closed(self, uri: str) -> None:
        """Note that what is on disk holds for a document."""
        if uri in self._idle:
            self._idle.pop(uri).cancel()
        index, path = self._server.session.index, convert.path_of(uri)
        if uri in self._unsaved and index is not None and path is not None:
            index.note_text(path, None)
        self._unsaved.discard(uri)

    def _tell_text(self, uri: str) -> None:
        self._idle.pop(uri, None)
        index = self._server.session.index
        if index is None or uri not in self._server.session.documents:
            return
        snapshot = self._server.session.snapshot(uri)
        if snapshot.path is not None and not snapshot.unfit:
            self._unsaved.add(uri)
            index.note_text(snapshot.path, "".join(snapshot.lines))

    def cancel(self, token: int | str) -> None:
        """Stop building, if it is that progress that the person does not want."""
        index = self._server.session.index
        if index is not None and self._progress is not None and self._progress.token == token:
            index.cancel_build()

    async def close(self) -> None:
        """End the index; what is written stays."""
        self._loop = None
        index, self._server.session.index = self._server.session.index, None
        if index is not None:
            await index.close()

    def on_progress(self, done: int, total: int) -> None:
        """See `index.Listener`."""
        if total >= _WORTH_SHOWING_FILES:
            self._on_loop(partial(self._show, done, total))

    def on_settled(self) -> None:
        """See `index.Listener`."""
        self._on_loop(self._end)

    def on_problem(self, words: str) -> None:
        """See `index.Listener`."""
        _log.warning("%s", words)
        self._on_loop(partial(self._server.session.status.say_once, words, words, Severity.WARNING))

    def _on_loop(self, job: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was closed this moment
                loop.call_soon_threadsafe(job)

    def _show(self, done: int, total: int) -> None:
        if not self._server.session.capabilities.work_done_progress:
            return
        if self._progress is None:
            token, title = f"hearthline-index-{next(self._tokens)}", "Hearthline: indexing the workspace"
            self._progress = Progress(self._server, token, title, cancellable=True)
            self._server.spawn(self._progress.begin())
        self._progress.report(f"{done:,} of {total:,} files", done / total)

    def _end(self) -> None:
        self._server.on_ready()
        if self._progress is not None:
            self._progress.end("the workspace is indexed")
            self._progress = None

    async def _ask_to_watch(self) -> bool:
        """Ask the client to tell of changed files; tell whether it will."""
        wanted = types.Registration(
            id="hearthline-watched-files",
            method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher("**/*")]),
        )
        asked = self._server.protocol.send_request_async(
            types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([wanted])
        )
        try:
            await asyncio.wait_for(asked, _ANSWER_S)
        except (TimeoutError, JsonRpcException):
            return False
        return True


def _worth_indexing(folders: Sequence[Path]) -> list[Path]:
    """Return `folders` without those inside others, and without a home or a root, which are no workspaces."""
    home = Path.home()
    kept = [folder for folder in folders if folder != home and folder not in home.parents]
    for folder in set(folders) - set(kept):
        _log.info("%s is not indexed: it is no project's folder", folder)
    return [folder for folder in kept if not any(other in folder.parents for other in kept)]
