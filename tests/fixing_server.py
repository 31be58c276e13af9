"""The real language server over stdio; its engine gives the answers it was told. `python -m tests.fixing_server`.

`probe/answers` says what it answers from then on, one after the other; `probe/asked` tells what it was asked since.
An answer to a question that holds the word `dawdle` never comes.
"""

from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import create_server, serve_stdio


def main() -> int:
    answers: list[str] = []

    def answer(_request: CompletionRequest | ChatRequest) -> str:
        return answers.pop(0) if answers else ""

    engine = ScriptedEngine([Rule(r"\bdawdle\b", latency_s=3600), Rule("", answer)])
    server = create_server(engine)

    @server.feature("probe/answers")
    async def told(params: dict[str, Any]) -> None:
        answers[:] = params["answers"]
        engine.served.clear()

    @server.feature("probe/asked")
    async def asked(_params: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "messages": [message.content for message in served.request.messages],
                "schema": served.request.json_schema,
                "closedEarly": served.closed_early and served.is_closed,
            }
            for served in engine.served
            if isinstance(served.request, ChatRequest)
        ]

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
