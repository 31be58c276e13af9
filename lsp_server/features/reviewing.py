"""When the open documents are reviewed, and what came of it.

Owns a timer for each document that is typed in, and the last result of each. Invariants: a result is told, and given to
who waits, only while its snapshot is current; whoever waits for a document that is open gets an answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from lsp_server.document import DocumentSnapshot, Unfit
from lsp_server.review import longer_look
from lsp_server.review.suppressions import PROJECT_FILE
from lsp_server.review_process.messages import Done, Forget, HoldProject, Reviewed, ReviewText
from lsp_server.review_process.process import ReviewClosed, ReviewProcess, ReviewUnavailable
from lsp_server.settings import Baseline, ReviewSettings
from lsp_server.status import Severity

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

IDLE_S = 0.15
"""So long typing pauses before a document is reviewed."""
LONGER_LOOK_IDLE_S = 0.4
"""So long before what takes longer is asked as well, for languages that have such a source."""

MAX_CHARS = 512 * 1024
_LINES_AT_ONCE = 4096

_UNFIT_WORDS = {
    Unfit.BINARY: "binary",
    Unfit.TOO_LARGE: "larger than the editor may send",
    Unfit.OUT_OF_SYNC: "an edit was lost; close it and open it again",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What was said of a document. is_again: its text had been reviewed before; something else has changed."""

    snapshot: DocumentSnapshot
    reviewed: Reviewed
    is_again: bool


class Reviewing:
    """Reviews the documents of a session. on_result: told each result while it is current."""

    def __init__(self, server: "HearthlineServer", process: ReviewProcess | None = None) -> None:
        self._server = server
        self._session = server.session
        self.process = process or ReviewProcess()
        self.on_result: Callable[[Result], None] = lambda _: None
        self._settings = ReviewSettings()
        self._era = 0  # grows when a result of before does not hold any more, though its text does
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running: Counter[str] = Counter()
        self._results: dict[str, tuple[int, Result]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._held: dict[str, DocumentSnapshot] = {}  # projects' files that are open, by path

    def note_opened(self, uri: str) -> None:
        """Review a document that came."""
        self._plan(uri, 0.0)

    def note_changed(self, uri: str) -> None:
        """Review a document once typing pauses."""
        self._plan(uri, IDLE_S)

    def note_closed(self, uri: str) -> None:
        """Forget a document that goes."""
        self._cancel(uri)
        self._results.pop(uri, None)
        self._wake(uri)
        path = self._session.documents[uri].path if uri in self._session.documents else None
        if path is not None and self._held.pop(path, None) is not None:
            self._server.spawn(self._tell(HoldProject(path, None)))
            self.look_again()
        if self.process.pid is not None:
            self._server.spawn(self._tell(Forget(uri)))

    def note_files(self, uris: Iterable[str]) -> None:
        """Look again after something happened to files on the disk: HEAD or a project's file may be another."""
        for uri in uris:
            if PurePath(uri).name == PROJECT_FILE:
                self.look_again()
            elif uri in self._session.documents:
                self._plan(uri, 0.0)

    def follow(self) -> None:
        """Do as the settings want it now."""
        if self._settings != self._session.settings.review:
            self._settings = self._session.settings.review
            self.look_again()
            if not self._settings.enabled:
                self._server.spawn(self.process.rest())

    def look_again(self) -> None:
        """Review all open documents again: something else than their text has changed."""
        self._era += 1
        for uri in self._session.documents:
            self._plan(uri, 0.0)

    async def current(self, uri: str) -> Result | None:
        """Wait for the result of the document as it then is; None once it is closed."""
        while uri in self._session.documents:
            result = self.latest(uri)
            if result is not None:
                return result
            if uri not in self._timers and not self._running[uri]:
                self._plan(uri, 0.0)
            waiting = self._waiting.setdefault(uri, asyncio.get_running_loop().create_future())
            await asyncio.shield(waiting)
        return None

    def latest(self, uri: str) -> Result | None:
        """Return the result of the document as it is now, None where there is none yet."""
        era, result = self._results.get(uri, (0, None))
        return result if result and era == self._era and self._session.is_current(result.snapshot) else None

    async def close(self) -> None:
        """End the process."""
        for uri in list(self._timers):
            self._cancel(uri)
        await self.process.close()

    def _plan(self, uri: str, delay_s: float, *, takes_longer: bool = False) -> None:
        self._cancel(uri)
        start = partial(self._start, uri, takes_longer)
        self._timers[uri] = asyncio.get_running_loop().call_later(delay_s, start)

    def _cancel(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()

    def _start(self, uri: str, takes_longer: bool) -> None:
        del self._timers[uri]
        self._server.spawn(self._review(uri, takes_longer))

    async def _review(self, uri: str, takes_longer: bool) -> None:
        document, era = self._session.documents.get(uri), self._era
        if document is None:
            return
        snapshot = document.snapshot()
        self._running[uri] += 1
        reviewed = None
        with suppress(ReviewClosed):  # its text is not current any more, or nobody is left
            reviewed = await self._reviewed(snapshot, era, takes_longer)
        self._running[uri] -= 1
        if reviewed is None or era != self._era or not self._session.is_current(snapshot):
            self._wake(uri)  # who waits sees to it that there is another one
            return
        _, before = self._results.get(uri, (0, None))
        if not takes_longer and not reviewed.skipped and snapshot.language_id in longer_look.LANGUAGES:
            self._plan(uri, LONGER_LOOK_IDLE_S - IDLE_S, takes_longer=True)
        elif takes_longer and before is not None and reviewed == before.reviewed:
            return
        result = Result(snapshot, reviewed, before is not None and before.snapshot is snapshot)
        self._results[uri] = era, result
        self._wake(uri)
        self.on_result(result)

    async def _reviewed(self, snapshot: DocumentSnapshot, era: int, takes_longer: bool) -> Reviewed:
        """Return what is to be said of `snapshot`. Raises ReviewClosed when it is not current any more."""
        if not self._settings.enabled:
            return Reviewed(skipped="the review is switched off")
        if snapshot.unfit is not None:
            return Reviewed(skipped=_UNFIT_WORDS[snapshot.unfit])
        text = text_of(snapshot)
        if text is None:
            return self._told_of(snapshot, Reviewed(skipped="larger than 512 KB"))
        if snapshot.path is not None and PurePath(snapshot.path).name == PROJECT_FILE:
            await self._hold(snapshot, text)
        request = ReviewText(
            snapshot.uri,
            snapshot.version,
            snapshot.language_id,
            text,
            snapshot.path,
            self._settings.baseline is Baseline.HEAD,
            takes_longer,
        )

        def is_wanted() -> bool:
            return era == self._era and self._session.is_current(snapshot)

        status = self._session.status
        try:
            reviewed = await self.process.ask(request, Reviewed, is_wanted)
        except ReviewUnavailable as error:
            status.say_once("review", str(error), Severity.WARNING)
            return Reviewed(skipped=str(error))
        status.forget("review")
        if reviewed.project_problem:
            status.say_once(reviewed.project_problem, reviewed.project_problem, Severity.WARNING)
        return self._told_of(snapshot, reviewed)

    def _told_of(self, snapshot: DocumentSnapshot, reviewed: Reviewed) -> Reviewed:
        """Return `reviewed`, of which the person has been told once if it was skipped."""
        if reviewed.skipped:
            name = PurePath(snapshot.path or snapshot.uri).name
            words = f"the security review leaves out {name}, or part of it: {reviewed.skipped}"
            if reviewed.is_left_out:
                words = f"{name} is left out of the security review for now: {reviewed.skipped}"
            self._session.status.say_once(words, words, Severity.INFO)
        return reviewed

    async def _hold(self, snapshot: DocumentSnapshot, text: str) -> None:
        """Let what a project ignores be what stands in the editor."""
        assert snapshot.path is not None  # noqa: S101 - as the caller saw
        if self._held.get(snapshot.path) is not snapshot:
            self._held[snapshot.path] = snapshot
            await self._tell(HoldProject(snapshot.path, text))
            self.look_again()

    async def _tell(self, request: Forget | HoldProject) -> None:
        with suppress(ReviewClosed, ReviewUnavailable):
            await self.process.ask(request, Done)

    def _wake(self, uri: str) -> None:
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.set_result(None)


def text_of(snapshot: DocumentSnapshot) -> str | None:
    r"""Return the text of `snapshot`, lines ending in `\n`; None if it is too large to be reviewed."""
    n_chars = 0
    for first in range(0, len(snapshot.lines), _LINES_AT_ONCE):
        n_chars += sum(map(len, snapshot.lines[first : first + _LINES_AT_ONCE]))
        if n_chars > MAX_CHARS:
            return None
    text = "".join(snapshot.lines)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
