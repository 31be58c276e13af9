"""textDocument/codeLens and hearthline.showTests: tests that were prepared for a function that was changed and saved.

Owns those tests, in memory alone. Invariants: one function is prepared for at a time, in a trusted folder, at
background priority, and a key anywhere ends it; nothing is begun while background work waits (on battery, under memory
pressure, by request) or where it is switched off; tests are shown while the function stands as it was when they were
made.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.context.subject import Subject
from lsp_server.document import DocumentSnapshot
from lsp_server.engine.protocol import Priority
from lsp_server.errors import HearthlineError
from lsp_server.features.running import STALE, Run
from lsp_server.features.subjects import subject_of
from lsp_server.features.testing import Suggested, may_be_tested, suggested
from lsp_server.features.testing_offer import offer

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

SHOW = "hearthline.showTests"
IDLE_S = 2.0
"""So long nobody types anywhere before tests are prepared."""

_MAX_READY = 20

_log = logging.getLogger(__name__)


class _Ready(NamedTuple):
    """Tests of a function. lines: of the function, as it was."""

    lines: tuple[str, ...]
    first_line: int
    made: Suggested


class Preparing:
    """Prepares tests, and shows that there are some."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._saved: dict[str, DocumentSnapshot] = {}
        self._ready: OrderedDict[tuple[str, str], _Ready] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def register(self) -> None:
        """Register the method and the command of its lenses."""

        @self._server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions())
        async def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
            return self._lenses(params.text_document.uri)

        self._server.running.add(SHOW, "Hearthline: adding tests", self._show)

    def note_opened(self, uri: str) -> None:
        """Take a document that came for saved."""
        document = self._server.session.documents[uri]
        if document.path is not None:
            self._saved[uri] = document.snapshot()

    def note_changed(self) -> None:
        """Stop: somebody types."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def note_saved(self, uri: str) -> None:
        """Prepare tests for what was changed in a document since it was saved last."""
        document, before = self._server.session.documents.get(uri), self._saved.get(uri)
        if document is None:
            return
        snapshot = self._saved[uri] = document.snapshot()
        where = _changed_lines(before.lines, snapshot.lines) if before is not None else None
        if where is None or not self._is_wanted(snapshot):
            return
        self.note_changed()
        self._task = asyncio.get_running_loop().create_task(self._prepare(snapshot, where))
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def note_closed(self, uri: str) -> None:
        """Forget a document."""
        self._saved.pop(uri, None)
        for key in [key for key in self._ready if key[0] == uri]:
            del self._ready[key]

    @property
    def is_busy(self) -> bool:
        """Whether tests are being prepared, or will be if nobody types."""
        return self._task is not None and not self._task.done()

    def _is_wanted(self, snapshot: DocumentSnapshot) -> bool:
        if not self._server.session.settings.tests.background or not may_be_tested(self._server, snapshot):
            return False
        return self._server.trust.is_given(self._server.trust.folder_of(snapshot.path))

    async def _prepare(self, snapshot: DocumentSnapshot, where: types.Range) -> None:
        await asyncio.sleep(IDLE_S)
        subject = await subject_of(self._server, snapshot, where)
        if subject is None or subject.is_test or subject.kind == "class":
            return
        folder = self._server.trust.folder_of(snapshot.path)
        try:
            known = await self._server.session.engine.capabilities()
            if known.paused or known.assistant_model is None:
                return
            made = await suggested(self._server, snapshot, subject, folder, _tell_nobody, Priority.BACKGROUND)
        except HearthlineError as error:
            _log.info("no tests were prepared: %s", type(error).__name__)
            return
        if made.suggestion.kept and self._server.session.is_current(snapshot):
            self._keep(snapshot, subject, made)
            await self._refresh()

    def _keep(self, snapshot: DocumentSnapshot, subject: Subject, made: Suggested) -> None:
        lines = tuple(snapshot.lines[subject.first_line : subject.last_line + 1])
        key = snapshot.uri, subject.qualified_name
        self._ready[key] = _Ready(lines, subject.first_line, made)
        self._ready.move_to_end(key)
        if len(self._ready) > _MAX_READY:
            self._ready.popitem(last=False)

    async def _refresh(self) -> None:
        if self._server.session.capabilities.code_lens_refresh:
            with suppress(JsonRpcException):
                await self._server.protocol.send_request_async(types.WORKSPACE_CODE_LENS_REFRESH, None)

    def _lenses(self, uri: str) -> list[types.CodeLens]:
        document = self._server.session.documents.get(uri)
        if document is None:
            return []
        lenses = []
        snapshot = document.snapshot()
        for line, (_, ready) in self._standing(snapshot).items():
            n = len(ready.made.suggestion.kept)
            where = types.Range(types.Position(line, 0), types.Position(line, 0))
            argument = {"uri": uri, "range": where, "version": snapshot.version}
            title = "1 test ready" if n == 1 else f"{n} tests ready"
            lenses.append(types.CodeLens(where, types.Command(title=title, command=SHOW, arguments=[argument])))
        return lenses

    def _standing(self, snapshot: DocumentSnapshot) -> dict[int, tuple[tuple[str, str], _Ready]]:
        """Return what is ready by the line its function begins on now; forget what was changed."""
        found = {}
        for key, ready in list(self._ready.items()):
            if key[0] != snapshot.uri:
                continue
            line = _line_of(ready, snapshot.lines)
            if line is None:
                del self._ready[key]
            else:
                found[line] = key, ready
        return found

    async def _show(self, run: Run) -> None:
        """Put the tests that are ready for the function at `run.where` into their file."""
        standing = self._standing(run.snapshot).get(run.where.start.line)
        if standing is None:
            raise HearthlineError(STALE)
        key, ready = standing
        self._ready.pop(key, None)
        await offer(self._server, ready.made.plan, ready.made.suggestion, run.snapshot)
        await self._refresh()


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> types.Range | None:
    """Return the lines of `after` that are not as they were, None where nothing was changed or lines only went."""
    n = min(len(before), len(after))
    first = next((number for number in range(n) if before[number] != after[number]), n)
    n_same = next((number for number in range(n - first) if before[-1 - number] != after[-1 - number]), n - first)
    last = len(after) - 1 - n_same
    if last < first and len(before) == len(after):
        return None
    return types.Range(types.Position(first, 0), types.Position(max(first, last), 1))


def _line_of(ready: _Ready, lines: Sequence[str]) -> int | None:
    """Return the line that the function begins on, None where it does not stand in `lines` as it was."""
    n = len(ready.lines)
    places: list[int] = [ready.first_line, *range(len(lines) - n + 1)]
    for line in places:
        if lines[line : line + 1] == [ready.lines[0]] and tuple(lines[line : line + n]) == ready.lines:
            return line
    return None


def _tell_nobody(_words: str, _share: float) -> None:
    """Nobody waits."""
