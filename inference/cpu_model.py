"""mlx-lm's Qwen2 and Llama on a CPU, faster: the same model with modules that use `cpu_ops`.

Owns the replacement of a loaded model's modules by ones that share their weights: no parameter is copied, renamed or
rounded. Invariant: what a replacement has no faster form for (a few tokens, a mask that is an array, a cache of another
kind) it computes by the stock operations.

Tried in the whole 0.5B coder and left out: one matrix for query, key and value (1 % of decoding beside the rotary
table); one for gate and up (nothing); and, in two runs each, KMP_BLOCKTIME (at 0 a token takes 150 ms in place of 92;
at 1 the BLAS stops spinning 1 ms after a step, not 200, but one of 8 tokens takes 7 % longer) and malloc thresholds
(fewer page faults, nothing for chunks of 64 tokens; larger chunks were too noisy to tell).
"""

import math
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from inference.cpu_ops import MAX_FEW_ROWS, causal_attention, project, swiglu

_ARCHITECTURES = frozenset({"qwen2", "llama"})
# By name: importing mlx-lm's modules would run the whole package (see models/load.py). Of the others, some rotate
# differently as a sequence grows.
_ROTATIONS = frozenset({"RoPE", "Llama3RoPE"})
_MIN_TABLE_POSITIONS = 2048
# Fewer queries than these are no block: the stock operation is as fast.
_MIN_BLOCK_TOKENS = 16


def accelerate(model: Any) -> None:
    """Replace the modules of `model`, an mlx-lm model with float32 weights in memory, by faster ones for the CPU.

    Nothing happens to other architectures and to quantised or 16-bit weights. Logits then differ from the stock model's
    by rounding alone: under 1e-3 at a scale of 30.
    """
    if getattr(model, "model_type", None) not in _ARCHITECTURES or not _is_float32(model):
        return
    decoder = model.model
    # One table serves all layers: these architectures rotate alike in each.
    table = RotaryTable(decoder.layers[0].self_attn.rope)
    for layer in decoder.layers:
        _replace_linears(layer.self_attn)
        _replace_linears(layer.mlp)
        layer.self_attn = CpuAttention(layer.self_attn, table)
        layer.mlp = CpuMLP(layer.mlp)
    decoder.embed_tokens = CpuEmbedding(decoder.embed_tokens)
    _replace_linears(model)


def _is_float32(model: Any) -> bool:
    parameters = cast(list[tuple[str, mx.array]], tree_flatten(model.parameters()))
    return all(value.dtype == mx.float32 for _, value in parameters)


def _replace_linears(module: Any) -> None:
    for name, child in list(module.items()):
        if isinstance(child, nn.Linear):
            setattr(module, name, CpuLinear(child))


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


class CpuAttention(nn.Module):  # type: ignore[misc]  # likewise
    """mlx-lm's attention with a rotary table and causal blocks, over a plain causal KV cache or none."""

    def __init__(self, stock: Any, table: "RotaryTable") -> None:
        super().__init__()
        self.q_proj, self.k_proj = stock.q_proj, stock.k_proj
        self.v_proj, self.o_proj = stock.v_proj, stock.o_proj
        self.rope = stock.rope
        self._stock = stock  # as in CpuMLP
        self._table = table

    def __call__(self, x: mx.array, mask: Any = None, cache: Any = None) -> mx.array:
        """Map float[B, T, D] to float[B, T, D], extending `cache`. mask: None, "causal" or an array."""
        batch, n_tokens, _ = x.shape
        n_heads, n_kv_heads, scale = self._stock.n_heads, self._stock.n_kv_heads, self._stock.scale
        is_causal = mask == "causal" if isinstance(mask, str) else mask is None and n_tokens == 1
        is_plain = cache is None or type(cache).__name__ == "KVCache"
        if not (is_causal and is_plain and self._table.is_usable):
            return cast(mx.array, self._stock(x, mask, cache))
        queries = self.q_proj(x).reshape(batch, n_tokens, n_heads, -1)
        keys = self.k_proj(x).reshape(batch, n_tokens, n_kv_heads, -1)
        values = self.v_proj(x).reshape(batch, n_tokens, n_kv_heads, -1).transpose(0, 2, 1, 3)
        both = self._table.rotate(mx.concatenate([queries, keys], axis=2), 0 if cache is None else cache.offset)
        queries, keys = mx.split(both.transpose(0, 2, 1, 3), [n_heads], axis=1)
        if cache is not None:
            keys, values = cache.update_and_fetch(keys, values)
        if n_tokens < _MIN_BLOCK_TOKENS:
            mixed = mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=mask)
        else:
            mixed = causal_attention(queries, keys, values, scale)
        return cast(mx.array, self.o_proj(mixed.transpose(0, 2, 1, 3).reshape(batch, n_tokens, -1)))


class RotaryTable:
    """Cosines and sines of `rope` by position, grown as needed; `mx.fast.rope` computes them anew in every layer.

    is_usable: `rope` rotates halves of the whole head, by an angle that depends on the position alone.
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
        half = heads.shape[-1] // 2
        swapped = mx.concatenate([heads[..., half:], heads[..., :half]], axis=-1)
        return heads * cosines + swapped * sines

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
