"""The real language server over stdio with a scripted engine that writes tests: `python -m tests.testing_server`.

The first question of each session is answered with the text of the file `reply.md` in HEARTHLINE_HOME, all others with
nothing. `--slow`: word by word; `--paused`: background work waits. Probes tell what the engine was asked, what was
executed, and whether tests are being prepared.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import HearthlineServer, create_server, serve_stdio
from lsp_server.tests_for.sandbox import Ran, Sandbox
from lsp_server.tests_for.sandboxes.order import Limits


def _engine() -> ScriptedEngine:
    replies = [Path(os.environ["HEARTHLINE_HOME"], "reply.md")]

    def reply(request: CompletionRequest | ChatRequest) -> str:
        is_first = isinstance(request, ChatRequest) and replies
        return replies.pop().read_text(encoding="utf-8") if is_first else ""

    engine = ScriptedEngine([Rule("", reply, token_latency_s=0.05 if "--slow" in sys.argv else 0.0)])
    paused = ("the machine runs on battery",) if "--paused" in sys.argv else ()
    engine.capabilities_told = replace(engine.capabilities_told, assistant_model="scripted", paused=paused)
    return engine


def _note_runs(orders: list[dict[str, Any]]) -> None:
    """Note what the sandbox is told to run, and have it run."""
    run = Sandbox.run

    async def noted(
        self: Sandbox,
        command: Sequence[str],
        *,
        workspace: Path,
        scratch: Path,
        readable: Sequence[Path] = (),
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        orders.append(
            {
                "command": [word.replace(str(scratch), "SCRATCH") for word in command],
                "environment": {
                    key: value.replace(str(scratch), "SCRATCH") for key, value in (environment or {}).items()
                },
                "readable": list(map(str, readable)),
            }
        )
        return await run(self, command, workspace=workspace, scratch=scratch, readable=readable, cwd=cwd,
                         environment=environment, limits=limits)  # fmt: skip

    Sandbox.run = noted  # type: ignore[method-assign]


def _note_processes(started: list[list[str]]) -> None:
    """Note every process that is started, by whatever means Python has."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            words = arguments[1] if isinstance(arguments[1], list | tuple) else [arguments[1]]
            started.append([os.fsdecode(word) for word in words])
        elif event == "os.system":
            started.append([os.fsdecode(arguments[0])])

    sys.addaudithook(look)


def _register_probes(server: HearthlineServer, engine: ScriptedEngine) -> None:
    orders: list[dict[str, Any]] = []
    started: list[list[str]] = []
    _note_runs(orders)
    _note_processes(started)

    @server.feature("probe/asked")
    async def asked(_params: dict[str, Any]) -> list[str]:
        requests = [served.request for served in engine.served if isinstance(served.request, ChatRequest)]
        return ["\n".join(message.content for message in request.messages) for request in requests]

    @server.feature("probe/priorities")
    async def priorities(_params: dict[str, Any]) -> list[str]:
        return [served.request.priority for served in engine.served if isinstance(served.request, ChatRequest)]

    @server.feature("probe/executed")
    async def executed(_params: dict[str, Any]) -> dict[str, Any]:
        return {"orders": orders, "started": started}

    @server.feature("probe/streams")
    async def streams(_params: dict[str, Any]) -> list[bool]:
        """Tell of each answer whether nobody waits for it any more."""
        await asyncio.sleep(0)
        return [served.is_closed for served in engine.served]

    @server.feature("probe/preparing")
    async def preparing(_params: dict[str, Any]) -> bool:
        return server.preparing.is_busy


if __name__ == "__main__":
    scripted = _engine()
    testing = create_server(scripted)
    _register_probes(testing, scripted)
    raise SystemExit(serve_stdio(testing))
