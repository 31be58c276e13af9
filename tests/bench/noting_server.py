"""The real language server over stdio, asking the worker of this home; it tells what the model said.

`python -m tests.bench.noting_server`. A probe beside the protocol gives each question with the raw answer, which no
client of the protocol ever sees.
"""

from collections.abc import AsyncGenerator
from typing import Any

from inference import paths
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.protocol import ChatRequest, FinishReason, Token
from lsp_server.server import create_server, serve_stdio


def main() -> int:
    """Serve one client."""
    asked = HttpEngine.over_socket(paths.socket_path())
    notes: list[dict[str, Any]] = []
    chat = asked.chat

    async def noted(request: ChatRequest) -> AsyncGenerator[Token, None]:
        note: dict[str, Any] = {"question": request.messages[-1].content, "answer": "", "tokens": 0, "is_whole": False}
        notes.append(note)
        async for token in chat(request):
            note["answer"] += token.text
            note["tokens"] += token.finish is None
            note["is_whole"] = token.finish is not None and token.finish.reason is FinishReason.STOP
            yield token

    asked.chat = noted  # type: ignore[method-assign]  # the one method that is watched
    server = create_server(asked)

    @server.feature("probe/notes")
    async def told(_params: dict[str, Any]) -> list[dict[str, Any]]:
        given, notes[:] = list(notes), []
        return given

    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
