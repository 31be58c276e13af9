"""What goes to the client: a bounded queue and the one thread that writes it.

Invariants: `post` never blocks; messages leave in the order they were posted; nothing but a message with a `key` is
ever dropped, and that only in favour of a newer one with the same key. A client that has left more than
MAX_PENDING_BYTES unread is given up.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_PENDING_BYTES = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    data: bytes  # empty: a newer message with the same key took its place


class Outbox:
    """Writes frames to the file descriptor `fd`. on_dead: called once, in any thread, when nobody reads any more."""

    def __init__(self, fd: int, on_dead: Callable[[str], None]) -> None:
        self._fd = fd
        self._on_dead = on_dead
        self._ready = threading.Condition()
        self._entries: deque[_Entry] = deque()
        self._by_key: dict[str, _Entry] = {}
        self._n_pending_bytes = 0
        self._closed = False
        self._dead = False
        self._thread = threading.Thread(target=self._write_all, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def post(self, body: bytes, key: str | None = None) -> None:
        """Queue a message. key: a newer message with the same key makes this one worthless."""
        frame = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        with self._ready:
            if self._dead or self._closed:
                return
            if key is not None:
                self._supersede(key)
            entry = _Entry(frame)
            self._entries.append(entry)
            self._n_pending_bytes += len(frame)
            if key is not None:
                self._by_key[key] = entry
            overfull = self._n_pending_bytes > MAX_PENDING_BYTES
            self._ready.notify()
        if overfull:
            self._give_up(f"the client has left {MAX_PENDING_BYTES} bytes unread")

    def close(self, timeout_s: float) -> bool:
        """Take nothing more; wait until what is queued has been written. Returns False when that took too long."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _supersede(self, key: str) -> None:
        older = self._by_key.pop(key, None)
        if older is not None:
            self._n_pending_bytes -= len(older.data)
            older.data = b""

    def _write_all(self) -> None:
        while (data := self._next()) is not None:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except OSError as error:
                    self._give_up(f"the client does not take messages any more ({error.strerror})")
                    return

    def _next(self) -> bytes | None:
        with self._ready:
            while True:
                self._ready.wait_for(lambda: self._entries or self._closed or self._dead)
                if self._dead or not self._entries:
                    return None
                entry = self._entries.popleft()
                data, entry.data = entry.data, b""  # taken: a newer one can no longer replace it
                self._n_pending_bytes -= len(data)
                if data:
                    return data

    def _give_up(self, reason: str) -> None:
        with self._ready:
            if self._dead:
                return
            self._dead = True
            self._entries.clear()
            self._by_key.clear()
            self._ready.notify()
        _log.warning("%s", reason)
        self._on_dead(reason)
