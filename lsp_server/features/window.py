"""window/*, $/progress, hearthline/status, hearthline/input: how the server reaches the person.

`Window` is a `status.Client`.
"""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.status import STATUS_METHOD, Severity

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

INPUT_METHOD = "hearthline/input"
_ANSWER_S = 10.0

_MESSAGE_TYPE = {
    Severity.ERROR: types.MessageType.Error,
    Severity.WARNING: types.MessageType.Warning,
    Severity.INFO: types.MessageType.Info,
}


class Window:
    """The person's window, through the client."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._tokens = count(1)
        self._progress: Progress | None = None

    def send_status(self, params: Mapping[str, object]) -> None:
        """Send the `hearthline/status` notification; clients ignore notifications they do not know."""
        self._server.protocol.notify(STATUS_METHOD, params)

    def show_message(self, message: str, severity: Severity) -> None:
        """Send `window/showMessage`."""
        self._server.window_show_message(types.ShowMessageParams(_MESSAGE_TYPE[severity], message))

    def show_progress(self, title: str, message: str, share: float) -> None:
        """Begin or go on with showing progress, where the client shows any."""
        if not self._server.session.capabilities.work_done_progress:
            return
        if self._progress is None:
            self._progress = Progress(self._server, f"hearthline-{next(self._tokens)}", title)
            self._server.spawn(self._progress.begin())
        self._progress.report(message, share)

    def end_progress(self, message: str) -> None:
        """Stop showing progress."""
        if self._progress is not None:
            self._progress.end(message)
            self._progress = None


async def ask_person(server: "HearthlineServer", prompt: str) -> str:
    """Have the person type something, by `hearthline/input`; empty where they rather not."""
    try:
        answer = await server.protocol.send_request_async(INPUT_METHOD, {"prompt": prompt})
    except JsonRpcException:
        return ""
    text = answer.get("text") if isinstance(answer, Mapping) else None
    return text.strip() if isinstance(text, str) else ""


class Progress:
    """One progress from its creation to its end. The client must agree to it before anything is sent.

    cancellable: the client may offer to cancel it, and tells so with `token`.
    """

    def __init__(self, server: "HearthlineServer", token: str, title: str, *, cancellable: bool = False) -> None:
        self.token = token
        self._server = server
        self._title = title
        self._cancellable = cancellable
        self._message = ""
        self._percentage = 0
        self._begun = False
        self._ended = False

    async def begin(self) -> None:
        """Show it, once the client agrees."""
        params = types.WorkDoneProgressCreateParams(self.token)
        try:
            created = self._server.protocol.send_request_async(types.WINDOW_WORK_DONE_PROGRESS_CREATE, params)
            await asyncio.wait_for(created, _ANSWER_S)
        except (TimeoutError, JsonRpcException):
            return
        if not self._ended:
            self._begun = True
            self._send(
                types.WorkDoneProgressBegin(
                    title=self._title,
                    message=self._message,
                    percentage=self._percentage,
                    cancellable=self._cancellable or None,
                )
            )

    def report(self, message: str, share: float) -> None:
        """Say how far it is. share: 0.0 to 1.0."""
        self._message, self._percentage = message, round(100 * min(max(share, 0.0), 1.0))
        if self._begun:
            self._send(types.WorkDoneProgressReport(message=message, percentage=self._percentage))

    def end(self, message: str) -> None:
        """Take it away, if it has not been."""
        if self._begun and not self._ended:
            self._send(types.WorkDoneProgressEnd(message=message))
        self._ended = True

    def _send(self, value: object) -> None:
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(self.token, value))
