"""A checkpoint's tensors: read from safetensors files and put into an mlx-lm model, in the form the device is fast at.

Invariant: after `fill_model` every parameter of the model is the checkpoint's, in the shape that the architecture asks
for, and in memory once it is evaluated; what is missing, left over or misshapen is named in the error instead.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from inference.device import fits_in_float32
from inference.errors import CheckpointDamaged, ModelUnsupported
from inference.models.architecture import Config, read_json, setting
from inference.models.packing import Packing, Weights, find_packings, in_words, unpack

INDEX_NAME = "model.safetensors.index.json"
_N_NAMED = 3
_ONE_EXPERT = re.compile(r"(.+\.mlp)\.experts\.(\d+)\.((?:gate|up|down)_proj\.weight)")

logger = logging.getLogger(__name__)


def fill_model(
    model: Any,
    directory: Path,
    config: Config,
    float32_room_bytes: int | None,
) -> str:
    """Fill `model`, empty as `build_model` made it, with the checkpoint in `directory`.

    float32_room_bytes: the memory of a device that is fast in float32 alone; None where weights are best as they are
    stored. Packed weights for which there is no room in float32 stay packed. Nothing is read but the files' headers.
    Returns the type of the weights in words. Raises CheckpointDamaged, ModelUnsupported.
    """
    import mlx.core as mx
    import mlx.nn as nn

    weights = _read_files(directory)
    fits = float32_room_bytes is not None and _fits(model, float32_room_bytes, directory)
    # On a CPU packed matrices are multiplied 8 times as fast by float32 scales as by 16-bit ones. Before `sanitize`,
    # which for some architectures adds 1 to the norms' weights: in 16 bits that would round them.
    if fits or (float32_room_bytes is not None and any(name.endswith("scales") for name in weights)):
        weights = {name: _widened(value) for name, value in weights.items()}
    try:
        weights = _stacked(model.sanitize(weights) if hasattr(model, "sanitize") else weights)
        packings = find_packings(model, weights, config)
        if fits:
            for path, packing in packings.items():
                unpack(path, packing, weights)
            packings = {}
        elif packings:
            nn.quantize(model, class_predicate=lambda path, _: packings.get(path, False))
    except (RuntimeError, ValueError, LookupError, AttributeError) as error:
        raise CheckpointDamaged(f"the weights in {directory} are not those of its config.json: {error!r}") from error
    _check(model, weights, directory, config)
    model.load_weights(list(weights.items()))
    dtypes = {name: value.dtype for name, value in weights.items() if mx.issubdtype(value.dtype, mx.floating)}
    norms = [dtype for name, dtype in dtypes.items() if name.endswith("norm.weight")]
    return _in_words([*norms, *dtypes.values()][0], packings)


def _fits(model: Any, room_bytes: int, directory: Path) -> bool:
    """Tell whether the weights can be in float32, and the log where they cannot."""
    n_bytes = 4 * sum(value.size for value in _parameters(model).values())
    if fits_in_float32(n_bytes, room_bytes):
        return True
    logger.warning(
        "%s would take %.1f GB in float32, of %.1f GB here: its weights stay as they are stored, which is slow",
        directory.name,
        n_bytes / 1e9,
        room_bytes / 1e9,
    )
    return False


def _read_files(directory: Path) -> Weights:
    """List the tensors of the checkpoint in `directory` by name; their data is read when it is evaluated."""
    import mlx.core as mx

    index = directory / INDEX_NAME
    places = _places(index) if index.is_file() else {}
    weights: Weights = {}
    for path in [directory / name for name in sorted(set(places.values()))] or _weight_files(directory):
        if not path.is_file():
            raise CheckpointDamaged(f"{path} is missing, which {index.name} lists; fetch the checkpoint again")
        try:
            weights.update(cast(Weights, mx.load(str(path))))
        except (RuntimeError, ValueError) as error:
            kind = ModelUnsupported if "unsupported dtype" in str(error) else CheckpointDamaged
            raise kind(f"{path} cannot be read: {error}") from error
    absent = [name for name in places if name not in weights]
    if absent:
        raise CheckpointDamaged(
            f"{directory} lacks {_few(absent)}, which {index.name} lists; fetch the checkpoint again"
        )
    return weights


def _weight_files(directory: Path) -> list[Path]:
    """List the files of weights where no index does: some folders hold the same again under another maker's names."""
    return sorted(directory.glob("model*.safetensors")) or sorted(directory.glob("*.safetensors"))


def _places(index: Path) -> dict[str, str]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointDamaged(f"{index} does not say which tensor is in which file")
    if any(Path(name).name != name for name in places.values()):
        raise CheckpointDamaged(f"{index} names files outside of its folder")
    return places


def _parameters(model: Any) -> dict[str, Any]:
    from mlx.utils import tree_flatten

    return dict(cast(list[tuple[str, Any]], tree_flatten(model.parameters())))


def _stacked(weights: Weights) -> Weights:
    """Stack the matrices of experts where `sanitize` left them single.

    transformers 5 writes them one by one also for architectures of which mlx-lm knows them stacked alone.
    """
    import mlx.core as mx

    stacks: dict[str, dict[int, Any]] = {}
    rest: Weights = {}
    for name, value in weights.items():
        if match := _ONE_EXPERT.fullmatch(name):
            stacks.setdefault(f"{match[1]}.switch_mlp.{match[3]}", {})[int(match[2])] = value
        else:
            rest[name] = value
    return rest | {name: mx.stack([stack[index] for index in sorted(stack)]) for name, stack in stacks.items()}


def _widened(value: Any) -> Any:
    import mlx.core as mx

    return value.astype(mx.float32) if mx.issubdtype(value.dtype, mx.floating) else value


def _check(model: Any, weights: Weights, directory: Path, config: Config) -> None:
    """Compare `weights` with the parameters of `model`, by name, shape and kind of number."""
    problems = _problems(_parameters(model), weights)
    if not problems:
        return
    how = setting(config, "quantization_config")
    if isinstance(how, dict) and "quant_method" in how:
        raise ModelUnsupported(
            f"{directory} is quantised by {how['quant_method']}, which mlx-lm cannot read as it is; take an MLX "
            f"conversion of this model or its unquantised weights ({problems[0]})"
        )
    raise CheckpointDamaged(
        f"the weights in {directory} are not those of the {config['model_type']} model in its config.json: "
        + "; ".join(problems)
    )


def _problems(parameters: Weights, weights: Weights) -> list[str]:
    import mlx.core as mx

    both = [name for name in parameters if name in weights]
    missing = [name for name in parameters if name not in weights]
    surplus = [name for name in weights if name not in parameters]
    misshapen = [
        f"{name} is {weights[name].shape} in place of {parameters[name].shape}"
        for name in both
        if weights[name].shape != parameters[name].shape
    ]
    is_float = {name: mx.issubdtype(weights[name].dtype, mx.floating) for name in both}
    wrong_kind = [name for name in both if mx.issubdtype(parameters[name].dtype, mx.floating) != is_float[name]]
    return [
        f"{words} {_few(names)}"
        for words, names in (
            ("there is no", missing),
            ("there is no place for", surplus),
            ("of another shape:", misshapen),
            ("integers in place of floats, or floats of integers:", wrong_kind),
        )
        if names
    ]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return ", ".join(sorted(names)[:_N_NAMED]) + more


def read_from_disk(model: Any, directory: Path, on_progress: Callable[[float], None] | None = None) -> None:
    """Evaluate the parameters of `model`, largest share of a start, one by one so that progress can be told.

    The largest first: unpacking one takes several times its size, while there is room for what is still to come.
    on_progress: gets the share read, 0.0 to 1.0. Raises CheckpointDamaged.
    No other way read 2 GB that were not in the system's cache sooner than these 1.5 s beyond doubt: read ahead by the
    system (1.4) or by threads (2.7), 16 arrays at once (1.3), shares of a 16th (1.7 against 1.7).
    """
    import mlx.core as mx

    weights = _parameters(model)
    total = sum(value.nbytes for value in weights.values())
    done = 0
    for name, value in sorted(weights.items(), key=lambda item: -item[1].nbytes):
        try:
            mx.eval(value)
        except RuntimeError as error:
            raise CheckpointDamaged(f"{name} in {directory} cannot be read: {error}") from error
        done += value.nbytes
        if on_progress is not None:
            on_progress(done / total)


def _in_words(dtype: Any, packings: dict[str, Packing]) -> str:
    words = str(dtype).removeprefix("mlx.core.")
    return f"{words}, weights {in_words(packings)}" if packings else words
