"""What the engine is told after each reading, and what a request is told at the hard watermark."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inference.care import Care, Surroundings
from inference.caretaker import Caretaker
from inference.device import Device
from inference.errors import MemoryShort
from inference.residents import Residents

GB = 10**9
CALM = Surroundings()


@dataclass
class FakeEngine:
    """Writes down what it is told."""

    residents: Residents | None = None
    now_s: float = 100.0
    told: list[object] = field(default_factory=list)
    unload_after_s: float | None = None

    def clock(self) -> float:
        return self.now_s

    def hold_background(self, is_held: bool) -> None:
        self.told.append(is_held)

    def unload_idle(self, limit_s: float) -> None:
        self.unload_after_s = limit_s

    def shrink_caches(self, n_bytes: int) -> None:
        self.told.append(n_bytes)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():  # noqa: ASYNC110  what is waited for is not the test's to announce
            await asyncio.sleep(0.001)


@dataclass
class FakeSensors:
    """A machine that says what it is told to."""

    used_bytes: int = GB
    around: Surroundings = CALM

    def footprint_bytes(self) -> int:
        return self.used_bytes

    def surroundings(self) -> Surroundings:
        return self.around


@dataclass
class Bench:
    engine: FakeEngine
    sensors: FakeSensors
    caretaker: Caretaker

    async def see(self, used_bytes: int = GB, around: Surroundings = CALM) -> list[object]:
        """Let the caretaker look; give what the engine was told."""
        self.sensors.used_bytes, self.sensors.around = used_bytes, around
        self.engine.told.clear()
        await self.caretaker.look()
        return list(self.engine.told)


@pytest.fixture
def bench() -> Bench:
    engine, sensors = FakeEngine(Residents((), Device("cpu", "test", 0), "none")), FakeSensors()
    return Bench(engine, sensors, Caretaker(engine, sensors, 10.0))


@pytest.mark.anyio
async def test_background_is_held_once_and_let_go_once(bench: Bench) -> None:
    assert await bench.see() == []
    assert await bench.see(around=Surroundings(on_battery=True)) == [True]
    assert await bench.see(around=Surroundings(on_battery=True, is_hot=True)) == []
    assert bench.caretaker.paused == ["the machine runs on battery", "the machine is hot"]
    bench.engine.now_s += 31.0
    assert await bench.see() == [False]
    assert bench.caretaker.paused == []


@pytest.mark.anyio
async def test_caches_give_way_from_the_soft_watermark_on(bench: Bench) -> None:
    assert await bench.see(8_999_999_999) == []
    assert await bench.see(9 * GB) == [450_000_001, True]
    assert await bench.see(9 * GB) == [450_000_001]
    bench.caretaker.admit()
    assert await bench.see(8 * GB) == [False]


@pytest.mark.anyio
async def test_a_system_short_of_memory_gets_the_caches_once(bench: Bench) -> None:
    short = Surroundings(is_short_of_memory=True)
    assert await bench.see(2 * GB, short) == [2 * GB, True]
    assert await bench.see(2 * GB, short) == []


@pytest.mark.anyio
async def test_at_the_hard_watermark_nothing_new_is_let_in(bench: Bench) -> None:
    await bench.see(10 * GB)
    with pytest.raises(MemoryShort, match=r"ceiling \(10.0 GB of 10.0 GB\); try again in a moment") as refused:
        bench.caretaker.admit()
    assert refused.value.retry_after_s == 5
    await bench.see(9_400_000_000)
    bench.caretaker.admit()


@pytest.mark.anyio
async def test_while_the_models_load_the_machine_alone_counts(bench: Bench) -> None:
    bench.engine.residents = None
    assert await bench.see(100 * GB, Surroundings(on_battery=True)) == [True]
    bench.caretaker.admit()
    assert bench.caretaker.limits is None


@pytest.mark.anyio
async def test_a_pause_ends_by_itself_without_waiting_for_a_reading(bench: Bench) -> None:
    running = asyncio.create_task(bench.caretaker.run())
    await until(lambda: bench.caretaker.care != Care())
    bench.caretaker.pause(0.05)
    assert bench.engine.told == [True]
    bench.engine.now_s += 1.0
    await until(lambda: bench.engine.told == [True, False])
    running.cancel()


@pytest.mark.anyio
async def test_a_reading_that_fails_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    has_failed = threading.Event()

    def fail() -> Surroundings:
        has_failed.set()
        raise OSError("no such sensor")

    monkeypatch.setattr(bench.sensors, "surroundings", fail)
    running = asyncio.create_task(bench.caretaker.run())
    await until(has_failed.is_set)
    monkeypatch.undo()
    bench.caretaker.pause(60.0)
    await until(lambda: bench.caretaker.care.used_bytes == GB)
    running.cancel()


@pytest.mark.anyio
async def test_a_pause_lasts_until_somebody_resumes(bench: Bench) -> None:
    bench.caretaker.pause(None)
    bench.engine.now_s += 1e6
    assert await bench.see() == []
    bench.caretaker.resume()
    assert bench.engine.told == [False]


@pytest.mark.anyio
async def test_every_look_gives_back_what_is_idle(bench: Bench) -> None:
    await bench.see()
    assert bench.engine.unload_after_s == 600.0


def test_nothing_wires_memory_down() -> None:
    sources = (Path(__file__).parents[2] / "inference").rglob("*.py")
    assert not [path for path in sources if "set_wired_limit" in path.read_text(encoding="utf-8")]
