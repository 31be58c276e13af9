"""Chat answers, streamed and whole, of what a model wrote."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inference.answer_reader import AnswerReader
from inference.jobs import Finished, FinishReason, Piece
from inference.openai_chat_answers import ChatAnswer
from inference.tool_calls import make_call_reader

CALL = (
    "<tool_call>\n<function=write>\n<parameter=path>\na.py\n</parameter>\n"
    "<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>"
)
TOOLS = {"write": {"properties": {"n": {"type": "integer"}}}}


def finished(reason: FinishReason = FinishReason.STOP) -> Finished:
    return Finished(reason, 10, 4, 3, 0.001, 0.02, 0.3)


def answer(*, is_thinking: bool = False, max_calls: int | None = None) -> ChatAnswer:
    calls = make_call_reader("elements", TOOLS)
    return ChatAnswer(2, "m", 1, AnswerReader(is_thinking=is_thinking, calls=calls, max_calls=max_calls))


def stream(written: ChatAnswer, pieces: list[str], reason: FinishReason = FinishReason.STOP) -> list[dict[str, Any]]:
    chunks = [chunk for piece in pieces for chunk in written.chunks(Piece(piece, n_tokens=1))]
    return [json.loads(chunk) for chunk in (written.opening(), *chunks, *written.last_chunks(finished(reason)))]


def put_together(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Do with the deltas what clients do."""
    message: dict[str, Any] = {"content": ""}
    calls: list[dict[str, Any]] = []
    for delta in (chunk["choices"][0]["delta"] for chunk in chunks):
        for call in delta.get("tool_calls", ()):
            if call["index"] == len(calls):
                calls.append(
                    {"name": call["function"]["name"], "arguments": "", "id": call["id"], "type": call["type"]}
                )
            calls[call["index"]]["arguments"] += call["function"]["arguments"]
        for name in ("content", "reasoning_content"):
            if name in delta:
                message[name] = message.get(name, "") + delta[name]
    return message | {"calls": calls}


def test_a_plain_stream_and_a_plain_answer() -> None:
    chunks = stream(answer(), ["h", "i"], FinishReason.LENGTH)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "h"},
        {"content": "i"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "length"]
    assert chunks[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}
    whole = json.loads(answer().whole([Piece("h"), Piece("i")], finished()))
    assert whole["object"] == "chat.completion"
    assert whole["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ]


def test_thinking_is_a_field_of_its_own_and_counted() -> None:
    pieces = ["hm", ", so\n", "</think>", "\n\n", "yes"]
    chunks = stream(answer(is_thinking=True), pieces)
    assert put_together(chunks) == {"content": "yes", "reasoning_content": "hm, so", "calls": []}
    assert chunks[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 3}
    whole = json.loads(answer(is_thinking=True).whole([Piece(piece) for piece in pieces], finished()))
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "yes", "reasoning_content": "hm, so"}


def test_calls_are_deltas_and_a_reason_to_finish() -> None:
    text = f"Look:\n\n{CALL}\n{CALL}"
    chunks = stream(answer(), [*text])
    message = put_together(chunks)
    assert message["content"] == "Look:"
    assert [(call["type"], call["name"]) for call in message["calls"]] == [("function", "write")] * 2
    assert [json.loads(call["arguments"]) for call in message["calls"]] == [{"path": "a.py", "n": 3}] * 2
    assert len({call["id"] for call in message["calls"]}) == 2
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    whole = json.loads(answer().whole([Piece(CALL)], finished()))
    assert whole["choices"][0]["finish_reason"] == "tool_calls"
    said = whole["choices"][0]["message"]
    assert said["content"] is None
    (call,) = said["tool_calls"]
    assert call.keys() == {"id", "type", "function"}
    assert call["function"] == {"name": "write", "arguments": '{"path": "a.py", "n": 3}'}


def test_a_call_that_was_cut_short_is_not_to_be_run() -> None:
    for reason in (FinishReason.LENGTH, FinishReason.STOP):
        assert stream(answer(), [CALL + CALL[:-30]], reason)[-1]["choices"][0]["finish_reason"] == reason
    assert stream(answer(), [CALL], FinishReason.DEADLINE)[-1]["choices"][0]["finish_reason"] == "deadline"


def test_an_answer_that_may_have_one_call_is_complete_with_it() -> None:
    written = answer(max_calls=1)
    assert not written.is_complete
    written.chunks(Piece(CALL))
    assert written.is_complete
    assert written.chunks(Piece(f"\n{CALL}")) == []
    (last,) = map(json.loads, written.last_chunks(finished(FinishReason.CANCELLED)))
    assert last["choices"][0]["finish_reason"] == "tool_calls"


PARTS = st.sampled_from([CALL, "<think>", "</think>", "<tool_call>", "</tool_call>", "\n", "a", "<", "é"])


@given(text=st.lists(PARTS, max_size=6).map("".join), n=st.integers(1, 9), is_thinking=st.booleans())
def test_the_deltas_together_are_the_whole(text: str, n: int, is_thinking: bool) -> None:
    pieces = [text[i : i + n] for i in range(0, len(text), n)]
    streamed = put_together(stream(answer(is_thinking=is_thinking), pieces))
    body = json.loads(answer(is_thinking=is_thinking).whole([Piece(piece) for piece in pieces], finished()))
    message = body["choices"][0]["message"]
    assert streamed["content"] == (message["content"] or "")
    assert streamed.get("reasoning_content") == message.get("reasoning_content")
    functions = [{"name": call["name"], "arguments": call["arguments"]} for call in streamed["calls"]]
    assert functions == [call["function"] for call in message.get("tool_calls", [])]
    assert all(isinstance(json.loads(function["arguments"]), dict) for function in functions)
