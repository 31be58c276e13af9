"""How long work on a model tells how far it is: the seam between `pull` and whoever shows it."""

from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """What a pull is doing, in this order."""

    DOWNLOAD = "downloading"
    UNPACK = "unpacking"
    CONVERT = "converting"
    VERIFY = "verifying"


class Reporter(Protocol):
    """Shows a pull's progress. Called on the thread that pulls, often; must be quick."""

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Tell that `done` of `total` bytes of `stage` are done. `done` may fall back when bytes were wrong."""
        ...

    def note(self, text: str) -> None:
        """Tell something worth a line of its own: another source is tried, another process is waited for."""
        ...
