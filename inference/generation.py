"""Prefill, then decode: one sequence through one model. The only module that calls a model."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import mlx.core as mx

from inference.prompt_cache import CachedTokens, KVCache
from inference.sampling import Choice, Chooser

# On an accelerator MLX keeps freed buffers. mlx-lm's KV caches move to larger ones this often, and the old ones, of a
# size that is not asked for again, go back here.
_TOKENS_BETWEEN_CLEARINGS = 256


class Decoded(NamedTuple):
    """One decoded token. logprob: natural logarithm of its probability, where the chooser computes it."""

    token: int
    logprob: float | None


def generate(
    model: Any, sequence: CachedTokens, choose: Chooser, chunk_tokens: int, *, run_ahead: bool
) -> Iterator[Decoded | None]:
    """Prefill what of `sequence` is not cached, then decode without end; every `next` is one step.

    Yields None after a prefill chunk and a Decoded after each token, the first of which comes with the last chunk.
    Between steps the sequence keeps its invariant, so that whoever stops here leaves a KV cache that others can use.
    run_ahead: hand the accelerator the next step before the token of this one is read. It hides the time that building
    the step takes, at the price of one step computed in vain at the end of every answer.
    """
    while len(sequence.tokens) - sequence.n_cached > chunk_tokens:
        _extend(model, sequence, chunk_tokens)
        yield None

    choice = choose(last_logits(model, mx.array(sequence.tokens[sequence.n_cached :]), sequence.kv_cache))
    sequence.n_cached = len(sequence.tokens)
    while True:
        ahead = _decode_step(model, sequence, choice.token, choose) if run_ahead else None
        decoded = _read(choice)
        sequence.tokens.append(decoded.token)
        if len(sequence.tokens) % _TOKENS_BETWEEN_CLEARINGS == 0:
            mx.clear_cache()
        yield decoded
        choice = ahead or _decode_step(model, sequence, choice.token, choose)


def last_logits(model: Any, tokens: mx.array, kv_cache: KVCache) -> mx.array:
    """Feed `tokens` (int[T], T >= 1) to `model`, extending `kv_cache`; return the logits of the last, float[vocab].

    Only the last position goes through the output matrix. Calling the model itself computes all T of them, which for
    the smallest coder is a third of the work of a chunk.
    """
    hidden = model.model(tokens[None], kv_cache)[:, -1:]
    head = model.lm_head if hasattr(model, "lm_head") else model.model.embed_tokens.as_linear
    logits: mx.array = head(hidden)
    return logits[0, 0]


def _extend(model: Any, sequence: CachedTokens, n: int) -> None:
    """Prefill the next `n` tokens of `sequence`."""
    tokens = mx.array(sequence.tokens[sequence.n_cached : sequence.n_cached + n])
    model.model(tokens[None], sequence.kv_cache)
    mx.eval([layer.state for layer in sequence.kv_cache])
    mx.clear_cache()
    sequence.n_cached += n


def _decode_step(model: Any, sequence: CachedTokens, token: mx.array, choose: Chooser) -> Choice:
    """Feed `token` and choose the next, without waiting for either."""
    choice = choose(last_logits(model, token[None], sequence.kv_cache))
    sequence.n_cached += 1
    mx.async_eval([part for part in choice if part is not None])  # type: ignore[no-untyped-call]  # a gap in its stubs
    return choice


def _read(choice: Choice) -> Decoded:
    logprob = None if choice.logprob is None else cast(float, choice.logprob.item())
    return Decoded(cast(int, choice.token.item()), logprob)
