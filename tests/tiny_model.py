"""A checkpoint of a Qwen2 with random weights and one token a byte: a test runs it whole, in milliseconds.

What it says is nonsense, but always the same nonsense, and printable: tests compare token sequences, not meanings. It
never ends by itself, so that what ends an answer is what the test is about.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

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
END_ID = 256
N_CONTEXT = 8192

_CHAT_TEMPLATE = """
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
"""
_CONFIG = {
    "model_type": "qwen2",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "vocab_size": 256 + len(CONTROL_TOKENS),
    "max_position_embeddings": N_CONTEXT,
    "tie_word_embeddings": False,
    "eos_token_id": END_ID,
}


def write_tiny_checkpoint(
    directory: Path, *, fim: bool = True, chat_template: str = _CHAT_TEMPLATE, more_tokens: tuple[str, ...] = ()
) -> Path:
    """Write the checkpoint into `directory`, which is made; return it.

    fim: with the tokens of fill-in-the-middle. more_tokens: names of control tokens beside those of all Qwen models.
    """
    directory.mkdir(parents=True)
    config = _CONFIG | {"vocab_size": 256 + len(CONTROL_TOKENS) + len(more_tokens)}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": chat_template}))
    control_tokens = [name if fim or "fim" not in name else name.replace("fim", "unused") for name in CONTROL_TOKENS]
    byte_tokenizer([*control_tokens, *more_tokens]).save(str(directory / "tokenizer.json"))
    _write_weights(directory / "model.safetensors", config)
    return directory


def byte_tokenizer(control_tokens: list[str]) -> Tokenizer:
    """Make a tokenizer with one token a byte, and the control tokens behind them."""
    # The byte-level alphabet in order of the bytes, so that the ids of ASCII text are its character codes.
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    tokenizer = Tokenizer(BPE(vocab={characters[byte]: byte for byte in range(256)}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in control_tokens])
    return tokenizer


def _write_weights(path: Path, config: dict[str, Any]) -> None:
    import mlx.core as mx
    from mlx_lm.models import qwen2

    mx.random.seed(7)
    model: Any = qwen2.Model(
        qwen2.ModelArgs(**{k: v for k, v in config.items() if k in qwen2.ModelArgs.__annotations__})
    )
    # Larger weights than a model starts from: with those, greedy decoding repeats one token for ever.
    weights = {name: 0.8 * mx.random.normal(value.shape) for name, value in _flatten(model.parameters())}
    ids = mx.arange(config["vocab_size"])
    is_printable = (ids >= 0x20) & (ids < 0x7F)
    weights["lm_head.weight"] = weights["lm_head.weight"] * is_printable[:, None]
    mx.save_safetensors(str(path), weights)


def _flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [pair for name, value in tree.items() for pair in _flatten(value, f"{path}.{name}" if path else name)]
    if isinstance(tree, list):
        return [pair for index, value in enumerate(tree) for pair in _flatten(value, f"{path}.{index}")]
    return [(path, tree)]
