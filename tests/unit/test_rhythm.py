"""Adaptive patience: never longer than a person notices, nothing where answers come before the next key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.rhythm import Rhythm


def rhythm(interval_s: float, answer_s: float, n: int = 20) -> Rhythm:
    made = Rhythm()
    for i in range(n):
        made.note_key(i * interval_s)
        made.note_answer(answer_s)
    return made


@pytest.mark.parametrize(
    ("interval_s", "answer_s", "pause_s"),
    [
        (0.2, 0.05, 0.0),  # a fast machine: asked at every key
        (0.2, 1.5, 0.28),  # a slow one: once the person pauses
        (0.08, 1.5, 0.112),  # a fast typist's pause is shorter
        (0.9, 3.0, 0.4),  # nobody waits longer
    ],
)
def test_pause(interval_s: float, answer_s: float, pause_s: float) -> None:
    assert rhythm(interval_s, answer_s).pause_s() == pytest.approx(pause_s, rel=0.02)


def test_thinking_is_no_typing() -> None:
    made = rhythm(0.1, 2.0)
    before = made.pause_s()
    made.note_key(1000.0)
    made.note_key(1000.1)
    assert made.pause_s() == pytest.approx(before, rel=0.01)


@given(st.lists(st.floats(0, 1e6)), st.lists(st.floats(0, 100)))
def test_the_pause_is_bounded(keys_s: list[float], answers_s: list[float]) -> None:
    made = Rhythm()
    for key_s in keys_s:
        made.note_key(key_s)
    for answer_s in answers_s:
        made.note_answer(answer_s)
    assert 0.0 <= made.pause_s() <= 0.4
