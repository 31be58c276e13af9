"""Messages -> handlers -> replies, on the event loop.

pygls keeps the registry of features, the types and the capabilities; this replaces its dispatch. Invariants: every
request gets exactly one reply; notifications are handled in order, each to its end; a request's handler has reached
its first `await` before the next message is looked at, so a snapshot on its first line is of the moment it was sent;
`$/cancelRequest` interrupts a handler wherever it waits. A notification's handler must not wait for the client: its
answer would stand in the queue behind.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from lsp_server.errors import HearthlineError
from lsp_server.logs import place_of
from lsp_server.transport import messages
from lsp_server.transport.encode import encode, superseding_key
from lsp_server.transport.messages import Incoming, Invalid, MessageId, Notification, Request, Response

_log = logging.getLogger(__name__)


class Phase(Enum):
    """Where the conversation is."""

    NEW = auto()  # before `initialize`
    RUNNING = auto()
    SHUT_DOWN = auto()  # after `shutdown`


class Dispatcher(LanguageServerProtocol):
    """The protocol object of the server. post: queues an encoded message. on_exit: the client said `exit`."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self.phase = Phase.NEW
        self.post: Callable[[bytes, str | None], None] = _nowhere
        self.on_exit: Callable[[], None] = _nothing
        self.on_lost_document: Callable[[str, bool], None] = _nobody
        self._running: dict[MessageId, asyncio.Task[Any]] = {}

    @property
    def converter(self) -> Any:
        """What structures and unstructures lsprotocol's types."""
        return self._converter

    def result_type(self, message_id: MessageId) -> type[Any] | None:
        """Return the type of the answer to our own request `message_id`."""
        found: type[Any] | None = self._result_types.pop(message_id, None)
        return found

    async def dispatch(self, message: Incoming) -> None:
        """Handle one message. Never raises for what is in it."""
        if isinstance(message, Request):
            self._take_request(message)
            await asyncio.sleep(0)  # lets the handler begin
        elif isinstance(message, Notification):
            try:
                await self._take_notification(message.method, message.params)
            except Exception as error:  # one notification must not end the conversation
                _log.error("%s failed: %s", message.method, place_of(error))
        elif isinstance(message, Response):
            self._take_response(message)
        else:
            self._take_invalid(message)

    def cancel_all(self) -> list[asyncio.Task[Any]]:
        """Cancel whatever still runs; return it."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _register_builtin_features(self) -> None:
        """Register none of pygls' own: its documents, notebooks and lifecycle are replaced by `features`."""

    def _take_request(self, request: Request) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            self._reply_error(request.id, *refusal)
            return
        if request.method == types.INITIALIZE:
            self.phase = Phase.RUNNING
        elif request.method == types.SHUTDOWN:
            self.phase = Phase.SHUT_DOWN
            self.cancel_all()
        handler = self.fm.features[request.method]
        task = asyncio.ensure_future(_run(handler, request.params))
        self._running[request.id] = task
        task.add_done_callback(partial(self._finish, request))

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        method = request.method
        if self.phase is Phase.NEW and method != types.INITIALIZE:
            return messages.SERVER_NOT_INITIALIZED, f"{method} came before initialize"
        if self.phase is Phase.SHUT_DOWN:
            return messages.INVALID_REQUEST, f"{method} came after shutdown"
        if self.phase is Phase.RUNNING and method == types.INITIALIZE:
            return messages.INVALID_REQUEST, "initialize came twice"
        if method not in self.fm.features:
            return messages.METHOD_NOT_FOUND, f"{method} is not offered by this server"
        if request.id in self._running:
            return messages.INVALID_REQUEST, f"the id of {method} is that of a request that still runs"
        return None

    def _finish(self, request: Request, task: asyncio.Task[Any]) -> None:
        self._running.pop(request.id, None)
        if task.cancelled():
            self._reply_error(request.id, messages.REQUEST_CANCELLED, f"{request.method} was cancelled")
            return
        error = task.exception()
        if error is None:
            self._reply(request, task.result())
        elif isinstance(error, JsonRpcException):
            self._reply_error(request.id, error.code, error.message)
        elif isinstance(error, HearthlineError):
            self._reply_error(request.id, messages.REQUEST_FAILED, str(error))
        else:
            self._reply_failure(request, error)

    def _reply(self, request: Request, result: Any) -> None:
        result_class = self.get_result_type(request.method)
        answer = {"jsonrpc": "2.0", "id": request.id, "result": result}
        try:
            body = encode(self._converter, result_class(**answer) if result_class else answer)
        except Exception as error:  # the client waits, whatever the handler returned
            self._reply_failure(request, error)
        else:
            self.post(body, None)

    def _reply_failure(self, request: Request, error: BaseException) -> None:
        _log.error("%s failed: %s", request.method, place_of(error))
        words = f"{request.method} failed inside the language server; its log file says where"
        self._reply_error(request.id, messages.INTERNAL_ERROR, words)

    def _reply_error(self, message_id: MessageId | None, code: int, words: str) -> None:
        error = {"code": code, "message": words}
        self.post(encode(self._converter, {"jsonrpc": "2.0", "id": message_id, "error": error}), None)

    async def _take_notification(self, method: str, params: Any) -> None:
        if method == types.EXIT:
            self.on_exit()
        elif method == types.CANCEL_REQUEST:
            task = self._running.get(params.id)
            if task is not None:
                task.cancel()
        elif self.phase is Phase.RUNNING and method in self.fm.features:
            await _run(self.fm.features[method], params)
        elif not method.startswith("$/"):
            _log.debug("ignored %s", method)

    def _take_response(self, response: Response) -> None:
        future = self._request_futures.pop(response.id, None)
        if future is None or not future.set_running_or_notify_cancel():
            _log.debug("ignored the answer to a request that nobody waits for")
        elif response.error is not None:
            future.set_exception(JsonRpcException(response.error))
        else:
            future.set_result(response.result)

    def _take_invalid(self, message: Invalid) -> None:
        if message.lost_uri is not None:
            self.on_lost_document(message.lost_uri, message.oversized)
        if message.reply:
            self._reply_error(message.id, message.code, message.reason)

    def _send_data(self, data: Any) -> None:
        """Post what pygls' own `notify` and `send_request` made."""
        body = encode(self._converter, data)
        self.post(body, superseding_key(data))


async def _run(handler: Callable[[Any], Any], params: Any) -> Any:
    result = handler(params)
    return await result if asyncio.iscoroutine(result) else result


def _nowhere(_body: bytes, _key: str | None) -> None:
    """Take messages before there is a client."""


def _nothing() -> None:
    """Do nothing on exit before there is a server."""


def _nobody(_uri: str, _oversized: bool) -> None:
    """Keep no documents before there is a store."""
