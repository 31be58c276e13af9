"""A checkpoint folder becomes a model in memory, verified on the way. What is in the folder is never run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.blas import load_fast_blas
from inference.fim_families import find_template
from inference.models import lock
from inference.models.architecture import (
    Config,
    build_model,
    context_length,
    end_ids,
    read_json,
    without_package_init,
)
from inference.models.catalogue import CATALOGUE
from inference.models.store import name_of
from inference.models.tokenizer import Tokenizer
from inference.models.weights import fill_model, read_from_disk

if TYPE_CHECKING:
    from inference.models.adapters import Adapter


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. model: mlx-lm's, called as model(tokens[B, T], cache=...) -> logits[B, T, vocab].

    family: see ModelSpec. dtype: of activations (`float32`, `bfloat16`), and how packed weights are packed
    (`bfloat16, weights 4-bit affine`). n_context: in tokens. adapter: the one that is in it.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    family: str
    fim: bool
    n_context: int
    eos_ids: frozenset[int]
    dtype: str
    directory: Path
    adapter: "Adapter | None" = None

    def make_cache(self) -> list[Any]:
        """Make an empty KV cache, one entry per layer."""
        with without_package_init("mlx_lm"):
            from mlx_lm.models.cache import make_prompt_cache
        caches: list[Any] = make_prompt_cache(self.model)
        return caches


def load_model(
    directory: Path, on_progress: Callable[[float], None] | None = None, adapter_directory: Path | None = None
) -> LoadedModel:
    """Load the checkpoint in `directory` with the adapter in `adapter_directory`, on the thread that will run it.

    on_progress gets the share of weights read, 0.0 to 1.0. A pulled checkpoint is checked against its lock file
    (`lock.check`); another folder's is taken as it is. The name is `model+adapter` where there is an adapter.
    Raises CheckpointDamaged, ModelUnsupported, ModelMissing, BlasError.
    """
    load_fast_blas()
    locked = _check_files(directory)
    config = read_json(directory / "config.json")
    tokenizer = Tokenizer.from_directory(directory)
    model, dtype, adapter = _make_model(directory, config, adapter_directory)
    read_from_disk(model, directory, on_progress)
    spec = CATALOGUE.get(locked.model) if locked is not None else None
    family = spec.family if spec else find_template(tokenizer.special)
    return LoadedModel(
        name=name_of(directory) + (f"+{adapter.name}" if adapter is not None else ""),
        model=model,
        tokenizer=tokenizer,
        family=family or str(config["model_type"]),
        fim=spec.fim if spec else family is not None,
        n_context=context_length(config),
        eos_ids=end_ids(directory, config),
        dtype=dtype,
        directory=directory,
        adapter=adapter,
    )


def reload_lazily(loaded: LoadedModel) -> LoadedModel:
    """Load again what `loaded`, whose model may be gone, was loaded from. Raises as `load_model`.

    Its weights are read from the disk when they are evaluated, which is left to the caller. The tokenizer is kept.
    """
    _check_files(loaded.directory)
    adapter_directory = loaded.adapter.directory if loaded.adapter is not None else None
    config = read_json(loaded.directory / "config.json")
    model, dtype, adapter = _make_model(loaded.directory, config, adapter_directory)
    return replace(loaded, model=model, dtype=dtype, adapter=adapter)


def _check_files(directory: Path) -> lock.Lock | None:
    locked = lock.read_lock(directory)
    if locked is not None:
        lock.check(directory, locked)
    return locked


def _make_model(directory: Path, config: Config, adapter_directory: Path | None) -> tuple[Any, str, "Adapter | None"]:
    """Make the model, whose weights are yet to be read, in the form that this device is fast at; tell their type."""
    from inference.device import checkpoint_layout, describe_device
    from inference.models.adapters import apply_adapter

    model = build_model(config)
    device = describe_device()
    room_bytes = device.memory_bytes if checkpoint_layout(device.kind) == "float32" else None
    dtype = fill_model(model, directory, config, room_bytes)
    adapter = apply_adapter(model, adapter_directory) if adapter_directory is not None else None
    return model, dtype, adapter
