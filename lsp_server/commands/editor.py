"""A headless editor: starts the real language server and speaks to it as an editor would.

Used by the commands that show or fetch ghost text without an editor. Positions are (line, column), both from 0, the
column in code points: the server is asked for UTF-32, in which the two are the same.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from lsp_server import __version__
from lsp_server.errors import HearthlineError

# Before the server has said anything, it is starting.
_WAITING_STATES = frozenset({"", "starting", "loading"})
_LOAD_TIMEOUT_S = 300.0
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0


def one_answer(model: str, **completion: object) -> dict[str, object]:
    """Return the settings of who wants one suggestion and goes: nothing is made ahead, counted, indexed, reviewed."""
    return {
        "completion": {"model": model, "candidates": 1, "prefetch": False, **completion},
        "feedback": {"enabled": False},
        "index": {"enabled": False},
        "review": {"enabled": False},
    }


class EditorError(HearthlineError):
    """The language server did not do what an editor expects of it."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The last thing the server said about itself (`hearthline/status`)."""

    state: str = ""
    message: str = ""
    reason: str = ""
    model: str = ""
    progress: float | None = None


class _Client(LanguageClient):
    """Keeps what a server that ended too early said on stderr."""

    last_words = ""

    async def server_exit(self, server: asyncio.subprocess.Process) -> None:
        if server.stderr is not None:
            lines = (await server.stderr.read()).decode(errors="replace").strip().splitlines()
            self.last_words = lines[-1] if lines else ""


class Editor:
    """One window. Make it with `open_editor`."""

    def __init__(self, client: LanguageClient, on_status: Callable[[EngineStatus], None]) -> None:
        self.status = EngineStatus()
        self._client = client
        self._on_status = on_status
        self._changed = asyncio.Event()
        self._versions: dict[str, int] = {}
        self._listen()

    def _listen(self) -> None:
        # pygls marks the functions it is given, which a bound method does not allow.
        def receive_status(params: Any) -> None:
            self._receive_status(params)

        # Of messages the status says the same, and more of it; what is not taken here, pygls complains about.
        def ignore(
            _params: types.ShowMessageParams | types.LogMessageParams | types.PublishDiagnosticsParams,
        ) -> None: ...

        self._client.feature("hearthline/status")(receive_status)
        self._client.feature(types.WINDOW_SHOW_MESSAGE)(ignore)
        self._client.feature(types.WINDOW_LOG_MESSAGE)(ignore)
        self._client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(ignore)

    def _receive_status(self, params: Any) -> None:
        def field(name: str) -> Any:
            return getattr(params, name, None)

        self.status = EngineStatus(
            state=field("state") or "",
            message=field("message") or "",
            reason=field("reason") or "",
            model=field("model") or "",
            progress=field("progress"),
        )
        self._changed.set()
        self._on_status(self.status)

    def open(self, path: Path, text: str, language_id: str) -> str:
        """Open `path` holding `text`; return its uri."""
        uri = path.as_uri()
        self._versions[uri] = 1
        document = types.TextDocumentItem(uri=uri, language_id=language_id, version=1, text=text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=document))
        return uri

    def type(self, uri: str, line: int, column: int, text: str) -> None:
        """Type `text`, which has no line break, keystroke by keystroke."""
        for offset, character in enumerate(text):
            self._versions[uri] += 1
            here = types.Position(line=line, character=column + offset)
            change = types.TextDocumentContentChangePartial(range=types.Range(start=here, end=here), text=character)
            document = types.VersionedTextDocumentIdentifier(uri=uri, version=self._versions[uri])
            self._client.text_document_did_change(
                types.DidChangeTextDocumentParams(text_document=document, content_changes=[change])
            )

    async def wait_until_ready(self) -> None:
        """Wait while the worker is started and the model is read. Raises EditorError when that fails."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LOAD_TIMEOUT_S
        while self.status.state in _WAITING_STATES:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - loop.time())
            except TimeoutError:
                raise EditorError(
                    f"the model was not ready after {_LOAD_TIMEOUT_S:.0f} s; "
                    "`hearthline worker status` tells what it does"
                ) from None
        self._require_no_problem()

    async def inline_completion(self, uri: str, line: int, column: int) -> str:
        """Return the ghost text the server shows at this place; empty when it shows none.

        Raises EditorError when the engine could not be asked.
        """
        params = types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(uri=uri),
            position=types.Position(line=line, character=column),
            context=types.InlineCompletionContext(trigger_kind=types.InlineCompletionTriggerKind.Invoked),
        )
        answer = await self._client.text_document_inline_completion_async(params)
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
        if items:
            return _text_after_cursor(items[0], line, column)
        self._require_no_problem()
        return ""

    def _require_no_problem(self) -> None:
        if self.status.state == "problem":
            raise EditorError(self.status.message)


def _text_after_cursor(item: types.InlineCompletionItem, line: int, column: int) -> str:
    """Return what the item adds behind the cursor: its range may begin before it, with text that is there already."""
    text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
    if item.range is None or item.range.start.line != line:
        return text
    return text[column - item.range.start.character :]


@contextlib.asynccontextmanager
async def open_editor(
    workspace: Path,
    settings: dict[str, object],
    on_status: Callable[[EngineStatus], None] = lambda _status: None,
) -> AsyncIterator[Editor]:
    """Start `hearthline lsp` on `workspace` with `settings`; shut it down at the end.

    Raises EditorError when the server does not start.
    """
    client = _Client("hearthline-terminal", __version__)
    editor = Editor(client, on_status)
    command = [sys.executable, "-P", "-m", "lsp_server.cli", "lsp"]
    # The server logs to its file; what it would say on stderr must not tear the terminal's picture.
    await client.start_io(*command, cwd=workspace)
    try:
        await _initialize(client, workspace, settings)
        yield editor
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.shutdown_async(None), _STOP_TIMEOUT_S)
            client.exit(None)
            await asyncio.wait_for(client.stop(), _STOP_TIMEOUT_S)  # type: ignore[no-untyped-call]  # pygls


async def _initialize(client: _Client, workspace: Path, settings: dict[str, object]) -> None:
    params = types.InitializeParams(
        process_id=os.getpid(),
        root_uri=workspace.as_uri(),
        workspace_folders=[types.WorkspaceFolder(uri=workspace.as_uri(), name=workspace.name)],
        initialization_options=settings,
        capabilities=types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf32]),
            text_document=types.TextDocumentClientCapabilities(
                inline_completion=types.InlineCompletionClientCapabilities()
            ),
        ),
    )
    try:
        result = await asyncio.wait_for(client.initialize_async(params), _START_TIMEOUT_S)
    except TimeoutError as error:
        raise EditorError(
            f"the language server did not answer within {_START_TIMEOUT_S:.0f} s; `hearthline doctor` may tell why"
        ) from error
    except RuntimeError as error:  # how pygls says that the server ended
        raise EditorError(f"the language server ended at its start: {client.last_words or error}") from error
    if result.capabilities.position_encoding != types.PositionEncodingKind.Utf32:
        raise EditorError("the language server does not count in code points; is it of another version?")
    client.initialized(types.InitializedParams())
