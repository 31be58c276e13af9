"""One streamed answer, by the clock of who asked for it.

A time to the first token is the time to the first text that a person could see. Invariant: leaving `running` closes the
connection, which is how an editor cancels.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.bench.servers import Ask, Counts, Server

_TOGETHER_S = 0.002
_DEADLINE_S = 240.0


@dataclass(slots=True)
class Answer:
    """What came: began_s and the times of the pieces of text, on `time.perf_counter`; the rest once it has ended."""

    began_s: float
    ended_s: float = math.nan
    piece_s: list[float] = field(default_factory=list)
    text: str = ""
    counts: Counts = field(default_factory=Counts)

    @property
    def first_s(self) -> float:
        """Return the time from asking to the first text."""
        if not self.piece_s:
            raise RuntimeError("an answer without text cannot be timed; another prompt is needed")
        return self.piece_s[0] - self.began_s

    @property
    def answered_s(self) -> float:
        """Return the time from asking to the first text, or to the end where the model had nothing to say."""
        return (self.piece_s[0] if self.piece_s else self.ended_s) - self.began_s

    @property
    def decode_tokens_per_s(self) -> float:
        """Return the rate after the first piece."""
        took_s = self.piece_s[-1] - self.piece_s[0]
        if self.counts.n_decoded < 8 or took_s <= 0:
            raise RuntimeError(f"{self.counts.n_decoded} tokens are too few to tell a speed by")
        return (self.counts.n_decoded - 1) / took_s

    def steps_s(self) -> list[float]:
        """Return the times between steps: the pieces that one step made arrive together."""
        gaps = [after - before for before, after in zip(self.piece_s, self.piece_s[1:], strict=False)]
        return [gap for gap in gaps if gap > _TOGETHER_S]


async def complete(server: Server, ask: Ask) -> Answer:
    """Ask, and read the answer to its end. Raises RuntimeError when the server refuses or breaks."""
    answer = Answer(time.perf_counter())
    async with asyncio.timeout(_DEADLINE_S):
        await _read(server, ask, answer)
    answer.ended_s = time.perf_counter()
    return answer


@asynccontextmanager
async def running(server: Server, ask: Ask) -> AsyncIterator[Answer]:
    """Keep an answer coming while the block runs; then hang up, wherever it is."""
    answer = Answer(time.perf_counter())
    task = asyncio.create_task(_read(server, ask, answer))
    try:
        yield answer
        if task.done():
            task.result()
            raise RuntimeError("the background answer ended before the measurement did; it must be longer")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], what: str) -> None:
    """Return once `condition` holds. Raises RuntimeError naming `what` when it never does."""
    deadline = time.perf_counter() + _DEADLINE_S
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"waited {_DEADLINE_S:.0f} s for {what}")
        await asyncio.sleep(0.002)


async def _read(server: Server, ask: Ask, answer: Answer) -> None:
    async with server.client.stream("POST", server.path, json=server.body(ask)) as response:
        if response.status_code != 200:
            raise RuntimeError(f"{type(server).__name__} refused: {(await response.aread()).decode()}")
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if data == line or data == "[DONE]":
                continue
            event = json.loads(data)
            if "error" in event:
                raise RuntimeError(f"{type(server).__name__} broke off: {event['error']}")
            text = server.text(event)
            if text:
                answer.piece_s.append(time.perf_counter())
                answer.text += text
            server.count(event, answer.counts)
