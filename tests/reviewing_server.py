"""The real language server over stdio with a scripted engine, and probes of its review.

`python -m tests.reviewing_server`. `--judge`: a model gives verdicts by what stands in the code. `--by-thumb`: findings
come from `review_child` instead of the rules; `--unable`: the review process cannot be started.
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.review_process.process import ReviewProcess
from lsp_server.server import create_server, serve_stdio
from tests.loop_probes import register_loop_probes

CHILD = (sys.executable, str(Path(__file__).with_name("review_child.py")))


def _verdict(request: CompletionRequest | ChatRequest) -> str:
    """Call what holds `shield(...)` safe, propose `calm` for `danger`, and quote what is not there for `trace`."""
    assert isinstance(request, ChatRequest)
    code = request.messages[-1].content
    shield, danger = re.search(r"shield\(\w*\)", code), re.search(r"danger\(\w*\)", code)
    said: dict[str, Any] = {
        "evidence_quotes": [shield[0] if shield else danger[0] if danger else "not in the code"],
        "source_controlled": True,
        "sanitizer_quote": shield[0] if shield else "",
        "verdict": "safe" if shield else "vulnerable",
        "fix": {"old_text": danger[0], "new_text": danger[0].replace("danger", "calm")} if danger else None,
    }
    return json.dumps(said)


def main() -> int:
    engine = ScriptedEngine([Rule("^Warning:", _verdict), Rule("", "completed()")])
    if "--judge" in sys.argv:
        constraints = frozenset({"json_schema"})
        engine.capabilities_told = replace(
            engine.capabilities_told, assistant_model="scripted", constraints=constraints
        )
    server = create_server(engine)
    if "--by-thumb" in sys.argv:
        server.reviewing.process = ReviewProcess(CHILD)
    if "--unable" in sys.argv:
        server.reviewing.process = ReviewProcess(("/no/such/program",))
    register_loop_probes(server)

    @server.feature("probe/pid")
    async def pid(_params: dict[str, Any]) -> int | None:
        return server.reviewing.process.pid

    @server.feature("probe/judging")
    async def judging(_params: dict[str, Any]) -> list[str]:
        return server.judging.pending

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
