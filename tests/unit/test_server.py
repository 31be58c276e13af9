"""Who may connect, decided before a byte is read."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inference import singleton
from inference.server import OwnUserProtocol


async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.mark.anyio
@pytest.mark.parametrize("is_own", [True, False])
async def test_a_strangers_connection_is_dropped(is_own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singleton, "is_own", lambda _: is_own)
    config = uvicorn.Config(answer, lifespan="off", log_config=None)
    config.load()
    with TemporaryDirectory(prefix="hl-") as directory:
        path = Path(directory) / "s"
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: OwnUserProtocol(config, ServerState(), {}), path
        )
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n")
        try:
            received = await reader.read()
        except ConnectionResetError:
            received = b""
        assert received.startswith(b"HTTP/1.1 204") == is_own
        writer.close()
        server.close()
