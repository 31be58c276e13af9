"""hearthline/stream and what stands for it: Markdown that grows while a person reads it, where the client can show it.

Owns the documents and files that are shown. Invariants: each stream begins once and ends once, with its outcome; the
text of a file, which may quote the person's code, is readable by them alone and is gone once it is closed here, or this
process has ended, or at the latest when the next one starts.
"""

import asyncio
import logging
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from inference import paths
from lsp_server import convert
from lsp_server.errors import HearthlineError
from lsp_server.logs import place_of
from lsp_server.status import Severity

if TYPE_CHECKING:
    from lsp_server.features.running import Run
    from lsp_server.server import HearthlineServer

STREAM_METHOD = "hearthline/stream"
SCHEME = "hearthline"

_REFRESH_S = 0.3
_ANSWER_S = 10.0
_MOST_KEPT = 8
_FOLDER = "shown"

_log = logging.getLogger(__name__)


class _Way(Protocol):
    """A way to show a text that grows."""

    def begin(self) -> None: ...
    def write(self, text: str) -> None: ...
    def end(self, outcome: str, message: str | None) -> None: ...


class Stream:
    """One text while it grows. text: what was written until now."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self.text = ""

    def write(self, text: str) -> None:
        """Add Markdown."""
        self.text += text
        self._way.write(text)


class Streams:
    """The streams of one session."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._contents: OrderedDict[str, str] = OrderedDict()
        self._files: OrderedDict[str, Path] = OrderedDict()

    def register(self) -> None:
        """Register the method that clients read our documents by."""
        options = types.TextDocumentContentOptions([SCHEME])

        @self._server.feature(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, options)
        async def content(params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
            text = self._contents.get(params.uri)
            if text is None:
                raise HearthlineError(f"{params.uri} is not kept any more; ask again")
            return types.TextDocumentContentResult(text)

        self._server.on_closing(self._remove_all)

    @contextmanager
    def opened(self, run: "Run", title: str, name: str) -> Iterator[Stream]:
        """Give the stream of `run`, and end it as the work in it ends. name: of the document, as far as it needs one.

        What fails in it is told there, and nowhere else.
        """
        way = self._way(run, title, name)
        way.begin()
        try:
            yield Stream(way)
        except HearthlineError as error:
            way.end("failed", str(error))
        except BaseException as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            way.end("cancelled" if is_cancelled else "failed", None if is_cancelled else "it failed inside")
            raise
        else:
            way.end("done", None)

    def note_closed(self, uri: str) -> None:
        """Remove the file that was shown as `uri`, if there is one."""
        path = self._files.pop(uri, None)
        if path is not None:
            self._server.spawn(asyncio.to_thread(path.unlink, missing_ok=True))

    async def clean_up(self) -> None:
        """Remove what processes that are gone have left."""
        await asyncio.to_thread(_remove_left_behind)

    def keep(self, uri: str, text: str) -> None:
        """Let clients read `text` as `uri`."""
        self._contents[uri] = text
        self._contents.move_to_end(uri)
        if len(self._contents) > _MOST_KEPT:
            self._contents.popitem(last=False)

    def _way(self, run: "Run", title: str, name: str) -> _Way:
        can = self._server.session.capabilities
        name = re.sub(r"[^\w.-]+", "_", name)[:60] or "answer"
        if can.stream:
            return _Notified(self._server, run, title)
        if can.text_document_content and can.show_document:
            return _Read(self._server, f"{SCHEME}:/{run.id}/{name}.md")
        if can.show_document:
            return _Filed(self._server, f"{run.id}.{name}.md")
        return _Said(self._server)

    async def show_file(self, name: str, text: str) -> None:
        """Write `text` to a file of this person alone, and show it."""
        try:
            path = await asyncio.to_thread(_write, name, text)
        except (OSError, paths.UnsafeDirectoryError) as error:
            _log.error("an answer could not be written: %s", place_of(error))
            _Said(self._server).say(text)
            return
        uri = convert.uri_of(str(path))
        self._files[uri] = path
        if len(self._files) > _MOST_KEPT:
            self.note_closed(next(iter(self._files)))
        await show(self._server, uri)

    def _remove_all(self) -> None:
        for path in self._files.values():
            path.unlink(missing_ok=True)
        with suppress(OSError):
            if self._files:
                next(iter(self._files.values())).parent.rmdir()


class _Notified:
    """To a client that shows streams by itself."""

    def __init__(self, server: "HearthlineServer", run: "Run", title: str) -> None:
        self._server = server
        self._run = run
        self._title = title

    def begin(self) -> None:
        self._send(state="begin", title=self._title, uri=self._run.snapshot.uri)

    def write(self, text: str) -> None:
        self._send(state="text", text=text)

    def end(self, outcome: str, message: str | None) -> None:
        self._send(state="end", outcome=outcome, message=message)

    def _send(self, **params: object) -> None:
        self._server.protocol.notify(STREAM_METHOD, {"id": self._run.id, **params})


class _Read:
    """As a document that the client reads from us, and again as it grows."""

    def __init__(self, server: "HearthlineServer", uri: str) -> None:
        self._server = server
        self._uri = uri
        self._text = ""
        self._refreshing: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._server.streams.keep(self._uri, self._text)
        self._server.spawn(show(self._server, self._uri))

    def write(self, text: str) -> None:
        self._text += text
        self._server.streams.keep(self._uri, self._text)
        if self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().call_later(_REFRESH_S, self._refresh)

    def end(self, outcome: str, message: str | None) -> None:
        self.write(_ending(outcome, message))

    def _refresh(self) -> None:
        self._refreshing = None
        params = types.TextDocumentContentRefreshParams(self._uri)
        self._server.spawn(_ask(self._server, types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, params))


class _Kept:
    """Kept until it is whole."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._text = ""

    def begin(self) -> None:
        """Show nothing yet."""

    def write(self, text: str) -> None:
        self._text += text


class _Filed(_Kept):
    """As a file, shown once it is whole: what a client shows of a file need not follow it."""

    def __init__(self, server: "HearthlineServer", name: str) -> None:
        super().__init__(server)
        self._name = name

    def end(self, outcome: str, message: str | None) -> None:
        if outcome != "cancelled":
            self._server.spawn(self._server.streams.show_file(self._name, self._text + _ending(outcome, message)))


class _Said(_Kept):
    """As a message with the first sentence."""

    def end(self, outcome: str, message: str | None) -> None:
        if outcome != "cancelled":
            self.say(message or self._text)

    def say(self, text: str) -> None:
        self._server.window.show_message(first_sentence(text), Severity.INFO)


def first_sentence(text: str) -> str:
    """Return the first line of a Markdown text that says something, as plain words."""
    lines = (line.strip() for line in text.split("\n"))
    line = next((line for line in lines if line and not line.startswith(("#", "[", "```"))), "there is no answer")
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line).replace("\\<", "<")


async def show(server: "HearthlineServer", uri: str) -> None:
    """Have the client show the document `uri`, as far as it can."""
    await _ask(server, types.WINDOW_SHOW_DOCUMENT, types.ShowDocumentParams(uri, take_focus=False))


async def _ask(server: "HearthlineServer", method: str, params: object) -> None:
    with suppress(TimeoutError, JsonRpcException):
        await asyncio.wait_for(server.protocol.send_request_async(method, params), _ANSWER_S)


def _ending(outcome: str, message: str | None) -> str:
    if outcome == "done":
        return ""
    return f"\n\n*{message or 'It was cancelled.'}*\n"


def _write(name: str, text: str) -> Path:
    folder = paths.runtime_dir() / _FOLDER / str(os.getpid())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path


def _remove_left_behind() -> None:
    with suppress(OSError, paths.UnsafeDirectoryError):
        for folder in (paths.runtime_dir() / _FOLDER).iterdir():
            # A number that has become ours was another's: nothing is shown yet.
            if folder.name == str(os.getpid()) or not (folder.name.isdecimal() and _is_running(int(folder.name))):
                shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
