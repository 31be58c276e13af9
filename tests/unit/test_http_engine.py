"""HttpEngine against a server that says exactly the bytes it is told to."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lsp_server.engine import wire
from lsp_server.engine.http import HttpEngine
from lsp_server.engine.protocol import ChatRequest, CompletionRequest, Finish, FinishReason, Message, Snippet, Token
from lsp_server.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineUnavailable,
    ModelLoading,
    RequestSuperseded,
    StreamBroken,
)

pytestmark = pytest.mark.anyio

DEADLINE_S = 10.0
SECRET = "s3cret_name"
REQUEST = CompletionRequest(
    prefix=f"{SECRET} = ", suffix="\n", key="file:///a.py", path="a.py", snippets=(Snippet("b.py", "b"),), deadline_ms=9
)
MODEL = b'{"name": "m", "fim": true, "constraints": ["regex"]}'
HEALTH = (
    b'{"status": "ready", "wire": 1, "progress": 1.0, "more": [], "models": [%b], "paused": ["on battery"]}' % MODEL
)

Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]


def head(status: str = "200 OK", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", "", ""]).encode()


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(**chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def token_event(text: str, finish: str | None = None, **more: object) -> bytes:
    return event(model="m", choices=[{"index": 0, "text": text, "finish_reason": finish}], **more)


DONE = b"data: [DONE]\n\n"


@dataclass
class Peer:
    """A server: what each path answers, what it was asked, how many connections it saw."""

    answers: dict[str, Answer] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    n_connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.n_connections += 1
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = request.split()[1]
                length = next((int(h.split(":")[1]) for h in request.lower().split("\r\n") if "content-length" in h), 0)
                if length:
                    self.bodies.append(json.loads(await reader.readexactly(length)))
                self.headers.append(request)
                self.asked.set()
                await self.answers[path](writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


def says(*pieces: bytes, status: str = "200 OK", is_whole: bool = True, headers: tuple[str, ...] = ()) -> Answer:
    """Answer with `pieces`, each a chunk of its own; without the end of the body unless it `is_whole`."""

    async def answer(writer: Writer) -> None:
        writer.write(head(status, *headers))
        for piece in pieces:
            writer.write(http_chunk(piece))
            await writer.drain()
            await asyncio.sleep(0)
        if is_whole:
            writer.write(b"0\r\n\r\n")
        else:
            await writer.drain()
            raise ConnectionError

    return answer


async def hangs(_writer: Writer) -> None:
    await asyncio.sleep(DEADLINE_S)


async def hangs_up(_writer: Writer) -> None:
    raise ConnectionError


@asynccontextmanager
async def worker(
    path: Path, silence_s: float = DEADLINE_S, **answers: Answer
) -> AsyncIterator[tuple[Peer, HttpEngine]]:
    """Serve `answers` (`completions`, `chat`, `health`) at a Unix socket; give the peer and an engine for it."""
    routes = {"completions": "/v1/completions", "chat": "/v1/chat/completions", "health": "/health"}
    peer = Peer({routes[name]: answer for name, answer in answers.items()})
    server = await asyncio.start_unix_server(peer.serve, path / "s")
    engine = HttpEngine.over_socket(path / "s", "m", silence_s=silence_s)
    try:
        yield peer, engine
    finally:
        await engine.close()
        server.close()
        await server.wait_closed()


async def tokens_of(engine: HttpEngine, request: CompletionRequest | ChatRequest = REQUEST) -> list[Token]:
    stream = engine.complete(request) if isinstance(request, CompletionRequest) else engine.chat(request)
    async with asyncio.timeout(DEADLINE_S), aclosing(stream) as tokens:
        return [token async for token in tokens]


async def test_tokens_arrive_however_the_bytes_are_cut(hearthline_home: Path) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    timings = {"queue_ms": 1, "prefill_ms": 2.5, "decode_ms": 3}
    body = b": hello\r\n\r\n" + token_event("né") + token_event("😀")
    body += token_event("", "stop", usage=usage, timings=timings) + DONE
    pieces = [body[i : i + 3] for i in range(0, len(body), 3)]
    async with worker(hearthline_home, completions=says(*pieces)) as (peer, engine):
        assert await tokens_of(engine) == [
            Token("né"),
            Token("😀"),
            Token("", finish=Finish(FinishReason.STOP, "m", 9, 4, 3, 1.0, 2.5, 3.0)),
        ]
        assert peer.bodies == [
            {
                "prompt": f"{SECRET} = ",
                "suffix": "\n",
                "max_tokens": 64,
                "temperature": 0.0,
                "stream": True,
                "path": "a.py",
                "snippets": [{"path": "b.py", "text": "b"}],
                "model": "m",
                "priority": "interactive",
                "key": "file:///a.py",
                "deadline_ms": 9,
            }
        ]


async def test_chat(hearthline_home: Path) -> None:
    chunks = [
        event(choices=[{"delta": {"role": "assistant"}, "finish_reason": None}]),
        event(choices=[{"delta": {"content": "yes"}, "finish_reason": None}]),
        event(model="m", choices=[{"delta": {}, "finish_reason": "length"}]),
        event(choices=[], usage={}),
        DONE,
    ]
    async with worker(hearthline_home, chat=says(*chunks)) as (peer, engine):
        request = ChatRequest((Message("user", "well?"),), key="k")
        answer = await tokens_of(engine, request)
        assert answer == [Token("yes"), Token("", finish=Finish(FinishReason.LENGTH, "m"))]
        assert peer.bodies[0]["messages"] == [{"role": "user", "content": "well?"}]
        assert peer.bodies[0]["priority"] == "foreground"
        assert "response_format" not in peer.bodies[0]


SCHEMA = {"type": "object", "properties": {"verdict": {"enum": ["yes", "no"]}}, "required": ["verdict"]}


async def test_a_chat_that_must_answer_by_a_schema_says_so_to_every_engine(hearthline_home: Path) -> None:
    request = ChatRequest((Message("user", "well?"),), key="k", json_schema=SCHEMA)
    answer = says(event(model="m", choices=[{"delta": {"content": "{}"}, "finish_reason": "stop"}]), DONE)
    async with worker(hearthline_home, chat=answer) as (peer, engine):
        await tokens_of(engine, request)
    async with remote(**{"chat/completions": answer}) as (other, engine):
        await tokens_of(engine, request)
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
    assert peer.bodies[0]["response_format"] == other.bodies[0]["response_format"] == wanted


async def test_how_an_answer_is_drawn_is_said_as_far_as_the_engine_understands(hearthline_home: Path) -> None:
    drawn = ChatRequest((Message("user", "well?"),), key="k", temperature=0.7, top_p=0.8, top_k=20, seed=3)
    answer = says(event(model="m", choices=[{"delta": {"content": "{}"}, "finish_reason": "stop"}]), DONE)
    async with worker(hearthline_home, chat=answer) as (peer, engine):
        await tokens_of(engine, drawn)
    async with remote(**{"chat/completions": answer}) as (other, engine):
        await tokens_of(engine, drawn)
    own, remote_body = peer.bodies[0], other.bodies[0]
    assert [own[name] for name in ("temperature", "top_p", "top_k", "seed")] == [0.7, 0.8, 20, 3]
    assert [remote_body.get(name) for name in ("temperature", "top_p", "top_k", "seed")] == [0.7, 0.8, None, 3]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_thinking_is_never_part_of_the_text(hearthline_home: Path, name: str) -> None:
    chunks = [
        event(choices=[{"delta": {name: "hm"}, "finish_reason": None}]),
        event(choices=[{"delta": {"content": "yes"}, "finish_reason": None}]),
        event(model="m", choices=[{"delta": {}, "finish_reason": "stop"}]),
        DONE,
    ]
    async with worker(hearthline_home, chat=says(*chunks)) as (peer, engine):
        for thinks, effort in ((True, "medium"), (False, "none"), (None, None)):
            answer = await tokens_of(engine, ChatRequest((Message("user", "well?"),), key="k", thinks=thinks))
            assert [(token.text, token.reasoning) for token in answer] == [("", "hm"), ("yes", ""), ("", "")]
            assert peer.bodies[-1].get("reasoning_effort") == effort


async def test_one_connection_serves_request_after_request(hearthline_home: Path) -> None:
    async with worker(hearthline_home, completions=says(token_event("a", "stop"), DONE)) as (peer, engine):
        for _ in range(3):
            await tokens_of(engine)
        assert peer.n_connections == 1


async def test_closing_the_stream_reaches_the_engine(hearthline_home: Path) -> None:
    async def endless(writer: Writer) -> None:
        writer.write(head())
        while True:
            writer.write(http_chunk(token_event("x")))
            await writer.drain()
            await asyncio.sleep(0.001)

    async with worker(hearthline_home, completions=endless) as (peer, engine):
        async with aclosing(engine.complete(REQUEST)) as tokens:
            assert (await anext(tokens)).text == "x"
        async with asyncio.timeout(DEADLINE_S):
            await peer.left.wait()


async def test_cancelling_the_task_reaches_the_engine(hearthline_home: Path) -> None:
    async def silent(writer: Writer) -> None:
        writer.write(head())
        await writer.drain()

    async with worker(hearthline_home, completions=silent) as (peer, engine):
        task = asyncio.create_task(tokens_of(engine))
        async with asyncio.timeout(DEADLINE_S):
            await peer.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await peer.left.wait()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(token_event("a"), is_whole=False), StreamBroken),
        (says(token_event("a")), StreamBroken),
        (says(token_event("a"), b"data: <html>\n\n"), StreamBroken),
        (says(b"data: " + b"x" * (1 << 21)), StreamBroken),
        (says(token_event("a"), event(error={"message": "no memory"})), EngineFailed),
        (says(token_event("", "cancelled"), DONE), RequestSuperseded),
        (hangs_up, EngineUnavailable),
    ],
)
async def test_what_goes_wrong_in_a_stream_has_a_name(
    hearthline_home: Path, answer: Answer, error: type[EngineError]
) -> None:
    async with worker(hearthline_home, completions=answer) as (_, engine):
        with pytest.raises(error):
            await tokens_of(engine)


async def test_nobody_there(hearthline_home: Path) -> None:
    engine = HttpEngine.over_socket(hearthline_home / "nobody")
    with pytest.raises(EngineUnavailable, match="does not answer"):
        await tokens_of(engine)
    with pytest.raises(EngineUnavailable):
        await engine.capabilities()
    await engine.close()


async def test_an_engine_that_takes_its_time_and_lives_is_waited_for(hearthline_home: Path) -> None:
    asked_three_times = asyncio.Event()

    async def slow(writer: Writer) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await asked_three_times.wait()
        await says(token_event("a", "stop"), DONE)(writer)

    async def health(writer: Writer) -> None:
        await says(HEALTH)(writer)
        if sum("/health" in request for request in peer.headers) == 3:
            asked_three_times.set()

    answers = {"completions": slow, "health": health}
    async with worker(hearthline_home, silence_s=0.02, **answers) as (peer, engine):
        assert [token.text for token in await tokens_of(engine)] == ["a"]


async def test_an_engine_that_answers_no_more_is_given_up(hearthline_home: Path) -> None:
    answers = {"completions": hangs, "health": hangs_up}
    async with worker(hearthline_home, silence_s=0.02, **answers) as (_, engine):
        with pytest.raises(EngineUnavailable):
            await tokens_of(engine)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"message": "n: at most 1"}, EngineRefused("the engine refused the request: n: at most 1")),
        (404, {"message": "no such model"}, EngineRefused("the engine refused the request: no such model")),
        (413, None, EngineRefused("the engine refused the request: it did not say why")),
        (429, {"message": "full", "code": "overloaded"}, EngineBusy("the engine has no room now: full", 2.0)),
        (503, {"message": "reading", "code": "model_loading", "progress": 0.4}, ModelLoading("reading", 0.4)),
        (500, {"message": "x\ny", "code": "engine_failed"}, EngineFailed("the engine failed: x y")),
    ],
)
def test_a_refusal_is_the_error_it_stands_for(status: int, error: object, expected: EngineError) -> None:
    content = json.dumps({"error": error}).encode() if error else b"<html>"
    got = wire.refusal(status, content, "2", is_worker=True)
    assert (type(got), str(got), vars(got)) == (type(expected), str(expected), vars(expected))


def test_a_refusal_by_an_engine_of_others_is_not_quoted() -> None:
    """It may repeat the request, and with it source text."""
    body = json.dumps({"error": {"message": f"cannot take {SECRET}", "code": "invalid"}}).encode()
    assert SECRET not in str(wire.refusal(400, body, None, is_worker=False))


@asynccontextmanager
async def remote(**answers: Answer) -> AsyncIterator[tuple[Peer, HttpEngine]]:
    peer = Peer({f"/v1/{name}": answer for name, answer in answers.items()})
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = HttpEngine.at_url(f"http://127.0.0.1:{port}/v1", "their-model", "t0ken")
    try:
        yield peer, engine
    finally:
        await engine.close()
        server.close()
        await server.wait_closed()


async def test_an_engine_of_others_is_sent_standard_fields_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    answers = {"completions": says(token_event("a", "content_filter"), DONE)}
    async with remote(**answers) as (peer, engine):
        assert (await tokens_of(engine))[0].finish == Finish(FinishReason.STOP, "m")
        assert set(peer.bodies[0]) == {"prompt", "suffix", "max_tokens", "temperature", "stream", "model"}
        assert "Bearer t0ken" in peer.headers[0]


def one_by_one(*answers: Answer) -> Answer:
    left = list(answers)

    async def answer(writer: Writer) -> None:
        await left.pop(0)(writer)

    return answer


NO_LOGPROBS = says(b'{"error": {"message": "logprobs is not supported"}}', status="400 Bad Request")


async def test_an_engine_that_refuses_logprobs_is_asked_without(caplog: pytest.LogCaptureFixture) -> None:
    told = says(token_event("a", "stop"), DONE)
    async with remote(completions=one_by_one(NO_LOGPROBS, told, told)) as (peer, engine):
        for _ in range(2):
            assert [token.text for token in await tokens_of(engine, replace(REQUEST, wants_logprobs=True))] == ["a"]
        assert ["logprobs" in body for body in peer.bodies] == [True, False, False]
    assert [record.message for record in caplog.records if "log-probabilities" in record.message] == [
        f"{engine._place} tells no log-probabilities: suggestions it is unsure of are shown as well"
    ]


async def test_a_refusal_that_only_repeats_the_request_is_not_taken_for_one_of_logprobs() -> None:
    told = says(token_event("a", "stop"), DONE)
    async with remote(completions=one_by_one(NO_LOGPROBS, NO_LOGPROBS, told)) as (peer, engine):
        with pytest.raises(EngineRefused):
            await tokens_of(engine, replace(REQUEST, wants_logprobs=True))
        await tokens_of(engine, replace(REQUEST, wants_logprobs=True))
        assert ["logprobs" in body for body in peer.bodies] == [True, False, True]


async def test_an_engine_of_others_is_told_of_other_files_in_the_prompt() -> None:
    async with remote(completions=says(token_event("a", "stop"), DONE)) as (peer, engine):
        await tokens_of(engine)
        assert peer.bodies[0]["prompt"] == f"# b.py\nb\n\n# a.py\n{SECRET} = "


async def test_an_engine_of_others_is_asked_once_what_it_is() -> None:
    models = says(b'{"object": "list", "data": [{"id": "their-model", "object": "model"}]}')
    async with remote(models=models) as (peer, engine):
        for _ in range(3):
            known = await engine.capabilities()
            assert (known.completion_model, known.constraints) == ("their-model", frozenset({"json_schema"}))
        assert len(peer.headers) == 1


async def test_what_chats_tells_how_fast_it_is_and_whether_it_thinks(hearthline_home: Path) -> None:
    small = b'{"name": "m", "roles": ["completion"], "prefill_tokens_per_s": 9.0, "decode_tokens_per_s": 90.0}'
    large = b'{"name": "l", "roles": ["assistant"], "decode_tokens_per_s": 50.0, "thinks": true}'
    async with worker(hearthline_home, health=says(HEALTH.replace(MODEL, small + b", " + large))) as (_, engine):
        known = await engine.capabilities()
    assert (known.completion_model, known.assistant_model) == ("m", "l")
    assert (known.prefill_tokens_per_s, known.decode_tokens_per_s) == (9.0, 50.0)
    assert known.thinks


async def test_capabilities_of_a_worker(hearthline_home: Path) -> None:
    async with worker(hearthline_home, health=says(HEALTH)) as (peer, engine):
        known = await engine.capabilities()
        assert (known.completion_model, known.fim, known.constraints) == ("m", True, frozenset({"regex"}))
        assert known.paused == ("on battery",)
        peer.answers["/health"] = says(b'{"status": "loading", "wire": 1, "progress": 0.25, "message": "weights"}')
        with pytest.raises(ModelLoading) as caught:
            await engine.capabilities()
        assert caught.value.progress == 0.25
        peer.answers["/health"] = says(b'{"hello": "there"}')
        with pytest.raises(EngineFailed):
            await engine.capabilities()


async def test_no_log_holds_what_was_sent_or_came(hearthline_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with worker(hearthline_home, completions=says(token_event(SECRET), is_whole=False)) as (_, engine):
        with pytest.raises(StreamBroken):
            await tokens_of(engine)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(("is_worker", "outputs"), [(True, {"grammar": "start: A"}), (False, None)])
def test_only_a_worker_is_told_what_an_answer_is_held_to(is_worker: bool, outputs: dict[str, str] | None) -> None:
    body = json.loads(wire.completion_body(replace(REQUEST, grammar="start: A"), None, is_worker=is_worker))
    assert body.get("structured_outputs") == outputs
    assert "begun" not in body
