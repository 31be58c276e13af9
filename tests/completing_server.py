"""The real language server over stdio with a scripted engine for ghost text: `python -m tests.completing_server`.

What the engine does depends on how the text in front of the cursor ends; `probe/served` tells what it was asked.
"""

import time
from typing import Any

from lsp_server.engine.protocol import CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import EngineBusy, EngineUnavailable, ModelLoading, ModelMissing, StreamBroken
from lsp_server.server import create_server, serve_stdio

RULES = [
    Rule(r"mean\(values\):\n    $", "return sum(values) / len(values)\n\n\ndef other():\n    pass\n" * 3),
    Rule(r"two = $", "1 + 1\n"),
    Rule(r"block\($", "\n    a,\n    b,\n)\nrest()\n"),
    Rule(r"nothing = $", "\n\n"),
    Rule(r"slow = $", "3", token_latency_s=0.3),
    Rule(r"hanging = $", "4", token_latency_s=3600),
    Rule(r"broken = $", "a + b + c", error=StreamBroken("the worker went away"), n_before_error=2),
    Rule(r"busy = $", error=EngineBusy("the engine has no room now", 1.0)),
    Rule(r"loading = $", error=ModelLoading("reading the weights", 0.4)),
    Rule(r"missing = $", error=ModelMissing("the model m is not on this machine")),
    Rule(r"gone = $", error=EngineUnavailable("the worker does not answer")),
    Rule(r"long = $", "word " * 500),
    Rule(r"pick = $", lambda request: {"": "first", "1": "other", "2": "third"}[request.key.partition("#")[2]]),
]


def main() -> int:
    engine = ScriptedEngine(RULES)
    server = create_server(engine)

    @server.feature("probe/served")
    async def served(_params: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "prefix": each.request.prefix[-40:],
                "path": each.request.path,
                "repo": each.request.repo,
                "snippets": [{"path": snippet.path, "text": snippet.text} for snippet in each.request.snippets],
                "priority": each.request.priority,
                "nTokens": each.n_tokens,
                "closedEarly": each.closed_early,
                "isClosed": each.is_closed,
            }
            for each in engine.served
            if isinstance(each.request, CompletionRequest)
        ]

    @server.feature("probe/isDefined")
    async def is_defined(params: dict[str, Any]) -> bool:
        index = server.session.index
        return index is not None and bool(await index.definitions(params["name"], ""))

    @server.feature("probe/computed")
    async def computed(_params: dict[str, Any]) -> float:
        """Tell the seconds of CPU time that this process has taken."""
        return time.process_time()

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
