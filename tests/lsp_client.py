"""A raw JSON-RPC client over a server process's pipes, for end-to-end tests.

It sends bytes as they are, right or wrong, keeps every message that comes back, in order, and waits for conditions
with a deadline. It ends only the process it started.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

Message = dict[str, Any]

DEADLINE_S = 30.0
SERVER = (sys.executable, "-c", "from lsp_server.server import main; raise SystemExit(main())")
SCRIPTED_SERVER = (sys.executable, "-m", "tests.scripted_server")


def wait_until(true: Callable[[], bool], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Return as soon as `true` is; what: for the message when it never is."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.01)


class LspError(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def frame(body: bytes | Message) -> bytes:
    """Return the bytes of one message."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class LspClient:
    """A client with its server process.

    messages: all that came, oldest first. answers: method of a server's request -> what to answer, None by default.
    """

    def __init__(
        self,
        home: Path,
        command: Sequence[str] = SCRIPTED_SERVER,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self._changed = threading.Condition()
        self._reading = threading.Event()
        self._reading.set()
        self._n_ids = 0
        self._writing = threading.Lock()
        self._stderr = (home / "stderr.txt").open("wb")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "HEARTHLINE_HOME": str(home), **(env or {})},
        )
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.set()
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        streams: list[IO[bytes]] = [self.process.stdin, self.process.stdout, self._stderr]
        for stream in streams:
            try:
                stream.close()
            except BrokenPipeError:
                continue  # what was not flushed has no reader any more

    # Sending

    def send_bytes(self, data: bytes) -> None:
        """Write `data` as it is."""
        assert self.process.stdin is not None
        with self._writing:
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def send(self, message: Message) -> None:
        """Send one message; `jsonrpc` is added."""
        self.send_bytes(frame({"jsonrpc": "2.0", **message}))

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def request(self, method: str, params: object = None) -> int:
        """Send a request; return its id."""
        self._n_ids += 1
        self.send({"id": self._n_ids, "method": method, "params": params})
        return self._n_ids

    def call(self, method: str, params: object = None) -> Any:
        """Send a request; return its result, or raise LspError."""
        return self.result(self.request(method, params))

    def close_stdin(self) -> None:
        """Close the client's end."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    # Receiving

    def pause_reading(self) -> None:
        """Leave what the server writes in the pipe."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Read on."""
        self._reading.set()

    def wait_for(self, found: Callable[[Message], bool], timeout_s: float = DEADLINE_S) -> Message:
        """Return the first message, past or to come, that `found` accepts."""

        def look() -> Message | None:
            return next((message for message in self.messages if found(message)), None)

        with self._changed:
            self._changed.wait_for(lambda: look() is not None or self._ended, timeout_s)
            message = look()
            if message is None:
                what = "the server has ended" if self._ended else f"it did not come within {timeout_s} s"
                raise TimeoutError(f"{what}; the last messages were {self.messages[-5:]}; stderr: {self.stderr()}")
            return message

    def notification(self, method: str, found: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for a notification; return its params."""
        return self.wait_for(lambda m: m.get("method") == method and found(m["params"]))["params"]

    def replies(self, message_id: object) -> list[Message]:
        """Return the replies to the request `message_id` that came until now."""
        return [m for m in self.messages if "method" not in m and m.get("id") == message_id]

    def reply(self, message_id: object, timeout_s: float = DEADLINE_S) -> Message:
        """Wait for the reply to the request `message_id`; result or error."""
        return self.wait_for(lambda m: "method" not in m and m.get("id") == message_id, timeout_s)

    def result(self, message_id: object) -> Any:
        """Wait for the result of the request `message_id`, or raise LspError."""
        message = self.reply(message_id)
        if "error" in message:
            raise LspError(message["error"]["code"], message["error"]["message"])
        return message["result"]

    def exit_code(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait until the server's process has ended; return its code."""
        return self.process.wait(timeout_s)

    def stderr(self) -> str:
        """Return what the server wrote to stderr until now."""
        return Path(self._stderr.name).read_text()

    # Conversations

    def initialize(self, capabilities: object = None, options: object = None, **more: object) -> Message:
        """Shake hands; return the server's capabilities."""
        params = {"processId": None, "capabilities": capabilities or {}, "initializationOptions": options, **more}
        result = self.call("initialize", params)
        self.notify("initialized", {})
        return cast("Message", result["capabilities"])

    def open(self, uri: str, text: str, language_id: str = "python", version: int = 1) -> None:
        """Open a document."""
        item = {"uri": uri, "languageId": language_id, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: Message) -> None:
        """Edit a document. changes: as LSP has them."""
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def _read(self) -> None:
        try:
            self._read_all()
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_all(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = None
            while (line := stream.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if length is None:
                return
            self._reading.wait()
            body = stream.read(length)
            if len(body) < length:
                return
            self._take(json.loads(body))

    def _take(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if "method" in message and "id" in message:
            answer = self.answers.get(message["method"])
            try:
                self.send({"id": message["id"], "result": answer(message["params"]) if answer else None})
            except (BrokenPipeError, ValueError):
                return  # the server is gone, or the test closed the pipe


def edit(line: int, start: int, end: int, text: str, end_line: int | None = None) -> Message:
    """Return a change from (line, start) to (end_line or line, end)."""
    last = line if end_line is None else end_line
    where = {"start": {"line": line, "character": start}, "end": {"line": last, "character": end}}
    return {"range": where, "text": text}
