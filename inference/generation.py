"""Prefill, then decode: one sequence through one model. The only module that calls a model."""

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import mlx.core as mx

from inference.kv_cache import CachedTokens, KVCache, KvCost, cost_of
from inference.prefill_chunks import Chunks
from inference.sampling import Choice, Chooser
from inference.speculation import NO_DRAFT, Draft, Drafter

if TYPE_CHECKING:
    from inference.constraints import Constraint

# On an accelerator MLX keeps freed buffers. mlx-lm's KV caches move to larger ones this often, and the old ones, of a
# size that is not asked for again, go back here.
_TOKENS_BETWEEN_CLEARINGS = 256


class Decoded(NamedTuple):
    """One decoded token. logprob: natural logarithm of its probability, where the chooser computes it.

    is_last: with it the answer matches its grammar, and nothing could follow.
    """

    token: int
    logprob: float | None
    is_last: bool = False


Steps = Generator[tuple[Decoded, ...], bool | None, None]


def generate(
    model: Any,
    sequence: CachedTokens,
    choose: Chooser,
    chunks: Chunks,
    *,
    run_ahead: bool,
    drafter: Drafter | None = None,
    constraint: "Constraint | None" = None,
) -> Steps:
    """Prefill what of `sequence` is not cached, then decode without end; every `next` is one step.

    Yields nothing () after a prefill chunk, then one or more Decoded a step, the first of which come with the last
    chunk. Between steps the sequence keeps its invariant, so that whoever stops here leaves a KV cache that others can
    use. run_ahead: hand the accelerator the next step before the token of this one is read. It hides the time that
    building the step takes, at the price of one step computed in vain at the end of every answer.
    drafter: guesses that are computed along; the tokens stay those of decoding one by one, up to logits so close that
    the order of summation decides. Must be None where the KV cache is not `is_plain`.
    Where a step has run ahead, sending True asks for that token and for nothing ahead of it. Whenever all but the last
    token of `sequence` are cached, others may step it before this goes on.
    constraint: what may come. What must come is computed along, several tokens a step. It never runs ahead, since what
    may come depends on the token before. Raises RequestInvalid where nothing may come.
    """
    while n := sequence.n_to_prefill(chunks.tokens(sequence.n_cached)):
        _extend(model, sequence, n)
        yield ()

    n_prompt = len(sequence.tokens)
    while True:
        draft = NO_DRAFT if drafter is None else drafter.draft()
        if constraint is not None:
            yield _step(model, sequence, choose, n_prompt, _hold(draft, constraint), drafter, constraint)
        elif run_ahead and not draft.tokens:
            yield from _run_ahead(model, sequence, choose, n_prompt, drafter)
        else:
            yield _step(model, sequence, choose, n_prompt, draft, drafter)


def prefill(model: Any, sequence: CachedTokens, n: int, chunks: Chunks) -> bool:
    """Prefill a chunk of what the first `n` tokens of `sequence` lack; tell whether they lacked anything."""
    n_lacking = n - sequence.n_cached
    if n_lacking > 0:
        _extend(model, sequence, min(chunks.tokens(sequence.n_cached), n_lacking))
    return n_lacking > 0


def last_logits(model: Any, tokens: mx.array, kv_cache: KVCache, n: int = 1) -> mx.array:
    """Feed `tokens` (int[T], T >= n) to `model`, extending `kv_cache`; return logits of the last n, float[n, vocab].

    Only these go through the output matrix. Calling the model itself computes all T of them, which for the smallest
    coder is a third of the work of a chunk.
    """
    tokens = tokens[None]
    return _output(model, tokens, model.model(tokens, kv_cache)[:, -n:])[0]


def next_logits(model: Any, tokens: mx.array, kv_cache: KVCache) -> mx.array:
    """Feed one token to each of B sequences, int[B], extending their batched `kv_cache`; return float[B, vocab]."""
    tokens = tokens[:, None]
    return _output(model, tokens, model.model(tokens, kv_cache))[:, 0]


def measure_kv(model: Any, kv_cache: KVCache) -> KvCost:
    """Tell what KV of `model` costs by feeding a token to `kv_cache`, an empty one. Only shapes are computed."""
    model.model(mx.array([[0]]), kv_cache)
    return cost_of(kv_cache)


def _output(model: Any, tokens: mx.array, hidden: mx.array) -> mx.array:
    """Make logits of `hidden` as the model itself does, by what follows its layers in its own `__call__`.

    Some scale what their output matrix gives, or bend it. tokens: what `hidden`, or a longer one, was computed of.
    """
    owner = getattr(model, "language_model", model)  # which those have that can also see
    logits: mx.array = type(owner).__call__(_Computed(owner, model=_Computed(owner.model, output=hidden)), tokens)
    return logits


class _Computed:
    """Stands in for a module: some attributes, or what its call returns, are given; all else is the module's own."""

    def __init__(self, module: Any, **given: Any) -> None:
        self._module = module
        self.__dict__.update(given)

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self.output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _extend(model: Any, sequence: CachedTokens, n: int) -> None:
    """Prefill the next `n` tokens of `sequence`."""
    tokens = mx.array(sequence.tokens[sequence.n_cached : sequence.n_cached + n])
    model.model(tokens[None], sequence.kv_cache)
    mx.eval([layer.state for layer in sequence.kv_cache])
    mx.clear_cache()
    sequence.n_cached += n
    _keep_states(sequence)


def _step(
    model: Any,
    sequence: CachedTokens,
    choose: Chooser,
    n_prompt: int,
    draft: Draft,
    drafter: Drafter | None,
    constraint: "Constraint | None" = None,
) -> tuple[Decoded, ...]:
    """Feed what is not cached and `draft` behind it; keep of the draft what is also chosen, and the choice after that.

    Whatever is drawn at a place is drawn from the model's distribution there, so that sampling stays what it was: a
    drafted token is kept as often as it would have been drawn.
    """
    began_s = time.perf_counter()
    fed = sequence.tokens[sequence.n_cached :] + draft.tokens
    n_places = len(draft.tokens) + 1
    logits = last_logits(model, mx.array(fed), sequence.kv_cache, n_places)
    allowed = None if constraint is None else _allow(constraint, draft, logits)
    chosen = read_choice(choose(logits, len(sequence.tokens) - n_prompt, allowed))
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
    if constraint is not None:
        made = _keep(constraint, made)
    _append(sequence, made)
    if drafter is not None:
        drafter.learn(draft, [each.token for each in made])
        if len(fed) == n_places:
            drafter.learn_step(n_places, time.perf_counter() - began_s)
    return made


def _hold(draft: Draft, constraint: "Constraint") -> Draft:
    """Give what of `draft` may come, or what must come instead, which is no guess."""
    tokens = constraint.draft(draft.tokens)
    is_guess = tokens == draft.tokens[: len(tokens)]
    return Draft(tokens, draft.n_matched if is_guess else 0)


def _allow(constraint: "Constraint", draft: Draft, logits: mx.array) -> mx.array:
    """Make the masks of a step, bool[T, vocab], while the step itself is being computed."""
    mx.async_eval(logits)  # type: ignore[no-untyped-call]  # a gap in its stubs
    return mx.array(constraint.allow(draft.tokens, logits.shape[-1]))


def _keep(constraint: "Constraint", made: tuple[Decoded, ...]) -> tuple[Decoded, ...]:
    """Tell `constraint` what was made, and mark the token that completes the answer."""
    n_complete = constraint.keep([each.token for each in made])
    return tuple(each._replace(is_last=index + 1 == n_complete) for index, each in enumerate(made))


def _run_ahead(model: Any, sequence: CachedTokens, choose: Chooser, n_prompt: int, drafter: Drafter | None) -> Steps:
    """Decode one token a step, one step ahead of what is read, until there is a draft."""
    fed = sequence.tokens[sequence.n_cached :]
    pending = _start(model, sequence, mx.array(fed), choose, n_prompt, 0)
    is_prefill = len(fed) > 1
    draft = NO_DRAFT
    lands: bool | None = False
    while True:
        began_s = time.perf_counter()
        ahead = None if draft.tokens or lands else _start(model, sequence, pending.token, choose, n_prompt, 1)
        made = read_choice(pending)
        _append(sequence, made)
        if drafter is not None:
            drafter.learn(NO_DRAFT, [made[0].token])
            if not is_prefill:
                drafter.learn_step(1, time.perf_counter() - began_s)
        is_prefill = False
        lands = yield made
        if ahead is None:
            return
        pending = ahead
        draft = NO_DRAFT if drafter is None or lands else drafter.draft()


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


def read_choice(choice: Choice) -> tuple[Decoded, ...]:
    """Wait for the tokens of `choice`."""
    tokens = cast(list[int], choice.token.tolist())
    if choice.logprob is None:
        return tuple(Decoded(token, None) for token in tokens)
    return tuple(map(Decoded, tokens, cast(list[float], choice.logprob.tolist())))
