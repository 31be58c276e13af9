"""Response shapes of the OpenAI protocol: answers, whole or as chunks of a stream, lists and refusals."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from inference import errors
from inference.jobs import Failed, Finished, Piece


class Answer(ABC):
    """Writes one answer as chunks, or whole. Subclasses know the endpoint's shapes."""

    def __init__(self, number: int, model: str, created: int) -> None:
        self._head = {"model": model, "created": created}
        self._number = number

    def _object(self, kind: str, prefix: str, choice: dict[str, Any], costs: dict[str, Any] | None) -> bytes:
        body = {"id": f"{prefix}-{self._number}", "object": kind, **self._head, "choices": [{"index": 0, **choice}]}
        return msgspec.json.encode(body | (costs or {}))

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing that may still come would be part of the answer."""
        return False

    def opening(self) -> bytes | None:
        """Shape what goes before the first piece, if anything."""
        return None

    @abstractmethod
    def chunks(self, piece: Piece) -> list[bytes]:
        """Shape the events of a stream that `piece` makes certain."""

    @abstractmethod
    def last_chunks(self, finished: Finished) -> list[bytes]:
        """Shape the events that end a stream."""

    @abstractmethod
    def whole(self, pieces: list[Piece], finished: Finished) -> bytes:
        """Shape the answer at once."""


class CompletionAnswer(Answer):
    """Answers of `/v1/completions`."""

    def chunks(self, piece: Piece) -> list[bytes]:
        """Shape the one event of `piece`."""
        return [self._completion([piece], None)]

    def last_chunks(self, finished: Finished) -> list[bytes]:
        """Shape the last event."""
        return [self._completion([], finished)]

    def whole(self, pieces: list[Piece], finished: Finished) -> bytes:
        """Shape the answer at once."""
        return self._completion(pieces, finished)

    def _completion(self, pieces: list[Piece], finished: Finished | None) -> bytes:
        told = [piece for piece in pieces if piece.logprob is not None]
        logprobs = {
            "tokens": [piece.text for piece in told],
            "token_logprobs": [piece.logprob for piece in told],
        }
        choice = {
            "text": "".join(piece.text for piece in pieces),
            "finish_reason": finished.reason if finished else None,
            "logprobs": logprobs if told else None,
        }
        return self._object("text_completion", "cmpl", choice, accounts(finished) if finished else None)


def accounts(finished: Finished) -> dict[str, Any]:
    """Shape what an answer cost."""
    return {
        "usage": {
            "prompt_tokens": finished.n_prompt,
            "completion_tokens": finished.n_decoded,
            "total_tokens": finished.n_prompt + finished.n_decoded,
            "prompt_tokens_details": {"cached_tokens": finished.n_cached},
        },
        "timings": {
            "queue_ms": round(1e3 * finished.queue_s, 3),
            "prefill_ms": round(1e3 * finished.prefill_s, 3),
            "decode_ms": round(1e3 * finished.decode_s, 3),
        },
    }


def model_list(names: Mapping[str, int]) -> bytes:
    """Shape `GET /v1/models`. names: model -> when it was loaded, in seconds since 1970."""
    data = [
        {"id": name, "object": "model", "created": created, "owned_by": "hearthline"} for name, created in names.items()
    ]
    return msgspec.json.encode({"object": "list", "data": data})


_STATUS: dict[type[errors.RequestError], tuple[int, str, str | None]] = {
    errors.RequestInvalid: (400, "invalid_request_error", None),
    errors.ModelNotResident: (404, "invalid_request_error", "model_not_found"),
    errors.BodyTooLarge: (413, "invalid_request_error", "body_too_large"),
    errors.Overloaded: (429, "overloaded_error", "overloaded"),
    errors.NotReady: (503, "service_unavailable", "not_ready"),
    errors.MemoryShort: (503, "service_unavailable", "memory_pressure"),
    errors.EngineFailed: (500, "server_error", "engine_failed"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it goes over the wire. code: what metrics count it by."""

    status: int
    code: str
    body: bytes
    retry_after_s: int | None = None


def refusal(error: errors.RequestError) -> Refusal:
    """Put `error` in the protocol's shape."""
    status, kind, code = _STATUS[type(error)]
    shape: dict[str, Any] = {"message": str(error), "type": kind, "param": getattr(error, "param", None), "code": code}
    retry_after_s = getattr(error, "retry_after_s", None)
    if isinstance(error, errors.NotReady) and error.progress is not None:
        shape |= {"code": "model_loading", "progress": error.progress}
        retry_after_s = 1
    return Refusal(status, shape["code"] or kind, msgspec.json.encode({"error": shape}), retry_after_s)


def plain_refusal(message: str) -> bytes:
    """Shape an error that HTTP itself has a status for (no such path, no such method)."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return msgspec.json.encode({"error": error})


def error_chunk(failed: Failed) -> bytes:
    """Shape a failure after the first byte."""
    return refusal(failed.error).body
