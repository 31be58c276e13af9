"""Rebuild a tokenizer from a GGUF's metadata: byte-level BPE, as Qwen2 and SmolLM2 have it.

The result is a Hugging Face tokenizer.json and tokenizer_config.json, which `tokenizer.Tokenizer` reads and
other programs understand. Every control token is marked special; padding rows of the embedding get no token.
There is no Unicode normalisation, although Qwen2 publishes one: code must come out of decoding as it went in.
"""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers

from inference.errors import ModelUnsupported

# gguf.TokenType
_UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 2, 3, 4, 5

# Source: the pre-tokenizer of Qwen2's published tokenizer.json.
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)


def write_tokenizer(metadata: dict[str, Any], directory: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json into `directory`.

    metadata: GGUF keys to plain values. Raises ModelUnsupported for a kind of tokenizer not known here.
    """
    build_tokenizer(metadata).save(str(directory / "tokenizer.json"))
    tokens = metadata["tokenizer.ggml.tokens"]

    def token(key: str) -> str | None:
        token_id = metadata.get(f"tokenizer.ggml.{key}")
        return None if token_id is None else str(tokens[token_id])

    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": token("bos_token_id"),
        "eos_token": token("eos_token_id"),
        "pad_token": token("padding_token_id"),
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata.get("tokenizer.chat_template"),
    }
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (directory / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def build_tokenizer(metadata: dict[str, Any]) -> tokenizers.Tokenizer:
    """Build the tokenizer that `metadata` describes. Raises ModelUnsupported."""
    kind, pre = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2" or pre not in ("qwen2", "smollm"):
        raise ModelUnsupported(f"the tokenizer {kind}/{pre} of this GGUF file is not known to this version")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    types: list[int] = metadata["tokenizer.ggml.token_type"]
    vocabulary = {token: i for i, token in enumerate(tokens) if types[i] != _UNUSED}
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    if pre == "qwen2":
        split: Any = pre_tokenizers.Split(Regex(_QWEN2_SPLIT), behavior="isolated")
        use_regex = False
    else:
        split = pre_tokenizers.Digits(individual_digits=True)
        use_regex = True
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    added = (_UNKNOWN, _CONTROL, _USER_DEFINED)
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for i, token in enumerate(tokens) if types[i] in added]
    )
    return tokenizer
