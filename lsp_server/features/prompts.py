"""From a place in a document to the request that the engine is sent; what of it is computed ahead.

Owns the front of each document's prompts. Invariants: no request holds credentials; only the first request in a
document waits for what is looked up, for `_PATIENCE_S`, and what comes later serves the next one; what is dear is
computed at background priority before it is used.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from lsp_server.completion import front
from lsp_server.completion.fim_context import Budget, budget_of, fim_context, window_start
from lsp_server.completion.front import Front, Fronts
from lsp_server.completion.held import held_at
from lsp_server.completion.place import place_at
from lsp_server.context.secrets import is_secret_name
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.engine.protocol import CompletionRequest, EngineCapabilities, FinishReason, Priority, Snippet
from lsp_server.errors import EngineError
from lsp_server.features.finding import Finder
from lsp_server.features.refusal import HoldsSecretError, check_secrets
from lsp_server.session import Session

_PATIENCE_S = 0.015
_LONG_PATIENCE_S = 0.3
_AHEAD_DEADLINE_MS = 120_000


@dataclass(slots=True)
class _Prompt:
    """One document's.

    is_used: somebody has asked; asked: where, the last time, and in what; computed: the front that was last, ahead.
    """

    fronts: Fronts = field(default_factory=Fronts)
    computed: Front | None = None
    is_used: bool = False
    asked: "tuple[DocumentSnapshot, Position] | None" = None
    computing: "asyncio.Task[None] | None" = None


class Prompts:
    """Makes the requests of one session. finder: looks things up for them."""

    def __init__(self, session: Session, finder: Finder) -> None:
        self._session = session
        self._finder = finder
        self._prompts: dict[str, _Prompt] = {}
        self._engine, self._instance = session.engine, 0

    def open(self, uri: str) -> None:
        """Compute what can be known of a document's prompts before the cursor is: all of it, or the snippets."""
        snapshot, settings = self._session.snapshot(uri), self._session.settings.completion
        is_off = (
            self._session.status.is_paused
            or not settings.enabled
            or snapshot.language_id in settings.disabled_languages
        )
        if is_off or not settings.prefetch or snapshot.unfit or is_secret_name(snapshot.path or ""):
            return
        prompt = self._prompt(uri)
        if prompt.computing is None or prompt.computing.done():
            prompt.computing = asyncio.ensure_future(self._open(prompt, snapshot))

    def close(self, uri: str) -> None:
        """Stop what is under way for a document that is about to be closed."""
        prompt = self._prompts.pop(uri, None)
        if prompt is not None and prompt.computing is not None:
            prompt.computing.cancel()

    def look(self, snapshot: DocumentSnapshot, position: Position) -> None:
        """Begin to look up what a request for `position`, where the person is, should hold."""
        self._finder.note_place(snapshot, position)
        self._finder.look(snapshot, position)

    async def request(
        self, snapshot: DocumentSnapshot, position: Position, key: str, *, is_patient: bool = False
    ) -> CompletionRequest:
        """Return a request for `position`, by what is known at this moment.

        is_patient: who asks waits until all of it is computed. Raises EngineError, HoldsSecretError.
        """
        known = await self._known()
        budget = budget_of(known.prefill_tokens_per_s, known.n_context)
        prompt = self._prompt(snapshot.uri)
        patience_s = _PATIENCE_S if prompt.fronts.used is None else 0.0
        found = await self._finder.found(snapshot.uri, _LONG_PATIENCE_S if is_patient else patience_s)
        at_once = is_patient or not self._computes_ahead(known)
        prompt.fronts = front.follow(prompt.fronts, snapshot, position, found, budget, at_once=at_once)
        prompt.is_used, prompt.asked = True, (snapshot, position)
        used = prompt.fronts.used
        if used != prompt.fronts.wanted and (prompt.computing is None or prompt.computing.done()):
            prompt.computing = asyncio.ensure_future(self._compute(prompt, budget))
        if is_patient:
            budget = replace(budget, suffix_chars=budget.patient_suffix_chars)
        request = self._request(snapshot, position, used or Front(), budget, key)
        return _held(request, snapshot, position, known)

    async def request_beside(self, snapshot: DocumentSnapshot, position: Position, key: str) -> CompletionRequest:
        """Return a request as the last one went, maybe for a text that is not there yet.

        Raises EngineError, HoldsSecretError.
        """
        known = await self._known()
        budget = budget_of(known.prefill_tokens_per_s, known.n_context)
        used = self._prompt(snapshot.uri).fronts.used
        request = self._request(snapshot, position, front.serving(used, snapshot, position, budget), budget, key)
        return _held(request, snapshot, position, known)

    def _prompt(self, uri: str) -> _Prompt:
        return self._prompts.setdefault(uri, _Prompt())

    async def _known(self) -> EngineCapabilities:
        """Ask the engine what it can do; forget what another one, or another process of it, had computed."""
        engine = self._session.engine
        known = await engine.capabilities()
        if self._engine is not engine or self._instance != known.instance:
            self._engine, self._instance = engine, known.instance
            for prompt in self._prompts.values():
                prompt.fronts, prompt.computed = Fronts(), None
        return known

    def _request(
        self, snapshot: DocumentSnapshot, position: Position, used: Front, budget: Budget, key: str
    ) -> CompletionRequest:
        context = fim_context(snapshot, position, budget, used.start)
        check_secrets(context)
        return CompletionRequest(
            prefix=context.prefix,
            suffix=context.suffix,
            key=key,
            path=self._finder.label(snapshot.path) if snapshot.path is not None else None,
            repo=self._finder.repo(snapshot.path),
            snippets=tuple(Snippet(snippet.path, snippet.text) for snippet in used.snippets),
        )

    def _computes_ahead(self, known: EngineCapabilities) -> bool:
        """Tell whether it is wanted, and the engine can: one whose speed is known is a worker of ours."""
        return self._session.settings.completion.prefetch and known.prefill_tokens_per_s is not None

    async def _open(self, prompt: _Prompt, snapshot: DocumentSnapshot) -> None:
        with suppress(EngineError, HoldsSecretError):  # nobody waits; who asks first is told
            known = await self._known()
            if not self._computes_ahead(known) or not self._session.is_current(snapshot):
                return
            budget = budget_of(known.prefill_tokens_per_s, known.n_context)
            end = Position(len(snapshot.lines) - 1, len(snapshot.lines[-1]))
            is_small = window_start(snapshot, end, budget.prefix_chars) == (0, 0)
            position = end if is_small else Position(0, 0)
            self._finder.look(snapshot, position)
            found = await self._finder.found(snapshot.uri, _LONG_PATIENCE_S)
            if not prompt.is_used:
                prompt.fronts = front.follow(prompt.fronts, snapshot, position, found, budget, at_once=False)
                prompt.asked = snapshot, position
            elif prompt.fronts.used == prompt.fronts.wanted:
                return  # somebody asked in the meantime
            await self._compute(prompt, budget)

    async def _compute(self, prompt: _Prompt, budget: Budget) -> None:
        """Have the engine compute the front that is wanted, then use it; again if another is wanted by then.

        One after the other: what was begun serves the next one too, as far as they are the same.
        """
        with suppress(EngineError, HoldsSecretError):  # whoever asks next is told, and begins anew
            while (wanted := prompt.fronts.wanted) not in (None, prompt.computed) and prompt.asked is not None:
                request = self._request(*prompt.asked, wanted, budget, f"{prompt.asked[0].uri}#front")
                if not await self._has_computed(request):
                    return
                prompt.computed = wanted
                prompt.fronts = front.computed(prompt.fronts, wanted)

    async def _has_computed(self, request: CompletionRequest) -> bool:
        """Have the engine read `request` and say nothing; tell whether it came to the end."""
        request = replace(request, max_tokens=0, priority=Priority.BACKGROUND, deadline_ms=_AHEAD_DEADLINE_MS)
        is_done = False
        async with aclosing(self._session.engine.complete(request)) as tokens:
            async for token in tokens:
                is_done = token.finish is not None and token.finish.reason is not FinishReason.DEADLINE
        return is_done


def _held(
    request: CompletionRequest, snapshot: DocumentSnapshot, position: Position, known: EngineCapabilities
) -> CompletionRequest:
    """Hold the answer to what may stand at `position`, where the engine can."""
    held = held_at(place_at(snapshot, position)) if "grammar" in known.constraints else None
    if held is None:
        return request
    prefix = request.prefix.removesuffix(held.begun) + held.said
    return replace(request, prefix=prefix, said=held.said, begun=held.begun, grammar=held.grammar)
