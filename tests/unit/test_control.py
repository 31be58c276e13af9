"""Routes that look and steer, on a real application over a tiny model and a machine that is made up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.app import Worker, make_app
from inference.care import Surroundings
from inference.caretaker import Caretaker
from inference.engine import Engine
from inference.metrics import Metrics
from inference.residents import load_residents
from tests.tiny_model import write_tiny_checkpoint
from tests.unit.test_caretaker import FakeSensors

DEADLINE_S = 30.0
GB = 10**9


class Bench:
    """A worker without a socket, whose machine says what the test wants."""

    def __init__(self, directory: Path) -> None:
        metrics = Metrics()
        self.ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.engine = Engine(
            lambda report: load_residents(str(directory), None, 512, report),
            metrics,
            lambda _: self._end(loop),
        )
        self.sensors = FakeSensors()
        self.caretaker = Caretaker(self.engine, self.sensors, 10.0)
        app = make_app(Worker(self.engine, self.caretaker, metrics, stop=lambda: None))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker")

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self.ended.set)

    async def see(self, used_bytes: int = GB, **around: bool) -> None:
        self.sensors.used_bytes, self.sensors.around = used_bytes, Surroundings(**around)
        await self.caretaker.look()

    async def health(self) -> dict[str, Any]:
        health: dict[str, Any] = (await self.client.get("/health")).json()
        return health

    async def complete(self, **fields: Any) -> httpx.Response:
        return await self.client.post("/v1/completions", json={"prompt": "x", "max_tokens": 1, **fields})


@asynccontextmanager
async def start(directory: Path) -> AsyncIterator[Bench]:
    bench = Bench(directory)
    async with asyncio.timeout(DEADLINE_S), bench.client:
        assert (await bench.health())["memory"] is None
        bench.engine.start()
        while (await bench.health())["status"] == "loading":  # noqa: ASYNC110  a client has no other way to learn it
            await asyncio.sleep(0.01)
        yield bench
        bench.engine.stop()
        await bench.ended.wait()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.anyio
async def test_at_its_ceiling_the_worker_refuses_and_says_when_to_come_back(tiny: Path) -> None:
    async with start(tiny) as bench:
        await bench.see(10 * GB)
        refused = await bench.complete(priority="interactive")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["code"] == "memory_pressure"
        assert "10.0 GB of 10.0 GB" in refused.json()["error"]["message"]
        health = await bench.health()
        assert health["memory"] == {
            "used_bytes": 10 * GB,
            "soft_bytes": 9 * GB,
            "ceiling_bytes": 10 * GB,
            "level": "hard",
        }
        assert health["paused"] == ["the worker is near its memory ceiling (10.0 GB of 10.0 GB)"]
        await bench.see(9 * GB)
        assert (await bench.complete()).status_code == 200
        assert (await bench.health())["memory"]["level"] == "soft"


@pytest.mark.anyio
async def test_what_runs_when_the_ceiling_is_reached_ends_normally(tiny: Path) -> None:
    async with start(tiny) as bench:
        running = asyncio.create_task(bench.complete(max_tokens=300, priority="interactive"))
        while not bench.engine.n_active:  # noqa: ASYNC110  the engine is another thread
            await asyncio.sleep(0.001)
        await bench.see(10 * GB)
        assert (await running).json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.anyio
async def test_background_work_waits_while_it_is_paused_and_nothing_else_does(tiny: Path) -> None:
    async with start(tiny) as bench:
        paused = await bench.client.post("/control/pause")
        assert paused.json() == {"paused": ["paused by request"]}
        waiting = asyncio.create_task(bench.complete(priority="background"))
        for priority in ("interactive", "foreground"):
            assert (await bench.complete(priority=priority)).status_code == 200
        assert not waiting.done()
        assert (await bench.health())["paused"] == ["paused by request"]
        metrics = (await bench.client.get("/metrics")).text
        assert 'hearthline_paused{cause="request"} 1\nhearthline_paused{cause="battery"} 0\n' in metrics
        assert metrics.count("# TYPE hearthline_paused gauge") == 1
        assert (await bench.client.post("/control/resume")).json() == {"paused": []}
        assert (await waiting).status_code == 200


@pytest.mark.anyio
async def test_a_resumed_worker_still_says_what_its_machine_asks_for(tiny: Path) -> None:
    async with start(tiny) as bench:
        await bench.see(on_battery=True, is_hot=True)
        await bench.client.post("/control/pause", json={"for_s": 60})
        words = (await bench.client.post("/control/resume")).json()["paused"]
        assert words == ["the machine runs on battery", "the machine is hot"]


@pytest.mark.anyio
async def test_a_pause_that_is_not_understood_is_refused(tiny: Path) -> None:
    async with start(tiny) as bench:
        for body in ('{"for_s": 0}', '{"for_s": "x"}', '{"for_h": 1}', "{", "[]", "1" * 5000):
            refused = await bench.client.post("/control/pause", content=body)
            assert refused.status_code == 400
            assert refused.json()["error"]["type"] == "invalid_request_error"
            assert (await bench.health())["paused"] == []
