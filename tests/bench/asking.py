"""Whom benches of whole answers ask, and how a person would ask who has no tool."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from inference import paths
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.protocol import ChatRequest, Message
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.servers import hearthline


@asynccontextmanager
async def engine_for(model: str, url: str | None) -> AsyncIterator[HttpEngine]:
    """Give what is asked: a worker of the bench's own, or the server at `url`."""
    async with AsyncExitStack() as stack:
        if url is None:
            stack.enter_context(own_home(find_checkpoint(model)))
            await stack.enter_async_context(hearthline(model))
        engine = HttpEngine.over_socket(paths.socket_path()) if url is None else HttpEngine.at_url(url)
        stack.push_async_callback(engine.close)
        yield engine


async def plain_answer(engine: HttpEngine, words: str, max_tokens: int) -> tuple[str, float]:
    """Return the greedy answer to `words`, and the seconds it took. What comes behind the code is not waited for."""
    request = ChatRequest((Message("user", words),), key="raw", thinks=False, max_tokens=max_tokens)
    began_s, text = time.perf_counter(), ""
    async with aclosing(engine.chat(request)) as tokens:
        async for token in tokens:
            text += token.text
            if text.count("```") > 1:
                break
    return text, round(time.perf_counter() - began_s, 1)
