"""Response shapes of `/v1/chat/completions`: thinking, text and tool calls, whole or as the deltas of a stream.

Invariant: the deltas put together are the whole message.
"""

import secrets
from collections.abc import Iterable
from typing import Any

from inference.answer_reader import AnswerEvent, AnswerReader, Thought
from inference.jobs import Finished, FinishReason, Piece
from inference.openai_answers import Answer, accounts
from inference.tool_calls import CallBegun, Content


class ChatAnswer(Answer):
    """Answers of `/v1/chat/completions`. reader: of this one answer."""

    def __init__(self, number: int, model: str, created: int, reader: AnswerReader) -> None:
        super().__init__(number, model, created)
        self._reader = reader
        self._n_reasoning_tokens = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether the last tool call that the answer may have is there."""
        return self._reader.is_complete

    def opening(self) -> bytes:
        """Shape the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""}, None)

    def chunks(self, piece: Piece) -> list[bytes]:
        """Shape the events of a stream that `piece` makes certain."""
        return [self._chunk(_delta(event), None) for event in self._read(piece)]

    def last_chunks(self, finished: Finished) -> list[bytes]:
        """Shape what was held back, and the end."""
        held = [self._chunk(_delta(event), None) for event in self._reader.finish()]
        return [*held, self._chunk({}, finished)]

    def whole(self, pieces: list[Piece], finished: Finished) -> bytes:
        """Shape the answer at once."""
        events = [event for piece in pieces for event in self._read(piece)]
        message = _message([*events, *self._reader.finish()])
        choice = {"message": message, "finish_reason": self._reason(finished)}
        return self._object("chat.completion", "chatcmpl", choice, self._accounts(finished))

    def _read(self, piece: Piece) -> list[AnswerEvent]:
        was_thinking = self._reader.is_thinking
        events = self._reader.push(piece.text)
        if was_thinking or self._reader.is_thinking:
            self._n_reasoning_tokens += piece.n_tokens
        return events

    def _chunk(self, delta: dict[str, Any], finished: Finished | None) -> bytes:
        choice = {"delta": delta, "finish_reason": self._reason(finished) if finished else None}
        costs = self._accounts(finished) if finished else None
        return self._object("chat.completion.chunk", "chatcmpl", choice, costs)

    def _reason(self, finished: Finished) -> str:
        has_ended = finished.reason is FinishReason.STOP or self._reader.is_complete
        return "tool_calls" if has_ended and self._reader.has_called else finished.reason

    def _accounts(self, finished: Finished) -> dict[str, Any]:
        costs = accounts(finished)
        costs["usage"]["completion_tokens_details"] = {"reasoning_tokens": self._n_reasoning_tokens}
        return costs


def _delta(event: AnswerEvent) -> dict[str, Any]:
    if isinstance(event, Thought):
        return {"reasoning_content": event.text}
    if isinstance(event, Content):
        return {"content": event.text}
    call: dict[str, Any] = {"index": event.index}
    if isinstance(event, CallBegun):
        function = {"name": event.name, "arguments": ""}
        # Clients keep it with the conversation, over more than one life of this process.
        call |= {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
    else:
        call["function"] = {"arguments": event.text}
    return {"tool_calls": [call]}


def _message(events: Iterable[AnswerEvent]) -> dict[str, Any]:
    """Put the deltas of `events` together."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: list[dict[str, Any]] = []
    for delta in map(_delta, events):
        for call in delta.pop("tool_calls", ()):
            if "id" in call:
                calls.append({key: value for key, value in call.items() if key != "index"})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        for name, text in delta.items():
            message[name] = message.get(name, "") + text
    if calls:
        message |= {"content": message["content"] or None, "tool_calls": calls}
    return message
