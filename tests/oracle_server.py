"""The real language server over stdio with an engine that knows how the file goes on, most of the time.

`python -m tests.oracle_server`; ORACLE holds {"after": text, "latency_s", "token_latency_s", "wrong_share"} as JSON, or
names a file that does. `probe/calls` tells how often the engine was asked.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import create_server, serve_stdio

_TAIL_CHARS = 80
_MOST_CHARS = 160


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

    engine = ScriptedEngine([Rule("", say, latency_s=script["latency_s"], token_latency_s=script["token_latency_s"])])
    server = create_server(engine)

    @server.feature("probe/calls")
    async def calls(_params: dict[str, Any]) -> int:
        return len(engine.served)

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
