"""Suffixes moved along with the cursor: what is exact stays so, what is not stays in bounds and goes nowhere else."""

from itertools import islice
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models import llama, qwen2, qwen3, qwen3_moe
from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache, make_prompt_cache

from inference.cpu_model import accelerate
from inference.generation import generate, prefill
from inference.jobs import Job, Sampling
from inference.kv_cache import CachedTokens
from inference.prefill_chunks import Chunks
from inference.sampling import make_chooser
from inference.scheduler import Priority
from inference.suffix_reuse import SuffixBlocks, find_rotations, rotate

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-6,
    "vocab_size": 64,
    "max_position_embeddings": 4096,
    "rope_theta": 10_000.0,
    "tie_word_embeddings": True,
}
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "moe_intermediate_size": 16,
    "norm_topk_prob": True,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen2": (qwen2, {}),
    "qwen3": (qwen3, {}),
    "qwen3_moe": (qwen3_moe, EXPERTS),
    "llama": (llama, {}),
    "llama, interleaved": (llama, {"rope_traditional": True}),
    "llama, linear": (llama, {"rope_scaling": {"type": "linear", "factor": 4.0}}),
    "llama, scaled": (llama, {"rope_scaling": LLAMA3}),
}
START, MIDDLE, END = 60, 61, 62
"""Sentinels in front of the suffix and behind it, and a token that stands nowhere else."""
SUFFIX = [7 * index % 50 for index in range(40)]
BEFORE = [3 * index % 50 for index in range(90)]


def make_model(kind: str, **options: Any) -> Any:
    module, own = MODELS[kind]
    name = module.__name__.rpartition(".")[2]
    args = {key: value for key, value in (SHAPE | own | options).items() if key in module.ModelArgs.__annotations__}
    mx.random.seed(5)
    return module.Model(module.ModelArgs(**args | {"model_type": name}))


def make_job(before: list[int], suffix: list[int] = SUFFIX, priority: Priority = Priority.INTERACTIVE) -> Job:
    return Job(
        model="tiny",
        endpoint="/v1/completions",
        prompt=[*before, START, *suffix, MIDDLE],
        max_tokens=4,
        emit=lambda _: None,
        arrived_s=0.0,
        priority=priority,
        goes_on_at=len(before),
    )


class Typist:
    """Answers jobs one after the other, each from what the last one's sequence shares with it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.blocks = SuffixBlocks(model)
        self.sequence = CachedTokens([], make_prompt_cache(model))
        self.n_moved = 0

    def answer(self, job: Job, n_cached: int | None = None) -> list[int]:
        """Return what the model says. n_cached: of the prompt, at most so many are taken as cached."""
        old = self.sequence
        most = min(old.n_cached, len(job.prompt) - 1, len(job.prompt) if n_cached is None else n_cached)
        n = next((index for index in range(most) if old.tokens[index] != job.prompt[index]), most)
        old.roll_back(n)
        self.sequence = CachedTokens(list(job.prompt), old.kv_cache, n)
        chooser = make_chooser(Sampling(), wants_logprob=False)
        steps = generate(self.model, self.sequence, chooser, Chunks.of(16), run_ahead=False)
        move = self.blocks.find(job, self.sequence)
        self.n_moved = 0 if move is None else move.n
        if move is not None:
            steps = self.blocks.steps(move, self.model, self.sequence, Chunks.of(16), steps)
        made: list[int] = []
        while len(made) < 4:
            made += [decoded.token for decoded in next(steps)]
        self.blocks.finish(job, self.sequence, move)
        return made


def largest(some: mx.array, others: mx.array) -> float:
    return float(mx.abs(some - others).max().item())  # type: ignore[arg-type]


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("shift", [1, 37, -5])
def test_rotated_keys_of_the_first_layer_are_those_of_the_new_place(kind: str, is_fast: bool, shift: int) -> None:
    """The first layer's keys depend on nothing but token and place."""
    model = make_model(kind)
    if is_fast:
        accelerate(model)
    rotations = find_rotations(model)
    assert len(rotations) == SHAPE["num_hidden_layers"]
    first = []
    for n_before in (300, 300 + shift):
        cache = make_prompt_cache(model)
        model.model(mx.array([[1] * n_before + SUFFIX]), cache)
        first.append(
            (cache[0].keys[..., n_before : n_before + 40, :], cache[0].values[..., n_before : n_before + 40, :])
        )
    (old_keys, old_values), (keys, values) = first
    assert largest(rotate(old_keys, shift, rotations[0]), keys) < 1e-4
    assert largest(old_keys, keys) > 1e-2
    assert mx.array_equal(old_values, values).item()


def test_a_suffix_that_did_not_move_is_exact() -> None:
    model = make_model("qwen2")
    typist = Typist(model)
    exact = typist.answer(make_job(BEFORE))
    begin, end = len(BEFORE) + 1, len(BEFORE) + 1 + len(SUFFIX)
    keys = [layer.keys[..., begin:end, :] + 0 for layer in typist.sequence.kv_cache]
    assert typist.answer(make_job(BEFORE), n_cached=len(BEFORE)) == exact
    assert typist.n_moved == len(SUFFIX)
    for old, layer in zip(keys, typist.sequence.kv_cache, strict=True):
        assert mx.array_equal(old, layer.keys[..., begin:end, :]).item()


def test_typing_moves_the_suffix_and_leaves_no_trace_for_others() -> None:
    model = make_model("qwen2")
    typist = Typist(model)
    typist.answer(make_job(BEFORE))
    for n_typed in (3, 6, 9):
        job = make_job([*BEFORE, *range(n_typed)])
        typist.answer(job)
        assert typist.n_moved == len(SUFFIX)
        assert typist.sequence.n_cached == len(BEFORE) + n_typed + 1
    # What stays is what computing it alone gives, and so is the answer that nobody hurries.
    fresh = Typist(model)
    patient = make_job(job.prompt[: job.goes_on_at], priority=Priority.FOREGROUND)
    exact = fresh.answer(patient)
    n = typist.sequence.n_cached
    for layer, other in zip(typist.sequence.kv_cache, fresh.sequence.kv_cache, strict=True):
        assert largest(layer.keys[..., :n, :], other.keys[..., :n, :]) < 1e-5
    assert typist.answer(patient) == exact
    assert typist.n_moved == 0
    for layer, other in zip(typist.sequence.kv_cache, fresh.sequence.kv_cache, strict=True):
        n = fresh.sequence.n_cached
        assert largest(layer.keys[..., :n, :], other.keys[..., :n, :]) < 1e-5


def test_a_withdrawn_job_leaves_nothing_that_is_not_exact() -> None:
    model = make_model("qwen2")
    typist = Typist(model)
    typist.answer(make_job(BEFORE))
    job = make_job([*BEFORE, 1, 2])
    for n_steps in (0, 1, 2, 3):
        sequence = CachedTokens(list(job.prompt), make_prompt_cache(model))
        move = typist.blocks.find(job, sequence)
        assert move is not None
        rest = generate(model, sequence, make_chooser(Sampling(), wants_logprob=False), Chunks.of(64), run_ahead=False)
        for _ in islice(typist.blocks.steps(move, model, sequence, Chunks.of(64), rest), n_steps):
            pass
        typist.blocks.finish(job, sequence, move)
        assert sequence.n_cached <= move.at


@pytest.mark.parametrize("priority", [Priority.FOREGROUND, Priority.BACKGROUND])
def test_who_does_not_type_gets_what_is_exact(priority: Priority) -> None:
    typist = Typist(make_model("qwen2"))
    typist.answer(make_job(BEFORE, priority=priority))
    typist.answer(make_job([*BEFORE, 1], priority=priority))
    assert typist.n_moved == 0
    typist.answer(make_job([*BEFORE, 1, 2]))
    assert typist.n_moved == len(SUFFIX), "what they computed serves who types"


def test_too_much_that_is_other_in_front_computes_the_suffix_anew_and_moves_that() -> None:
    typist = Typist(make_model("qwen2"))
    typist.answer(make_job(BEFORE))
    typist.answer(make_job([*BEFORE, *[1] * 64]))
    assert typist.n_moved == 0
    typist.answer(make_job([*BEFORE, *[1] * 66]))
    assert typist.n_moved == len(SUFFIX)
    typist.answer(make_job(BEFORE[10:]))
    assert typist.n_moved == 0, "the front has changed"


def test_of_a_suffix_that_changes_only_what_stands_behind_the_change_is_moved() -> None:
    typist = Typist(make_model("qwen2"))
    typist.answer(make_job(BEFORE))
    typist.answer(make_job([*BEFORE, 1], [59, 58, *SUFFIX]))
    assert typist.n_moved == len(SUFFIX)
    typist.answer(make_job([*BEFORE, 1], [58, *SUFFIX[1:]]))
    assert typist.n_moved == len(SUFFIX) - 1
    typist.answer(make_job([*BEFORE, 1], [*SUFFIX, 59]))
    assert typist.n_moved == 0
    typist.answer(make_job([*BEFORE, 1, 2], SUFFIX[:20]))
    assert typist.n_moved == 0, "that little is computed as fast"


def test_two_documents_keep_their_suffixes() -> None:
    typist = Typist(make_model("qwen2"))
    documents = (BEFORE, SUFFIX), ([49 - token for token in BEFORE], [49 - token for token in SUFFIX])
    for before, suffix in documents:
        typist.answer(make_job(before, suffix))
    for before, suffix in documents:
        typist.answer(make_job([*before, 1], suffix))
        assert typist.n_moved == len(suffix)


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}


def test_other_rotations_are_left_alone() -> None:
    assert find_rotations(make_model("qwen3", rope_scaling=YARN)) == []
    model = make_model("qwen2")
    assert len(find_rotations(model)) == 2
    model.model_type = "qwen3_5_moe"
    assert find_rotations(model) == []


def test_recurrent_states_and_rotating_windows_are_left_alone() -> None:
    typist = Typist(make_model("qwen2"))
    job, later = make_job(BEFORE), make_job([*BEFORE, 1])
    window = CachedTokens(list(job.prompt), [RotatingKVCache(512), RotatingKVCache(512)])
    while prefill(typist.model, window, len(job.prompt) - 1, Chunks.of(512)):
        pass
    empty = CachedTokens([], make_prompt_cache(typist.model))
    typist.blocks.finish(job, window, None)
    assert typist.blocks.find(later, empty) is None, "nothing is taken from them"
    typist.answer(job)
    assert typist.blocks.find(later, empty) is not None
    for others in ([RotatingKVCache(512), RotatingKVCache(512)], [KVCache(), ArraysCache(2)]):
        assert typist.blocks.find(later, CachedTokens([], others)) is None, "nothing is moved to them"
