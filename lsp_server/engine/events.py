"""What happens to the engine, as told to whoever shows it to a person."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class EngineState(StrEnum):
    """How things stand with the engine."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    DIED = "died"
    CRASH_LOOP = "crashLoop"  # it died several times in a row; told once until it is ready again
    MISSING = "missing"  # the model is not on this machine


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """A change of state. message: a sentence for a person. progress: share of the loading done, 0.0 to 1.0."""

    state: EngineState
    message: str
    model: str
    progress: float | None = None


OnEvent = Callable[[EngineEvent], None]
