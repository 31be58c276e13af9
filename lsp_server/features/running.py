"""One frame for commands that work long: explain, ask, suggest, fix.

Owns what is under way. Invariants: a command begins only for the document's version that it was offered for; a newer
one of the same kind for the same document ends the older, as does the person, and whatever it holds open (the engine's
stream above all) is closed then; each is answered once: null when it is done or was ended, else one sentence.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from lsprotocol import types

from lsp_server.document import DocumentSnapshot
from lsp_server.errors import DocumentError, HearthlineError
from lsp_server.features.window import Progress

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

STALE = "the document has changed since; ask again"


@dataclass(frozen=True)
class Run:
    """One command under way. id: of its progress, and of its stream where it has one.

    where: what it is asked about, in the client's positions; arguments: all that came with the command.
    """

    server: "HearthlineServer"
    id: str
    snapshot: DocumentSnapshot
    where: types.Range
    arguments: Mapping[str, object]
    progress: Progress = field(repr=False)

    def report(self, words: str, share: float) -> None:
        """Say what is being done and how far it is, 0.0 to 1.0."""
        self.progress.report(words, share)

    def end_progress(self) -> None:
        """Show no progress any more: what is left is for the person to do, or to read."""
        self.progress.end("")

    def require_current(self) -> None:
        """Raise DocumentError if the document has changed since: what is made would be for another text."""
        if not self.server.session.is_current(self.snapshot):
            raise DocumentError(STALE)


Work = Callable[[Run], Awaitable[None]]
"""Does what a command is for; is cancelled where nobody wants it any more. Raises HearthlineError in words."""


class _UnderWay(NamedTuple):
    id: str
    task: "asyncio.Future[None]"


class Running:
    """The commands of one session that work long."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._tokens = count(1)
        self._under_way: dict[tuple[str, str], _UnderWay] = {}

    def add(self, command: str, title: str, work: Work) -> None:
        """Register `command`, which does `work`. title: of its progress."""

        @self._server.command(command)
        async def run(argument: Any = None) -> None:  # not `object`: pygls would pass the server for it
            await self._run(command, title, work, argument)

    def cancel(self, token: int | str) -> None:
        """End what has this token, if there is such."""
        for under_way in self._under_way.values():
            if under_way.id == token:
                under_way.task.cancel()

    async def _run(self, command: str, title: str, work: Work, argument: object) -> None:
        run = self._begun(command, title, argument)
        key = command, run.snapshot.uri
        if (older := self._under_way.get(key)) is not None:
            older.task.cancel()
        if self._server.session.capabilities.work_done_progress:
            self._server.spawn(run.progress.begin())
        task = asyncio.ensure_future(work(run))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to look
        self._under_way[key] = _UnderWay(run.id, task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            if self._under_way[key].task is task:
                del self._under_way[key]
            run.progress.end("")
        if not task.cancelled():
            task.result()

    def _begun(self, command: str, title: str, argument: object) -> Run:
        """Return the run that `argument` asks for. Raises DocumentError, HearthlineError."""
        uri, where, version = _place_in(command, argument)
        snapshot = self._server.session.snapshot(uri)
        if snapshot.version != version:
            raise DocumentError(STALE)
        token = f"{command}-{next(self._tokens)}"
        progress = Progress(self._server, token, title, cancellable=True)
        assert isinstance(argument, Mapping)  # noqa: S101 - as `_place_in` saw
        return Run(self._server, token, snapshot, where, argument, progress)


def _place_in(command: str, argument: object) -> tuple[str, types.Range, int]:
    match argument:
        case {
            "uri": str(uri),
            "range": {
                "start": {"line": int(line), "character": int(character)},
                "end": {"line": int(end_line), "character": int(end_character)},
            },
            "version": int(version),
        } if min(line, character, end_line, end_character) >= 0:
            where = types.Range(types.Position(line, character), types.Position(end_line, end_character))
            return uri, where, version
    raise HearthlineError(f"{command} needs one argument, an object with uri, range and version")
