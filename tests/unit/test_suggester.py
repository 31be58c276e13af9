"""What a suggestion costs: streams that are kept, answers made ahead, engines that are let go."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from lsp_server.document import Change, Document, EncodedRange, Position
from lsp_server.engine.protocol import CompletionRequest, Priority
from lsp_server.engine.scripted import Rule, ScriptedEngine, Served
from lsp_server.errors import StreamBroken
from lsp_server.features.suggester import Suggester
from lsp_server.features.suggestion import Suggestion
from lsp_server.session import Session
from lsp_server.settings import CompletionSettings, Settings
from lsp_server.status import Reason, Severity, Status

pytestmark = pytest.mark.anyio

URI = "file:///a.py"
DEADLINE_S = 10.0
TOKEN_S = 0.02


class NoClient:
    """Nobody to tell."""

    def send_status(self, params: Mapping[str, object]) -> None: ...
    def show_message(self, message: str, severity: Severity) -> None: ...
    def show_progress(self, title: str, message: str, share: float) -> None: ...
    def end_progress(self, message: str) -> None: ...


async def wait_for(true: Callable[[], bool]) -> None:
    """Return as soon as `true` is."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.001)


@dataclass
class Window:
    """One document and a person who types at its end."""

    engine: ScriptedEngine
    completion: CompletionSettings = field(default_factory=lambda: CompletionSettings(debounce_ms=0, prefetch=False))

    def __post_init__(self) -> None:
        self.session = Session(Status(NoClient()), self.engine, Settings(self.completion))
        self.suggester = Suggester(self.session)
        self.document = self.session.documents[URI] = Document(URI, "", version=1, language_id="python")

    @property
    def position(self) -> Position:
        lines = self.document.snapshot().lines
        return Position(len(lines) - 1, len(lines[-1]))

    def type(self, text: str) -> None:
        line, column = self.position
        self.document.apply([Change(text, EncodedRange(line, column, line, column))], self.document.version + 1)

    def ask(self, *, is_invoked: bool = False) -> "asyncio.Task[Suggestion]":
        work = self.suggester.suggest(self.document.snapshot(), self.position, is_invoked=is_invoked)
        return asyncio.ensure_future(work)

    async def until(self, true: Callable[[], bool]) -> None:
        await wait_for(true)

    def served(self, index: int) -> Served:
        return self.engine.served[index]


def engine(reply: str = "compute(values)", **rule: object) -> ScriptedEngine:
    return ScriptedEngine([Rule("", reply, token_latency_s=TOKEN_S, **rule)])  # type: ignore[arg-type]


async def test_a_stream_goes_on_while_it_is_typed() -> None:
    window = Window(engine())
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    window.type("com")
    newer = window.ask()
    assert (await older).reason is Reason.CANCELLED
    assert (await newer).text == "pute(values)"
    assert len(window.engine.served) == 1


async def test_the_next_edit_is_prepared_after_any_request() -> None:
    window = Window(engine())
    window.type("x = ")
    await window.ask()
    assert window.document._spare == ["x = "]
    window.type("c")
    assert window.document._spare is None
    assert (await window.ask()).text == "ompute(values)"
    assert len(window.engine.served) == 1
    await window.until(lambda: window.document._spare == ["x = c"])


async def test_a_stream_that_says_something_else_is_let_go() -> None:
    window = Window(engine())
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    window.type("d")
    newer = window.ask()
    assert (await older).text == ""
    assert (await newer).text == "compute(values)"
    assert window.served(0).closed_early
    assert len(window.engine.served) == 2


@pytest.mark.parametrize(("typed", "text", "n_calls"), [("c", "ompute(values)", 1), ("d", "compute(values)", 2)])
async def test_an_answer_that_has_not_begun_is_waited_for(typed: str, text: str, n_calls: int) -> None:
    window = Window(engine(latency_s=0.1))
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served))
    window.type(typed)
    newer = window.ask()
    assert (await older).reason is Reason.CANCELLED
    assert (await newer).text == text
    assert len(window.engine.served) == n_calls


async def test_an_answer_that_has_not_begun_is_let_go_behind_much_text() -> None:
    window = Window(engine(latency_s=3600.0))
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served))
    window.type("something_else")
    newer = window.ask()
    await window.until(lambda: window.served(0).is_closed)
    newer.cancel()
    await asyncio.wait((older, newer))


async def test_who_types_ahead_of_the_stream_and_is_wrong_asks_again() -> None:
    window = Window(engine("con" + "x" * 30))
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    window.type("con" + "x" * 3 + "y")
    newer = window.ask()
    await asyncio.gather(older, newer)
    await window.until(lambda: window.served(0).is_closed)
    assert len(window.engine.served) == 2


async def test_an_editor_that_withdraws_at_each_key_keeps_the_stream() -> None:
    window = Window(engine())
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    older.cancel()
    await asyncio.wait((older,))
    assert older.cancelled()
    window.type("c")
    assert (await window.ask()).text == "ompute(values)"
    assert len(window.engine.served) == 1


async def test_what_was_withdrawn_and_not_asked_again_is_let_go() -> None:
    window = Window(engine("word " * 200))
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    older.cancel()
    await window.until(lambda: window.served(0).is_closed)
    assert window.served(0).closed_early


async def test_a_failure_reaches_who_waits_now() -> None:
    window = Window(engine(error=StreamBroken("gone"), n_before_error=2))
    window.type("x = ")
    older = window.ask()
    await window.until(lambda: bool(window.engine.served) and window.served(0).n_tokens > 0)
    window.type("c")
    assert (await window.ask()).reason is Reason.ENGINE_ERROR
    await older


async def test_who_asks_again_after_a_failure_gets_another_answer() -> None:
    window = Window(engine(error=StreamBroken("gone")))
    window.type("x = ")
    assert (await window.ask()).reason is Reason.ENGINE_ERROR
    window.engine.rules = [Rule("", "compute(values)")]
    assert (await window.ask()).text == "compute(values)"


async def test_the_next_suggestion_is_made_ahead() -> None:
    window = Window(engine(), CompletionSettings(debounce_ms=0))
    window.type("x = ")
    suggestion = await window.ask()
    await window.until(lambda: len(window.engine.served) == 2 and window.served(1).is_closed)
    ahead = window.served(1).request
    assert isinstance(ahead, CompletionRequest)
    assert ahead.priority is Priority.BACKGROUND
    assert ahead.prefix == "x = compute(values)"
    window.type(suggestion.text[:3])  # a word at a time, then the rest
    assert (await window.ask()).text == suggestion.text[3:]
    window.type(suggestion.text[3:])
    assert (await window.ask()).text
    await window.until(lambda: len(window.engine.served) == 3)
    assert window.served(2).request.priority is Priority.BACKGROUND


async def test_typing_something_else_ends_what_is_made_ahead() -> None:
    window = Window(engine("word " * 50), CompletionSettings(debounce_ms=0, max_tokens=200))
    window.type("x = ")
    await window.ask()
    await window.until(lambda: len(window.engine.served) == 2 and window.served(1).n_tokens > 0)
    window.type("other")
    asking = window.ask()
    await window.until(lambda: window.served(1).is_closed)
    assert window.served(1).closed_early
    await asking


async def test_closing_the_document_ends_what_is_made_ahead() -> None:
    window = Window(engine("word " * 50), CompletionSettings(debounce_ms=0, max_tokens=200))
    window.type("x = ")
    await window.ask()
    await window.until(lambda: len(window.engine.served) == 2)
    window.suggester.forget(URI)
    await window.until(lambda: window.served(1).is_closed)


async def test_candidates_differ() -> None:
    replies = {"": "one", "1": "two", "2": "one", "3": ""}
    window = Window(
        ScriptedEngine([Rule("", lambda request: replies[request.key.partition("#")[2]])]),
        CompletionSettings(prefetch=False, candidates=4),
    )
    window.type("x = ")
    suggestion = await window.ask(is_invoked=True)
    assert (suggestion.text, suggestion.others) == ("one", ("two",))


async def test_what_the_answer_says_again_is_not_shown() -> None:
    window = Window(engine("  x = compute(values)"))
    window.engine.capabilities_told = replace(window.engine.capabilities_told, constraints=frozenset({"grammar"}))
    window.type("  x")
    assert (await window.ask()).text == " = compute(values)"
    request = window.served(0).request
    assert isinstance(request, CompletionRequest)
    assert (request.prefix, request.begun) == ("", "  x")


async def test_what_of_the_answer_is_in_the_prompt_is_shown() -> None:
    window = Window(engine(" x = compute(values)"))
    window.engine.capabilities_told = replace(window.engine.capabilities_told, constraints=frozenset({"grammar"}))
    window.type("def f():\n")
    assert (await window.ask()).text == "    x = compute(values)"
    request = window.served(0).request
    assert isinstance(request, CompletionRequest)
    assert (request.prefix, request.said, request.begun) == ("def f():\n   ", "   ", "")


async def test_what_was_held_back_is_told_each_time_and_shown_to_who_asks() -> None:
    window = Window(engine(logprob=-3.0))
    window.type("x = ")
    for _ in range(2):
        assert (await window.ask()).text == ""
        told = window.session.status.last
        assert told is not None
        assert "not sure enough" in told.message
    assert len(window.engine.served) == 1
    assert (await window.ask(is_invoked=True)).text == "compute(values)"
