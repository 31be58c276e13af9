"""Whether what lies in a workspace may be executed at all; the sandbox comes on top of that, never instead.

Owns what the person answered in this window. Invariants: nothing but a setting or the person's own answer makes a
folder trusted; the question is asked once a folder and window, whatever the answer is.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.errors import HearthlineError

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

SETTING = "hearthline.workspace.trusted"
YES, NO = "Run tests in the sandbox", "Not now"


class NotTrusted(HearthlineError):
    """Nothing of this workspace may be executed. The message names the setting."""


class Trust:
    """Asks the person, and remembers."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._answers: dict[Path, asyncio.Future[bool]] = {}

    def folder_of(self, path: str | None) -> Path:
        """Return the workspace's folder that the file at `path` lies in, the innermost. Raises HearthlineError."""
        file = Path(path) if path is not None else None
        folders = [
            folder for folder in self._server.session.folders if file is not None and file.is_relative_to(folder)
        ]
        if not folders:
            raise HearthlineError(
                "the file lies in no folder that is open here; open the project's folder to run tests"
            )
        return max(folders, key=lambda folder: len(folder.parts))

    def is_given(self, folder: Path) -> bool:
        """Tell whether `folder` is trusted already; asks nobody."""
        setting = self._server.session.settings.workspace.trusted
        if setting is not None:
            return setting
        answer = self._answers.get(folder)
        return answer is not None and answer.done() and answer.result()

    async def require(self, folder: Path) -> None:
        """Return once the person trusts `folder`. Raises NotTrusted."""
        if self._server.session.settings.workspace.trusted is None and folder not in self._answers:
            self._answers[folder] = asyncio.ensure_future(self._ask(folder))
        if self._server.session.settings.workspace.trusted is None:
            await asyncio.shield(self._answers[folder])
        if not self.is_given(folder):
            raise NotTrusted(
                f"tests of {folder.name} are not run, because this workspace is not trusted; "
                f"set {SETTING} to true to let them run in the sandbox"
            )

    async def _ask(self, folder: Path) -> bool:
        params = types.ShowMessageRequestParams(
            types.MessageType.Info,
            f"Hearthline runs suggested tests, and with them code of {folder.name}, in a sandbox: without network, "
            "your home folder or a way to write to the workspace. Do you trust this folder enough for that?",
            [types.MessageActionItem(YES), types.MessageActionItem(NO)],
        )
        try:
            answer = await self._server.protocol.send_request_async(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException:
            return False
        return answer is not None and answer.title == YES
