"""Engines with a tiny model, each on its thread, ended with the test."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import mlx.core as mx
import pytest

from inference.device import Device
from inference.engine import Engine
from inference.metrics import Metrics
from inference.models.load import load_model
from inference.residents import Report, Resident, Residents, Role
from inference.suffix_reuse import SuffixBlocks
from tests.tiny_model import write_tiny_checkpoint
from tests.unit.engine.harness import CHUNKS, DEADLINE_S, Bench, Clock, End, Gate, StartEngine


@pytest.fixture(scope="package")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def start(checkpoint: Path) -> Iterator[StartEngine]:
    benches: list[Bench] = []

    def start_engine(
        n_context: int = 512,
        broken_token: int | None = None,
        *,
        run_ahead: bool = False,
        speculates: bool = True,
        kv_budget_bytes: int | None = None,
    ) -> Bench:
        gate, metrics, clock = Gate(), Metrics(), Clock()

        def load(report: Report) -> Residents:
            report(0.5, "reading")
            loaded = load_model(checkpoint)
            inner = loaded.model.model

            class Gated(type(inner)):  # type: ignore[misc]
                def __call__(self, inputs: mx.array, *rest: object) -> object:
                    rows = cast(list[list[int]], inputs.tolist())
                    gate.wait(rows)
                    if any(broken_token in tokens for tokens in rows):
                        raise RuntimeError("the device said no")
                    return super().__call__(inputs, *rest)

            inner.__class__ = Gated
            roles: frozenset[Role] = frozenset({"completion", "assistant"})
            suffixes = SuffixBlocks(loaded.model)
            resident = Resident(loaded, roles, n_context, CHUNKS, run_ahead, speculates, suffixes=suffixes)
            return Residents((resident,), Device("cpu", "test", 0), "none")

        end = End()
        engine = Engine(load, metrics, end, clock, kv_budget_bytes)
        benches.append(Bench(engine, metrics, clock, gate, end))
        engine.start()
        deadline_s = time.monotonic() + DEADLINE_S
        while engine.state.status == "loading" and time.monotonic() < deadline_s:
            time.sleep(0.001)
        gate.first_fed.clear()  # of what was fed to see what KV costs
        gate.n_rows.clear()
        return benches[-1]

    yield start_engine
    for bench in benches:
        bench.gate.is_open.set()
        bench.engine.stop()
        bench.end.wait()
