"""Prompts that are computed ahead: when, of what, and when not."""

import asyncio
from dataclasses import replace

import pytest

from lsp_server.document import Change, Document, EncodedRange, Position
from lsp_server.engine.protocol import CompletionRequest, EngineCapabilities, Priority
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.features.finding import Finder
from lsp_server.features.prompts import Prompts
from lsp_server.session import Session
from lsp_server.settings import CompletionSettings, Settings
from lsp_server.status import Status
from tests.unit.test_suggester import NoClient, wait_for

pytestmark = pytest.mark.anyio

SLOW = EngineCapabilities("slow", n_context=8192, fim=True, prefill_tokens_per_s=170.0)
LINES = "".join(f"line_{n} = compute(thing_{n})\n" for n in range(500))


class Desk:
    """A session with a slow engine, and the files that are open."""

    def __init__(self, completion: CompletionSettings | None = None, **rule: float) -> None:
        self.engine = ScriptedEngine([Rule("", "x", **rule)], SLOW)  # type: ignore[arg-type]
        self.session = Session(Status(NoClient()), self.engine, Settings(completion or CompletionSettings()))
        self.finder = Finder(self.session)
        self.prompts = Prompts(self.session, self.finder)

    def open(self, name: str, text: str) -> str:
        uri = f"file:///w/{name}"
        self.session.documents[uri] = Document(uri, text, version=1, language_id="python", path=f"/w/{name}")
        self.finder.note_opened(uri)
        self.prompts.open(uri)
        return uri

    async def ask(self, uri: str, line: int, column: int = 0, *, is_patient: bool = False) -> CompletionRequest:
        snapshot, position = self.session.snapshot(uri), Position(line, column)
        self.prompts.look(snapshot, position)
        return await self.prompts.request(snapshot, position, uri, is_patient=is_patient)

    def computed(self) -> list[CompletionRequest]:
        requests = [served.request for served in self.engine.served if served.is_closed]
        return [request for request in requests if isinstance(request, CompletionRequest) and not request.max_tokens]


async def test_a_file_that_is_opened_is_computed_ahead() -> None:
    desk = Desk()
    desk.open("a.py", "x = 1\n")
    await wait_for(lambda: len(desk.computed()) == 1)
    (ahead,) = desk.computed()
    assert (ahead.prefix, ahead.path, ahead.priority) == ("x = 1\n", "a.py", Priority.BACKGROUND)


async def test_the_first_request_in_a_large_file_does_not_pay_for_the_window() -> None:
    desk = Desk()
    uri = desk.open("a.py", LINES)
    first = await desk.ask(uri, 300)
    await wait_for(lambda: any(len(each.prefix) > len(first.prefix) for each in desk.computed()))
    whole = desk.computed()[-1]
    assert len(first.prefix) < len(whole.prefix)
    assert (await desk.ask(uri, 300)).prefix == whole.prefix


async def test_who_asks_and_waits_gets_the_whole_window() -> None:
    desk = Desk()
    uri = desk.open("a.py", LINES)
    patient = await desk.ask(uri, 300, is_patient=True)
    assert len(patient.prefix) > 1500
    assert (await desk.ask(uri, 300)).prefix == patient.prefix


async def test_what_was_seen_elsewhere_is_used_once_it_is_computed() -> None:
    desk = Desk()
    desk.open("other.py", LINES)
    uri = desk.open("a.py", "value = compute(thing_1, thing_2, line_3, line_4)\n" * 40)
    await wait_for(lambda: any(each.snippets for each in desk.computed()))
    request = await desk.ask(uri, 20)
    assert [snippet.path for snippet in request.snippets] == ["other.py"]


@pytest.mark.parametrize("name", [".env", "id_rsa", "deploy/.env.local"])
async def test_a_file_with_secrets_is_neither_computed_nor_told_to_others(name: str) -> None:
    desk = Desk()
    desk.open(name, LINES)
    uri = desk.open("a.py", "value = compute(thing_1, thing_2, line_3, line_4)\n" * 40)
    await wait_for(lambda: bool(desk.computed()))
    assert (await desk.ask(uri, 20, is_patient=True)).snippets == ()
    assert not any(each.path == name or each.snippets for each in desk.computed())


async def test_edits_elsewhere_are_told_as_diffs() -> None:
    desk = Desk()
    other = desk.open("other.py", "old_name = 1\n" * 3)
    change = Change("new", EncodedRange(1, 0, 1, 3))
    desk.finder.note_edit(other, [change])
    desk.session.documents[other].apply([change], 2)
    await desk.ask(other, 1)
    uri = desk.open("a.py", "x = 1\n")
    request = await desk.ask(uri, 1, is_patient=True)
    assert [(each.path, each.text) for each in request.snippets] == [("other.py.diff", "-old_name = 1\n+new_name = 1")]


async def test_nothing_is_computed_ahead_where_it_is_switched_off() -> None:
    desk = Desk(CompletionSettings(prefetch=False))
    uri = desk.open("a.py", LINES)
    request = await desk.ask(uri, 300)
    assert len(request.prefix) > 1500
    assert desk.engine.served == []


async def test_an_engine_of_unknown_speed_is_never_asked_for_nothing() -> None:
    desk = Desk()
    desk.engine.capabilities_told = replace(SLOW, prefill_tokens_per_s=None)
    uri = desk.open("a.py", LINES)
    await desk.ask(uri, 300)
    assert desk.engine.served == []


async def test_another_engine_has_computed_nothing() -> None:
    desk = Desk()
    uri = desk.open("a.py", LINES)
    whole = await desk.ask(uri, 300, is_patient=True)
    desk.session.engine = ScriptedEngine([Rule("", "x")], SLOW)
    assert len((await desk.ask(uri, 300)).prefix) < len(whole.prefix)


async def test_a_worker_that_was_started_again_has_computed_nothing() -> None:
    desk = Desk()
    desk.engine.capabilities_told = replace(SLOW, instance=1)
    uri = desk.open("a.py", LINES)
    whole = await desk.ask(uri, 300, is_patient=True)
    assert (await desk.ask(uri, 300)).prefix == whole.prefix
    desk.engine.capabilities_told = replace(SLOW, instance=2)
    assert len((await desk.ask(uri, 300)).prefix) < len(whole.prefix)


async def test_what_was_computed_is_not_computed_again() -> None:
    desk = Desk()
    uri = desk.open("a.py", "x = 1\n")
    await wait_for(lambda: len(desk.computed()) == 1)
    desk.finder.note_indexed()
    desk.prompts.open(uri)
    desk.open("b.py", "y = 2\n")
    await wait_for(lambda: len(desk.computed()) == 2)
    assert [each.path for each in desk.computed()] == ["a.py", "b.py"]


async def test_closing_a_document_ends_what_is_computed_for_it() -> None:
    desk = Desk(latency_s=3600.0)
    uri = desk.open("a.py", "x = 1\n")
    await wait_for(lambda: bool(desk.engine.served))
    desk.prompts.close(uri)
    await wait_for(lambda: desk.engine.served[0].is_closed)


async def test_an_index_that_is_slow_or_broken_costs_snippets_and_no_error() -> None:
    class Stuck:
        async def definitions(self, *_: object) -> list[object]:
            await asyncio.Event().wait()
            return []

        async def outline(self, *_: object) -> list[object]:
            raise RuntimeError("closed")

        search = definitions

    desk = Desk(CompletionSettings(prefetch=False))
    desk.session.index = Stuck()  # type: ignore[assignment]
    uri = desk.open("a.py", "import m\nclient = Client(1)\nclient.\nm.\n")
    assert (await desk.ask(uri, 2, 7)).snippets == ()
    assert (await desk.ask(uri, 3, 2)).snippets == ()
    desk.finder.note_closed(uri)


async def test_an_engine_that_can_is_held_to_what_fits() -> None:
    text = "def f():\n    tot\n    return 1\n"
    for constraints, expected in (
        (frozenset[str](), ("def f():\n    tot", "", None)),
        (frozenset({"grammar"}), ("def f():\n", "    tot", r"/    tot(.|\n)*/")),
    ):
        desk = Desk()
        desk.engine.capabilities_told = replace(SLOW, constraints=constraints)
        request = await desk.ask(desk.open("a.py", text), 1, 7)
        prefix, begun, words = expected
        assert (request.prefix, request.begun, request.suffix) == (prefix, begun, "\n    return 1\n")
        assert request.grammar is None if words is None else words in (request.grammar or "")
        assert all(ahead.grammar is None for ahead in desk.computed())


async def test_an_indentation_that_is_certain_is_in_the_prompt_but_for_its_last_blank() -> None:
    desk = Desk()
    desk.engine.capabilities_told = replace(SLOW, constraints=frozenset({"grammar"}))
    request = await desk.ask(desk.open("a.py", "def f():\n  \n    return 1\n"), 1, 2)
    assert (request.prefix, request.said, request.begun) == ("def f():\n   ", "   ", "  ")
    assert "/ / (" in (request.grammar or "")


async def test_who_waits_gets_more_of_what_stands_behind() -> None:
    desk = Desk()
    uri = desk.open("a.py", LINES)
    patient = await desk.ask(uri, 300, is_patient=True)
    assert len(patient.suffix) > 2 * len((await desk.ask(uri, 300)).suffix)
