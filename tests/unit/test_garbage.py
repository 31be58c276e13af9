"""When garbage is looked for."""

import gc
from collections.abc import Iterator

import pytest

from lsp_server.garbage import collect_young


@pytest.fixture(autouse=True)
def nothing_young() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_few_objects_are_left_alone() -> None:
    kept: list[list[object]] = [[] for _ in range(500)]
    n_young = gc.get_count()[0]
    collect_young()
    assert gc.get_count()[0] >= n_young >= len(kept)


def test_many_are_gone_through_and_now_and_then_older_ones_too() -> None:
    generations: list[int] = []
    kept: list[list[object]] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            generations.append(info["generation"])

    gc.callbacks.append(note)
    try:
        for _ in range(21 * 21 + 1):
            kept.clear()
            kept.extend([] for _ in range(2_100))
            collect_young()
    finally:
        gc.callbacks.remove(note)
    assert generations[:21] == [0] * 20 + [1]
    assert generations.count(2) == 1
