"""From whatever state the worker is in to one that answers at full speed.

Owns the steps: find one, hand-shake, see an outdated one off, wait after deaths, check the model, start a process,
follow the loading. Invariant: a worker that keeps dying is started ever more rarely, and a person hears that once.
"""

import asyncio
import time
from contextlib import suppress

from inference import WIRE_VERSION
from lsp_server.engine import process, wire
from lsp_server.engine.backoff import Backoff
from lsp_server.engine.events import EngineEvent, EngineState, OnEvent
from lsp_server.engine.http import HttpEngine
from lsp_server.errors import EngineError, EngineUnavailable, ModelLoading, ModelMissing
from lsp_server.settings import WorkerSettings

_POLL_S = 0.1
_ANSWER_DEADLINE_S = 60.0
"""From a process to its first answer: importing MLX from a cold disk takes its time."""
_LEAVE_DEADLINE_S = 10.0
_LOST_RACE_S = 0.5


class _WorkerDiedError(Exception):
    """The worker ended without being asked to; `str(error)` says why."""


class WorkerStarter:
    """Brings the worker of `model` up, one `start` at a time."""

    def __init__(self, model: str, worker: WorkerSettings, on_event: OnEvent) -> None:
        self._model = model
        self._worker = worker
        self._on_event = on_event
        self._backoff = Backoff(time.monotonic)
        self._was_ready = False
        self._last_event: EngineEvent | None = None
        self._loop_told = False
        self._phase = f"the worker for {model} is being started"
        self._progress: float | None = 0.0  # None while a start waits its turn

    def not_ready(self) -> EngineError:
        """Return what to tell a request that does not wait for the start under way."""
        if self._progress is None:
            return EngineUnavailable(self._phase)
        return ModelLoading(self._phase, self._progress)

    async def start(self, http: HttpEngine) -> None:
        """Return once the worker behind `http` has its weights. Raises EngineError."""
        try:
            health = await self._find(http)
            if health is None:
                await self._wait_for_turn()
                health = await self._launch(http)
            await self._check(health)
            await self._follow_loading(http, health)
        except ModelMissing as error:
            self._tell(EngineState.MISSING, str(error))
            raise
        except _WorkerDiedError as error:
            self._note_death(str(error))
            raise EngineUnavailable(f"the worker died: {error}") from error
        self._was_ready = True
        self._loop_told = False
        self._backoff.note_ready()
        self._tell(EngineState.READY, f"{self._model} is ready")

    async def _find(self, http: HttpEngine) -> wire.Health | None:
        """Return what a worker that runs already says of itself; None once none runs, or none that can be used."""
        try:
            health = await http.health()
            if health.wire < WIRE_VERSION or health.status == "stopping":
                await self._see_off(http)
        except EngineUnavailable:
            return None
        return health

    async def _check(self, health: wire.Health) -> None:
        """Raise EngineUnavailable when the worker that runs is not one for this window."""
        if health.wire > WIRE_VERSION:
            raise EngineUnavailable(
                f"the running worker is newer than this language server (wire {health.wire}, not {WIRE_VERSION}); "
                "restart the editor, so that both are of the installed version"
            )
        names = [model.name for model in health.models]
        wanted = process.resident_name(self._model)
        if names and not any(name == wanted or name.startswith(f"{wanted}+") for name in names):  # +: an adapter in it
            await asyncio.to_thread(process.check_model, self._model)  # a wrong name is the better reason
            raise EngineUnavailable(
                f"the running worker holds {', '.join(names)}, not {self._model}; end it with: hearthline worker stop"
            )

    async def _see_off(self, http: HttpEngine) -> None:
        """Ask a worker to leave. Raises EngineUnavailable once it is gone, EngineError when it stays."""
        await http.stop_worker()
        deadline = time.monotonic() + _LEAVE_DEADLINE_S
        while time.monotonic() < deadline:
            await http.health()
            await asyncio.sleep(_POLL_S)
        raise EngineError("an outdated worker does not leave; end it with: hearthline worker stop")

    async def _wait_for_turn(self) -> None:
        """Sit out what the deaths up to now have cost."""
        if self._was_ready:
            self._was_ready = False
            left = await asyncio.to_thread(process.last_exit)
            if left is None or left[0] != 0:  # one that was told to leave, or had nothing to do, did not die
                self._note_death(left[1] if left else "it was killed")
        wait_s = self._backoff.wait_s()
        if wait_s > 0:
            self._phase, self._progress = f"the worker died; it is started again in {wait_s:.0f} s", None
            await asyncio.sleep(wait_s)

    async def _launch(self, http: HttpEngine) -> wire.Health:
        """Start a worker; return the first answer, of this one or of one that another window has started."""
        if not self._worker.autostart:
            raise EngineUnavailable(
                "no worker runs, and hearthline.worker.autostart is off; start one with: hearthline worker"
            )
        await asyncio.to_thread(process.check_model, self._model)
        self._tell(EngineState.STARTING, f"starting the worker for {self._model}", 0.0)
        worker = self._worker
        start = self._model, 60 * worker.idle_exit_minutes, worker.n_context, worker.memory_gb
        child = await asyncio.to_thread(process.start, *start)
        deadline = time.monotonic() + _ANSWER_DEADLINE_S
        while time.monotonic() < deadline:
            with suppress(EngineUnavailable):
                return await http.health()
            if child.returncode:
                left = await asyncio.to_thread(process.last_exit)
                raise _WorkerDiedError(left[1] if left else f"exit code {child.returncode}")
            if child.returncode == 0:
                # Another process held the lock. It will answer, unless it was on its way out: then it is our turn.
                await asyncio.sleep(_LOST_RACE_S)
                child = await asyncio.to_thread(process.start, *start)
            await asyncio.sleep(_POLL_S)
        raise EngineUnavailable(f"the worker was started and did not answer within {_ANSWER_DEADLINE_S:.0f} s")

    async def _follow_loading(self, http: HttpEngine, health: wire.Health) -> None:
        try:
            while health.status == "loading":
                words = health.message or f"reading the weights of {self._model}"
                self._tell(EngineState.LOADING, words, health.progress)
                await asyncio.sleep(_POLL_S)
                health = await http.health()
        except EngineUnavailable as error:
            left = await asyncio.to_thread(process.last_exit)
            raise _WorkerDiedError(left[1] if left else "it was killed while it read the weights") from error
        if health.status != "ready":
            raise EngineUnavailable(f"the worker is {health.status}: {health.message}")

    def _note_death(self, reason: str) -> None:
        self._backoff.note_death()
        self._tell(EngineState.DIED, f"the worker died: {reason}")
        if self._backoff.is_crash_loop and not self._loop_told:
            self._loop_told = True
            words = f"the worker keeps dying ({reason}); `hearthline doctor` looks into it"
            self._tell(EngineState.CRASH_LOOP, words)

    def _tell(self, state: EngineState, message: str, progress: float | None = None) -> None:
        if state in (EngineState.STARTING, EngineState.LOADING):
            self._phase, self._progress = message, progress
        event = EngineEvent(state, message, self._model, progress)
        if event != self._last_event:
            self._last_event = event
            self._on_event(event)
