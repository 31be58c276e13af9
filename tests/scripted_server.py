"""The real language server over stdio, with a scripted engine and a few probes: `python -m tests.scripted_server`.

The engine completes every prefix with REPLY. A probe is a request that only tests know; it looks into the server.
"""

import asyncio
from typing import Any

from lsp_server.engine.protocol import CompletionRequest, Priority
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import HearthlineServer, create_server, serve_stdio
from lsp_server.status import Severity, State

REPLY = "completed()"


def _register_document_probes(server: HearthlineServer, engine: ScriptedEngine) -> None:
    """Add requests that look at documents and at what the engine got of them."""

    @server.feature("probe/document")
    async def document(params: dict[str, Any]) -> dict[str, Any]:
        snapshot = server.session.snapshot(params["uri"])
        return {
            "lines": snapshot.lines[params.get("first", 0) : params.get("last")],
            "nLines": len(snapshot.lines),
            "version": snapshot.version,
            "unfit": snapshot.unfit,
        }

    @server.feature("probe/asked")
    async def asked(_params: dict[str, Any]) -> dict[str, str]:
        """Tell what the engine was asked last while somebody waited."""
        requests = [served.request for served in engine.served if isinstance(served.request, CompletionRequest)]
        request = next(each for each in reversed(requests) if each.priority is Priority.INTERACTIVE)
        return {"prefix": request.prefix, "suffix": request.suffix}

    @server.feature("probe/snapshot")
    async def snapshot(params: dict[str, Any]) -> dict[str, Any]:
        """Take a snapshot at once; tell, once another version is there, whether it is still current."""
        taken = server.session.snapshot(params["uri"])
        while server.session.documents[params["uri"]].version == taken.version:  # noqa: ASYNC110 - a document tells nobody
            await asyncio.sleep(0.001)
        return {"version": taken.version, "isCurrent": server.session.is_current(taken)}


def _register_handler_probes(server: HearthlineServer) -> None:
    """Add requests that behave well or badly."""

    @server.feature("probe/echo")
    async def echo(params: dict[str, Any]) -> dict[str, Any]:
        return params

    @server.feature("probe/fail")
    async def fail(params: dict[str, Any]) -> None:
        raise ValueError(params["secret"])

    @server.feature("probe/wait")
    async def wait(params: dict[str, Any]) -> None:
        """Wait for ever. deaf: even when cancelled."""
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not params.get("deaf"):
                    raise

    @server.feature("probe/say")
    async def say(params: dict[str, Any]) -> None:
        """Send `n` messages with `text`, which must all arrive, and as many statuses, of which the last must."""
        for number in range(params["n"]):
            server.session.status.say_once(f"{number}", params["text"], Severity.INFO)
            server.session.status.report(State.LOADING, progress=number / params["n"])

    @server.feature("probe/settings")
    async def settings(_params: dict[str, Any]) -> str:
        return repr(server.session.settings)


if __name__ == "__main__":
    engine = ScriptedEngine([Rule("", REPLY)])
    scripted = create_server(engine)
    _register_document_probes(scripted, engine)
    _register_handler_probes(scripted)
    raise SystemExit(serve_stdio(scripted))
