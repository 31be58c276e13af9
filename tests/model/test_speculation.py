"""Guessing on real text: the test model says the same with it, in fewer steps the second time."""

from pathlib import Path

import pytest

from inference.generation import generate
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import LoadedModel, load_model
from inference.prefill_chunks import Chunks
from inference.sampling import make_chooser
from inference.speculation import Drafter, Experience

REPEATING = (
    "def read_apples(path):\n    with open(path) as file:\n        return [line.strip() for line in file]\n\n\n"
    "def read_pears(path):\n"
)
ORDINARY = "The three largest rivers of Africa are"
N_TOKENS = 40


@pytest.fixture(scope="module")
def loaded(test_model_dir: Path) -> LoadedModel:
    return load_model(test_model_dir)


def decode(
    loaded: LoadedModel, prompt: list[int], sampling: Sampling, drafter: Drafter | None
) -> tuple[list[int], int]:
    """Give the tokens, and in how many steps they came."""
    sequence = CachedTokens(list(prompt), loaded.make_cache())
    steps = generate(
        loaded.model,
        sequence,
        make_chooser(sampling, wants_logprob=False),
        Chunks.of(64),
        run_ahead=False,
        drafter=drafter,
    )
    tokens: list[int] = []
    n_steps = 0
    while len(tokens) < N_TOKENS:
        tokens += [each.token for each in next(steps)]
        n_steps += 1
    return tokens[:N_TOKENS], n_steps


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.6, top_p=0.9, seed=3)])
def test_the_same_text_in_fewer_steps(loaded: LoadedModel, sampling: Sampling) -> None:
    experience = Experience()
    for text in (REPEATING, ORDINARY):
        prompt = loaded.tokenizer.encode(text)
        plain, n_plain = decode(loaded, prompt, sampling, None)
        first, again = (Drafter(experience, prompt, None, N_TOKENS) for _ in range(2))
        guessed, n_steps = decode(loaded, prompt, sampling, first)
        assert guessed == plain
        assert n_steps <= n_plain
        first.finish(N_TOKENS)
        guessed, n_steps = decode(loaded, prompt, sampling, again)
        assert guessed == plain
        assert n_steps <= n_plain // 2, "what was said before was not guessed"
