"""Watches what becomes of the suggestions shown, and records it.

Owns the suggestion on each document's screen, and those taken up that are looked at again half a minute later.
Invariant: a document has at most one on its screen; the next one, or the document's end, settles the one before.
"""

import asyncio
import time
from dataclasses import dataclass

from lsp_server.completion.surroundings import Surroundings
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.features.suggestion import Suggestion
from lsp_server.feedback import acceptance
from lsp_server.feedback.acceptance import KEPT_AFTER_S
from lsp_server.feedback.records import Fate, Request
from lsp_server.feedback.store import FeedbackStore
from lsp_server.session import Session


@dataclass(slots=True)
class _OnScreen:
    at: int
    language: str
    shown: acceptance.Shown


class FeedbackWatch:
    """Follows the documents of one session."""

    def __init__(self, session: Session, store: FeedbackStore, kept_after_s: float = KEPT_AFTER_S) -> None:
        self._session = session
        self._store = store
        self._kept_after_s = kept_after_s
        self._on_screen: dict[str, _OnScreen] = {}
        self._taken: dict[asyncio.TimerHandle, _OnScreen] = {}

    def answered(self, snapshot: DocumentSnapshot, position: Position, answer: Suggestion, latency_s: float) -> None:
        """Note what the editor was answered."""
        if not self._session.settings.feedback.enabled:
            return
        at, text = int(time.time()), answer.text
        self._store.add(Request(at, answer.source.value, round(1000 * latency_s, 1), len(text)))
        before = self._on_screen.get(snapshot.uri)
        if before is not None and before.shown.expects(snapshot, position, text):
            return  # the rest of the same one
        self.settle(snapshot.uri)
        if text:
            shown = acceptance.Shown(position, Surroundings.of(snapshot, position), text)
            self._on_screen[snapshot.uri] = _OnScreen(at, snapshot.language_id, shown)

    def changed(self, uri: str) -> None:
        """Look at a document after an edit."""
        on_screen = self._on_screen.get(uri)
        if on_screen is not None and not on_screen.shown.follow(self._session.snapshot(uri)):
            self.settle(uri)

    def settle(self, uri: str) -> None:
        """Record what became of the suggestion on the screen of `uri`, if there is one; look again later if taken."""
        on_screen = self._on_screen.pop(uri, None)
        if on_screen is None:
            return
        if on_screen.shown.n_at_once:
            loop = asyncio.get_running_loop()
            self._taken[loop.call_later(self._kept_after_s, self._look_again, uri, on_screen)] = on_screen
        else:
            self._record(on_screen, is_kept=None)

    def close(self) -> None:
        """Record what is left, and wait until all is written. On any thread, once nothing else is called any more."""
        for handle, on_screen in self._taken.items():
            handle.cancel()
            self._record(on_screen, is_kept=None)
        for on_screen in self._on_screen.values():
            self._record(on_screen, is_kept=None)
        self._store.close()

    def _look_again(self, uri: str, on_screen: _OnScreen) -> None:
        self._taken = {handle: taken for handle, taken in self._taken.items() if taken is not on_screen}
        document = self._session.documents.get(uri)
        self._record(on_screen, is_kept=on_screen.shown.is_kept(document.snapshot()) if document else None)

    def _record(self, on_screen: _OnScreen, *, is_kept: bool | None) -> None:
        shown = on_screen.shown
        outcome, n_chars = shown.outcome().value, len(shown.text)
        self._store.add(Fate(on_screen.at, on_screen.language, outcome, n_chars, shown.n_at_once, is_kept))
