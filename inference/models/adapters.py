"""A fine-tuned adapter's folder: read in mlx-lm's format or in PEFT's, and put into a loaded model.

Invariant: every tensor of the file is used, in the layer that it names and in the shape that this layer has; else the
adapter is refused and the model is not used. What the file holds decides, not what the configuration selects.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from inference.errors import CheckpointDamaged, ModelMissing, ModelUnsupported
from inference.models.adapter_layers import LowRank, adapt
from inference.models.architecture import Config, read_json
from inference.models.lock import sha256_of

_CONFIG_NAME = "adapter_config.json"
_MLX_NAME = "adapters.safetensors"
_PEFT_NAME = "adapter_model.safetensors"
_PEFT_PREFIX = "base_model.model."
# How PEFT names what mlx-lm names otherwise, each the transpose of the other but for the magnitudes.
_PEFT_PARTS = {
    ".lora_A.weight": "lora_a",
    ".lora_B.weight": "lora_b",
    ".lora_embedding_A": "lora_a",
    ".lora_embedding_B": "lora_b",
    ".lora_magnitude_vector": "m",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter in use. name: of its folder. sha256: of its weights' file, so that it can be told which one it was."""

    name: str
    directory: Path
    sha256: str


def apply_adapter(model: Any, directory: Path) -> Adapter:
    """Put the adapter in `directory` into `model`: merged into matrices that are float32, once those are evaluated.

    Others keep it beside them, since packed or 16-bit ones would round it away.
    Raises ModelMissing, ModelUnsupported, CheckpointDamaged.
    """
    import mlx.core as mx

    path = next((directory / name for name in (_MLX_NAME, _PEFT_NAME) if (directory / name).is_file()), None)
    if path is None or not (directory / _CONFIG_NAME).is_file():
        names = f"{_CONFIG_NAME} and {_MLX_NAME} or {_PEFT_NAME}"
        raise ModelMissing(f"there is no adapter in {directory}; its folder holds {names}")
    config = read_json(directory / _CONFIG_NAME)
    sha256 = sha256_of(path)
    try:
        tensors = cast(dict[str, Any], mx.load(str(path)))
    except (RuntimeError, ValueError) as error:
        raise CheckpointDamaged(f"{path} cannot be read: {error}") from error
    if path.name == _MLX_NAME and config.get("fine_tune_type") == "full":
        _replace(model, tensors, directory)
    else:
        read = _read_mlx if path.name == _MLX_NAME else _read_peft
        for target, low_rank in read(tensors, config, directory).items():
            adapt(model, target, low_rank, directory)
    logger.info("adapter %s: %d tensors, sha256 %s", directory.name, len(tensors), sha256)
    return Adapter(directory.name, directory, sha256)


def _replace(model: Any, tensors: dict[str, Any], directory: Path) -> None:
    """Put whole fine-tuned weights in the place of the model's."""
    from mlx.utils import tree_flatten

    own = dict(cast(list[tuple[str, Any]], tree_flatten(model.parameters())))
    for name, value in tensors.items():
        if name not in own or own[name].shape != value.shape:
            found = f"is {own[name].shape}" if name in own else "does not exist"
            raise _unfit(directory, f"{name}, {value.shape} in the adapter, {found} in the model")
    model.load_weights([(name, value.astype(own[name].dtype)) for name, value in tensors.items()], strict=False)


def _read_mlx(tensors: dict[str, Any], config: Config, directory: Path) -> dict[str, LowRank]:
    kind = config.get("fine_tune_type", "lora")
    if kind not in ("lora", "dora"):
        raise ModelUnsupported(f"the adapter in {directory} is of the type {kind!r}; lora, dora and full are known")
    settings = config.get("lora_parameters")
    parameters = settings if isinstance(settings, dict) else {}
    scale, rank = (_number(parameters, name, directory) for name in ("scale", "rank"))
    parts: dict[str, dict[str, Any]] = {}
    for name, value in tensors.items():
        target, _, part = name.rpartition(".")
        if part not in ("lora_a", "lora_b", "m"):
            raise _unfit(directory, f"{name} is no part of an adapter")
        parts.setdefault(target, {})[part] = value
    return {target: _low_rank(target, found, scale, rank, directory) for target, found in parts.items()}


def _read_peft(tensors: dict[str, Any], config: Config, directory: Path) -> dict[str, LowRank]:
    unknown = [name for name in ("rank_pattern", "alpha_pattern", "fan_in_fan_out") if config.get(name)]
    if config.get("peft_type", "LORA") != "LORA" or unknown:
        raise ModelUnsupported(
            f"the adapter in {directory} is of a kind that is not known here ({config.get('peft_type')}"
            f"{''.join(f', {name}' for name in unknown)}); merge it into its model, or train one with mlx_lm.lora"
        )
    rank = _number(config, "r", directory)
    scale = _number(config, "lora_alpha", directory) / (math.sqrt(rank) if config.get("use_rslora") else rank)
    parts: dict[str, dict[str, Any]] = {}
    for name, value in tensors.items():
        end = next((end for end in _PEFT_PARTS if name.endswith((end, f"{end}.weight"))), None)
        if end is None:
            raise _unfit(directory, f"{name} is no part of an adapter")
        target = name[: name.rindex(end)].removeprefix(_PEFT_PREFIX)
        parts.setdefault(target, {})[_PEFT_PARTS[end]] = value.T
    return {target: _low_rank(target, found, scale, rank, directory) for target, found in parts.items()}


def _low_rank(target: str, parts: dict[str, Any], scale: float, rank: float, directory: Path) -> LowRank:
    import mlx.core as mx

    if "lora_a" not in parts or "lora_b" not in parts:
        raise _unfit(directory, f"of {target} it holds {', '.join(sorted(parts))} alone")
    if not all(mx.issubdtype(part.dtype, mx.floating) for part in parts.values()):
        raise _unfit(directory, f"that of {target} is not of floats")
    if rank not in parts["lora_a"].shape or rank not in parts["lora_b"].shape:
        raise _unfit(directory, f"its rank is {rank:g}, that of {target} is {parts['lora_a'].shape}")
    parts = {name: part.astype(mx.float32) for name, part in parts.items()}
    return LowRank(parts["lora_a"], parts["lora_b"], scale, parts.get("m"))


def _number(settings: dict[str, Any], name: str, directory: Path) -> float:
    value = settings.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value == 0:
        raise CheckpointDamaged(
            f"{directory / _CONFIG_NAME} gives {value!r} as `{name}`, which is no number to scale by"
        )
    return value


def _unfit(directory: Path, why: str) -> ModelUnsupported:
    return ModelUnsupported(f"the adapter in {directory} does not fit this model: {why}")
