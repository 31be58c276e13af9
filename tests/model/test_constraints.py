"""Constraints with a real vocabulary, where one token is many characters or half of one."""

import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest

from inference.constraints import Constraint, compile_grammar
from inference.generation import generate
from inference.grammars import Grammar, Kind
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import LoadedModel, load_model
from inference.prefill_chunks import Chunks
from inference.sampling import make_chooser
from inference.speculation import Drafter, Experience
from tests.grammar_walks import assert_same_together

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "what's this  key, 123  456": {"enum": ["a  b", " x's ", "12345678"]},
        "ключ 日本": {"type": "boolean"},
        "line": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["what's this  key, 123  456", "ключ 日本", "line"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def model(test_model_dir: Path) -> LoadedModel:
    return load_model(test_model_dir)


def constrain(model: LoadedModel, kind: Kind, text: str) -> Constraint:
    return compile_grammar(Grammar(kind, text, "field"), model.tokenizer, model.eos_ids, 1000)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("json_schema", json.dumps(SCHEMA)),
        ("json_schema", '{"type": "object"}'),
        ("regex", r"(it's|  it  is|123 456 789){2,4}\n\n  end"),
        ("grammar", r'start: "def f(x):\n    return  x\n\n" ("# 日本語 comment end" | "    pass") "\n\t\tdone"'),
        ("choice", json.dumps(["I'll do it", "I'll  do it", "I'd", " 1234 5678", "\n\n\n  x"])),
    ],
)
def test_places_looked_at_together_are_what_they_are_one_by_one(model: LoadedModel, kind: Kind, text: str) -> None:
    for seed in range(10):
        alone, together = constrain(model, kind, text), constrain(model, kind, text)
        assert_same_together(alone, together, model.eos_ids, model.tokenizer.n_vocab + 9, Random(seed))


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_p=0.9, seed=4)])
def test_the_model_answers_by_the_schema_and_the_same_with_guesses(model: LoadedModel, sampling: Sampling) -> None:
    prompt = model.tokenizer.render_chat([{"role": "user", "content": "Answer as JSON: what, why and which line?"}]).ids

    def answer(drafter: Drafter | None) -> tuple[list[int], int]:
        sequence = CachedTokens([*prompt], model.make_cache())
        choose = make_chooser(sampling, wants_logprob=False)
        constraint = constrain(model, "json_schema", json.dumps(SCHEMA))
        steps = generate(
            model.model, sequence, choose, Chunks.of(512), run_ahead=False, drafter=drafter, constraint=constraint
        )
        tokens: list[int] = []
        for n_steps, made in enumerate(steps, 1):
            for decoded in made:
                tokens.append(decoded.token)
                if decoded.is_last:
                    return tokens, n_steps
            assert len(tokens) < 200
        raise AssertionError

    said, n_steps = answer(None)
    jsonschema.validate(json.loads(model.tokenizer.decode(said)), SCHEMA)
    assert n_steps < len(said) / 2, "what must come took steps of its own"
    experience = Experience()
    experience.keep_answer(prompt, said)
    again, n_steps_again = answer(Drafter(experience, prompt, None, 1000))
    assert again == said
    assert n_steps_again < n_steps
