"""The real language server over stdio with an engine that knows how the file goes on, most of the time.

`python -m tests.oracle_server`; ORACLE holds {"after": text, "latency_s", "token_latency_s", "wrong_share"} as JSON, or
names a file that does. `probe/calls` tells how many requests the engine got, and how long it took over them all, in
seconds: each from its arrival to the last piece that was fetched.
"""

import json
import os
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest, Token
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import create_server, serve_stdio

_TAIL_CHARS = 80
_MOST_CHARS = 160


@dataclass(slots=True)
class TimedEngine(ScriptedEngine):
    """n_calls: requests; took_s: over all of them."""

    n_calls: int = 0
    took_s: float = 0.0

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        """Stream the reply."""
        self.n_calls += 1
        now_s = began_s = time.perf_counter()
        try:
            async with aclosing(ScriptedEngine.complete(self, request)) as tokens:
                async for token in tokens:
                    now_s = time.perf_counter()
                    yield token
        finally:
            self.took_s += now_s - began_s


def main() -> int:
    script = json.loads(Path(os.environ["ORACLE"]).read_text())

    def say(request: CompletionRequest | ChatRequest) -> str:
        """Go on as the file does; on some lines, decided by what they begin with, say something else."""
        assert isinstance(request, CompletionRequest)
        line = request.prefix.rpartition("\n")[2]
        if zlib.crc32(line[:8].encode()) % 100 < 100 * script["wrong_share"]:
            return "something_else(that, nobody, wanted)\n"
        at = script["after"].find(request.prefix[-_TAIL_CHARS:])
        begin = at + min(_TAIL_CHARS, len(request.prefix))
        return str(script["after"][begin : begin + _MOST_CHARS]) if at >= 0 else ""

    engine = TimedEngine([Rule("", say, latency_s=script["latency_s"], token_latency_s=script["token_latency_s"])])
    server = create_server(engine)

    @server.feature("probe/calls")
    async def calls(_params: dict[str, Any]) -> dict[str, float]:
        return {"n": engine.n_calls, "took_s": engine.took_s}

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
