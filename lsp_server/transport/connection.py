"""One conversation over a pair of file descriptors: threads on one side, the event loop on the other.

Owns the reader, the outbox and the queue between reader and dispatcher. Invariant: whatever ends the conversation
(`exit`, the end of the stream, a client that reads no more, a lost parent, a signal) leads to one and the same end.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lsp_server.logs import place_of
from lsp_server.transport.dispatch import Dispatcher, Phase
from lsp_server.transport.loop_watch import watch_loop
from lsp_server.transport.messages import Incoming, MessageDecoder
from lsp_server.transport.outbox import Outbox
from lsp_server.transport.parent_watch import ParentWatch
from lsp_server.transport.reader import Reader

_MAX_QUEUED = 1024
"""The reader waits while so many messages are not yet dispatched."""

FLUSH_S = 0.5
"""How long the end waits for the client to read what is still queued."""

CANCEL_S = 0.1
"""How long it waits for cancelled handlers, so that their replies still go out."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _EndOfStream:
    reason: str


class Connection:
    """Serves `dispatcher` to the client at the other end.

    on_ending: called in any thread, perhaps more than once, as soon as the end is certain.
    """

    def __init__(self, dispatcher: Dispatcher, stdin_fd: int, stdout_fd: int, on_ending: Callable[[], None]) -> None:
        self._dispatcher = dispatcher
        self._on_ending = on_ending
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._inbox: asyncio.Queue[Incoming | _EndOfStream] = asyncio.Queue()
        self._room = threading.Semaphore(_MAX_QUEUED)
        self._outbox = Outbox(stdout_fd, self.end)
        decoder = MessageDecoder(dispatcher.converter, dispatcher.result_type)
        self._reader = Reader(stdin_fd, decoder, self._deliver, self._deliver_end)
        self.parent_watch = ParentWatch(self.end)
        dispatcher.post = self._outbox.post
        dispatcher.on_exit = lambda: self.end("the client said exit")

    @property
    def exit_code(self) -> int:
        """What the process ends with: 0 only after `shutdown`."""
        return 0 if self._dispatcher.phase is Phase.SHUT_DOWN else 1

    async def serve(self) -> int:
        """Serve until the end; return the exit code."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # only the main thread may
                self._loop.add_signal_handler(number, self.end, f"signal {number.name}")
        self._outbox.start()
        self._reader.start()
        self.parent_watch.start()
        pump = asyncio.create_task(self._pump())
        pump.add_done_callback(self._note_pump_end)
        background = [pump, asyncio.create_task(watch_loop())]
        await self._ended.wait()
        self.parent_watch.stop()
        for task in background:
            task.cancel()
        if cancelled := self._dispatcher.cancel_all():
            await asyncio.wait(cancelled, timeout=CANCEL_S)
        await asyncio.to_thread(self._outbox.close, FLUSH_S)
        return self.exit_code

    def end(self, reason: str) -> None:
        """End the conversation; from any thread."""
        self._on_loop(self._note_end, reason)
        self._on_ending()

    def _note_end(self, reason: str) -> None:
        if not self._ended.is_set():
            _log.info("ending: %s", reason)
            self._ended.set()

    async def _pump(self) -> None:
        while True:
            message = await self._inbox.get()
            if isinstance(message, _EndOfStream):
                self._note_end(message.reason)
                return
            self._room.release()
            await self._dispatcher.dispatch(message)
            await asyncio.sleep(0)  # a burst of messages must not keep the loop from all else

    def _note_pump_end(self, pump: asyncio.Task[None]) -> None:
        """End rather than live on deaf, should dispatching ever fail."""
        if not pump.cancelled() and (error := pump.exception()) is not None:
            _log.critical("dispatching failed: %s", place_of(error))
            self.end("dispatching failed")

    def _deliver_end(self, reason: str) -> None:
        """Let what the client sent before it closed its end, a `shutdown` perhaps, be handled first."""
        self._on_loop(self._inbox.put_nowait, _EndOfStream(reason))
        self._on_ending()

    def _deliver(self, message: Incoming) -> None:
        self._room.acquire()
        self._on_loop(self._inbox.put_nowait, message)

    def _on_loop(self, callback: Callable[[Any], None], argument: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the end came first
                self._loop.call_soon_threadsafe(callback, argument)
