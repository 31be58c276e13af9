"""Whatever completes and chats, behind one seam; `build_engine` picks it by the person's settings."""

import os

from lsp_server.engine.events import EngineEvent, EngineState, OnEvent
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.launcher import LocalEngine
from lsp_server.engine.protocol import Engine
from lsp_server.settings import Settings

__all__ = ["Engine", "EngineEvent", "EngineState", "OnEvent", "build_engine"]


def build_engine(settings: Settings, on_event: OnEvent) -> Engine:
    """Make the engine that `settings` ask for; nothing is started or connected yet.

    on_event: told of each change of the local worker, on the event loop.
    """
    url, token_env = settings.engine.url, settings.engine.token_env
    if url is None:
        return LocalEngine(settings, on_event)
    return HttpEngine.at_url(url, settings.completion.model, os.environ.get(token_env) if token_env else None)
