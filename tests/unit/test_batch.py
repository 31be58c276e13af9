"""Sequences that decode together say what they say alone, whoever joins or leaves on the way."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.batch import Batch, Member
from inference.cpu_model import accelerate
from inference.generation import Decoded, generate
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import load_model
from inference.prefill_chunks import Chunks
from inference.sampling import Chooser, make_chooser
from tests.tiny_hybrid import TinyHybrid
from tests.tiny_model import write_tiny_checkpoint

GREEDY = make_chooser(Sampling(), wants_logprob=True)
SAMPLED = make_chooser(Sampling(temperature=1.0, top_k=20, seed=11), wants_logprob=False)
CHUNK_TOKENS = 8


class Model(Protocol):
    """A model and how its KV caches are made."""

    @property
    def model(self) -> Any: ...

    def make_cache(self) -> list[Any]: ...


@pytest.fixture(scope="module", params=["dense", "dense on a CPU", "hybrid"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    if request.param == "hybrid":
        return TinyHybrid()
    loaded = load_model(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))
    if request.param == "dense on a CPU":
        accelerate(loaded.model)
    return loaded


def prompt(seed: int, n: int) -> list[int]:
    return [(seed + index * index * 7) % 61 for index in range(n)]


def stream(tiny: Model, sequence: CachedTokens, choose: Chooser = GREEDY) -> Iterator[Decoded]:
    for made in generate(tiny.model, sequence, choose, Chunks.of(CHUNK_TOKENS), run_ahead=False):
        yield from made


def alone(tiny: Model, tokens: list[int], n_decoded: int, choose: Chooser = GREEDY) -> list[int]:
    sequence = CachedTokens(list(tokens), tiny.make_cache())
    return [decoded.token for decoded in islice(stream(tiny, sequence, choose), n_decoded)]


def begun(tiny: Model, tokens: list[int], choose: Chooser = GREEDY) -> Member:
    """Prefill, and decode the first token."""
    sequence = CachedTokens(list(tokens), tiny.make_cache())
    next(stream(tiny, sequence, choose))
    return Member(sequence, choose, len(tokens))


def said(member: Member) -> list[int]:
    return member.sequence.tokens[member.n_prompt :]


def test_prompts_of_any_length_go_on_as_alone(tiny: Model) -> None:
    prompts = [prompt(seed, n) for seed, n in ((1, 3), (2, 40), (3, 17), (4, 1))]
    members = [begun(tiny, tokens, choose) for tokens, choose in zip(prompts, [GREEDY, SAMPLED] * 2, strict=True)]
    batch = Batch(tiny.model)
    for _ in range(12):
        batch.step(members)
    for member, tokens in zip(members, prompts, strict=True):
        assert said(member) == alone(tiny, tokens, 13, member.choose)


def test_logprobs_are_those_of_decoding_alone(tiny: Model) -> None:
    members = [begun(tiny, prompt(seed, 5 * seed)) for seed in (1, 4)]
    alike = stream(tiny, CachedTokens(prompt(4, 20), tiny.make_cache()))
    next(alike)
    batch = Batch(tiny.model)
    for _ in range(4):
        expected = next(alike)
        token, logprob, _ = batch.step(members)[1]
        assert token == expected.token
        assert logprob == pytest.approx(expected.logprob, abs=1e-4)


def test_who_leaves_takes_an_ordinary_kv_cache_along(tiny: Model) -> None:
    prompts = [prompt(5, 9), prompt(6, 33)]
    members = [begun(tiny, tokens) for tokens in prompts]
    batch = Batch(tiny.model)
    for _ in range(5):
        batch.step(members)
    assert all(member.sequence.kv_cache == [] for member in members)
    for n_left, (member, tokens) in enumerate(zip(members, prompts, strict=True)):
        sequence = member.sequence
        batch.leave(sequence)
        assert (batch.n_bytes == 0) == (n_left == 1)
        assert sequence.n_cached == len(sequence.tokens) - 1
        fresh = tiny.make_cache()
        assert [type(layer) for layer in sequence.kv_cache] == [type(layer) for layer in fresh]
        assert {layer.offset for layer in sequence.kv_cache if hasattr(layer, "offset")} == {sequence.n_cached}
        rest = [decoded.token for decoded in islice(stream(tiny, sequence), 4)]
        assert [*said(member)] == alone(tiny, tokens, 10)
        assert rest == said(member)[-4:]


def test_who_has_run_ahead_lands_before_joining(tiny: Model) -> None:
    sequence = CachedTokens(prompt(7, 12), tiny.make_cache())
    steps = generate(tiny.model, sequence, GREEDY, Chunks.of(CHUNK_TOKENS), run_ahead=True)
    while len(sequence.tokens) < 15:
        next(steps)
    assert sequence.n_cached == len(sequence.tokens)
    steps.send(True)
    assert sequence.n_cached == len(sequence.tokens) - 1
    batch = Batch(tiny.model)
    members = [Member(sequence, GREEDY, 12), begun(tiny, prompt(8, 30))]
    for _ in range(3):
        batch.step(members)
    batch.leave(sequence)
    for _ in range(3):
        next(steps)
    assert said(members[0]) == alone(tiny, prompt(7, 12), 10)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 24), st.sets(st.integers(0, 3), max_size=2), st.integers(1, 4)), min_size=1, max_size=5
    )
)
def test_joining_and_leaving_midway_changes_no_token(tiny: Model, steps: list[tuple[int, set[int], int]]) -> None:
    """Before some steps one joins and some leave, who then go on alone for a token and join again.

    Between steps the model serves another sequence.
    """
    batch = Batch(tiny.model)
    members: list[Member] = []
    urgent = stream(tiny, CachedTokens(prompt(9, 21), tiny.make_cache()))
    typed: list[int] = []
    for seed, (n_prompt, leaving, n_steps) in enumerate(steps):
        members.append(begun(tiny, prompt(seed, n_prompt)))
        for index in leaving:
            if index < len(members) and batch.has(members[index].sequence):
                batch.leave(members[index].sequence)
                next(stream(tiny, members[index].sequence))
        for _ in range(n_steps):
            batch.step(members)
            typed.append(next(urgent).token)
    assert typed == alone(tiny, prompt(9, 21), len(typed))
    for member in members:
        tokens = member.sequence.tokens[: member.n_prompt]
        assert said(member) == alone(tiny, tokens, len(said(member)))
