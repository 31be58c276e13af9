"""The frame of commands that work long, and what gathers code actions, without a process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lsprotocol import types

from lsp_server import convert
from lsp_server.document import Document
from lsp_server.engine.scripted import ScriptedEngine
from lsp_server.errors import DocumentError, HearthlineError
from lsp_server.features.code_actions import Asked, Kind
from lsp_server.features.running import Run
from lsp_server.server import HearthlineServer, create_server

pytestmark = pytest.mark.anyio

URI = "file:///a.py"
COMMAND = "test.work"
HERE: dict[str, Any] = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
WHERE = types.Range(types.Position(0, 0), types.Position(0, 1))


@pytest.fixture
async def server() -> AsyncIterator[HearthlineServer]:
    server = create_server(ScriptedEngine([]))
    server.session.documents[URI] = Document(URI, "x = 1\n", version=3)
    yield server
    await server.reviewing.close()


def _argument(uri: str = URI, version: int = 3, **more: object) -> dict[str, Any]:
    return {"uri": uri, "range": HERE, "version": version, **more}


def _start(server: HearthlineServer, argument: object) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.ensure_future(server.protocol.fm.commands[COMMAND](argument))
    return task


class _Waiting:
    """Work that waits until it is let go, and tells how it went."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()
        self._news = asyncio.Condition()

    async def __call__(self, run: Run) -> None:
        async with self._news:
            self.runs.append(run)
            self._news.notify_all()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended.append(run.id)
            raise

    async def begun(self, n: int) -> None:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.runs) >= n)


async def test_work_gets_the_document_as_it_was_and_all_that_was_said(server: HearthlineServer) -> None:
    work = _Waiting()
    server.running.add(COMMAND, "working", work)
    task = _start(server, _argument(question="why"))
    await work.begun(1)
    (run,) = work.runs
    assert (run.snapshot.version, run.where, run.arguments["question"]) == (3, WHERE, "why")
    run.require_current()
    server.session.documents[URI].apply([], 4)
    with pytest.raises(DocumentError, match="ask again"):
        run.require_current()
    work.go_on.set()
    assert await task is None


REFUSED: list[tuple[object, str]] = [
    (_argument(version=2), "the document has changed since; ask again"),
    (_argument(uri="file:///b.py"), "not open"),
    (None, "needs one argument"),
    ([1], "needs one argument"),
    ({"uri": URI, "version": 3}, "needs one argument"),
    ({"uri": URI, "version": "3", "range": HERE}, "needs one argument"),
    (_argument() | {"range": {"start": {"line": -1, "character": 0}, "end": HERE["end"]}}, "needs one argument"),
]


async def test_what_is_not_for_this_version_is_refused_in_words(server: HearthlineServer) -> None:
    server.running.add(COMMAND, "working", _Waiting())
    for argument, words in REFUSED:
        with pytest.raises(HearthlineError, match=words):
            await _start(server, argument)


async def test_a_newer_one_ends_the_older_for_the_same_document_alone(server: HearthlineServer) -> None:
    work = _Waiting()
    server.running.add(COMMAND, "working", work)
    server.session.documents["file:///b.py"] = Document("file:///b.py", "", version=1)
    first, other = _start(server, _argument()), _start(server, _argument("file:///b.py", 1))
    await work.begun(2)
    second = _start(server, _argument())
    await work.begun(3)
    assert await first is None
    assert work.ended == [work.runs[0].id]
    work.go_on.set()
    await asyncio.gather(other, second)
    assert len(work.ended) == 1


async def test_it_is_ended_by_its_token_and_by_its_request(server: HearthlineServer) -> None:
    work = _Waiting()
    server.running.add(COMMAND, "working", work)
    first = _start(server, _argument())
    await work.begun(1)
    server.running.cancel("another")
    server.running.cancel(work.runs[0].id)
    assert await first is None
    second = _start(server, _argument())
    await work.begun(2)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await asyncio.sleep(0)
    assert work.ended == [run.id for run in work.runs]


async def test_what_fails_is_told(server: HearthlineServer) -> None:
    async def fail(_run: Run) -> None:
        raise HearthlineError("no such thing")

    server.running.add(COMMAND, "working", fail)
    with pytest.raises(HearthlineError, match="no such thing"):
        await _start(server, _argument())


WANTED: list[tuple[list[Kind] | None, list[str]]] = [
    (None, ["fix", "explain"]),
    ([""], ["fix", "explain"]),
    (["quickfix"], ["fix"]),
    (["hearthline"], ["explain"]),
    (["hearthline.explain"], ["explain"]),
    (["hearthline.explain.more"], []),
    (["hearth"], []),
    ([types.CodeActionKind.QuickFix, "hearthline"], ["fix", "explain"]),
]


async def test_actions_of_the_wanted_kinds_are_gathered(server: HearthlineServer) -> None:
    def offer(title: str, kind: Kind) -> None:
        async def provider(_asked: Asked) -> list[types.CodeAction]:
            return [types.CodeAction(title, kind=kind)]

        server.code_actions.add([kind], provider)

    async def broken(_asked: Asked) -> list[types.CodeAction]:
        raise ValueError

    offer("fix", types.CodeActionKind.QuickFix)
    server.code_actions.add(["hearthline.explain"], broken)
    offer("explain", "hearthline.explain")
    for only, expected in WANTED:
        assert await _titles(server, only) == expected, only


async def test_nothing_is_offered_for_a_document_that_changed_meanwhile(server: HearthlineServer) -> None:
    async def slow(asked: Asked) -> list[types.CodeAction]:
        server.session.documents[asked.snapshot.uri].apply([], 4)
        return [types.CodeAction("late")]

    server.code_actions.add(["quickfix"], slow)
    assert await _titles(server, None) == []


async def _titles(server: HearthlineServer, only: list[Kind] | None) -> list[str]:
    context = types.CodeActionContext([], only=only)
    params = types.CodeActionParams(types.TextDocumentIdentifier(URI), WHERE, context)
    own = ("fix", "explain", "late")
    actions = await server.protocol.fm.features[types.TEXT_DOCUMENT_CODE_ACTION](params)
    return [action.title for action in actions if action.title in own]


@pytest.mark.parametrize(
    ("experimental", "stream", "takes_input"),
    [
        ({"hearthline": {"stream": True, "input": True}}, True, True),
        ({"hearthline": {"stream": True}}, True, False),
        ({"hearthline": {"stream": "yes"}}, False, False),
        ({"hearthline": 1}, False, False),
        (None, False, False),
        ([], False, False),
    ],
)
async def test_what_a_client_says_of_our_own_methods_is_read(
    experimental: Any, stream: bool, takes_input: bool
) -> None:
    told = convert.client_capabilities(types.ClientCapabilities(experimental=experimental))
    assert (told.stream, told.input) == (stream, takes_input)
