"""The engine behind HTTP: the worker's Unix socket, or any address that speaks the OpenAI protocol.

Owns one pooled client (a fresh one costs 7-19 ms) and the mapping from transport failures to `errors`.
Invariant: closing a stream closes its connection, which is what cancels the work at the other end; and nothing
of a request or an answer reaches a log. Proxies of the environment are never used for a socket or loopback.
"""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from lsp_server.engine import wire
from lsp_server.engine.protocol import (
    ChatRequest,
    CompletionRequest,
    EngineCapabilities,
    FinishReason,
    Token,
)
from lsp_server.engine.sse import EventParser, EventTooLongError
from lsp_server.errors import (
    EngineError,
    EngineFailed,
    EngineUnavailable,
    ModelLoading,
    RequestSuperseded,
    StreamBroken,
)

T = TypeVar("T")

SILENCE_S = 15.0
"""An engine that says nothing for so long is asked whether it still lives. Waiting in its queue has no limit."""

_PROBE_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 2.0
_WRITE_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class HttpEngine:
    """An `Engine` over HTTP. Make one by `over_socket` or `at_url`."""

    def __init__(
        self, client: httpx.AsyncClient, place: str, model: str | None, *, is_worker: bool, silence_s: float
    ) -> None:
        self._client = client
        self._place = place
        self._model = model
        self._is_worker = is_worker
        self._silence_s = silence_s
        self._remote: EngineCapabilities | None = None  # of an engine of others, asked for once
        self._refuses_logprobs = False

    @classmethod
    def over_socket(cls, path: Path, model: str | None = None, *, silence_s: float = SILENCE_S) -> Self:
        """Talk to the worker that listens on the Unix socket `path`."""
        transport = httpx.AsyncHTTPTransport(uds=str(path), limits=_LIMITS)
        client = httpx.AsyncClient(transport=transport, base_url="http://hearthline", timeout=_TIMEOUT, trust_env=False)
        return cls(client, f"the worker at {path}", model, is_worker=True, silence_s=silence_s)

    @classmethod
    def at_url(
        cls, url: str, model: str | None = None, api_key: str | None = None, *, silence_s: float = SILENCE_S
    ) -> Self:
        """Talk to the engine whose `/v1/...` routes are below `url`, by the standard fields only."""
        base_url = url.rstrip("/").removesuffix("/v1")
        client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=not _is_loopback(base_url),
        )
        return cls(client, f"the engine at {base_url}", model, is_worker=False, silence_s=silence_s)

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        """Stream the middle, without log-probabilities where the engine refuses those. See `protocol.Engine`."""
        if self._refuses_logprobs:
            request = replace(request, wants_logprobs=False)
        try:
            async with aclosing(self._complete(request)) as tokens:
                async for token in tokens:
                    yield token
            return
        except wire.LogprobsRefusedError:  # before the first token only
            if not request.wants_logprobs:
                raise
        async with aclosing(self._complete(replace(request, wants_logprobs=False))) as tokens:
            async for token in tokens:
                self._note_logprobs_refused()
                yield token

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Token, None]:
        """Stream the answer. See `protocol.Engine`."""
        body = wire.chat_body(request, self._model, is_worker=self._is_worker)
        async with aclosing(self._stream("/v1/chat/completions", body)) as tokens:
            async for token in tokens:
                yield token

    async def health(self) -> wire.Health:
        """Ask a worker how it is. Raises EngineUnavailable when nothing answers, EngineFailed on another's answer."""
        return await self._get("/health", wire.Health)

    async def stop_worker(self) -> None:
        """Ask a worker to leave. Returns when it has agreed, before it has left."""
        with self._named(started=False):
            await self._client.post("/control/stop", timeout=_PROBE_TIMEOUT_S)

    async def capabilities(self) -> EngineCapabilities:
        """Tell what the engine can do. See `protocol.Engine`."""
        if not self._is_worker:
            self._remote = self._remote or await self._remote_capabilities()
            return self._remote
        health = await self.health()
        if health.status == "loading":
            raise ModelLoading(f"{self._place} is loading: {health.message}", health.progress)
        if health.status != "ready":
            raise EngineUnavailable(f"{self._place} is {health.status}: {health.message}")
        model = next((m for m in health.models if self._model in (None, m.name)), None)
        if model is None:
            raise EngineUnavailable(f"{self._place} does not hold {self._model}")
        assistant = next((each for each in health.models if "assistant" in each.roles), None)
        return EngineCapabilities(
            completion_model=model.name,
            roles=model.roles,
            n_context=model.n_context,
            fim=model.fim,
            constraints=model.constraints,
            device=health.device,
            prefill_tokens_per_s=model.prefill_tokens_per_s,
            decode_tokens_per_s=(assistant or model).decode_tokens_per_s,
            instance=health.pid,
            assistant_model=assistant.name if assistant is not None else None,
            thinks=assistant is not None and assistant.thinks,
            paused=health.paused,
        )

    async def warm_up(self) -> None:
        """Find out whether the engine answers. See `protocol.Engine`."""
        await self.capabilities()

    async def close(self) -> None:
        """Let go of connections. See `protocol.Engine`."""
        await self._client.aclose()

    def _note_logprobs_refused(self) -> None:
        """Ask for none from now on. Only once it has answered without: some repeat the request they refuse."""
        if not self._refuses_logprobs:
            self._refuses_logprobs = True
            _log.warning("%s tells no log-probabilities: suggestions it is unsure of are shown as well", self._place)

    async def _complete(self, request: CompletionRequest) -> AsyncGenerator[Token, None]:
        body = wire.completion_body(request, self._model, is_worker=self._is_worker)
        async with aclosing(self._stream("/v1/completions", body)) as tokens:
            async for token in tokens:
                yield token

    async def _remote_capabilities(self) -> EngineCapabilities:
        listed = await self._get("/v1/models", wire.ModelList)
        names = [model.id for model in listed.data]
        # The protocol has no word for what an engine can do. Whoever configures one for completion says it fills in the
        # middle; the field for a schema is the protocol's own.
        name = self._model or (names[0] if names else "unnamed")
        return EngineCapabilities(
            completion_model=name,
            assistant_model=name,
            roles=frozenset({"completion", "assistant"}),
            fim=True,
            constraints=frozenset({"json_schema"}),
        )

    async def _get(self, path: str, shape: type[T]) -> T:
        with self._named(started=False):
            response = await self._client.get(path, timeout=_PROBE_TIMEOUT_S)
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response)
        try:
            return msgspec.json.decode(response.content, type=shape)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise EngineFailed(f"{self._place} answered {path} with something else than expected") from error

    async def _stream(self, path: str, body: bytes) -> AsyncGenerator[Token, None]:
        request = self._client.build_request("POST", path, content=body, headers=_JSON)
        with self._named(started=False):
            response = await self._patiently(self._client.send(request, stream=True))
        try:
            if response.status_code != httpx.codes.OK:
                with self._named(started=False):
                    await response.aread()
                raise self._refusal(response)
            async with aclosing(self._events(response)) as events:
                async for data in events:
                    token = wire.read_chunk(data, is_worker=self._is_worker)
                    if token is None:
                        continue
                    if token.finish is not None and token.finish.reason is FinishReason.CANCELLED:
                        raise RequestSuperseded("a newer request for the same document took this one's place")
                    yield token
        finally:
            await response.aclose()

    async def _events(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        """Yield the data of each event up to `[DONE]`; then read to the end, so that the connection is kept."""
        parser, is_done = EventParser(), False
        chunks = response.aiter_bytes()
        while True:
            with self._named(started=True):
                chunk = await self._patiently(_next(chunks))
            if chunk is None:
                break
            try:
                events = parser.feed(chunk)
            except EventTooLongError as error:
                raise StreamBroken(f"{self._place} does not send server-sent events: {error}") from error
            for data in events:
                is_done = is_done or data == wire.DONE
                if not is_done:
                    yield data
        if not is_done:
            raise StreamBroken(f"{self._place} ended an answer before its end")

    async def _patiently(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` as long as it takes, provided that the engine answers when asked how it is."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._silence_s))[0]:
                await (self.health() if self._is_worker else self._get("/v1/models", wire.ModelList))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _refusal(self, response: httpx.Response) -> EngineError:
        retry_after = response.headers.get("Retry-After")
        return wire.refusal(response.status_code, response.content, retry_after, is_worker=self._is_worker)

    @contextmanager
    def _named(self, *, started: bool) -> Iterator[None]:
        """Raise EngineUnavailable, or StreamBroken once an answer has `started`, for what goes wrong below."""
        try:
            yield
        except httpx.TransportError as error:
            cause = type(error).__name__
            if started:
                raise StreamBroken(f"{self._place} went away in the middle of an answer ({cause})") from error
            raise EngineUnavailable(f"{self._place} does not answer ({cause}); is it running?") from error


_TIMEOUT = httpx.Timeout(connect=_CONNECT_TIMEOUT_S, read=None, write=_WRITE_TIMEOUT_S, pool=_WRITE_TIMEOUT_S)
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)
_JSON = {"Content-Type": "application/json"}


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return False
