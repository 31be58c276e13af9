"""Linux: everything is a file under /proc and /sys. See `inference.sensors`."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from inference.care import Surroundings

# Of the last ten seconds, the share in which some task waited for memory.
_MAX_STALL_PERCENT = 20.0
_MIN_AVAILABLE_SHARE = 0.05
# At a passive or hot trip point the kernel slows the machine down; shortly below a critical one it is about to go off.
_TRIP_MARGINS = {"passive": 0, "hot": 0, "critical": 5000}
_MAX_PLAUSIBLE_MILLIDEGREES = 150_000


class LinuxSensors:
    """Reads below `root`, which tests put elsewhere."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._n_throttled = self._count_throttled()

    def footprint_bytes(self) -> int:
        """Return the resident set."""
        words = _read(self._root / "proc/self/statm").split()
        return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if len(words) > 1 else 0

    def surroundings(self) -> Surroundings:
        """Return what the machine says."""
        return Surroundings(self._on_battery(), self._is_short_of_memory(), self._is_hot())

    def _on_battery(self) -> bool:
        """Tell whether a battery of the machine itself, not of a mouse, is all that feeds it."""
        is_discharging = False
        for supply in self._glob("sys/class/power_supply/*"):
            kind = _read(supply / "type")
            if kind in ("Mains", "USB") and _read(supply / "online") == "1":
                return False
            if kind in ("Battery", "UPS") and _read(supply / "scope") != "Device":
                is_discharging |= _read(supply / "status") == "Discharging"
        return is_discharging

    def _is_short_of_memory(self) -> bool:
        for line in _read(self._root / "proc/pressure/memory").splitlines():
            kind, _, values = line.partition(" avg10=")
            if kind == "some" and _number(values.partition(" ")[0]) >= _MAX_STALL_PERCENT:
                return True
        entries = {
            name: _number(value.removesuffix("kB"))
            for name, _, value in (line.partition(":") for line in _read(self._root / "proc/meminfo").splitlines())
        }
        total, available = entries.get("MemTotal", 0.0), entries.get("MemAvailable")
        return available is not None and available < _MIN_AVAILABLE_SHARE * total

    def _is_hot(self) -> bool:
        """Tell whether a trip point is reached, or a processor was slowed down since the last reading."""
        before, self._n_throttled = self._n_throttled, self._count_throttled()
        return self._n_throttled > before or any(map(_has_tripped, self._glob("sys/class/thermal/thermal_zone*")))

    def _count_throttled(self) -> int:
        counters = self._glob("sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count")
        return max((int(_number(_read(path))) for path in counters), default=0)

    def _glob(self, pattern: str) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            yield from self._root.glob(pattern)


def _has_tripped(zone: Path) -> bool:
    temperature = _number(_read(zone / "temp"))
    for number in range(16):
        kind = _read(zone / f"trip_point_{number}_type")
        if not kind:
            return False
        limit = _number(_read(zone / f"trip_point_{number}_temp"))
        is_plausible = 0 < limit < _MAX_PLAUSIBLE_MILLIDEGREES
        if is_plausible and kind in _TRIP_MARGINS and temperature >= limit - _TRIP_MARGINS[kind]:
            return True
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
