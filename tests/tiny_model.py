"""A Qwen2 of random weights with a byte tokenizer: small enough for a test to run it whole, in milliseconds.

What it says is nonsense, but always the same nonsense: tests compare token sequences, not meanings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.models.load import LoadedModel

CONTROL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
)
N_VOCAB = 256 + len(CONTROL_TOKENS)
END_ID = 256


class ByteTokenizer:
    """One token a byte, and the control tokens of Qwen from 256 on."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8"))

    def special(self, text: str) -> int | None:
        return 256 + CONTROL_TOKENS.index(text) if text in CONTROL_TOKENS else None

    def decode(self, ids: Sequence[int]) -> str:
        parts = [bytes([i]) if i < 256 else CONTROL_TOKENS[i - 256].encode() for i in ids]
        return b"".join(parts).decode("utf-8", errors="replace")

    def stream_decoder(self) -> "ByteStreamDecoder":
        return ByteStreamDecoder()

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        ids: list[int] = []
        for message in messages:
            ids += [257, *self.encode(f"{message['role']}\n{message['content']}"), 258]
        return [*ids, 257, *self.encode("assistant\n")]


class ByteStreamDecoder:
    """Latin-1, so that every byte is a character at once."""

    def push(self, token_id: int) -> str:
        return chr(token_id)

    def finish(self) -> str:
        return ""


def make_tiny_model(seed: int = 7, n_context: int = 512) -> LoadedModel:
    """Build the model. MLX is imported here: call `blas.load_fast_blas()` first where speed matters."""
    import mlx.core as mx
    from mlx_lm.models import qwen2

    mx.random.seed(seed)
    model: Any = qwen2.Model(
        qwen2.ModelArgs(
            model_type="qwen2",
            hidden_size=32,
            num_hidden_layers=2,
            intermediate_size=64,
            num_attention_heads=4,
            rms_norm_eps=1e-6,
            vocab_size=N_VOCAB,
            num_key_value_heads=2,
            tie_word_embeddings=False,  # tied, random weights repeat their input for ever
        )
    )
    # Larger weights than the default, so that the nonsense varies and greedy choices have clear margins.
    model.update(_tree_map(lambda array: mx.random.normal(array.shape) * 0.3, model.parameters()))
    mx.eval(model.parameters())
    return LoadedModel(
        name="tiny",
        model=model,
        tokenizer=ByteTokenizer(),  # type: ignore[arg-type]  # the real one wants a tokenizer file
        family="qwen",
        fim=True,
        n_context=n_context,
        eos_ids=frozenset({END_ID}),
        dtype="float32",
        directory=Path(),
    )


def _tree_map(change: Any, tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _tree_map(change, value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_tree_map(change, value) for value in tree]
    return change(tree)
