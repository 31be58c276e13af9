"""The real language server over stdio with a scripted assistant, and probes of what it was asked.

`python -m tests.explaining_server`. `--no-assistant`: the engine has no model that chats; `--loading`: it says that it
reads its weights.
"""

import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from lsp_server.engine.protocol import ChatRequest, EngineCapabilities, Token
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import ModelLoading
from lsp_server.server import create_server, serve_stdio
from tests.loop_probes import register_loop_probes

RULES = [
    Rule("What is `slow` for", "It " + "goes on " * 200, token_latency_s=0.02),
    Rule("What is `lying` for", "Calls `invented_name`. Reads no_such_file."),
    Rule("`lying`", "- `made_up` is one.\n- Calls `nothing_there`."),
    Rule("What is `\\w+` for", "The function adds `first` and `second`. Then `invented_name` is called."),
    Rule(
        "What does `\\w+` take",
        "Here they are:\n- `first`: a number.\n- `made_up`: no such thing.\n- Returns the sum.\n",
    ),
    Rule("what does this part do", "This part of the code returns the sum of `first` and `second`."),
    Rule("outside itself", "- Raises `ValueError` where `first` is odd.\n- Files.\n"),
    Rule("wrong result", "- A `first` that is no number.\n- See [this](http://evil.example/`first`).\n"),
    Rule("do, and why", "Adds `first`. Never mind."),
    Rule("How could somebody misuse", "Whoever sends `name` can change the query."),
    Rule("should be changed", "Pass `name` as a parameter."),
    Rule("Why is this so", "Because of `first`, as `lru_cache` knows.\n\n```python\nx = 1\n```\n"),
]


class _Engine(ScriptedEngine):
    """A scripted engine that may still be reading its weights."""

    async def capabilities(self) -> EngineCapabilities:
        if "--loading" in sys.argv:
            raise ModelLoading("the model is still being read (40 %); ask again in a moment", 0.4)
        return await super().capabilities()

    def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        """Answer the question, which stands behind what is shown of the code."""
        question = request.messages[-1].content.rpartition("The code:")[2]
        return super()._answer(request, question)


def main() -> int:
    engine = _Engine(RULES)
    if "--no-assistant" not in sys.argv:
        engine.capabilities_told = replace(engine.capabilities_told, assistant_model="scripted")
    server = create_server(engine)

    @server.feature("probe/served")
    async def served(_params: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"asked": each.request.messages[-1].content, "tokens": each.n_tokens, "early": each.closed_early}
            | {"closed": each.is_closed, "priority": each.request.priority, "key": each.request.key}
            for each in engine.served
            if isinstance(each.request, ChatRequest)
        ]

    @server.feature("probe/callers")
    async def callers(params: dict[str, Any]) -> int:
        index = server.session.index
        return len(await index.find_callers(params["name"])) if index is not None else 0

    register_loop_probes(server)
    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
