"""mlx-lm's Llama and Qwen 2, 3 and 3.5 on a CPU, faster: the same model with modules that use `cpu_ops`.

Owns the replacement of a loaded model's modules by ones that share their weights: no parameter is copied, renamed or
rounded. Invariant: what a replacement has no faster form for (a few tokens, a mask that is an array, a cache of another
kind) it computes by the stock operations.

Tried in the whole 0.5B coder and left out: one matrix for query, key and value (1 % of decoding beside the rotary
table); one for gate and up (nothing); and, in two runs each, KMP_BLOCKTIME (at 0 a token takes 150 ms in place of 92;
at 1 the BLAS stops spinning 1 ms after a step, not 200, but one of 8 tokens takes 7 % longer) and malloc thresholds
(fewer page faults, nothing for chunks of 64 tokens; larger chunks were too noisy to tell). Of experts: a product for
each in place of MLX's gathered one (64 tokens of 8 experts in 32: 31 ms, not 19).
"""

import math
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from inference.cpu_ops import MAX_FEW_ROWS, causal_attention, gated, project, swiglu
from inference.cpu_recurrence import CpuGatedDelta

_ARCHITECTURES = frozenset({"qwen2", "llama", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe"})
# By name: importing mlx-lm's modules would run the whole package (see models/architecture.py). Of the others, some
# rotate differently as a sequence grows.
_ROTATIONS = frozenset({"RoPE", "Llama3RoPE"})
_MIN_TABLE_POSITIONS = 2048
# Fewer queries than these are no block: the stock operation is as fast. Behind 1,000 tokens a step of 4 in the 0.5B
# coder takes 145 ms with blocks and 154 without, one of 12 takes 212 and 254 (medians of 9 by turns); behind 250 both
# take the same.
_MIN_BLOCK_TOKENS = 4


def accelerate(model: Any) -> None:
    """Replace the modules of `model`, an mlx-lm model with float32 weights in memory, by faster ones for the CPU.

    Nothing happens to other architectures and to quantised or 16-bit weights. Logits then differ from the stock model's
    by rounding alone: under 1e-3 at a scale of 30. A Qwen 3 with 12 layers of width 768 takes 87 ms for a chunk of 64
    tokens in place of 115, behind 512 tokens 146 in place of 202, for one token 18 in place of 20: medians of 11 pairs.
    """
    if getattr(model, "model_type", None) not in _ARCHITECTURES or not _is_float32(model):
        return
    decoder = model.model
    # One table serves all layers: these architectures rotate alike in each.
    table = RotaryTable(next(layer.self_attn.rope for layer in decoder.layers if "self_attn" in layer))
    for layer in decoder.layers:
        for name in ("self_attn", "linear_attn", "mlp"):
            if name in layer:
                _replace_linears(layer[name])
        if "self_attn" in layer:
            layer.self_attn = CpuAttention(layer.self_attn, table)
        else:
            layer.linear_attn = CpuGatedDelta(layer.linear_attn)
        if "switch_mlp" in layer.mlp:
            _replace_in_experts(layer.mlp)
        else:
            layer.mlp = CpuMLP(layer.mlp)
    decoder.embed_tokens = CpuEmbedding(decoder.embed_tokens)
    _replace_linears(getattr(model, "language_model", model))


def _is_float32(model: Any) -> bool:
    parameters = cast(list[tuple[str, mx.array]], tree_flatten(model.parameters()))
    return all(value.dtype == mx.float32 for _, value in parameters)


def _replace_linears(module: Any) -> None:
    for name, child in list(module.items()):
        if isinstance(child, nn.Linear):
            setattr(module, name, CpuLinear(child))


def _replace_in_experts(block: Any) -> None:
    """Replace what the experts and the one that always works share with a plain MLP; how experts are chosen stays."""
    block.switch_mlp.activation = CpuSwiGLU()
    if "shared_expert" in block:
        _replace_linears(block.shared_expert)
        block.shared_expert = CpuMLP(block.shared_expert)


class CpuLinear(nn.Module):  # type: ignore[misc]  # MLX's layers have no types
    """nn.Linear through `project`."""

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.weight = stock.weight
        if "bias" in stock:
            self.bias = stock.bias

    def __call__(self, x: mx.array) -> mx.array:
        """Map float[..., in] to float[..., out]."""
        return project(x, self.weight, self.get("bias"))


class CpuEmbedding(nn.Module):  # type: ignore[misc]  # likewise
    """nn.Embedding whose use as an output matrix goes through `project`."""

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.weight = stock.weight

    def __call__(self, tokens: mx.array) -> mx.array:
        """Look up int[...]."""
        return cast(mx.array, self.weight[tokens])

    def as_linear(self, x: mx.array) -> mx.array:
        """Compute logits, float[..., vocab]."""
        return project(x, self.weight)


class CpuMLP(nn.Module):  # type: ignore[misc]  # likewise
    """mlx-lm's gated MLP with the polynomial SwiGLU where that pays."""

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = stock.gate_proj, stock.up_proj, stock.down_proj
        # Shares the projections. MLX counts no parameters under a name that begins so.
        self._stock = stock

    def __call__(self, x: mx.array) -> mx.array:
        """Map float[..., D] to float[..., D]."""
        if x.size // x.shape[-1] <= MAX_FEW_ROWS:
            return cast(mx.array, self._stock(x))
        return cast(mx.array, self.down_proj(swiglu(self.gate_proj(x), self.up_proj(x))))


class CpuSwiGLU(nn.Module):  # type: ignore[misc]  # likewise
    """The experts' activation, polynomial."""

    def __call__(self, x: mx.array, gate: mx.array) -> mx.array:
        """Combine float[..., D] with its gate."""
        return swiglu(gate, x)


class CpuAttention(nn.Module):  # type: ignore[misc]  # likewise
    """mlx-lm's attention with a rotary table and causal blocks, over a plain causal KV cache or none.

    Queries and keys may be normalised by head; what is mixed may be gated by a second half of each query (Qwen 3.5).
    """

    def __init__(self, stock: Any, table: "RotaryTable") -> None:
        super().__init__()
        self.q_proj, self.k_proj = stock.q_proj, stock.k_proj
        self.v_proj, self.o_proj = stock.v_proj, stock.o_proj
        if "q_norm" in stock:
            self.q_norm, self.k_norm = stock.q_norm, stock.k_norm
        self.rope = stock.rope
        self._stock = stock  # as in CpuMLP
        self._table = table
        self._n_heads = stock.n_heads if hasattr(stock, "n_heads") else stock.num_attention_heads
        self._n_kv_heads = stock.n_kv_heads if hasattr(stock, "n_kv_heads") else stock.num_key_value_heads
        n_queries, n_keys = stock.q_proj.weight.shape[0], stock.k_proj.weight.shape[0]
        self._is_gated = n_queries // self._n_heads == 2 * n_keys // self._n_kv_heads

    def __call__(self, x: mx.array, mask: Any = None, cache: Any = None) -> mx.array:
        """Map float[B, T, D] to float[B, T, D], extending `cache`. mask: None, "causal" or an array."""
        batch, n_tokens, _ = x.shape
        n_heads, n_kv_heads, scale = self._n_heads, self._n_kv_heads, self._stock.scale
        is_causal = mask == "causal" if isinstance(mask, str) else mask is None and n_tokens == 1
        is_plain = cache is None or type(cache).__name__ == "KVCache"
        if not (is_causal and is_plain and self._table.is_usable):
            return cast(mx.array, self._stock(x, mask, cache))
        queries = self.q_proj(x).reshape(batch, n_tokens, n_heads, -1)
        keys = self.k_proj(x).reshape(batch, n_tokens, n_kv_heads, -1)
        values = self.v_proj(x).reshape(batch, n_tokens, n_kv_heads, -1).transpose(0, 2, 1, 3)
        if self._is_gated:
            queries, gate = mx.split(queries, 2, axis=-1)
        if "q_norm" in self:
            queries, keys = self.q_norm(queries), self.k_norm(keys)
        both = self._table.rotate(mx.concatenate([queries, keys], axis=2), 0 if cache is None else cache.offset)
        queries, keys = mx.split(both.transpose(0, 2, 1, 3), [n_heads], axis=1)
        if cache is not None:
            keys, values = cache.update_and_fetch(keys, values)
        if n_tokens < _MIN_BLOCK_TOKENS:
            mixed = mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=mask)
        else:
            mixed = causal_attention(queries, keys, values, scale)
        mixed = mixed.transpose(0, 2, 1, 3).reshape(batch, n_tokens, -1)
        if self._is_gated:
            mixed = gated(mixed, gate.reshape(batch, n_tokens, -1))
        return cast(mx.array, self.o_proj(mixed))


class RotaryTable:
    """Cosines and sines of `rope` by position, grown as needed; `mx.fast.rope` computes them anew in every layer.

    is_usable: `rope` rotates halves of the head or of its beginning, by an angle that depends on the position alone.
    The 0.5B coder decodes a token in 87 ms with it, in 91.5 without (medians of 19 alternating pairs).
    """

    def __init__(self, rope: Any) -> None:
        self.is_usable = type(rope).__name__ in _ROTATIONS and not rope.traditional
        self._rope = rope
        self._cosines = mx.zeros((0, 0))
        self._sines = mx.zeros((0, 0))
        # What the last layer asked for, which is what the next one will.
        self._span = (-1, -1)
        self._rows = (self._cosines, self._sines)

    def rotate(self, heads: mx.array, offset: int) -> mx.array:
        """Rotate float[B, T, H, D], whose first token stands at `offset`. Within 1e-5 of the stock operation."""
        span = (offset, offset + heads.shape[1])
        if span != self._span:
            if span[1] > self._cosines.shape[0]:
                self._grow(span[1])
            self._rows = self._cosines[span[0] : span[1], None], self._sines[span[0] : span[1], None]
            self._span = span
        cosines, sines = self._rows
        n_turned = self._rope.dims
        turned = heads if n_turned == heads.shape[-1] else heads[..., :n_turned]
        swapped = mx.concatenate([turned[..., n_turned // 2 :], turned[..., : n_turned // 2]], axis=-1)
        turned = turned * cosines + swapped * sines
        return turned if n_turned == heads.shape[-1] else mx.concatenate([turned, heads[..., n_turned:]], axis=-1)

    def _grow(self, n_positions: int) -> None:
        """Ask the stock operation itself, by what it does to a unit vector, so that every scaling of it is kept."""
        n_positions = 2 ** math.ceil(math.log2(max(n_positions, _MIN_TABLE_POSITIONS)))
        half = self._rope.dims // 2
        unit = mx.concatenate([mx.ones((n_positions, half)), mx.zeros((n_positions, half))], axis=-1)
        turned = self._rope(unit[None, None])[0, 0]
        cosines, sines = turned[:, :half], turned[:, half:]
        self._cosines = mx.concatenate([cosines, cosines], axis=-1)
        self._sines = mx.concatenate([-sines, sines], axis=-1)
        mx.eval(self._cosines, self._sines)
