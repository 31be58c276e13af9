"""The worker of this machine as an engine: started on demand, and again when it dies.

Owns the one task that starts it. Invariants: however many requests come at once, at most one start is under way in
this window (among windows the worker's lock decides); no request waits for weights, only `warm_up` does.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from lsp_server.engine import process
from lsp_server.engine.events import OnEvent
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.protocol import ChatRequest, CompletionRequest, EngineCapabilities, Token
from lsp_server.engine.starter import WorkerStarter
from lsp_server.errors import EngineError, EngineUnavailable, ModelLoading, StreamBroken
from lsp_server.settings import Settings

_KNOWN_S = 30.0
"""So long what the worker told of itself holds, as long as nothing fails. A connection is kept as long: within it, no
worker can take another's place unnoticed."""
_UNMEASURED_S = 1.0
"""A worker that has not measured its speed yet is asked again soon."""

_PATIENCE_S = 0.25
"""A worker that runs already is found within this; a keystroke does not wait longer for one to start."""


class LocalEngine:
    """An `Engine` over this machine's worker. To be used on one event loop."""

    def __init__(self, settings: Settings, on_event: OnEvent) -> None:
        self._model = settings.completion.model
        self._starter = WorkerStarter(self._model, settings.worker, on_event)
        self._http: HttpEngine | None = None
        self._is_up = False
        self._starting: asyncio.Task[None] | None = None
        self._capabilities: EngineCapabilities | None = None
        self._known_until_s = 0.0

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        """Stream the middle. See `protocol.Engine`."""
        async with aclosing(self._ask(lambda http: http.complete(request))) as tokens:
            async for token in tokens:
                yield token

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        """Stream the answer. See `protocol.Engine`."""
        async with aclosing(self._ask(lambda http: http.chat(request))) as tokens:
            async for token in tokens:
                yield token

    async def capabilities(self) -> EngineCapabilities:
        """Tell what the engine can do; asked again now and then, soon where it has not measured its speed yet."""
        known = self._capabilities
        if known is None or time.monotonic() > self._known_until_s:
            http = await self._ready(_PATIENCE_S)
            known = self._capabilities = await http.capabilities()
            self._known_until_s = time.monotonic() + (_KNOWN_S if known.prefill_tokens_per_s else _UNMEASURED_S)
        return known

    async def warm_up(self) -> None:
        """Start the worker if none runs; return once its weights are loaded."""
        await self._ready(patience_s=None)

    async def close(self) -> None:
        """Let go of the worker, which lives on for other windows."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await self._starting
        if self._http is not None:
            await self._http.close()

    async def _ask(self, ask: Callable[[HttpEngine], AsyncGenerator[Token, None]]) -> AsyncGenerator[Token, None]:
        for is_last_try in (False, True):
            http = await self._ready(_PATIENCE_S)
            try:
                async with aclosing(ask(http)) as tokens:
                    async for token in tokens:
                        yield token
                return
            except EngineUnavailable:  # raised before the first token only: asking again repeats nothing
                self._note_lost()
                if is_last_try:
                    raise
            except (StreamBroken, ModelLoading):
                self._note_lost()
                raise

    async def _ready(self, patience_s: float | None) -> HttpEngine:
        """Return the way to a worker that is up. Raises what its start raised, or where the start is now."""
        if self._http is None:
            self._http = HttpEngine.over_socket(process.socket_path(), process.resident_name(self._model))
        if not self._is_up:
            starting = self._start_once(self._http)
            await asyncio.wait({starting}, timeout=patience_s)
            if not starting.done():
                raise self._starter.not_ready()
            starting.result()
        return self._http

    def _note_lost(self) -> None:
        """Take note that the worker may be gone, and begin to find out: the next keystroke is near."""
        self._is_up = False
        self._capabilities = None
        if self._http is not None:
            self._start_once(self._http)

    def _start_once(self, http: HttpEngine) -> asyncio.Task[None]:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start(http), name="start the worker")
            # Who waits for the task hears its error; where nobody waits any more, nobody needs to.
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._starting

    async def _start(self, http: HttpEngine) -> None:
        await self._starter.start(http)
        self._is_up = True
