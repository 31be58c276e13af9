"""LocalEngine and worker processes: started when needed, once, again when they die, and not for ever."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from inference import WIRE_VERSION
from lsp_server.engine import EngineEvent, EngineState, build_engine, process
from lsp_server.engine.launcher import LocalEngine
from lsp_server.engine.protocol import CompletionRequest, Token
from lsp_server.errors import EngineError, EngineUnavailable, ModelLoading, ModelMissing, StreamBroken
from lsp_server.settings import parse

pytestmark = pytest.mark.anyio

DEADLINE_S = 30.0
REQUEST = CompletionRequest("x = ", "", key="k")
ROOT = Path(__file__).parents[2]


class Window:
    """An editor window's engine, and what it told."""

    def __init__(self, **worker_settings: object) -> None:
        settings, problems = parse({"completion": {"model": "m"}, "worker": worker_settings})
        assert not problems
        self.events: list[EngineEvent] = []
        engine = build_engine(settings, self.events.append)
        assert isinstance(engine, LocalEngine)
        self.engine = engine

    @property
    def states(self) -> list[EngineState]:
        return [event.state for event in self.events]

    async def complete(self) -> str:
        async with aclosing(self.engine.complete(REQUEST)) as tokens:
            return "".join([token.text async for token in tokens])


class Workers:
    """The fake workers of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.plan()

    def plan(self, **plan: Any) -> None:
        """Say what workers do that start from now on."""
        (self.home / "plan.json").write_text(json.dumps(plan))

    def pids(self, name: str) -> list[int]:
        path = self.home / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def kill(self) -> None:
        """Kill the one that serves, without warning."""
        os.kill(self.pids("serving")[-1], signal.SIGKILL)

    def end(self) -> None:
        for pid in self.pids("started"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def workers(hearthline_home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-m", "tests.fake_worker"))
    monkeypatch.setattr(process, "check_model", lambda _: None)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    workers = Workers(hearthline_home)
    yield workers
    workers.end()


@pytest.fixture
async def open_window() -> AsyncIterator[Callable[..., Window]]:
    windows: list[Window] = []

    def open_one(**worker_settings: object) -> Window:
        windows.append(Window(**worker_settings))
        return windows[-1]

    yield open_one
    for window in windows:
        await window.engine.close()


async def warm(window: Window) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await window.engine.warm_up()


async def test_a_worker_is_started_when_it_is_needed(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(n_loading=3)
    window = open_window()
    await warm(window)
    assert await window.complete() == "ab"
    assert window.states[0] is EngineState.STARTING
    assert EngineState.LOADING in window.states
    assert window.states[-1] is EngineState.READY
    progress = [event.progress for event in window.events if event.state is EngineState.LOADING]
    assert progress == sorted(progress, key=lambda share: share or 0)
    assert (await window.engine.capabilities()).prefill_tokens_per_s == 100.0


async def test_many_requests_at_once_start_one(workers: Workers, open_window: Callable[..., Window]) -> None:
    window = open_window()
    answers = await asyncio.gather(*(window.complete() for _ in range(20)), return_exceptions=True)
    assert all(answer == "ab" or isinstance(answer, ModelLoading) for answer in answers)
    await warm(window)
    assert len(workers.pids("started")) == 1


async def test_many_windows_at_once_share_one(workers: Workers, open_window: Callable[..., Window]) -> None:
    windows = [open_window() for _ in range(8)]
    await asyncio.gather(*map(warm, windows))
    assert [await window.complete() for window in windows] == ["ab"] * 8
    assert len(workers.pids("serving")) == 1


async def test_a_keystroke_does_not_wait_for_weights(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(n_loading=1_000_000)
    window = open_window()
    with pytest.raises(ModelLoading):
        await window.complete()
    started = time.monotonic()
    with pytest.raises(ModelLoading):
        await window.complete()
    assert time.monotonic() - started < 2.0


@pytest.mark.usefixtures("hearthline_home")
async def test_no_process_for_a_model_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", lambda *_: pytest.fail("a process was started"))
    settings, _ = parse({"completion": {"model": "smollm2-135m-instruct"}})
    events: list[EngineEvent] = []
    engine = build_engine(settings, events.append)
    with pytest.raises(ModelMissing, match="hearthline models pull smollm2-135m-instruct"):
        await engine.warm_up()
    await engine.close()
    assert [event.state for event in events] == [EngineState.MISSING]


async def test_no_process_where_the_person_starts_workers(workers: Workers, open_window: Callable[..., Window]) -> None:
    with pytest.raises(EngineUnavailable, match="autostart"):
        await open_window(autostart=False).complete()
    assert workers.pids("started") == []


async def test_killed_in_mid_stream(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(hangs_in_stream=True)
    window = open_window()
    await warm(window)
    killed = (await window.engine.capabilities()).instance
    async with asyncio.timeout(DEADLINE_S), aclosing(window.engine.complete(REQUEST)) as tokens:
        assert await anext(tokens) == Token("a")
        workers.plan()
        workers.kill()
        with pytest.raises(StreamBroken):
            await anext(tokens)
    await warm(window)
    assert await window.complete() == "ab"
    assert (await window.engine.capabilities()).instance not in (0, killed)
    assert EngineState.DIED in window.states
    assert len(workers.pids("serving")) == 2


async def test_killed_between_requests(workers: Workers, open_window: Callable[..., Window]) -> None:
    window = open_window()
    await warm(window)
    assert await window.complete() == "ab"
    workers.kill()
    with pytest.raises(EngineError):
        await window.complete()
    await warm(window)
    assert await window.complete() == "ab"


@pytest.mark.usefixtures("workers")
async def test_one_that_left_in_order_did_not_die(open_window: Callable[..., Window]) -> None:
    window = open_window()
    await warm(window)
    http = window.engine._http
    assert http is not None
    await http.stop_worker()
    with suppress(ModelLoading):
        await window.complete()
    await warm(window)
    assert await window.complete() == "ab"
    assert EngineState.DIED not in window.states


async def test_one_that_keeps_dying_is_given_time_and_said_once(
    workers: Workers, open_window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.engine.starter.Backoff.wait_s", lambda _: 0.0)
    workers.plan(exit_code=4, exit_message="the weights are damaged")
    window = open_window()
    for _ in range(5):
        with pytest.raises(EngineUnavailable, match="the weights are damaged"):
            await warm(window)
    assert window.states.count(EngineState.CRASH_LOOP) == 1
    assert len(workers.pids("started")) == 5
    workers.plan()
    await warm(window)
    assert window.states[-1] is EngineState.READY


async def test_while_it_waits_its_turn_requests_hear_so(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(exit_code=5, exit_message="broken")
    window = open_window()
    with pytest.raises(EngineUnavailable, match="broken"):
        await warm(window)
    with pytest.raises(EngineUnavailable, match="started again in 1 s"):
        await window.complete()
    assert len(workers.pids("started")) == 1


async def test_dying_while_it_loads(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(n_loading=100, die_at_health=3)
    with pytest.raises(EngineUnavailable, match="while it read the weights"):
        await warm(open_window())


async def test_an_older_worker_is_replaced(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(wire=WIRE_VERSION)
    await warm(open_window())
    workers.plan()
    first = workers.pids("serving")[-1]
    with pytest.MonkeyPatch.context() as patch:
        # The workers of this test tell the wire that is current when they start.
        patch.setattr("lsp_server.engine.starter.WIRE_VERSION", WIRE_VERSION + 1)
        workers.plan(wire=WIRE_VERSION + 1)
        window = open_window()
        await warm(window)
        assert await window.complete() == "ab"
    assert workers.pids("serving")[-1] != first


async def test_a_newer_worker_is_not_touched(workers: Workers, open_window: Callable[..., Window]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lsp_server.engine.starter.WIRE_VERSION", WIRE_VERSION + 1)
        workers.plan(wire=WIRE_VERSION + 1)
        await warm(open_window())
    with pytest.raises(EngineUnavailable, match="newer than this language server"):
        await warm(open_window())
    assert len(workers.pids("started")) == 1


async def test_a_worker_with_another_model_is_not_touched(workers: Workers, open_window: Callable[..., Window]) -> None:
    workers.plan(model="other")
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="holds other, not m"):
            await warm(open_window())
    assert len(workers.pids("serving")) == 1


async def test_closed_while_it_starts(workers: Workers) -> None:
    workers.plan(n_loading=1_000_000)
    window = Window()
    waiting = asyncio.create_task(window.engine.warm_up())
    with pytest.raises(ModelLoading):
        await window.complete()
    await window.engine.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(workers.pids("started")) == 1
