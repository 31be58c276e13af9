"""The one who looks after the machine: reads the sensors every few seconds and tells the engine what to hold and free.

Lives on the event loop; the reading itself is done in a thread, never the engine's, so that neither people nor steps
wait for it. Invariant: what the engine was told last is what `care` says now.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Protocol

from inference.care import (
    Care,
    Cause,
    Ceiling,
    Level,
    Surroundings,
    ceiling,
    in_words,
    observe,
    of_ceiling,
    pause,
    resume,
)
from inference.device import mlx_bytes
from inference.errors import MemoryShort
from inference.residents import Residents
from inference.sensors import Sensors

_INTERVAL_S = 5.0
# While no device is known, nothing is loaded that could be too large.
_NO_LIMITS = Ceiling(sys.maxsize)

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """What is looked after."""

    @property
    def residents(self) -> Residents | None:
        """The models, None until they are loaded."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Whose times are the engine's."""
        ...

    def hold_background(self, is_held: bool) -> None:
        """Let background jobs wait, or go on."""
        ...

    def unload_idle(self, limit_s: float) -> None:
        """Give back the weights of models that had no work for `limit_s` and need not be ready."""
        ...

    def shrink_caches(self, n_bytes: int) -> None:
        """Give back about `n_bytes` of what is kept for later prompts, and every buffer that is free."""
        ...


class Caretaker:
    """Readings, a person's word, and what follows from both.

    memory_gb: the ceiling, None for one that suits the device. idle_unload_s: see `Engine.unload_idle`.
    """

    def __init__(
        self,
        engine: Engine,
        sensors: Sensors,
        memory_gb: float | None = None,
        idle_unload_s: float = 600.0,
        *,
        works_on_battery: bool = False,
    ) -> None:
        self.care = Care()
        self._engine = engine
        self._sensors = sensors
        self._memory_gb = memory_gb
        self._idle_unload_s = idle_unload_s
        self._interval_s = min(_INTERVAL_S, idle_unload_s)
        self._works_on_battery = works_on_battery
        self._causes: list[Cause] = []
        self._was_told = asyncio.Event()

    @property
    def limits(self) -> Ceiling | None:
        """The watermarks, None while no device is known."""
        residents = self._engine.residents
        return ceiling(residents.device, self._memory_gb) if residents else None

    @property
    def causes(self) -> list[Cause]:
        """Why background work waits now."""
        return self.care.causes(self._engine.clock())

    @property
    def paused(self) -> list[str]:
        """Why background work waits now, in words."""
        return in_words(self.care, self.limits or _NO_LIMITS, self._engine.clock())

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # a platform with surprises must not end the care for good
                logger.exception("the machine could not be read")
            self._was_told.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._was_told.wait(), self._until_next_look())

    async def look(self) -> None:
        """Read the sensors once, and act."""
        used_bytes, around = await asyncio.to_thread(self._read)
        limits = self.limits or _NO_LIMITS
        now_s = self._engine.clock()
        self.care = observe(self.care, used_bytes, around, limits, now_s, works_on_battery=self._works_on_battery)
        is_new_shortage = around.is_short_of_memory and Cause.SYSTEM_MEMORY not in self._causes
        excess_bytes = used_bytes if is_new_shortage else self.care.excess_bytes(limits)
        if excess_bytes:
            self._engine.shrink_caches(excess_bytes)
        self._engine.unload_idle(self._idle_unload_s)
        self._tell()

    def pause(self, for_s: float | None) -> None:
        """Let background work wait for `for_s` seconds, None until `resume`."""
        self.care = pause(self.care, self._engine.clock(), for_s)
        self._tell()
        self._was_told.set()

    def resume(self) -> None:
        """Take a `pause` back."""
        self.care = resume(self.care)
        self._tell()

    def admit(self) -> None:
        """Let a new request in. Raises MemoryShort at the hard watermark."""
        limits = self.limits
        if limits is not None and self.care.level is Level.HARD:
            raise MemoryShort(
                f"the worker is at its memory ceiling ({of_ceiling(self.care, limits)}); try again in a moment, or "
                "give it more by --memory-gb",
                round(_INTERVAL_S),
            )

    def _read(self) -> tuple[int, Surroundings]:
        return self._used_bytes(), self._sensors.surroundings()

    def _used_bytes(self) -> int:
        """Return the memory that the ceiling is about: on CUDA the device's own, else what the process is charged."""
        footprint_bytes = self._sensors.footprint_bytes()
        residents = self._engine.residents
        if residents is None:
            return footprint_bytes
        return mlx_bytes() if residents.device.kind == "cuda" else max(mlx_bytes(), footprint_bytes)

    def _until_next_look(self) -> float:
        left_s = self.care.paused_until_s - self._engine.clock()
        return min(self._interval_s, left_s) if left_s > 0 else self._interval_s

    def _tell(self) -> None:
        """Tell the engine what changed, and the log why."""
        causes = self.causes
        if bool(causes) != bool(self._causes):
            self._engine.hold_background(bool(causes))
        if causes != self._causes:
            logger.info("background work %s", f"waits: {', '.join(self.paused)}" if causes else "goes on")
        self._causes = causes
