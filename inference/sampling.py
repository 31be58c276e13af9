"""The next token from logits. Factories return closures, one per job, so that jobs share no random state."""

import math
import secrets
from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx

from inference.jobs import Sampling


class Choice(NamedTuple):
    """A chosen token, not yet evaluated. token: int[]; logprob: float32[], the model's own, before any sampling."""

    token: mx.array
    logprob: mx.array | None


Chooser = Callable[[mx.array], Choice]
"""From float[vocab] logits to a choice."""


def make_chooser(sampling: Sampling, wants_logprob: bool) -> Chooser:
    """Return what chooses tokens by `sampling`. The normaliser is computed only where `wants_logprob` asks for it."""
    pick = _greedy if sampling.temperature == 0 else _make_sampler(sampling)

    def choose(logits: mx.array) -> Choice:
        token = pick(logits)
        if not wants_logprob:
            return Choice(token, None)
        logits = logits.astype(mx.float32)
        return Choice(token, logits[token] - mx.logsumexp(logits))

    return choose


def _greedy(logits: mx.array) -> mx.array:
    return mx.argmax(logits)


def _make_sampler(sampling: Sampling) -> Callable[[mx.array], mx.array]:
    key = mx.random.key(secrets.randbits(32) if sampling.seed is None else sampling.seed)

    def sample(logits: mx.array) -> mx.array:
        nonlocal key
        key, draw = mx.random.split(key)
        logits = logits.astype(mx.float32) * (1.0 / sampling.temperature)
        return mx.random.categorical(_keep_likely(logits, sampling.top_p, sampling.top_k), key=draw)

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
