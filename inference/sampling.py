"""The next token from logits. Factories return closures, one per job, so that jobs share no random state.

Invariant: what is drawn depends on the seed, the logits and the place in the answer alone, so that it is the same
whether places are computed one by one or several at once.
"""

import math
import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol

import mlx.core as mx

from inference.jobs import Sampling


class Choice(NamedTuple):
    """Chosen tokens of T places, not yet evaluated. token: int[T]; logprob: float32[T].

    logprob is the model's own, before sampling and before anything was forbidden: it tells how sure the model is, and
    where a grammar leaves no choice a probability of 1 would tell nothing.
    """

    token: mx.array
    logprob: mx.array | None


class Chooser(Protocol):
    """Chooses tokens of T places."""

    def __call__(self, logits: mx.array, n_before: int, allowed: mx.array | None = None) -> Choice:
        """Choose from `logits`, float[T, vocab], of what is `allowed`, bool[T, vocab], at least one token a place.

        n_before: tokens that the answer has before the first place.
        """
        ...


def make_chooser(sampling: Sampling, wants_logprob: bool) -> Chooser:
    """Return what chooses tokens by `sampling`. The normaliser is computed only where `wants_logprob` asks for it."""
    pick = _greedy if sampling.temperature == 0 else _make_sampler(sampling)

    def choose(logits: mx.array, n_before: int, allowed: mx.array | None = None) -> Choice:
        token = pick(logits if allowed is None else mx.where(allowed, logits, -math.inf), n_before)
        if not wants_logprob:
            return Choice(token, None)
        logits = logits.astype(mx.float32)
        chosen = mx.take_along_axis(logits, token[:, None], axis=-1)[:, 0]
        return Choice(token, chosen - mx.logsumexp(logits, axis=-1))

    return choose


def _greedy(logits: mx.array, _: int) -> mx.array:
    return mx.argmax(logits, axis=-1)


def _make_sampler(sampling: Sampling) -> Callable[[mx.array, int], mx.array]:
    # Split once: keys of neighbouring seeds are neighbours, and stepping from one to the next place would meet them.
    key = mx.random.split(mx.random.key(secrets.randbits(32) if sampling.seed is None else sampling.seed))[0]

    def sample(logits: mx.array, n_before: int) -> mx.array:
        logits = logits.astype(mx.float32) * (1.0 / sampling.temperature)
        return mx.stack([draw(row, n_before + index) for index, row in enumerate(logits)])

    def draw(row: mx.array, place: int) -> mx.array:
        place_key = key + mx.array([0, place], mx.uint32)
        return mx.random.categorical(_keep_likely(row, sampling.top_p, sampling.top_k), key=place_key)

    return sample


def _keep_likely(logits: mx.array, top_p: float, top_k: int) -> mx.array:
    """Set to minus infinity what is outside the `top_k` likeliest, or beyond the fewest with `top_p` together.

    As many as tie with the last one kept are kept. top_p is measured on what top_k left.
    """
    if top_k <= 0 and top_p >= 1:
        return logits
    descending = -mx.sort(-logits)
    if 0 < top_k < logits.size:
        descending = descending[:top_k]
    if top_p < 1:
        probabilities = mx.softmax(descending)
        before = mx.cumsum(probabilities) - probabilities  # of those likelier: 0 for the first, which always stays
        descending = mx.where(before < top_p, descending, math.inf)
    return mx.where(logits < mx.min(descending), -math.inf, logits)
