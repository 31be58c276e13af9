"""An engine under test: its clock, its steps and its end in the test's hand, and who asks it."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from inference.engine import Engine
from inference.jobs import Event, Failed, Finished, Job, Piece
from inference.metrics import Metrics
from inference.prefill_chunks import ChunkSizes

DEADLINE_S = 30.0
CHUNK_TOKENS = 16
CHUNKS = ChunkSizes(brief=8, long=CHUNK_TOKENS)
# The shortest sequences that decode together are padded to so many tokens, of two layers of two heads of 8, float32.
N_JOINED = 1024
N_JOINED_BYTES = N_JOINED * 2 * 2 * 2 * 8 * 4


@dataclass
class Client:
    """One job and the events that came of it."""

    engine: Engine
    events: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)

    def ask(self, text: str = "def f(x):", max_tokens: int = 12, **fields: object) -> Job:
        job = Job(
            model="tiny",
            endpoint="/v1/completions",
            prompt=list(text.encode()),
            max_tokens=max_tokens,
            emit=self.events.put,
            arrived_s=self.engine.clock(),
            **fields,  # type: ignore[arg-type]
        )
        self.engine.submit(job)
        return job

    def first(self) -> Event:
        return self.events.get(timeout=DEADLINE_S)

    def rest(self) -> tuple[str, Finished | Failed]:
        text = ""
        while isinstance(event := self.events.get(timeout=DEADLINE_S), Piece):
            text += event.text
        assert self.events.empty(), "something came after the end"
        return text, event

    def finished(self) -> tuple[str, Finished]:
        text, end = self.rest()
        assert isinstance(end, Finished)
        return text, end


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Gate:
    """Lets the test hold the engine within a step, so that what comes meanwhile is read before the next.

    first_fed: the first token that each step fed to the model. n_rows: the sequences in it.
    """

    is_open: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    first_fed: list[int] = field(default_factory=list)
    n_rows: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_open.set()

    def hold(self) -> None:
        self.reached.clear()
        self.is_open.clear()

    def wait(self, rows: list[list[int]]) -> None:
        self.first_fed.append(rows[0][0])
        self.n_rows.append(len(rows))
        self.reached.set()
        assert self.is_open.wait(DEADLINE_S)


class End:
    """What the engine's thread says last."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._broke: Exception | None = None

    def __call__(self, broke: Exception | None) -> None:
        self._broke = broke
        self._event.set()

    def wait(self) -> Exception | None:
        assert self._event.wait(DEADLINE_S)
        return self._broke


@dataclass
class Bench:
    """An engine under test."""

    engine: Engine
    metrics: Metrics
    clock: Clock
    gate: Gate
    end: End

    def client(self) -> Client:
        return Client(self.engine)


StartEngine = Callable[..., Bench]
