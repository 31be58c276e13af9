"""How long a worker that died has to wait."""

import pytest

from lsp_server.engine.backoff import HEALTHY_S, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_death_in_a_row_costs_more(clock: Clock) -> None:
    backoff, waits = Backoff(clock), []
    assert backoff.wait_s() == 0
    for _ in range(9):
        backoff.note_death()
        waits.append(backoff.wait_s())
        clock.now += backoff.wait_s()
        backoff.note_ready()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert backoff.is_crash_loop


def test_waiting_counts(clock: Clock) -> None:
    backoff = Backoff(clock)
    backoff.note_death()
    clock.now += 0.75
    assert backoff.wait_s() == 0.25
    clock.now += 10
    assert backoff.wait_s() == 0


def test_a_healthy_while_ends_the_row(clock: Clock) -> None:
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.note_death()
    backoff.note_ready()
    clock.now += HEALTHY_S
    backoff.note_death()
    assert backoff.wait_s() == 1
    assert not backoff.is_crash_loop


def test_a_thousand_deaths(clock: Clock) -> None:
    backoff = Backoff(clock)
    for _ in range(2000):
        backoff.note_death()
    assert backoff.wait_s() == 60
