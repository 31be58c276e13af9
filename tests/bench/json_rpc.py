"""A language server and what a bench needs of a client: requests whose answers carry the time they came at."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Message = dict[str, Any]


class Reply(NamedTuple):
    """An answer. result: None for an error. at_s: by `time.perf_counter`."""

    result: Any
    at_s: float


class Client:
    """One server process. Make it with `open_server`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.waiting: dict[int, asyncio.Future[Reply]] = {}
        self._process = process
        self._n_ids = 0
        self._reading = asyncio.create_task(self._read())

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def request(self, method: str, params: object) -> "tuple[int, asyncio.Future[Reply]]":
        """Send a request; return its number and the answer to come."""
        self._n_ids += 1
        self.waiting[self._n_ids] = future = asyncio.get_running_loop().create_future()
        self._send({"id": self._n_ids, "method": method, "params": params})
        return self._n_ids, future

    async def call(self, method: str, params: object) -> Any:
        """Send a request and wait for what it gives."""
        return (await self.request(method, params)[1]).result

    async def end(self) -> None:
        """End the server, by force if it does not go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.call("shutdown", None)
                self.notify("exit", None)
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()

    def _send(self, message: Message) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := await stream.readline():
            length = int(header.partition(b":")[2])
            while (await stream.readline()).strip():
                pass
            message = json.loads(await stream.readexactly(length))
            if "method" not in message:
                self.waiting.pop(message["id"]).set_result(Reply(message.get("result"), time.perf_counter()))
            elif "id" in message:
                self._send({"id": message["id"], "result": None})


@contextlib.asynccontextmanager
async def open_server(
    command: Sequence[str], folder: Path, settings: Mapping[str, object], env: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """Start `command` and initialise it for `folder`, in UTF-32; end it at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
        limit=1 << 24,
    )
    client = Client(process)
    try:
        capabilities = {"general": {"positionEncodings": ["utf-32"]}, "textDocument": {"inlineCompletion": {}}}
        await client.call(
            "initialize",
            {
                "processId": os.getpid(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
                "capabilities": capabilities,
                "initializationOptions": settings,
            },
        )
        client.notify("initialized", {})
        yield client
    finally:
        await client.end()
