"""One suggestion, from a snapshot to the text shown: cache, patience, context, engine, ghost text.

Owns what is under way: at most one answer a document that somebody waits for, and one that is made ahead. Invariants: a
newer request for a document ends the wait of the older one, which is answered at once; an answer goes on for as long as
what is typed is what it says; nothing is suggested for a text that has changed meanwhile; whoever gets no suggestion
gets a reason.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from lsp_server.completion.cache import CompletionCache, left_of
from lsp_server.completion.place import place_at
from lsp_server.completion.rhythm import Rhythm
from lsp_server.completion.scope import scope_at
from lsp_server.completion.surroundings import Surroundings
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.engine.protocol import CompletionRequest, Priority
from lsp_server.errors import EngineError
from lsp_server.features.answer import Answer
from lsp_server.features.finding import Finder
from lsp_server.features.prompts import Prompts
from lsp_server.features.refusal import HoldsSecretError, refusal
from lsp_server.features.suggestion import OnAnswer, Suggestion, report, report_error
from lsp_server.feedback.records import Source
from lsp_server.garbage import collect_young
from lsp_server.session import Session
from lsp_server.settings import Multiline
from lsp_server.status import Reason, State

_AUTOMATIC_DEADLINE_MS = 6_000
_INVOKED_DEADLINE_MS = 30_000
"""Nobody looks for longer at the place where text should appear, unless they asked for it."""
_AHEAD_DEADLINE_MS = 30_000
_GRACE_S = 0.25
"""An editor withdraws its request at each key and asks again; so long an answer goes on without anybody waiting."""
_MEANWHILE_S = 0.002
"""After it, a request has reached the engine, and no engine has answered."""
_OTHERS_DEADLINE_MS = 3_000
"""How much longer than for the first candidate a person waits for the others."""
_OTHERS_TEMPERATURE = 0.8


@dataclass(slots=True)
class _Under:
    """What is under way for one document. has_looked: the first request had what stands elsewhere looked up."""

    waiting: "asyncio.Task[Suggestion] | None" = None
    answer: Answer | None = None
    ahead: Answer | None = None
    has_looked: bool = False


class Suggester:
    """Makes suggestions for the documents of one session. clock: seconds, of which only differences matter."""

    def __init__(
        self,
        session: Session,
        on_answer: OnAnswer | None = None,
        clock: Callable[[], float] = time.monotonic,
        prompts: Prompts | None = None,
    ) -> None:
        """on_answer: told what the editor was answered, and after how many seconds. prompts: made here if not given."""
        self._session = session
        self._on_answer = on_answer
        self._clock = clock
        self._cache = CompletionCache()
        self._rhythm = Rhythm()
        self._prompts = prompts or Prompts(session, Finder(session))
        self._under: dict[str, _Under] = {}
        self._spawned: set[asyncio.Task[None]] = set()

    async def suggest(self, snapshot: DocumentSnapshot, position: Position, *, is_invoked: bool) -> Suggestion:
        """Suggest what to write at `position` of `snapshot`, and report how it went.

        is_invoked: the person asked and waits, and gets several candidates; otherwise they type on, and only a pause
        is worth an answer.
        """
        if self._session.status.is_paused:
            return Suggestion(reason=Reason.PAUSED)
        refused = refusal(snapshot, position, self._session.settings.completion)
        if refused is not None:
            return report(self._session.status, Suggestion(reason=refused), State.OFF)
        under = self._under.setdefault(snapshot.uri, _Under())
        if under.waiting is not None:
            under.waiting.cancel()
        began_s = self._clock()
        if not is_invoked:
            self._rhythm.note_key(began_s)
        self._meanwhile(lambda: self._prepare(snapshot.uri))
        task = under.waiting = asyncio.ensure_future(self._make(snapshot, position, under, is_invoked=is_invoked))
        try:
            suggestion = await task
        except asyncio.CancelledError:
            if under.waiting is task:
                report(self._session.status, Suggestion(reason=Reason.CANCELLED))
                asyncio.get_running_loop().call_later(_GRACE_S, _stop_unless_wanted, under, under.answer)
                raise  # by the client; it knows, and is told so by the dispatcher
            return Suggestion(reason=Reason.CANCELLED)
        finally:
            if under.waiting is task:
                under.waiting = None
        if self._on_answer is not None and suggestion.reason in (None, Reason.NOTHING_TO_ADD):
            self._on_answer(snapshot, position, suggestion, self._clock() - began_s)
        return suggestion

    def forget(self, uri: str) -> None:
        """Stop everything that is under way for a document that is about to be closed."""
        under = self._under.pop(uri, None)
        if under is not None:
            _stop(under.answer, under.ahead)

    async def _make(
        self, snapshot: DocumentSnapshot, position: Position, under: _Under, *, is_invoked: bool
    ) -> Suggestion:
        key_s = self._clock()
        here = Surroundings.of(snapshot, position)
        known = self._cache.get(here)
        try:
            if known or (known is not None and not is_invoked):  # who asks is shown what was held back, too
                _stop(under.answer)
                under.answer = None
                suggestion = Suggestion(known, source=Source.CACHE)
                if not known:
                    words = self._cache.why_nothing(here)
                    suggestion = Suggestion(reason=Reason.NOTHING_TO_ADD, words=words, source=Source.CACHE)
            else:
                suggestion = await self._ask(snapshot, position, here, under, None if is_invoked else key_s)
            if suggestion.text and is_invoked:
                others = await self._others(snapshot, position, suggestion.text)
                suggestion = replace(suggestion, others=others)
        except EngineError as error:
            return report_error(self._session.status, error)
        except HoldsSecretError:
            return report(self._session.status, Suggestion(reason=Reason.SECRET), State.OFF)
        if not self._session.is_current(snapshot):
            return report(self._session.status, Suggestion(reason=Reason.STALE))
        if suggestion.text and self._session.settings.completion.prefetch:
            self._spawn(self._look_ahead(snapshot, position, suggestion.text, under))
        return report(self._session.status, suggestion)

    async def _ask(
        self, snapshot: DocumentSnapshot, position: Position, here: Surroundings, under: _Under, key_s: float | None
    ) -> Suggestion:
        """Wait for an answer under way that says what was typed, or ask for another.

        key_s: when the key was pressed that it is asked for; None where the person asked and waits.
        """
        is_invoked = key_s is None
        if not self._goes_on(under, here):
            _stop(under.answer, under.ahead)
            under.answer = under.ahead = None
            pause_s = 0.0 if key_s is None else max(0.0, key_s + self._pause_s() - self._clock())
            self._look(snapshot, position, under, is_urgent=is_invoked or pause_s > 0)
            await asyncio.sleep(pause_s)
            if not self._session.is_current(snapshot):
                return Suggestion(reason=Reason.STALE)
            if is_invoked:
                await self._session.engine.warm_up()
        answer, source = under.answer, Source.STREAM
        if answer is None:
            source = Source.ENGINE
            deadline_ms = _INVOKED_DEADLINE_MS if is_invoked else _AUTOMATIC_DEADLINE_MS
            request = await self._prompts.request(snapshot, position, snapshot.uri, is_patient=is_invoked)
            answer = under.answer = self._begin(snapshot, position, here, request, deadline_ms=deadline_ms)
        self._session.status.report(State.WORKING)
        if not await answer.wait(here):
            return await self._ask(snapshot, position, here, under, key_s)
        if under.answer is answer:
            under.answer = None
        return replace(self._taken(answer, here, is_invoked=is_invoked), source=source)

    def _look(self, snapshot: DocumentSnapshot, position: Position, under: _Under, *, is_urgent: bool) -> None:
        """Begin to look up what stands elsewhere: at once where this request can still have it, else the next one."""

        def look() -> None:
            if self._session.is_current(snapshot):
                self._prompts.look(snapshot, position)

        if is_urgent or not under.has_looked:
            under.has_looked = True
            look()
        else:
            self._meanwhile(look)

    def _meanwhile(self, work: Callable[[], object]) -> None:
        """Do `work` while the engine works or nobody waits: what the answer needs only then, or the next request."""
        asyncio.get_running_loop().call_later(_MEANWHILE_S, work)

    def _prepare(self, uri: str) -> None:
        """Do what the next key would have to wait for otherwise."""
        if (document := self._session.documents.get(uri)) is not None:
            document.prepare_edit()
        collect_young()

    def _goes_on(self, under: _Under, here: Surroundings) -> bool:
        """Tell whether the answer under way serves the person at `here`; one that was made ahead becomes it.

        One that failed has told so: who asks again wants to know whether that is still so.
        """
        if under.ahead is not None and under.ahead.has_begun and under.ahead.says(here):
            _stop(under.answer)
            under.answer, under.ahead = under.ahead, None
        return under.answer is not None and not under.answer.has_failed and under.answer.says(here)

    def _taken(self, answer: Answer, here: Surroundings, *, is_invoked: bool) -> Suggestion:
        """Keep what `answer` came to, and say what of it is left at `here`."""
        if answer.is_late:
            return Suggestion(reason=Reason.DEADLINE)
        self._rhythm.note_answer(answer.took_s)
        text = answer.text or (answer.unsure if is_invoked else "")
        self._cache.put(answer.here, text, answer.drop)
        typed = here.typed_since(answer.here)
        left = left_of(text, typed) if typed is not None else None
        return Suggestion(left) if left else Suggestion(reason=Reason.NOTHING_TO_ADD, words=answer.drop)

    async def _others(self, snapshot: DocumentSnapshot, position: Position, first: str) -> tuple[str, ...]:
        """Ask for further candidates, which differ from `first` and from one another."""
        here = Surroundings.of(snapshot, position)
        answers = [
            self._begin(
                snapshot,
                position,
                here,
                await self._prompts.request_beside(snapshot, position, f"{snapshot.uri}#{number}"),
                priority=Priority.FOREGROUND,
                deadline_ms=_OTHERS_DEADLINE_MS,
                temperature=_OTHERS_TEMPERATURE,
            )
            for number in range(1, self._session.settings.completion.candidates)
        ]
        try:
            await asyncio.gather(*(answer.wait() for answer in answers), return_exceptions=True)
        finally:
            _stop(*answers)
        texts = dict.fromkeys(answer.text or answer.unsure for answer in answers if answer.has_succeeded)
        return tuple(text for text in texts if text and text != first)

    async def _look_ahead(self, snapshot: DocumentSnapshot, position: Position, text: str, under: _Under) -> None:
        """Ask what would come next if `text` were accepted, behind everything that somebody waits for."""
        accepted, behind = snapshot.with_text(position, text)
        here = Surroundings.of(accepted, behind)
        is_known = self._cache.get(here) is not None or (under.ahead is not None and under.ahead.here == here)
        if is_known:
            return
        _stop(under.ahead)
        key, priority = f"{snapshot.uri}#ahead", Priority.BACKGROUND
        with suppress(EngineError, HoldsSecretError):  # nobody waits; who asks next is told
            request = await self._prompts.request_beside(accepted, behind, key)
            answer = under.ahead = self._begin(
                accepted, behind, here, request, priority=priority, deadline_ms=_AHEAD_DEADLINE_MS
            )
            answer.when_made(lambda: self._cache.put(here, answer.text, answer.drop))

    def _begin(
        self,
        snapshot: DocumentSnapshot,
        position: Position,
        here: Surroundings,
        request: CompletionRequest,
        *,
        deadline_ms: int,
        priority: Priority = Priority.INTERACTIVE,
        temperature: float = 0.0,
    ) -> Answer:
        settings = self._session.settings.completion
        request = replace(
            request,
            max_tokens=settings.max_tokens,
            temperature=temperature,
            priority=priority,
            deadline_ms=deadline_ms,
            wants_logprobs=settings.min_confidence > 0,
        )
        place = place_at(snapshot, position)
        self._meanwhile(lambda: scope_at(place))  # parses what stands around the cursor, which is kept
        return Answer(
            self._session.engine,
            request,
            here,
            place,
            single_line=settings.multiline is Multiline.NEVER,
            min_confidence=settings.min_confidence,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    def _pause_s(self) -> float:
        debounce_ms = self._session.settings.completion.debounce_ms
        return self._rhythm.pause_s() if debounce_ms is None else debounce_ms / 1000


def _stop(*answers: Answer | None) -> None:
    for answer in answers:
        if answer is not None:
            answer.stop()


def _stop_unless_wanted(under: _Under, answer: Answer | None) -> None:
    """Stop `answer` if nobody came for it since its editor withdrew."""
    if under.waiting is None and under.answer is answer:
        _stop(answer)
        under.answer = None
