"""Guesses are found, are worth their while, and never change an answer."""

import math
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.generation import Decoded, generate
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import LoadedModel, load_model
from inference.prefill_chunks import Chunks
from inference.prompt_cache import PromptCache
from inference.sampling import Chooser, make_chooser
from inference.speculation import MAX_DRAFT_TOKENS, Draft, Drafter, Experience, IndexedTokens
from tests.tiny_model import write_tiny_checkpoint

PROMPT = list(b"def area(w, h):\n    return w * h\n\n\ndef volume(w, h, d):\n    return ")
N_TOKENS = 60


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


# Finding


def find_slowly(tokens: Sequence[int], context: Sequence[int]) -> tuple[int, int]:
    best = 0, 0
    for place in range(2, len(tokens)):
        n = 0
        while n < min(place, len(context), 16) and tokens[place - n - 1] == context[len(context) - n - 1]:
            n += 1
        if n >= 2:
            best = max(best, (n, place))
    return best


@given(
    parts=st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=4),
    context=st.lists(st.integers(0, 3), max_size=9),
)
def test_the_longest_latest_match_is_found(parts: list[list[int]], context: list[int]) -> None:
    indexed = IndexedTokens([])
    for part in parts:
        indexed.extend(part)
    tokens = [token for part in parts for token in part]
    assert indexed.tokens == tokens
    assert indexed.find(context) == find_slowly(tokens, context)


def test_the_prompt_is_gone_on_from() -> None:
    drafter = Drafter(Experience(), [5, 6, 7, 8, 9, 5, 6, 7], None, 100)
    draft = drafter.draft()
    assert draft.n_matched == 3
    assert [8, 9, 5, 6, 7][: len(draft.tokens)] == draft.tokens != []


def test_what_stands_behind_the_hole_is_looked_up_and_what_stands_before_it_gone_on_from() -> None:
    # A hole after 1 2 3, before 4 1 2 3 7 8; 90 to 92 are the template's.
    prompt = [90, 1, 2, 3, 91, 4, 1, 2, 3, 7, 8, 92]
    draft = Drafter(Experience(), prompt, 4, 100).draft()
    assert draft.n_matched == 3
    assert draft.tokens[:2] == [7, 8][: len(draft.tokens)]


def test_what_was_said_lately_is_looked_up() -> None:
    experience = Experience()
    assert Drafter(experience, [1, 2, 3], None, 100).draft() == Draft([], 0)
    first = Drafter(experience, [1, 2, 3], None, 100)
    for token in (4, 5, 6, 7):
        first.learn(Draft([], 0), [token])
    first.finish(3)
    assert Drafter(experience, [1, 2, 3], None, 100).draft().tokens[0] == 4
    assert experience.answers[0].tokens == [1, 2, 3, 4, 5, 6], "beyond the end of an answer nothing is kept"


@pytest.mark.parametrize("n_left", [1, 2, 3, 9])
def test_no_guess_goes_beyond_the_end(n_left: int) -> None:
    experience = Experience()
    experience.learn_draft(Draft([1] * 15, 16), 15)
    drafter = Drafter(experience, [*range(50), *range(20)], None, 10)
    drafter.learn(Draft([], 0), list(range(20, 30 - n_left)))
    assert len(drafter.draft().tokens) <= n_left - 1


# Whether it pays


def test_a_long_match_is_followed_far_and_a_short_one_a_little() -> None:
    experience = Experience()
    assert experience.best_length(16, MAX_DRAFT_TOKENS) == MAX_DRAFT_TOKENS
    assert 1 <= experience.best_length(2, MAX_DRAFT_TOKENS) <= 2
    assert experience.best_length(16, 4) <= 4
    assert 1 <= experience.best_length(16, MAX_DRAFT_TOKENS, max_cost=1.5) <= 2


def test_guesses_that_fail_are_given_up_and_tried_again_later() -> None:
    experience = Experience()
    for _ in range(60):
        experience.learn_draft(Draft([1, 2], 2), 0)
    assert experience.best_length(2, MAX_DRAFT_TOKENS) == 0
    n_declined = 0
    while experience.best_length(2, MAX_DRAFT_TOKENS) == 0:
        experience.learn_no_draft(2)
        n_declined += 1
    assert 20 < n_declined < 200


def test_wide_steps_that_cost_too_much_are_given_up_and_tried_again_later() -> None:
    experience = Experience()
    experience.learn_step(1, 0.1)
    for n_tokens in (3, 8, 16) * 40:
        experience.learn_step(n_tokens, 0.1 * n_tokens)
    assert experience.best_length(2, MAX_DRAFT_TOKENS) == 0
    n_steps = 0
    while experience.best_length(2, MAX_DRAFT_TOKENS) == 0:
        experience.learn_step(1, 0.1)
        n_steps += 1
    assert 5 < n_steps < 400


# Exactness


class Eager(Experience):
    """Always guesses as much as may be guessed, whether it pays or not."""

    def best_length(self, n_matched: int, n_most: int, max_cost: float = math.inf) -> int:  # noqa: ARG002  # as declared where it is overridden
        return n_most


def chooser(sampling: Sampling) -> Chooser:
    return make_chooser(sampling, wants_logprob=True)


def decode(
    tiny: LoadedModel, sampling: Sampling, drafter: Drafter | None, *, run_ahead: bool = False
) -> tuple[list[Decoded], CachedTokens, int]:
    """Decode at least N_TOKENS; return them, the sequence, and how many steps it took."""
    sequence = CachedTokens(list(PROMPT), tiny.make_cache())
    decoded: list[Decoded] = []
    steps = generate(tiny.model, sequence, chooser(sampling), Chunks.of(16), run_ahead=run_ahead, drafter=drafter)
    n_steps = 0
    while len(decoded) < N_TOKENS:
        made = next(steps)
        decoded += made
        n_steps += bool(made)
        assert sequence.n_cached == sequence.kv_cache[0].offset == sequence.kv_cache[1].offset
        assert len(sequence.tokens) - 1 <= sequence.n_cached or not decoded
        assert sequence.tokens == PROMPT + [each.token for each in decoded]
    return decoded[:N_TOKENS], sequence, n_steps


SAMPLINGS = [Sampling(), Sampling(temperature=0.7, top_p=0.9, seed=5)]


@pytest.mark.parametrize("run_ahead", [False, True])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("wrong_every", [0, 1, 3, 11])
def test_an_answer_is_the_same_with_guesses(
    tiny: LoadedModel, sampling: Sampling, wrong_every: int, run_ahead: bool
) -> None:
    plain, _, _ = decode(tiny, sampling, None)
    said = [each.token for each in plain]
    if wrong_every:
        said = [token + (index % wrong_every == wrong_every - 1) for index, token in enumerate(said)]
    experience = Eager()
    experience.keep_answer(PROMPT, said)
    drafter = Drafter(experience, PROMPT, None, N_TOKENS)
    guessed, _, n_steps = decode(tiny, sampling, drafter, run_ahead=run_ahead)
    assert [each.token for each in guessed] == [each.token for each in plain]
    assert [each.logprob for each in guessed] == pytest.approx([each.logprob for each in plain], abs=1e-4)
    assert drafter.n_accepted <= drafter.n_drafted
    if wrong_every == 0:
        assert n_steps <= 1 + -(-N_TOKENS // (MAX_DRAFT_TOKENS + 1))
        assert drafter.n_accepted == drafter.n_drafted


@pytest.mark.parametrize("run_ahead", [False, True])
def test_what_is_left_after_refused_guesses_serves_the_next_prompt(tiny: LoadedModel, run_ahead: bool) -> None:
    experience = Eager()
    plain, _, _ = decode(tiny, Sampling(), None)
    said = [each.token for each in plain]
    experience.keep_answer(PROMPT, [token + (index % 4 == 3) for index, token in enumerate(said)])
    cache = PromptCache(tiny, 2**30)
    for n_steps in range(1, 12):
        sequence = CachedTokens(list(PROMPT), tiny.make_cache())
        drafter = Drafter(experience, PROMPT, None, N_TOKENS)
        for _ in islice(
            generate(tiny.model, sequence, chooser(Sampling()), Chunks.of(16), run_ahead=run_ahead, drafter=drafter),
            n_steps,
        ):
            pass
        cache.put(sequence)
        again = cache.take(PROMPT + said)
        assert again.n_cached >= 16
        (step,) = next(
            step for step in generate(tiny.model, again, chooser(Sampling()), Chunks.of(16), run_ahead=False) if step
        )
        whole = CachedTokens(PROMPT + said, tiny.make_cache())
        (expected,) = next(generate(tiny.model, whole, chooser(Sampling()), Chunks.of(512), run_ahead=False))
        assert step.token == expected.token
        assert step.logprob == pytest.approx(expected.logprob, abs=1e-4)


def test_guesses_are_weighed_against_decoding_together() -> None:
    experience = Experience()
    for _ in range(200):
        experience.learn_step(1, 0.1)
        experience.learn_step(4, 0.15)
    assert experience.gain_together(4) == pytest.approx(4 / 1.5, rel=0.2)
    copying = Drafter(experience, [*range(30), *range(20)], None, 100)
    prose = Drafter(experience, [3, 1, 2], None, 100)
    for token in range(20, 30):
        copying.draft()
        copying.learn(Draft([], 0), [token])
        prose.draft()
        prose.learn(Draft([], 0), [token])
    assert copying.beats(2, 1.0)
    assert not prose.beats(2, 1.0)
    assert not prose.beats(4, 1.0)
