"""One job as an HTTP response, streamed or whole. Invariant: however this ends, the engine knows that it has."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from inference.engine import Engine
from inference.jobs import Event, Failed, Finished, Job, Piece
from inference.openai_answers import Answer, error_chunk


class EventChannel:
    """Events of one job, from the engine's thread to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def emit(self, event: Event) -> None:
        """Send, from any thread. With the loop closed there is no one left to tell."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def receive(self) -> Event:
        """Wait for the next."""
        return await self._events.get()


class JobResponse:
    """Runs `job` and sends what comes of it. An ASGI application of one response."""

    def __init__(self, engine: Engine, job: Job, channel: EventChannel, answer: Answer, *, is_stream: bool) -> None:
        self._engine = engine
        self._job = job
        self._channel = channel
        self._answer = answer
        self._is_stream = is_stream

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Submit, answer, and withdraw when the client goes away first.

        Raises the job's RequestError when it fails before anything was sent.
        """
        self._engine.submit(self._job)
        try:
            await _until_disconnect(receive, self._stream(send) if self._is_stream else self._send_whole(send))
        finally:
            self._engine.cancel(self._job)

    async def _stream(self, send: Send) -> None:
        event = await self._channel.receive()
        if isinstance(event, Failed):
            raise event.error
        await send(_start(b"text/event-stream", (b"cache-control", b"no-store")))
        opening = self._answer.opening()
        if opening is not None:
            await send(_event(opening))
        while isinstance(event, Piece):
            for chunk in self._answer.chunks(event):
                await send(_event(chunk))
            if self._answer.is_complete:
                self._engine.cancel(self._job)
            event = await self._channel.receive()
        if isinstance(event, Finished):
            for chunk in (*self._answer.last_chunks(event), b"[DONE]"):
                await send(_event(chunk))
        else:
            await send(_event(error_chunk(event)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_whole(self, send: Send) -> None:
        pieces: list[Piece] = []
        while isinstance(event := await self._channel.receive(), Piece):
            pieces.append(event)
        if isinstance(event, Failed):
            raise event.error
        body = self._answer.whole(pieces, event)
        await send(_start(b"application/json", (b"content-length", str(len(body)).encode("ascii"))))
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _start(content_type: bytes, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), *headers]}


def _event(data: bytes) -> Message:
    return {"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True}


async def _until_disconnect(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, or until the client has gone. Raises what `work` raises."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
