"""Server-sent events, from bytes as they arrive to the data of each event.

Owns the framing and nothing else. Invariant: how the bytes are cut into chunks does not change the events.
Source: the WHATWG HTML standard, "Server-sent events", interpreting an event stream.
"""

MAX_EVENT_BYTES = 1 << 20
"""An event of a token is a few hundred bytes; a peer that sends more than this is not speaking the protocol."""


class EventTooLongError(ValueError):
    """An event grew past MAX_EVENT_BYTES."""


class EventParser:
    """Collects chunks of one response body; `feed` returns the data of the events completed by a chunk."""

    def __init__(self) -> None:
        self._pending = bytearray()  # an unfinished line, without its line ending
        self._data: list[bytes] = []
        self._n_data_bytes = 0
        self._after_cr = False  # a chunk ended in CR: an LF at the start of the next belongs to it
        self._at_start = True

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes of the body; return the data of every event they complete, in order.

        Raises EventTooLongError; the parser is of no use afterwards.
        """
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        events = []
        # keepends tells a finished line from the rest; bytes.splitlines knows \n, \r and \r\n only, as the format.
        for line in chunk.splitlines(keepends=True):
            content = line.rstrip(b"\r\n")
            self._pending += content
            if len(self._pending) + self._n_data_bytes > MAX_EVENT_BYTES:
                raise EventTooLongError(f"an event is longer than {MAX_EVENT_BYTES} bytes")
            if len(content) == len(line):
                break  # only the last line of a chunk can be unfinished
            event = self._end_of_line()
            if event is not None:
                events.append(event)
        self._after_cr = chunk.endswith(b"\r") or (self._after_cr and not chunk)
        return events

    def _end_of_line(self) -> str | None:
        line = bytes(self._pending)
        self._pending.clear()
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._n_data_bytes += len(value) + 1
        return None  # a comment (empty name), or a field this client has no use for

    def _dispatch(self) -> str | None:
        if not self._data:
            return None
        data = b"\n".join(self._data)
        self._data.clear()
        self._n_data_bytes = 0
        return data.decode("utf-8", errors="replace")
