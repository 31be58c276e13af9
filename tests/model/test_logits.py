"""The loaded models against transformers on torch: next-token logits from the same dequantised weights."""

from pathlib import Path

import numpy as np
import pytest

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from inference.models.convert import convert_gguf
from inference.models.load import load_model
from tests.conftest import gguf_for_tests, pull_for_tests
from tests.model.reference import reference_logits, reference_model
from tests.model.tiny_gguf import write_tiny_gguf

PROMPTS = (
    "def fibonacci(n):\n    ",
    "The quick brown fox jumps over",
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n        ",
    "#include <stdio.h>\n\nint main(int argc, char **argv) {\n    for (int i = 0; i < argc; i++) {\n",
    "SELECT name, count(*) FROM users WHERE age > 30 GROUP BY",
    "// naïve café 😀 漢字かな\nconst greeting = `Hello, ${name}`;\n",
)

# Logits reach 40; float32 sums in another order gave differences of 1e-4. A wrong row, bias or rotation gives
# differences of the logits' own size.
TOLERANCE = 1e-3


@pytest.mark.parametrize("architecture", ["qwen2", "llama", "qwen3", "qwen3moe"])
def test_tiny_models(architecture: str, tmp_path: Path) -> None:
    gguf = write_tiny_gguf(tmp_path / "tiny.gguf", architecture)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    convert_gguf(gguf, checkpoint, "float32")

    compare(gguf, checkpoint)


def test_llama_of_the_test_model(test_model_dir: Path) -> None:
    compare(gguf_for_tests(TEST_MODEL), test_model_dir)


@pytest.mark.long
def test_qwen2_of_the_default_model() -> None:
    compare(gguf_for_tests(DEFAULT_MODEL), pull_for_tests(DEFAULT_MODEL))


def compare(gguf: Path, checkpoint: Path) -> None:
    """Compare every position's logits: their size, and which token comes first."""
    import mlx.core as mx

    loaded = load_model(checkpoint)
    reference = reference_model(gguf, checkpoint)
    worst, n_positions = 0.0, 0
    for prompt in PROMPTS:
        ids = loaded.tokenizer.encode(prompt)
        ours = np.array(loaded.model(mx.array([ids]), cache=loaded.make_cache())[0])
        theirs = reference_logits(reference, ids)
        assert ours.shape == theirs.shape
        assert np.array_equal(ours.argmax(-1), theirs.argmax(-1)), prompt
        worst = max(worst, float(np.abs(ours - theirs).max()))
        n_positions += len(ids)
    print(f"{loaded.name}: {n_positions} positions, all argmax equal, largest difference {worst:.1e}")
    assert worst < TOLERANCE
