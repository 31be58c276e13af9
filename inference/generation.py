"""Prefill, then decode: one sequence through one model. The only module that calls a model."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import mlx.core as mx

from inference.kv_cache import CachedTokens, KVCache
from inference.sampling import Choice, Chooser
from inference.speculation import NO_DRAFT, Draft, Drafter

# On an accelerator MLX keeps freed buffers. mlx-lm's KV caches move to larger ones this often, and the old ones, of a
# size that is not asked for again, go back here.
_TOKENS_BETWEEN_CLEARINGS = 256


class Decoded(NamedTuple):
    """One decoded token. logprob: natural logarithm of its probability, where the chooser computes it."""

    token: int
    logprob: float | None


def generate(
    model: Any,
    sequence: CachedTokens,
    choose: Chooser,
    chunk_tokens: int,
    *,
    run_ahead: bool,
    drafter: Drafter | None = None,
) -> Iterator[tuple[Decoded, ...]]:
    """Prefill what of `sequence` is not cached, then decode without end; every `next` is one step.

    Yields nothing () after a prefill chunk, then one or more Decoded a step, the first of which come with the last
    chunk. Between steps the sequence keeps its invariant, so that whoever stops here leaves a KV cache that others can
    use. run_ahead: hand the accelerator the next step before the token of this one is read. It hides the time that
    building the step takes, at the price of one step computed in vain at the end of every answer.
    drafter: guesses that are computed along; the tokens stay those of decoding one by one, up to logits so close that
    the order of summation decides. Must be None where the KV cache is not `is_plain`.
    """
    while n := sequence.n_to_prefill(chunk_tokens):
        _extend(model, sequence, n)
        yield ()

    n_prompt = len(sequence.tokens)
    while True:
        draft = NO_DRAFT if drafter is None else drafter.draft()
        if run_ahead and not draft.tokens:
            yield from _run_ahead(model, sequence, choose, n_prompt, drafter)
        else:
            yield _step(model, sequence, choose, n_prompt, draft, drafter)


def prefill(model: Any, sequence: CachedTokens, n: int, chunk_tokens: int) -> bool:
    """Prefill a chunk of what the first `n` tokens of `sequence` lack; tell whether they lacked anything."""
    n_lacking = n - sequence.n_cached
    if n_lacking > 0:
        _extend(model, sequence, min(chunk_tokens, n_lacking))
    return n_lacking > 0


def last_logits(model: Any, tokens: mx.array, kv_cache: KVCache, n: int = 1) -> mx.array:
    """Feed `tokens` (int[T], T >= n) to `model`, extending `kv_cache`; return logits of the last n, float[n, vocab].

    Only these go through the output matrix. Calling the model itself computes all T of them, which for the smallest
    coder is a third of the work of a chunk.
    """
    hidden = model.model(tokens[None], kv_cache)[:, -n:]
    owner = getattr(model, "language_model", model)  # which those have that can also see
    head = owner.lm_head if hasattr(owner, "lm_head") else model.model.embed_tokens.as_linear
    logits: mx.array = head(hidden)
    return logits[0]


def _extend(model: Any, sequence: CachedTokens, n: int) -> None:
    """Prefill the next `n` tokens of `sequence`."""
    tokens = mx.array(sequence.tokens[sequence.n_cached : sequence.n_cached + n])
    model.model(tokens[None], sequence.kv_cache)
    mx.eval([layer.state for layer in sequence.kv_cache])
    mx.clear_cache()
    sequence.n_cached += n
    _keep_states(sequence)


def _step(
    model: Any, sequence: CachedTokens, choose: Chooser, n_prompt: int, draft: Draft, drafter: Drafter | None
) -> tuple[Decoded, ...]:
    """Feed what is not cached and `draft` behind it; keep of the draft what is also chosen, and the choice after that.

    Whatever is drawn at a place is drawn from the model's distribution there, so that sampling stays what it was: a
    drafted token is kept as often as it would have been drawn.
    """
    began_s = time.perf_counter()
    fed = sequence.tokens[sequence.n_cached :] + draft.tokens
    n_places = len(draft.tokens) + 1
    logits = last_logits(model, mx.array(fed), sequence.kv_cache, n_places)
    chosen = _read(choose(logits, len(sequence.tokens) - n_prompt))
    n_accepted = next(
        (index for index, token in enumerate(draft.tokens) if chosen[index].token != token), len(draft.tokens)
    )
    n_refused = len(draft.tokens) - n_accepted
    if n_refused:
        for layer in sequence.kv_cache:
            layer.trim(n_refused)
    sequence.n_cached += len(fed) - n_refused
    _keep_states(sequence)
    made = chosen[: n_accepted + 1]
    _append(sequence, made)
    if drafter is not None:
        drafter.learn(draft, [each.token for each in made])
        if len(fed) == n_places:
            drafter.learn_step(n_places, time.perf_counter() - began_s)
    return made


def _run_ahead(
    model: Any, sequence: CachedTokens, choose: Chooser, n_prompt: int, drafter: Drafter | None
) -> Iterator[tuple[Decoded, ...]]:
    """Decode one token a step, one step ahead of what is read, until there is a draft."""
    fed = sequence.tokens[sequence.n_cached :]
    pending = _start(model, sequence, mx.array(fed), choose, n_prompt, 0)
    is_prefill = len(fed) > 1
    draft = NO_DRAFT
    while True:
        began_s = time.perf_counter()
        ahead = None if draft.tokens else _start(model, sequence, pending.token, choose, n_prompt, 1)
        made = _read(pending)
        _append(sequence, made)
        if drafter is not None:
            drafter.learn(NO_DRAFT, [made[0].token])
            if not is_prefill:
                drafter.learn_step(1, time.perf_counter() - began_s)
        is_prefill = False
        yield made
        if ahead is None:
            return
        pending = ahead
        draft = NO_DRAFT if drafter is None else drafter.draft()


def _start(
    model: Any, sequence: CachedTokens, tokens: mx.array, choose: Chooser, n_prompt: int, n_unread: int
) -> Choice:
    """Feed `tokens` and choose the next, without waiting for either. n_unread: of them, not yet in the sequence."""
    choice = choose(last_logits(model, tokens, sequence.kv_cache), len(sequence.tokens) + n_unread - n_prompt)
    sequence.n_cached += tokens.size
    _keep_states(sequence)
    mx.async_eval([part for part in choice if part is not None])  # type: ignore[no-untyped-call]  # a gap in its stubs
    return choice


def _keep_states(sequence: CachedTokens) -> None:
    checkpoint = sequence.keep_states()
    if checkpoint is not None:
        mx.async_eval(checkpoint.states)  # type: ignore[no-untyped-call]  # a gap in its stubs


def _append(sequence: CachedTokens, made: tuple[Decoded, ...]) -> None:
    before = len(sequence.tokens) // _TOKENS_BETWEEN_CLEARINGS
    sequence.tokens += [each.token for each in made]
    if len(sequence.tokens) // _TOKENS_BETWEEN_CLEARINGS != before:
        mx.clear_cache()


def _read(choice: Choice) -> tuple[Decoded, ...]:
    tokens = cast(list[int], choice.token.tolist())
    if choice.logprob is None:
        return tuple(Decoded(token, None) for token in tokens)
    return tuple(map(Decoded, tokens, cast(list[float], choice.logprob.tolist())))
