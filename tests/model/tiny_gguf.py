"""Makes GGUF files of tiny random models, in the layouts and quantisations the real ones have."""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, LAYERS, CONTEXT = 256, 512, 4, 2, 2, 512
# Of the qwen3 family, whose heads are wider than their share of the hidden size.
HEAD_DIM, EXPERTS, EXPERTS_USED, EXPERT_FEED_FORWARD = 96, 8, 2, 64

CONTROL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
]
USER_TOKENS = ["<tool_call>"]
MERGES = ["Ġ t", "h e", "Ġt he", "i n", "Ġ Ġ", "ĠĠ ĠĠ", "d e", "de f", "r e", "Ã ©"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim }}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def vocabulary() -> tuple[list[str], list[int]]:
    """Give tokens and their types: bytes, merges, control and user-defined tokens, padding."""
    plain = sorted(pre_tokenizers.ByteLevel.alphabet()) + [merge.replace(" ", "") for merge in MERGES]
    tokens = [*plain, *CONTROL_TOKENS, *USER_TOKENS, "[PAD0]", "[PAD1]"]
    types = [1] * len(plain) + [3] * len(CONTROL_TOKENS) + [4] * len(USER_TOKENS) + [5, 5]
    return tokens, types


def write_tiny_gguf(path: Path, architecture: str = "qwen2", seed: int = 7) -> Path:
    """Write a random model to `path`.

    qwen2: with biases and the embedding stored twice, as Q5_0 and Q8_0; Q4_K and Q6_K among the rest.
    llama: with Q4_1 throughout, q and k rows interleaved as llama.cpp's converter leaves them.
    qwen3, qwen3moe: with a norm per head of q and k; with the experts of a layer in one tensor each, and their router.
    """
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name(f"tiny {architecture}")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    if architecture in ("qwen3", "qwen3moe"):
        writer.add_key_length(HEAD_DIM)
        writer.add_value_length(HEAD_DIM)
    if architecture == "qwen3moe":
        writer.add_expert_count(EXPERTS)
        writer.add_expert_used_count(EXPERTS_USED)
        writer.add_expert_feed_forward_length(EXPERT_FEED_FORWARD)
    _add_tokenizer(writer, "smollm" if architecture == "llama" else "qwen2")
    tensors = _Tensors(writer, np.random.default_rng(seed))
    if architecture == "qwen2":
        _add_qwen2(tensors)
    elif architecture == "llama":
        _add_llama(tensors)
    else:
        _add_qwen3(tensors, has_experts=architecture == "qwen3moe")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Tensors:
    """Adds random tensors to a GGUF file."""

    def __init__(self, writer: gguf.GGUFWriter, random: np.random.Generator) -> None:
        self.writer = writer
        self.random = random

    def plain(self, name: str, n: int, mean: float = 0.0) -> None:
        values = (mean + 0.1 * self.random.standard_normal(n)).astype(np.float32)
        self.writer.add_tensor(name, values)

    def quantised(self, name: str, values: NDArray[np.float32], kind: Kind) -> None:
        self.writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def matrix(self, name: str, rows: int, columns: int, kind: Kind) -> None:
        self.quantised(name, self.values(rows, columns), kind)

    def experts(self, name: str, rows: int, columns: int, kind: Kind) -> None:
        self.quantised(name, np.stack([self.values(rows, columns) for _ in range(EXPERTS)]), kind)

    def values(self, rows: int, columns: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.random.standard_normal((rows, columns), dtype=np.float32)
        return values / np.float32(np.sqrt(columns))

    def raw_k_quant(self, name: str, rows: int, columns: int, kind: Kind) -> None:
        """gguf's Python can read the K types and not make them: random blocks with a small scale."""
        block_values, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        blocks = self.random.integers(0, 256, (rows, columns // block_values, block_bytes), dtype=np.uint8)
        scales = {Kind.Q4_K: slice(0, 4), Kind.Q6_K: slice(block_bytes - 2, block_bytes)}[kind]
        n_scales = (scales.stop - scales.start) // 2
        blocks[..., scales] = np.full(n_scales, 1e-4, dtype=np.float16).view(np.uint8)
        self.writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=kind)


def _add_tokenizer(writer: gguf.GGUFWriter, pre: str) -> None:
    tokens, types = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_qwen2(tensors: _Tensors) -> None:
    embedding = tensors.values(len(vocabulary()[0]), HIDDEN)
    tensors.quantised("output.weight", embedding, Kind.Q8_0)
    tensors.quantised("token_embd.weight", embedding, Kind.Q5_0)
    kv = KV_HEADS * HIDDEN // HEADS
    for i in range(LAYERS):
        tensors.plain(f"blk.{i}.attn_norm.weight", HIDDEN, mean=1.0)
        tensors.plain(f"blk.{i}.ffn_norm.weight", HIDDEN, mean=1.0)
        for part, rows in (("q", HIDDEN), ("k", kv), ("v", kv)):
            kind = Kind.Q8_0 if part == "v" else Kind.Q5_0
            tensors.matrix(f"blk.{i}.attn_{part}.weight", rows, HIDDEN, kind)
            tensors.plain(f"blk.{i}.attn_{part}.bias", rows)
        tensors.matrix(f"blk.{i}.attn_output.weight", HIDDEN, HIDDEN, Kind.Q5_0)
        tensors.raw_k_quant(f"blk.{i}.ffn_gate.weight", FEED_FORWARD, HIDDEN, Kind.Q4_K)
        tensors.matrix(f"blk.{i}.ffn_up.weight", FEED_FORWARD, HIDDEN, Kind.Q5_0)
        tensors.raw_k_quant(f"blk.{i}.ffn_down.weight", HIDDEN, FEED_FORWARD, Kind.Q6_K)
    tensors.plain("output_norm.weight", HIDDEN, mean=1.0)


def _add_llama(tensors: _Tensors) -> None:
    tensors.matrix("token_embd.weight", len(vocabulary()[0]), HIDDEN, Kind.Q8_0)
    kv = KV_HEADS * HIDDEN // HEADS
    shapes = {
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (kv, HIDDEN),
        "attn_v": (kv, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        "ffn_gate": (FEED_FORWARD, HIDDEN),
        "ffn_up": (FEED_FORWARD, HIDDEN),
        "ffn_down": (HIDDEN, FEED_FORWARD),
    }
    for i in range(LAYERS):
        tensors.plain(f"blk.{i}.attn_norm.weight", HIDDEN, mean=1.0)
        tensors.plain(f"blk.{i}.ffn_norm.weight", HIDDEN, mean=1.0)
        for module, (rows, columns) in shapes.items():
            tensors.matrix(f"blk.{i}.{module}.weight", rows, columns, Kind.Q4_1)
    tensors.plain("output_norm.weight", HIDDEN, mean=1.0)


def _add_qwen3(tensors: _Tensors, *, has_experts: bool) -> None:
    tensors.matrix("token_embd.weight", len(vocabulary()[0]), HIDDEN, Kind.Q8_0)
    tensors.matrix("output.weight", len(vocabulary()[0]), HIDDEN, Kind.Q8_0)
    for i in range(LAYERS):
        for norm, size in (
            ("attn_norm", HIDDEN),
            ("ffn_norm", HIDDEN),
            ("attn_q_norm", HEAD_DIM),
            ("attn_k_norm", HEAD_DIM),
        ):
            tensors.plain(f"blk.{i}.{norm}.weight", size, mean=1.0)
        tensors.matrix(f"blk.{i}.attn_q.weight", HEADS * HEAD_DIM, HIDDEN, Kind.Q5_0)
        tensors.matrix(f"blk.{i}.attn_k.weight", KV_HEADS * HEAD_DIM, HIDDEN, Kind.Q5_0)
        tensors.matrix(f"blk.{i}.attn_v.weight", KV_HEADS * HEAD_DIM, HIDDEN, Kind.Q8_0)
        tensors.matrix(f"blk.{i}.attn_output.weight", HIDDEN, HEADS * HEAD_DIM, Kind.Q5_0)
        if has_experts:
            tensors.writer.add_tensor(f"blk.{i}.ffn_gate_inp.weight", tensors.values(EXPERTS, HIDDEN))
            tensors.experts(f"blk.{i}.ffn_gate_exps.weight", EXPERT_FEED_FORWARD, HIDDEN, Kind.Q4_1)
            tensors.experts(f"blk.{i}.ffn_up_exps.weight", EXPERT_FEED_FORWARD, HIDDEN, Kind.Q5_0)
            tensors.experts(f"blk.{i}.ffn_down_exps.weight", HIDDEN, EXPERT_FEED_FORWARD, Kind.Q8_0)
        else:
            tensors.matrix(f"blk.{i}.ffn_gate.weight", FEED_FORWARD, HIDDEN, Kind.Q4_1)
            tensors.matrix(f"blk.{i}.ffn_up.weight", FEED_FORWARD, HIDDEN, Kind.Q5_0)
            tensors.raw_k_quant(f"blk.{i}.ffn_down.weight", HIDDEN, FEED_FORWARD, Kind.Q6_K)
    tensors.plain("output_norm.weight", HIDDEN, mean=1.0)
