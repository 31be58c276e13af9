"""Care of the machine: when background work pauses and when a request must be refused. Pure; times are handed in.

Invariants: a cause holds for `_HOLD_S` after it was last seen, so that nothing flickers; a level of memory is left well
below where it was entered; whoever is typing is refused at the hard watermark alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from inference.models.fit import size

if TYPE_CHECKING:
    from inference.device import Device

# The share of the ceiling at which caches give way. A model must fit below it, or it would never get out of there.
_SOFT_SHARE = 0.9
# A level is left at this share of where it was entered.
_LEAVE_SHARE = 0.95
# Of a device's memory, what a worker takes by itself at most. On a CPU it is shared with everything else there is; what
# Metal recommends leaves room for the rest already, and is where models should fit.
_DEFAULT_SHARE = {"cpu": 0.8, "metal": 1 / _SOFT_SHARE, "cuda": 0.95}
_HOLD_S = 30.0


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Watermarks of the worker's memory. hard_bytes: above it nothing new begins."""

    hard_bytes: int

    @property
    def soft_bytes(self) -> int:
        """Above it caches give way, and background work waits."""
        return int(_SOFT_SHARE * self.hard_bytes)


def ceiling(device: "Device", memory_gb: float | None = None) -> Ceiling:
    """Return the ceiling that `memory_gb` asks for, or that suits `device`."""
    return Ceiling(int(memory_gb * 1e9 if memory_gb else _DEFAULT_SHARE[device.kind] * device.memory_bytes))


class Level(IntEnum):
    """How near the worker's memory is to its ceiling."""

    NORMAL = 0
    SOFT = 1
    HARD = 2


class Cause(StrEnum):
    """Why background work waits. The values are labels of metrics."""

    REQUEST = "request"
    BATTERY = "battery"
    SYSTEM_MEMORY = "system_memory"
    HEAT = "heat"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine says of itself."""

    on_battery: bool = False
    is_short_of_memory: bool = False
    is_hot: bool = False


@dataclass(frozen=True, slots=True)
class Care:
    """What was seen and asked for. seen_s: when each cause of the machine's was last seen. used_bytes: by the worker.

    paused_until_s: infinity until somebody resumes. All times on one clock.
    """

    level: Level = Level.NORMAL
    used_bytes: int = 0
    seen_s: Mapping[Cause, float] = field(default_factory=lambda: MappingProxyType({}))
    paused_until_s: float = 0.0

    def causes(self, now_s: float) -> list[Cause]:
        """List why background work waits at `now_s`; empty when it need not."""
        found = [Cause.REQUEST] if now_s < self.paused_until_s else []
        found += [cause for cause, seen_s in self.seen_s.items() if now_s - seen_s < _HOLD_S]
        return found + ([Cause.CEILING] if self.level > Level.NORMAL else [])

    def excess_bytes(self, limits: Ceiling) -> int:
        """Return how much must go until the worker is back at the normal level; 0 where it is."""
        if self.level is Level.NORMAL:
            return 0
        return max(0, self.used_bytes - int(_LEAVE_SHARE * limits.soft_bytes) + 1)


def observe(
    care: Care, used_bytes: int, around: Surroundings, limits: Ceiling, now_s: float, *, works_on_battery: bool
) -> Care:
    """Take in a reading of the worker's own memory and of the machine."""
    seen = {
        Cause.BATTERY: around.on_battery and not works_on_battery,
        Cause.SYSTEM_MEMORY: around.is_short_of_memory,
        Cause.HEAT: around.is_hot,
    }
    now = {cause: now_s for cause, is_seen in seen.items() if is_seen}
    held = {cause: seen_s for cause, seen_s in care.seen_s.items() if now_s - seen_s < _HOLD_S}
    return replace(care, level=_level(care.level, used_bytes, limits), used_bytes=used_bytes, seen_s=held | now)


def pause(care: Care, now_s: float, for_s: float | None) -> Care:
    """Let background work wait for `for_s` seconds, None until `resume`; a newer word replaces an older one."""
    return replace(care, paused_until_s=float("inf") if for_s is None else now_s + for_s)


def resume(care: Care) -> Care:
    """Take a `pause` back. What the machine itself asks for stays."""
    return replace(care, paused_until_s=0.0)


def in_words(care: Care, limits: Ceiling, now_s: float) -> list[str]:
    """Say why background work waits, for a person."""
    left_s = care.paused_until_s - now_s
    words = {
        Cause.REQUEST: "paused by request" + (f" for {left_s:.0f} s more" if left_s < float("inf") else ""),
        Cause.BATTERY: "the machine runs on battery",
        Cause.SYSTEM_MEMORY: "the system is short of memory",
        Cause.HEAT: "the machine is hot",
        Cause.CEILING: f"the worker is near its memory ceiling ({of_ceiling(care, limits)})",
    }
    return [words[cause] for cause in care.causes(now_s)]


def of_ceiling(care: Care, limits: Ceiling) -> str:
    """Write what the worker takes and may take."""
    return f"{size(care.used_bytes)} of {size(limits.hard_bytes)}"


def _level(level: Level, used_bytes: int, limits: Ceiling) -> Level:
    marks = {Level.SOFT: limits.soft_bytes, Level.HARD: limits.hard_bytes}
    reached = max((each for each, mark in marks.items() if used_bytes >= mark), default=Level.NORMAL)
    kept = max(
        (each for each, mark in marks.items() if each <= level and used_bytes >= _LEAVE_SHARE * mark),
        default=Level.NORMAL,
    )
    return max(reached, kept)
