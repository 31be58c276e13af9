"""Room for jobs: shares of the classes, what is kept for later prompts, and that the budget holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.jobs import Job
from inference.kv_cache import KvCost
from inference.kv_memory import KvMemory, KvModel, default_budget, joined_tokens, prompt_cache_cap
from inference.scheduler import Priority
from tests.unit.test_prompt_cache import Layer

INTERACTIVE, FOREGROUND, BACKGROUND = Priority
TOKEN_BYTES = 10


class Factory:
    """Layers that count a token as so many bytes as it costs."""

    def make_cache(self) -> list[Any]:
        return [Layer() for _ in range(TOKEN_BYTES)]


def memory(n_tokens: int, state_bytes: int = 0) -> KvMemory:
    return KvMemory(n_tokens * TOKEN_BYTES, {"tiny": KvModel(Factory(), KvCost(TOKEN_BYTES, state_bytes), 4096)})


def job(n_tokens: int, priority: Priority = FOREGROUND, first: int = 0) -> Job:
    return Job("tiny", "/", [first, *range(1, n_tokens)], 1, lambda _: None, 0.0, priority)


def run(kv_memory: KvMemory, job: Job) -> None:
    """Begin `job`, compute its prompt and end it."""
    sequence = kv_memory.begin(job)
    for layer in sequence.kv_cache:
        layer.tokens += sequence.tokens[sequence.n_cached :]
    sequence.n_cached = len(sequence.tokens)
    kv_memory.end(job, sequence)


def test_less_urgent_classes_leave_room_to_more_urgent_ones() -> None:
    kv_memory = memory(8192)
    background = [job(1000, BACKGROUND) for _ in range(5)]
    for each in background[:4]:
        assert kv_memory.has_room(each)
        kv_memory.begin(each)
    assert not kv_memory.has_room(background[4])
    foreground = [job(1000, FOREGROUND) for _ in range(3)]
    for each in foreground[:2]:
        assert kv_memory.has_room(each)
        kv_memory.begin(each)
    assert not kv_memory.has_room(foreground[2])
    assert kv_memory.has_room(job(2000, INTERACTIVE))
    kv_memory.end(background[0], None)
    assert kv_memory.has_room(background[4])


def test_what_never_fits_is_told_with_numbers() -> None:
    kv_memory = memory(2048, state_bytes=0)
    assert kv_memory.never_fits(job(1000, BACKGROUND)) is None
    words = kv_memory.never_fits(job(1500, BACKGROUND))
    assert words is not None
    assert "1500 tokens" in words
    assert "background requests may use 0 MB" in words
    assert kv_memory.never_fits(job(1500, INTERACTIVE)) is None


def test_recurrent_states_are_counted() -> None:
    kv_memory = memory(2048, state_bytes=2048 * TOKEN_BYTES // 4)
    assert kv_memory.never_fits(job(200, INTERACTIVE)) is None
    many_cuts = job(200, INTERACTIVE)
    many_cuts.cuts = (10, 20, 30)
    assert kv_memory.never_fits(many_cuts) is not None


def test_prompts_are_kept_up_to_their_share_and_shrink_oldest_first() -> None:
    kv_memory = memory(8192)
    for first in range(5):
        run(kv_memory, job(1000, first=first))
    assert kv_memory.n_cached_bytes == 2 * 1000 * TOKEN_BYTES
    kv_memory.shrink(1)
    assert kv_memory.n_cached_bytes == 1000 * TOKEN_BYTES
    newest = job(1000, first=4)
    assert kv_memory.begin(newest).n_cached == 999
    assert kv_memory.n_cached_bytes == 0


@pytest.mark.parametrize(
    ("share_mb", "token_bytes", "state_bytes", "n_context", "cap_mb"),
    [
        (1400, 24_576, 0, 32_768, 402.7),  # the 0.5B coder in float32
        (250, 24_576, 0, 32_768, 250),  # on a small machine
        (1400, 46_080, 0, 8_192, 755.0),  # as many tokens, whatever the context is
        (1750, 20_480, 64_400_000, 262_144, 1750),  # the hybrid 35B on 48 GB
        (6000, 20_480, 64_400_000, 262_144, 4423.2),  # and on 128
        (300, 20_480, 64_400_000, 262_144, 644),  # ten checkpoints at least
    ],
)
def test_of_each_model_as_much_is_kept_as_is_worth_it(
    share_mb: int, token_bytes: int, state_bytes: int, n_context: int, cap_mb: float
) -> None:
    model = KvModel(Factory(), KvCost(token_bytes, state_bytes), n_context)
    assert prompt_cache_cap(share_mb * 10**6, model) / 1e6 == pytest.approx(cap_mb, abs=0.1)


def test_enough_checkpoints_are_kept_whatever_the_share() -> None:
    kv_memory = memory(8192, state_bytes=10_000)
    for first in range(5):
        run(kv_memory, job(1000, INTERACTIVE, first=first))
    assert kv_memory.n_cached_bytes == 5 * 1000 * TOKEN_BYTES


@given(
    jobs=st.lists(
        st.tuples(st.integers(1, 3000), st.sampled_from(Priority), st.booleans(), st.integers(0, 3)), max_size=12
    )
)
def test_the_budget_holds(jobs: list[tuple[int, Priority, bool, int]]) -> None:
    kv_memory = memory(8192)
    running: list[tuple[Job, int]] = []
    for number, (n_tokens, priority, ends, which) in enumerate(jobs):
        new = job(n_tokens, priority, first=number)
        if kv_memory.never_fits(new) is None and kv_memory.has_room(new):
            reserved = -(-(n_tokens + 1) // 256) * 256 if priority is INTERACTIVE else joined_tokens(n_tokens + 1)
            running.append((new, reserved))
            kv_memory.begin(new)
            assert sum(n for _, n in running) * TOKEN_BYTES + kv_memory.n_cached_bytes <= 8192 * TOKEN_BYTES
        if ends and which < len(running):
            ended, _ = running.pop(which)
            kv_memory.end(ended, None)
            run(kv_memory, ended)


def test_the_default_is_a_share_of_what_the_weights_leave() -> None:
    assert default_budget(18 * 2**30, 2 * 2**30) == 4 * 2**30
    assert default_budget(2**30, 2**31) == 2**30
