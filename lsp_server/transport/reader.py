"""What comes from the client: the one thread that reads, parses and decodes it.

Invariant: nothing the client sends ends this thread but the end of the stream, or so many bytes of no message that
going on makes no sense; both are reported once, with the reason.
"""

import logging
import os
import threading
from collections.abc import Callable

from lsp_server.transport.frames import Body, Frame, FrameParser, Noise, lost_frame
from lsp_server.transport.messages import PARSE_ERROR, Incoming, Invalid, MessageDecoder, NotJsonError, oversized

_CHUNK_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class Reader:
    """Reads the file descriptor `fd`.

    deliver: takes each message, in order; may block while the receiver is behind. on_end: takes the reason why no
    more will come. Both are called in the reader's own thread.
    """

    def __init__(
        self,
        fd: int,
        decoder: MessageDecoder,
        deliver: Callable[[Incoming], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._fd = fd
        self._decoder = decoder
        self._deliver = deliver
        self._on_end = on_end
        self._parser = FrameParser()
        self._thread = threading.Thread(target=self._read_all, name="reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def _read_all(self) -> None:
        try:
            reason = self._read_until_end()
        except OSError as error:
            reason = f"the client's messages cannot be read ({error.strerror})"
        self._on_end(reason)

    def _read_until_end(self) -> str:
        while data := os.read(self._fd, _CHUNK_BYTES):
            for frame in self._parser.feed(data):
                self._take(frame)
                if isinstance(frame, Noise) and frame.fatal:
                    return f"the other side is no LSP client: {frame.reason}"
        where = " in the middle of a message" if self._parser.inside_frame else ""
        return f"the client closed its end{where}"

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Noise):
            self._refuse(Invalid(PARSE_ERROR, f"skipped to the next Content-Length: {frame.reason}"))
        elif isinstance(frame, Body):
            self._take_body(frame.data)
        else:
            self._refuse(oversized(frame))

    def _take_body(self, body: bytes) -> None:
        try:
            messages = self._decoder.decode(body)
        except NotJsonError as error:
            self._refuse(Invalid(PARSE_ERROR, str(error)))
            begin = lost_frame(body)
            if begin is not None:
                self._parser.unread(body[begin:])
            return
        for message in messages:
            if isinstance(message, Invalid):
                self._refuse(message)
            else:
                self._deliver(message)

    def _refuse(self, message: Invalid) -> None:
        _log.warning("refused a message of the client: %s", message.reason)
        self._deliver(message)
