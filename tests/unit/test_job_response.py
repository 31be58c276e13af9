"""A job as an HTTP response, with an engine that says what it is told to."""

import json
from collections.abc import Iterator
from typing import Any, cast

import anyio
import pytest

from inference.answer_reader import AnswerReader
from inference.engine import Engine
from inference.job_response import EventChannel, JobResponse
from inference.jobs import Finished, FinishReason, Job, Piece
from inference.openai_chat_answers import ChatAnswer
from inference.tool_calls import make_call_reader

pytestmark = pytest.mark.anyio

CALL = "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"


class Scripted:
    """Says `pieces` once, then goes on for ever until it is told to stop, as a model that calls tool after tool."""

    def __init__(self, *pieces: str, is_endless: bool) -> None:
        self.pieces = pieces
        self.is_endless = is_endless
        self.n_cancels = 0

    def submit(self, job: Job) -> None:
        for piece in self.pieces:
            job.emit(Piece(piece, n_tokens=1))
        if not self.is_endless:
            job.emit(Finished(FinishReason.STOP, 5, n_decoded=len(self.pieces)))

    def cancel(self, job: Job) -> None:
        self.n_cancels += 1
        if self.is_endless and self.n_cancels == 1:
            job.emit(Finished(FinishReason.CANCELLED, 5, n_decoded=len(self.pieces)))


async def answer(engine: Scripted, *, is_stream: bool, max_calls: int | None = None) -> bytes:
    """Give the body of the response."""
    channel, sent = EventChannel(), bytearray()
    job = Job("m", "/v1/chat/completions", [1], 9, channel.emit, 0.0)
    reader = AnswerReader(calls=make_call_reader("elements", {}), max_calls=max_calls)
    response = JobResponse(cast(Engine, engine), job, channel, ChatAnswer(1, "m", 1, reader), is_stream=is_stream)

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.extend(message.get("body", b""))

    with anyio.fail_after(10):
        await response({}, receive, send)
    return bytes(sent)


def deltas(body: bytes) -> Iterator[dict[str, Any]]:
    *events, done, rest = body.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return (json.loads(event.removeprefix("data: "))["choices"][0] for event in events)


async def test_an_answer_that_has_its_one_call_stops_the_model() -> None:
    engine = Scripted("Look: ", *CALL, "\n", *CALL, is_endless=True)
    *_, last = deltas(await answer(engine, is_stream=True, max_calls=1))
    assert last == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}


@pytest.mark.parametrize("max_calls", [None, 1])
async def test_a_stream_and_a_whole_answer_have_the_same_calls(max_calls: int | None) -> None:
    pieces = ("Look:", "\n\n", CALL[:20], CALL[20:], "\n", CALL)
    streamed = [*deltas(await answer(Scripted(*pieces, is_endless=False), is_stream=True, max_calls=max_calls))]
    calls = [call for each in streamed for call in each["delta"].get("tool_calls", ()) if "id" in call]
    whole = json.loads(await answer(Scripted(*pieces, is_endless=False), is_stream=False, max_calls=max_calls))
    (choice,) = whole["choices"]
    assert len(calls) == len(choice["message"]["tool_calls"]) == (max_calls or 2)
    assert choice["message"]["content"] == "Look:"
    assert streamed[-1]["finish_reason"] == choice["finish_reason"] == "tool_calls"
