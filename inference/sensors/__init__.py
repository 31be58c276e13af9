"""What the machine says of itself: power, heat, memory. One module per platform; all give the same values.

Invariant: a reading never raises and never blocks for long. What a platform, or this machine, does not tell is taken as
nothing to worry about.
"""

import sys
from typing import Protocol

from inference.care import Surroundings


class Sensors(Protocol):
    """Reads, on any one thread at a time."""

    def footprint_bytes(self) -> int:
        """Return the memory of this process as the system charges it."""
        ...

    def surroundings(self) -> Surroundings:
        """Return what the machine says."""
        ...


def this_machine() -> Sensors:
    """Give the sensors of this platform."""
    if sys.platform == "darwin":
        from inference.sensors.macos import MacLibraries, MacSensors

        return MacSensors(MacLibraries())
    from inference.sensors.linux import LinuxSensors

    return LinuxSensors()
