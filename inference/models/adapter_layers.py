"""Low-rank changes of single layers: merged into a plain float32 matrix, or computed beside any other.

Both give the same function: y = (W + scale * B A) x, where a magnitude is given with each row of that matrix scaled to
it (DoRA). Shapes are mlx-lm's: a layer of `n_in` inputs has a[n_in, r] and b[r, n_out]; an embedding of `n` tokens
a[n, r] and b[r, dims]; experts a[E, r, n_in] and b[E, n_out, r].
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten

from inference.errors import ModelUnsupported

# A model that can also see has its text's layers elsewhere than the adapter's trainer had.
_OTHER_PLACES = (("", ""), ("", "language_model."), ("model.language_model.", "language_model.model."))


@dataclass(frozen=True, slots=True)
class LowRank:
    """One layer's change, in float32. magnitude: float[n_out], of the rows of the changed matrix."""

    a: mx.array
    b: mx.array
    scale: float
    magnitude: mx.array | None = None


def adapt(model: Any, target: str, change: LowRank, directory: Path) -> None:
    """Change the layer of `model` at the path `target`. Raises ModelUnsupported, naming `directory`."""
    modules = dict(model.named_modules())
    places = (new + target.removeprefix(old) for old, new in _OTHER_PLACES if target.startswith(old))
    path = next((place for place in places if place in modules), None)
    kind = _kind(modules[path]) if path is not None else None
    if path is None or kind is None:
        what = "has no layer" if path is None else "cannot change the layer"
        raise ModelUnsupported(f"the adapter in {directory} is not for this model, which {what} {target}")
    layer = modules[path]
    wanted, found = _shapes(layer, kind, change), (change.a.shape, change.b.shape)
    n_rows = layer.weight.shape[-2]
    if found != wanted or (change.magnitude is not None and (kind == "experts" or change.magnitude.shape != (n_rows,))):
        raise ModelUnsupported(
            f"the adapter in {directory} was made for another base model: of {target} it holds {found[0]} and "
            f"{found[1]}, where {wanted[0]} and {wanted[1]} fit"
        )
    if layer.weight.dtype == mx.float32:
        layer.weight = _changed(layer.weight, kind, change)
    else:
        model.update_modules(tree_unflatten([(path, _BESIDE[kind](layer, change))]))


def _kind(layer: Any) -> str | None:
    """Tell how `layer` uses its matrix. By name, as importing mlx-lm's modules would run the whole package."""
    names = {"Linear": "linear", "Embedding": "embedding", "SwitchLinear": "experts"}
    return names.get(type(layer).__name__.removeprefix("Quantized"))


def _shapes(layer: Any, kind: str, change: LowRank) -> tuple[tuple[int, ...], tuple[int, ...]]:
    *experts, n_rows, n_columns = layer.weight.shape
    if "scales" in layer:
        n_columns = n_columns * 32 // layer.bits
    if kind == "experts":
        rank = change.a.shape[-2] if change.a.ndim == 3 else 0
        return (*experts, rank, n_columns), (*experts, n_rows, rank)
    rank = change.a.shape[-1]
    return ((n_rows, rank), (rank, n_columns)) if kind == "embedding" else ((n_columns, rank), (rank, n_rows))


def _changed(weight: mx.array, kind: str, change: LowRank) -> mx.array:
    """Compute the changed matrix. weight: float32[..., n_out, n_in]."""
    if kind == "experts":
        product = change.b @ change.a
    else:
        product = change.a @ change.b if kind == "embedding" else (change.a @ change.b).T
    changed = weight + change.scale * product
    if change.magnitude is None:
        return changed
    return changed * (change.magnitude / mx.linalg.norm(changed, axis=-1))[:, None]


def _row_scales(layer: Any, kind: str, change: LowRank) -> mx.array | None:
    """Compute what each row of the changed matrix is to be multiplied by; None without a magnitude."""
    if change.magnitude is None:
        return None
    weight = layer.weight
    if "scales" in layer:
        how = (layer.group_size, layer.bits, layer.mode)
        weight = mx.dequantize(weight, layer.scales, layer.get("biases"), *how, dtype=mx.float32)
    plain = LowRank(change.a, change.b, change.scale)
    return change.magnitude / mx.linalg.norm(_changed(weight.astype(mx.float32), kind, plain), axis=-1)


class _Beside(nn.Module):  # type: ignore[misc]  # MLX's layers have no types
    """A layer and its change."""

    def __init__(self, layer: Any, change: LowRank) -> None:
        super().__init__()
        self.layer = layer
        self.lora_a, self.lora_b = change.a, change.scale * change.b
        kind = _kind(layer)
        self.row_scales = _row_scales(layer, str(kind), change)


class LinearBeside(_Beside):
    """Of a plain layer."""

    def __call__(self, x: mx.array) -> mx.array:
        """Map float[..., n_in] to float[..., n_out]."""
        stock = self.layer(x)
        change = (x @ self.lora_a) @ self.lora_b
        if self.row_scales is None:
            return cast(mx.array, stock + change.astype(stock.dtype))
        bias = self.layer.get("bias", 0.0)
        return cast(mx.array, ((stock - bias + change) * self.row_scales + bias).astype(stock.dtype))


class EmbeddingBeside(_Beside):
    """Of an embedding, which may also be the output matrix."""

    def __call__(self, tokens: mx.array) -> mx.array:
        """Look up int[...]."""
        stock = self.layer(tokens)
        changed = stock + self.lora_a[tokens] @ self.lora_b
        scaled = changed if self.row_scales is None else changed * self.row_scales[tokens][..., None]
        return cast(mx.array, scaled.astype(stock.dtype))

    def as_linear(self, x: mx.array) -> mx.array:
        """Compute logits, float[..., n]."""
        stock = self.layer.as_linear(x)
        changed = stock + (x @ self.lora_b.T) @ self.lora_a.T
        return cast(mx.array, (changed if self.row_scales is None else changed * self.row_scales).astype(stock.dtype))


class ExpertsBeside(_Beside):
    """Of the matrices of experts."""

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        """Map float[..., 1, n_in] to float[..., 1, n_out] by the experts that int[...] names."""
        stock = self.layer(x, indices, sorted_indices=sorted_indices)
        for matrix in (self.lora_a, self.lora_b):
            x = mx.gather_mm(x, matrix.swapaxes(-1, -2), rhs_indices=indices, sorted_indices=sorted_indices)
        return cast(mx.array, stock + x.astype(stock.dtype))


_BESIDE: dict[str, type[_Beside]] = {
    "linear": LinearBeside,
    "embedding": EmbeddingBeside,
    "experts": ExpertsBeside,
}
