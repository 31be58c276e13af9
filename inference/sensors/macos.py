"""macOS: plain C functions of the system's libraries, which need no other program. See `inference.sensors`.

`MacSensors` reads meaning into numbers and runs anywhere; `MacLibraries` fetches them.
"""

import contextlib
import ctypes
import os
from typing import Any, Protocol

from inference.care import Surroundings

# <sys/event.h>: 1 normal, 2 warning, 4 critical.
_PRESSURE_LEVEL = b"kern.memorystatus_vm_pressure_level"
_PRESSURE_WARNING = 2
# <libkern/OSThermalNotification.h> on macOS: 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping.
_THERMAL_LEVEL = b"com.apple.system.thermalpressurelevel"
_THERMAL_HEAVY = 2
# <IOKit/ps/IOPowerSources.h>: not limited; on battery it is seconds, or -1 while they are being estimated.
_TIME_UNLIMITED = -2.0


class System(Protocol):
    """The numbers that the system gives."""

    def footprint_bytes(self) -> int:
        """Return `phys_footprint`, which counts what Metal allocates and the resident set does not."""
        ...

    def sysctl(self, name: bytes) -> int:
        """Return a 32-bit value; 0 where there is none of that name."""
        ...

    def notified(self, name: bytes) -> int:
        """Return the state behind a notification; 0 where there is none."""
        ...

    def seconds_of_power(self) -> float:
        """Return how long power lasts."""
        ...


class MacSensors:
    """Reads meaning into the numbers."""

    def __init__(self, system: System) -> None:
        self._system = system

    def footprint_bytes(self) -> int:
        """Return what Activity Monitor shows as memory."""
        return self._system.footprint_bytes()

    def surroundings(self) -> Surroundings:
        """Return what the machine says."""
        return Surroundings(
            on_battery=self._system.seconds_of_power() != _TIME_UNLIMITED,
            is_short_of_memory=self._system.sysctl(_PRESSURE_LEVEL) >= _PRESSURE_WARNING,
            is_hot=self._system.notified(_THERMAL_LEVEL) >= _THERMAL_HEAVY,
        )


class _RusageInfo(ctypes.Structure):
    """`struct rusage_info_v0` of <sys/resource.h>."""

    _fields_ = (
        ("uuid", ctypes.c_uint8 * 16),
        ("user_time", ctypes.c_uint64),
        ("system_time", ctypes.c_uint64),
        ("pkg_idle_wkups", ctypes.c_uint64),
        ("interrupt_wkups", ctypes.c_uint64),
        ("pageins", ctypes.c_uint64),
        ("wired_size", ctypes.c_uint64),
        ("resident_size", ctypes.c_uint64),
        ("phys_footprint", ctypes.c_uint64),
        ("proc_start_abstime", ctypes.c_uint64),
        ("proc_exit_abstime", ctypes.c_uint64),
    )


class MacLibraries:
    """The numbers, from libSystem and IOKit. A library or function that is missing gives the harmless one."""

    def __init__(self) -> None:
        self._system: Any = ctypes.CDLL(None)
        self._power: Any = None
        with contextlib.suppress(OSError, AttributeError):
            self._power = ctypes.CDLL("/System/Library/Frameworks/IOKit.framework/IOKit")
            self._power.IOPSGetTimeRemainingEstimate.restype = ctypes.c_double
        self._tokens: dict[bytes, int] = {}

    def footprint_bytes(self) -> int:
        """Return `phys_footprint`."""
        info = _RusageInfo()
        with contextlib.suppress(AttributeError):
            if self._system.proc_pid_rusage(os.getpid(), 0, ctypes.byref(info)) == 0:
                return int(info.phys_footprint)
        return 0

    def sysctl(self, name: bytes) -> int:
        """Return a 32-bit value; 0 where there is none of that name."""
        value, n_bytes = ctypes.c_uint32(0), ctypes.c_size_t(4)
        with contextlib.suppress(AttributeError):
            self._system.sysctlbyname(name, ctypes.byref(value), ctypes.byref(n_bytes), None, ctypes.c_size_t(0))
        return value.value

    def notified(self, name: bytes) -> int:
        """Return the state behind a notification; 0 where there is none."""
        state = ctypes.c_uint64(0)
        with contextlib.suppress(AttributeError):
            if name not in self._tokens:
                token = ctypes.c_int(0)
                if self._system.notify_register_check(name, ctypes.byref(token)) != 0:
                    return 0
                self._tokens[name] = token.value
            self._system.notify_get_state(self._tokens[name], ctypes.byref(state))
        return state.value

    def seconds_of_power(self) -> float:
        """Return how long power lasts."""
        return _TIME_UNLIMITED if self._power is None else float(self._power.IOPSGetTimeRemainingEstimate())
