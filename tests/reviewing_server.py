"""The real language server over stdio with a scripted engine, and probes of its review.

`python -m tests.reviewing_server`. `--by-thumb`: findings come from `review_child` instead of the rules; `--unable`:
the review process cannot be started.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.review_process.process import ReviewProcess
from lsp_server.server import create_server, serve_stdio

CHILD = (sys.executable, str(Path(__file__).with_name("review_child.py")))
_TICK_S = 0.01


def main() -> int:
    server = create_server(ScriptedEngine([Rule("", "completed()")]))
    if "--by-thumb" in sys.argv:
        server.reviewing.process = ReviewProcess(CHILD)
    if "--unable" in sys.argv:
        server.reviewing.process = ReviewProcess(("/no/such/program",))
    lags_s: list[float] = []

    @server.feature("probe/pid")
    async def pid(_params: dict[str, Any]) -> int | None:
        return server.reviewing.process.pid

    @server.feature("probe/watchLoop")
    async def watch_loop(_params: dict[str, Any]) -> None:
        """Measure how late the loop is, until the request is cancelled."""
        while True:
            due = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            lags_s.append(time.monotonic() - due)

    @server.feature("probe/lags")
    async def lags(_params: dict[str, Any]) -> list[float]:
        return lags_s

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
