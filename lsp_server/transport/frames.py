"""Bytes from the client -> message bodies. No I/O, no JSON.

Owns the header grammar of the base protocol. Invariant: after anything that is no frame, parsing goes on at the next
`Content-Length`, and one Noise is given per run of such bytes. Memory is bounded by MAX_BODY_BYTES.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Larger bodies are skipped unread: decoding JSON holds the interpreter lock, 2 to 3 ms for each MiB."""

MAX_NOISE_BYTES = 16 * 1024 * 1024
"""After so many bytes without a frame the other side is no LSP client."""

OVERSIZED_EDGE_BYTES = 16 * 1024
"""How much of the start and of the end of a skipped body is kept, to tell what it was about."""

_MAX_LINE_BYTES = 8 * 1024
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(.*?)[ \t]*\Z", re.IGNORECASE | re.DOTALL)
_LENGTH_KEY_BYTES = len(b"content-length")
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:")
_LOST_FRAME = re.compile(rb"content-length[ \t]*:[ \t]*\d+\r\n", re.IGNORECASE)


class Body(NamedTuple):
    """The bytes of one message."""

    data: bytes


class Oversized(NamedTuple):
    """A message that was skipped. head, tail: the bytes at its edges."""

    n_bytes: int
    head: bytes
    tail: bytes


class Noise(NamedTuple):
    """Bytes that belong to no frame. fatal: there were so many that going on makes no sense."""

    reason: str
    fatal: bool = False


Frame = Body | Oversized | Noise


class FrameParser:
    """Collects bytes; gives frames as soon as they are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that the headers announced
        self._in_body = False
        self._headers_seen = False
        self._skipped = 0  # bytes of an oversized body that are already gone
        self._head = b""
        self._n_noise = 0  # since the last good header

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take `data`; yield what it completes."""
        self._buffer += data
        while True:
            frame, more = self._body() if self._in_body else self._header_line()
            if frame is not None:
                yield frame
            if not more:
                return

    def unread(self, data: bytes) -> None:
        """Give back the rest of a body that turned out to hold the start of another frame."""
        self._buffer[:0] = data

    @property
    def inside_frame(self) -> bool:
        """Whether the bytes so far end in the middle of a frame."""
        return self._in_body or self._headers_seen

    def _header_line(self) -> tuple[Frame | None, bool]:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) <= _MAX_LINE_BYTES:
                return None, False
            keep = _LENGTH_KEY_BYTES + 32
            noise = self._noise(len(self._buffer) - keep, "a line without end where a header should be")
            del self._buffer[:-keep]
            return noise, False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return self._take_header(line), True

    def _take_header(self, line: bytes) -> Frame | None:
        if not line:
            return self._end_of_headers()
        match = _LENGTH.search(line)
        if match is None:
            if _HEADER.match(line):
                self._headers_seen = True
                return None
            self._length, self._headers_seen = None, False
            return self._noise(len(line), "bytes that are no header")
        self._headers_seen = True
        noise = self._noise(match.start(), "bytes in front of a header") if match.start() else None
        digits = match.group(1)
        if digits.isdigit() and len(digits) < 16:
            self._length = int(digits)
            return noise
        return noise or self._noise(len(line), "a Content-Length that is not a number")

    def _end_of_headers(self) -> Frame | None:
        headers_seen, self._headers_seen = self._headers_seen, False
        if self._length is not None:
            self._in_body = True
            self._n_noise = 0
            return None
        return self._noise(1, "headers without a Content-Length") if headers_seen else None

    def _body(self) -> tuple[Frame | None, bool]:
        length = self._length or 0
        if length > MAX_BODY_BYTES:
            return self._skip(length)
        if len(self._buffer) < length:
            return None, False
        body = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        self._length, self._in_body = None, False
        return Body(body), True

    def _skip(self, length: int) -> tuple[Frame | None, bool]:
        if self._skipped == 0 and len(self._head) == 0:
            if len(self._buffer) < OVERSIZED_EDGE_BYTES:
                return None, False
            self._head = bytes(self._buffer[:OVERSIZED_EDGE_BYTES])
        missing = length - self._skipped
        if len(self._buffer) < missing:
            dropped = max(0, len(self._buffer) - OVERSIZED_EDGE_BYTES)
            del self._buffer[:dropped]
            self._skipped += dropped
            return None, False
        frame = Oversized(length, self._head, bytes(self._buffer[max(0, missing - OVERSIZED_EDGE_BYTES) : missing]))
        del self._buffer[:missing]
        self._length, self._in_body, self._skipped, self._head = None, False, 0, b""
        return frame, True

    def _noise(self, n_bytes: int, reason: str) -> Noise | None:
        first = self._n_noise == 0
        self._n_noise += n_bytes
        if self._n_noise > MAX_NOISE_BYTES:
            self._n_noise = 0
            return Noise(f"{MAX_NOISE_BYTES} bytes in a row that belong to no message", fatal=True)
        return Noise(reason) if first else None


def lost_frame(body: bytes) -> int | None:
    """Return where another frame begins in a body that is no JSON, if one does.

    A body that was announced too long swallows what follows it. JSON holds no raw line break inside a string, so a
    header in there is a header.
    """
    match = _LOST_FRAME.search(body)
    return match.start() if match else None
