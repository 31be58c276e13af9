"""The engine until the editor's settings are here: nothing is started for a model that the person did not choose."""

from collections.abc import AsyncGenerator

from lsp_server.engine.protocol import ChatRequest, CompletionRequest, EngineCapabilities, Token
from lsp_server.errors import ModelLoading


class PendingEngine:
    """An `Engine` that is still loading, whatever it is asked."""

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:  # noqa: ARG002  all are answered alike
        """Raise ModelLoading. See `protocol.Engine`."""
        raise _waiting()
        yield  # which makes this a generator

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:  # noqa: ARG002  as above
        """Raise ModelLoading. See `protocol.Engine`."""
        raise _waiting()
        yield  # as above

    async def capabilities(self) -> EngineCapabilities:
        """Raise ModelLoading. See `protocol.Engine`."""
        raise _waiting()

    async def warm_up(self) -> None:
        """Do nothing: the engine of the settings is warmed up once they are here."""

    async def close(self) -> None:
        """Let go of nothing."""


def _waiting() -> ModelLoading:
    return ModelLoading("the editor's settings have not arrived yet", 0.0)
