"""Message bodies -> typed messages. Runs in the reader thread, so that no body, however large, holds up the loop.

Owns what is a valid JSON-RPC message. Invariant: whatever the bytes, the result is data; a request whose id can be
told always leads to a message that carries it, so that it gets its reply.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cattrs
import msgspec
from lsprotocol import types
from pygls.protocol import default_converter

from lsp_server.transport.frames import MAX_BODY_BYTES, Oversized

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803

MessageId = int | str


@dataclass(frozen=True, slots=True)
class Request:
    """The client waits for an answer. params: lsprotocol's type for known methods, plain JSON for others."""

    id: MessageId
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Notification:
    """The client tells something."""

    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Response:
    """The client answers a request of the server's. error: its code and message, where it refused."""

    id: MessageId
    result: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """A message that cannot be handled.

    id: of the request, None where there is none or it cannot be told. reply: whether the client must hear of it.
    lost_uri: the document whose text is no longer known because of it. oversized: because it is too large.
    """

    code: int
    reason: str
    id: MessageId | None = None
    reply: bool = True
    lost_uri: str | None = None
    oversized: bool = False


Incoming = Request | Notification | Response | Invalid


class NotJsonError(ValueError):
    """The body is no JSON text."""


def wire_converter() -> cattrs.Converter:
    """Return lsprotocol's converter, made strict about kinds of values and lenient about members of enumerations.

    A text is a text and a number a number, none is made of the other. A member that this version of the protocol does
    not know stays the plain value it is: a newer client lists them among its capabilities.
    """
    converter: cattrs.Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    return converter


def _exactly(kind: type[Any]) -> Callable[[object, type[Any]], Any]:
    def structure(value: object, target: type[Any]) -> Any:
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"expected {kind.__name__}")
        if target is kind:
            return value
        with suppress(ValueError):
            return target(value)
        return value

    return structure


class MessageDecoder:
    """Decodes bodies with lsprotocol's types. result_type: the type of the answer to the server's request of an id."""

    def __init__(self, converter: cattrs.Converter, result_type: Callable[[MessageId], type[Any] | None]) -> None:
        self._converter = converter
        self._result_type = result_type

    def decode(self, body: bytes) -> list[Incoming]:
        """Return what `body` says: one message, or one for each member of a batch. Raises NotJsonError."""
        value = _decode(body)
        if isinstance(value, list):
            # LSP has no batches. Requests inside one still get their reply, each its own.
            invalid: list[Incoming] = [
                Invalid(INVALID_REQUEST, "batches are not part of the language server protocol", member_id)
                for member in value
                if (member_id := _id_of(member)) is not None
            ]
            return invalid or [Invalid(INVALID_REQUEST, "a batch is not a message of the language server protocol")]
        return [self._message(value)]

    def _message(self, value: object) -> Incoming:
        if not isinstance(value, dict):
            return Invalid(INVALID_REQUEST, "a message must be a JSON object")
        message_id = _id_of(value)
        if value.get("jsonrpc") != "2.0":
            return Invalid(INVALID_REQUEST, 'a message must have "jsonrpc": "2.0"', message_id)
        if "method" not in value:
            return self._response(value, message_id)
        method = value["method"]
        if not isinstance(method, str):
            return Invalid(INVALID_REQUEST, "a method must be a text", message_id)
        if "id" in value and message_id is None:
            return Invalid(INVALID_REQUEST, "an id must be a whole number or a text")
        try:
            params = self._params(value, method)
        except InvalidParamsError as error:
            lost_uri = _changed_uri(value) if method == types.TEXT_DOCUMENT_DID_CHANGE else None
            reason = f"{method}: {error}"
            return Invalid(INVALID_PARAMS, reason, message_id, reply="id" in value, lost_uri=lost_uri)
        if message_id is None:
            return Notification(method, params)
        return Request(message_id, method, params)

    def _params(self, value: dict[str, Any], method: str) -> Any:
        params = value.get("params")
        if params is not None and not isinstance(params, dict | list):
            raise InvalidParamsError("params must be an object")
        message_type = types.METHOD_TO_TYPES.get(method, (None,))[0]
        if message_type is None:
            return params
        wanted: dict[str, Any] = {key: value[key] for key in ("jsonrpc", "id", "method") if key in value}
        wanted["params"] = {} if params is None else params  # some clients leave out empty ones
        return self._structure(wanted, message_type).params

    def _response(self, value: dict[str, Any], message_id: MessageId | None) -> Incoming:
        answers = ("result" in value) + ("error" in value)
        if message_id is None or answers != 1:
            reason = "a message must have a method, or an id and either a result or an error"
            return Invalid(INVALID_REQUEST, reason, message_id, reply=answers == 0)
        if "error" in value:
            error = value["error"]
            told = error.get("message") if isinstance(error, Mapping) else None
            return Response(message_id, error=str(told or "the client refused"))
        result_type = self._result_type(message_id)
        if result_type is None:
            return Response(message_id, value["result"])
        try:
            answer = {"jsonrpc": "2.0", "id": message_id, "result": value["result"]}
            return Response(message_id, self._structure(answer, result_type).result)
        except InvalidParamsError as error:
            return Response(message_id, error=f"the client's answer cannot be read: {error}")

    def _structure(self, value: object, message_type: type[Any]) -> Any:
        try:
            return self._converter.structure(value, message_type)
        except Exception as error:  # hooks of unions raise whatever wrong shapes lead to
            raise InvalidParamsError(_first_problem(error)) from None


class InvalidParamsError(ValueError):
    """The parameters do not have the shape that the method asks for."""


def oversized(frame: Oversized) -> Invalid:
    """Return the message for a skipped body; where it opened a document, with that document's uri."""
    edges = frame.head + b"\n" + frame.tail
    uri = _URI.search(edges) if _OPENS_OR_CHANGES.search(edges) else None
    limit = MAX_BODY_BYTES // (1024 * 1024)
    return Invalid(
        INVALID_REQUEST,
        f"a message of {frame.n_bytes} bytes was skipped; the limit is {limit} MiB",
        reply=True,
        lost_uri=json.loads(uri.group(1)) if uri else None,
        oversized=True,
    )


# A quotation mark inside a JSON string has a backslash in front, so text of the document itself matches neither.
_URI = re.compile(rb'"uri"\s*:\s*("(?:[^"\\\x00-\x1f\x80-\xff]|\\[/\\"])*")')
_OPENS_OR_CHANGES = re.compile(rb'"method"\s*:\s*"textDocument\\?/did(?:Open|Change)"')


def _id_of(value: object) -> MessageId | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def _changed_uri(value: dict[str, Any]) -> str | None:
    params = value.get("params")
    document = params.get("textDocument") if isinstance(params, dict) else None
    uri = document.get("uri") if isinstance(document, dict) else None
    return uri if isinstance(uri, str) else None


def _decode(body: bytes) -> Any:
    """Return the value that `body` is. Both decoders hold the interpreter lock; msgspec's less than half as long."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Halves of surrogate pairs, which editors do send, are an error to msgspec only.
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NotJsonError(_json_problem(error)) from None


def _json_problem(error: ValueError | RecursionError) -> str:
    """Say what is wrong without repeating the text, as the errors' own words may."""
    if isinstance(error, json.JSONDecodeError):
        return f"the message is no JSON: {error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return f"the message is no UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "the message is nested too deeply"
    return "the message is no JSON"


def _first_problem(error: Exception) -> str:
    """Return the first complaint with the place it is about, never the value found there."""
    try:
        return cattrs.transform_error(error, path="params")[0].replace("params.params", "params")
    except Exception:  # the shape of errors that hooks raise is not cattrs' own
        return "the parameters do not have the shape this method asks for"
