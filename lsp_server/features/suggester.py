"""One suggestion, from a snapshot to the text shown: cache, patience, context, engine, ghost text.

Owns what is under way: at most one request a document. Invariants: a newer request for a document ends the older one,
which is answered at once; the engine is stopped as soon as what will be shown cannot change; nothing is suggested for
a text that has changed meanwhile; whoever gets no suggestion gets a reason.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from lsp_server.completion.cache import CompletionCache
from lsp_server.completion.fim_context import budget_of, fim_context
from lsp_server.completion.ghost_text import ghost_text, is_done
from lsp_server.completion.place import place_at
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.engine.protocol import CompletionRequest, FinishReason
from lsp_server.errors import EngineError, EngineFailed, EngineUnavailable, ModelLoading, ModelMissing
from lsp_server.session import Session
from lsp_server.settings import Multiline
from lsp_server.status import Reason, State

_AUTOMATIC_DEADLINE_MS = 6_000
_INVOKED_DEADLINE_MS = 30_000
"""Nobody looks for longer at the place where text should appear, unless they asked for it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to show at the cursor, or why nothing. words: the reason's own, where it has more to say than its name."""

    text: str = ""
    reason: Reason | None = None
    words: str | None = None


class Suggester:
    """Makes suggestions for the documents of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cache = CompletionCache()
        self._running: dict[str, asyncio.Task[Suggestion]] = {}
        self._starts: dict[str, Position] = {}  # where the last prefix of each document began

    async def suggest(self, snapshot: DocumentSnapshot, position: Position, *, is_invoked: bool) -> Suggestion:
        """Suggest what to write at `position` of `snapshot`, and report how it went.

        is_invoked: the person asked and waits; otherwise they type on, and only a pause is worth an answer.
        """
        refusal = self._refusal(snapshot)
        if refusal is not None:
            return self._report(Suggestion(reason=refusal), State.OFF)
        self._supersede(snapshot.uri)
        known = self._cache.get(snapshot, position)
        if known is not None:
            return self._report(Suggestion(known, None if known else Reason.NOTHING_TO_ADD))
        task = asyncio.ensure_future(self._make(snapshot, position, is_invoked=is_invoked))
        self._running[snapshot.uri] = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._running.get(snapshot.uri) is task:
                self._report(Suggestion(reason=Reason.CANCELLED))
                raise  # by the client; it knows, and is told so by the dispatcher
            return Suggestion(reason=Reason.CANCELLED)
        finally:
            if self._running.get(snapshot.uri) is task:
                del self._running[snapshot.uri]

    def _supersede(self, uri: str) -> None:
        older = self._running.pop(uri, None)
        if older is not None:
            older.cancel()

    def _refusal(self, snapshot: DocumentSnapshot) -> Reason | None:
        settings = self._session.settings.completion
        if not settings.enabled:
            return Reason.OFF
        if snapshot.language_id in settings.disabled_languages:
            return Reason.LANGUAGE_DISABLED
        return Reason.of_unfit(snapshot.unfit) if snapshot.unfit else None

    async def _make(self, snapshot: DocumentSnapshot, position: Position, *, is_invoked: bool) -> Suggestion:
        session = self._session
        if not is_invoked:
            await asyncio.sleep(session.settings.completion.debounce_ms / 1000)
        if not session.is_current(snapshot):
            return self._report(Suggestion(reason=Reason.STALE))
        try:
            if is_invoked:
                await session.engine.warm_up()
            session.status.report(State.WORKING)
            suggestion = await self._ask(snapshot, position, is_invoked=is_invoked)
        except EngineError as error:
            return self._report_error(error)
        if not session.is_current(snapshot):
            suggestion = Suggestion(reason=Reason.STALE)
        return self._report(suggestion)

    async def _ask(self, snapshot: DocumentSnapshot, position: Position, *, is_invoked: bool) -> Suggestion:
        settings = self._session.settings.completion
        known = await self._session.engine.capabilities()
        budget = budget_of(known.prefill_tokens_per_s, known.n_context)
        context = fim_context(snapshot, position, budget, self._starts.get(snapshot.uri))
        self._starts[snapshot.uri] = context.start
        request = CompletionRequest(
            prefix=context.prefix,
            suffix=context.suffix,
            key=snapshot.uri,
            path=self._relative_path(snapshot.path),
            max_tokens=settings.max_tokens,
            deadline_ms=_INVOKED_DEADLINE_MS if is_invoked else _AUTOMATIC_DEADLINE_MS,
        )
        place = place_at(snapshot, position)
        single_line = settings.multiline is Multiline.NEVER
        raw, n_tokens, ending = "", 0, None
        async with aclosing(self._session.engine.complete(request)) as tokens:
            async for token in tokens:
                raw += token.text
                n_tokens += 1
                ending = token.finish.reason if token.finish else None
                if token.text and is_done(raw, place, single_line=single_line):
                    break
        is_cut_off = ending in (FinishReason.LENGTH, FinishReason.DEADLINE)
        shown = ghost_text(raw, place, is_cut_off=is_cut_off, single_line=single_line)
        _log.debug("%d tokens for %d characters; %s", n_tokens, len(shown.text), shown.drop or "shown")
        if not shown.text and ending is FinishReason.DEADLINE:
            return Suggestion(reason=Reason.DEADLINE)
        self._cache.put(snapshot, position, shown.text)
        return Suggestion(shown.text) if shown.text else Suggestion(reason=Reason.NOTHING_TO_ADD, words=shown.drop)

    def _relative_path(self, path: str | None) -> str | None:
        if path is None:
            return None
        for folder in self._session.folders:
            if Path(path).is_relative_to(folder):
                return Path(path).relative_to(folder).as_posix()
        return Path(path).name

    def _report(self, suggestion: Suggestion, state: State = State.READY) -> Suggestion:
        self._session.status.report(state, suggestion.reason, message=suggestion.words)
        return suggestion

    def _report_error(self, error: EngineError) -> Suggestion:
        reason = Reason.of_error(error)
        _log.info("no suggestion: %s", error)
        state = State.READY
        progress = None
        if isinstance(error, ModelLoading):
            state, progress = State.LOADING, error.progress
        elif isinstance(error, ModelMissing | EngineUnavailable | EngineFailed):
            state = State.PROBLEM
        self._session.status.report(state, reason, message=str(error), progress=progress)
        return Suggestion(reason=reason)
