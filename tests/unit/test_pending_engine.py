"""Before the editor's settings are here: no engine of any model is started."""

import pytest

from lsp_server.engine.launcher import LocalEngine
from lsp_server.engine.pending import PendingEngine
from lsp_server.engine.protocol import ChatRequest, CompletionRequest, Message
from lsp_server.errors import ModelLoading
from lsp_server.server import create_server
from lsp_server.settings import parse

pytestmark = pytest.mark.anyio


async def test_whatever_it_is_asked_it_is_still_loading() -> None:
    engine = PendingEngine()
    with pytest.raises(ModelLoading, match="settings"):
        await engine.capabilities()
    with pytest.raises(ModelLoading, match="settings"):
        await anext(engine.complete(CompletionRequest("a", "b", "key")))
    with pytest.raises(ModelLoading, match="settings"):
        await anext(engine.chat(ChatRequest((Message("user", "a"),), "key")))
    await engine.warm_up()
    await engine.close()


async def test_the_engine_of_the_settings_begins_once_they_are_here() -> None:
    server = create_server()
    settings, _ = parse({"completion": {"model": "smollm2-135m-instruct"}})
    server.use_settings(settings)
    assert isinstance(server.session.engine, PendingEngine)
    server.begin_engine()
    engine = server.session.engine
    assert isinstance(engine, LocalEngine)
    server.begin_engine()
    assert server.session.engine is engine
    await server.close()
