"""The next token: greedy, restricted, repeatable, and its probability."""

import math

import mlx.core as mx
import numpy as np
import pytest

from inference.jobs import Sampling
from inference.sampling import Chooser, make_chooser

LOGITS = mx.log(mx.array([0.1, 0.4, 0.2, 0.3]))


def draw(choose: Chooser, n: int) -> list[int]:
    return [int(choose(LOGITS[None], place).token.item()) for place in range(n)]  # type: ignore[arg-type]


def test_greedy_takes_the_likeliest() -> None:
    assert draw(make_chooser(Sampling(), wants_logprob=False), 3) == [1, 1, 1]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.5, top_k=1, seed=1)])
def test_the_logprob_is_the_models_own(sampling: Sampling) -> None:
    choice = make_chooser(sampling, wants_logprob=True)(LOGITS[None] + 5.0, 0)
    assert choice.logprob is not None
    assert choice.logprob.item() == pytest.approx(math.log(0.4), abs=1e-5)


def test_no_logprob_is_computed_unasked() -> None:
    assert make_chooser(Sampling(), wants_logprob=False)(LOGITS[None], 0).logprob is None


@pytest.mark.parametrize(
    ("top_p", "top_k", "kept"),
    [
        (1.0, 2, {1, 3}),
        (1.0, 99, {0, 1, 2, 3}),
        (0.3, 0, {1}),
        (0.4, 0, {1}),  # together already as likely as asked for
        (0.41, 0, {1, 3}),
        (0.95, 0, {0, 1, 2, 3}),
        (0.6, 2, {1, 3}),  # of the two that top_k leaves, 4/7 and 3/7, both are needed
        (0.5, 2, {1}),
    ],
)
def test_only_the_likely_are_drawn(top_p: float, top_k: int, kept: set[int]) -> None:
    choose = make_chooser(Sampling(temperature=1.0, top_p=top_p, top_k=top_k, seed=3), wants_logprob=False)
    assert set(draw(choose, 120)) == kept


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(), {3}),
        (Sampling(temperature=1.0, seed=3), {0, 3}),
        (Sampling(temperature=1.0, top_k=1, seed=3), {3}),
        (Sampling(temperature=1.0, top_k=3, seed=3), {0, 3}),
        (Sampling(temperature=1.0, top_p=0.7, seed=3), {3}),  # of what is allowed: 1/4 and 3/4
        (Sampling(temperature=1.0, top_p=0.8, top_k=3, seed=3), {0, 3}),
    ],
)
def test_what_is_not_allowed_is_not_there_to_choose_from(sampling: Sampling, kept: set[int]) -> None:
    choose = make_chooser(sampling, wants_logprob=True)
    allowed = mx.array([[True, False, False, True]])
    choices = [choose(LOGITS[None], place, allowed) for place in range(120)]
    assert {int(choice.token.item()) for choice in choices} == kept  # type: ignore[arg-type]
    last = choices[-1]
    assert last.logprob is not None
    assert last.logprob.item() == pytest.approx(math.log([0.1, 0.4, 0.2, 0.3][int(last.token.item())]), abs=1e-5)  # type: ignore[arg-type]


def test_temperature_flattens() -> None:
    drawn = draw(make_chooser(Sampling(temperature=2.0, seed=5), wants_logprob=False), 2000)
    weights = np.sqrt([0.1, 0.4, 0.2, 0.3])
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    assert np.allclose(shares, weights / weights.sum(), atol=0.04)


def test_a_seed_repeats_whatever_others_draw_in_between() -> None:
    first = make_chooser(Sampling(temperature=1.0, seed=11), wants_logprob=False)
    alone = draw(first, 20)
    again, other = (make_chooser(Sampling(temperature=1.0, seed=seed), wants_logprob=False) for seed in (11, 12))
    interleaved: list[int] = []
    for place in range(20):
        other(LOGITS[None], place)
        interleaved += again(LOGITS[None], place).token.tolist()  # type: ignore[arg-type]
    assert interleaved == alone


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_p=0.95, top_k=3, seed=9)])
def test_several_places_at_once_are_chosen_as_one_by_one(sampling: Sampling) -> None:
    logits = mx.random.normal((12, 40), key=mx.random.key(2))
    choose = make_chooser(sampling, wants_logprob=True)
    at_once = choose(logits, 5)
    assert at_once.logprob is not None
    for index in range(12):
        alone = choose(logits[index : index + 1], 5 + index)
        assert alone.logprob is not None
        assert alone.token.item() == at_once.token[index].item()
        assert alone.logprob.item() == pytest.approx(at_once.logprob[index].item(), abs=1e-5)


def test_without_a_seed_two_jobs_differ() -> None:
    left, right = (draw(make_chooser(Sampling(temperature=1.0), wants_logprob=False), 64) for _ in range(2))
    assert left != right
