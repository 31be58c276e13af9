"""Read a checkpoint into memory as an mlx-lm model. No code of a checkpoint is ever run.

Architectures are mlx-lm's own modules, found by `model_type`. Its loader is not used: on one path it runs a
Python file that the checkpoint names, and importing it costs 0.7 s of every start (2.4 s beside torch).
"""

import contextlib
import importlib
import importlib.util
import json
import re
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from inference.blas import load_fast_blas
from inference.errors import CheckpointDamaged, ModelUnsupported
from inference.fim_families import find_template
from inference.models import lock
from inference.models.catalogue import CATALOGUE
from inference.models.store import name_of
from inference.models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. model: mlx-lm's, called as model(tokens[B, T], cache=...) -> logits[B, T, vocab].

    family: see ModelSpec. dtype: of activations (`float32`, `bfloat16`). n_context: in tokens.
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

    def make_cache(self) -> list[Any]:
        """Make an empty KV cache, one entry per layer."""
        with _without_package_init("mlx_lm"):
            from mlx_lm.models.cache import make_prompt_cache
        caches: list[Any] = make_prompt_cache(self.model)
        return caches


def load_model(directory: Path, on_progress: Callable[[float], None] | None = None) -> LoadedModel:
    """Load the checkpoint in `directory`, on the thread that will run it.

    on_progress gets the share of weights read, 0.0 to 1.0. A pulled checkpoint is checked against its lock file
    (`lock.check`); another folder's is taken as it is.
    Raises CheckpointDamaged, ModelUnsupported, BlasError.
    """
    load_fast_blas()
    locked = lock.read_lock(directory)
    if locked is not None:
        lock.check(directory, locked)
    config = _read_config(directory)
    tokenizer = Tokenizer.from_directory(directory)
    model, dtype = _read_weights(directory, config, on_progress)
    spec = CATALOGUE.get(locked.model) if locked is not None else None
    family = spec.family if spec else find_template(tokenizer.special)
    return LoadedModel(
        name=name_of(directory),
        model=model,
        tokenizer=tokenizer,
        family=family or _family(config),
        fim=spec.fim if spec else family is not None,
        n_context=int(config.get("max_position_embeddings", 2048)),
        eos_ids=_end_ids(config),
        dtype=dtype,
        directory=directory,
    )


def _read_config(directory: Path) -> dict[str, Any]:
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointDamaged(f"{directory / 'config.json'} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointDamaged(f"{directory / 'config.json'} is not an object")
    return config


def _read_weights(
    directory: Path, config: dict[str, Any], on_progress: Callable[[float], None] | None
) -> tuple[Any, str]:
    import mlx.core as mx
    import mlx.nn as nn

    module = _architecture(str(config.get("model_type")))
    model = module.Model(module.ModelArgs.from_dict(config))
    weights: dict[str, Any] = {}
    try:
        for path in sorted(directory.glob("*.safetensors")):
            weights.update(cast(dict[str, Any], mx.load(str(path))))
        weights = model.sanitize(weights) if hasattr(model, "sanitize") else weights
        if (quantisation := config.get("quantization")) is not None:
            nn.quantize(
                model,
                group_size=quantisation["group_size"],
                bits=quantisation["bits"],
                class_predicate=lambda path, part: hasattr(part, "to_quantized") and f"{path}.scales" in weights,
            )
        model.load_weights(list(weights.items()))
        _read_from_disk(weights, on_progress)
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointDamaged(f"the weights in {directory} cannot be read: {error}") from error
    model.eval()
    floats = next(value.dtype for name, value in weights.items() if name.endswith("norm.weight"))
    return model, str(floats).removeprefix("mlx.core.")


def _read_from_disk(weights: dict[str, Any], on_progress: Callable[[float], None] | None) -> None:
    """Evaluate the lazily loaded arrays, largest share of a start, one by one so that progress can be told."""
    import mlx.core as mx

    total = sum(value.nbytes for value in weights.values())
    done = 0
    for value in weights.values():
        mx.eval(value)
        done += value.nbytes
        if on_progress is not None:
            on_progress(done / total)


def _architecture(model_type: str) -> types.ModuleType:
    name = f"mlx_lm.models.{model_type}"
    if re.fullmatch(r"[a-z0-9_]+", model_type):
        with contextlib.suppress(ModuleNotFoundError), _without_package_init("mlx_lm"):
            module = importlib.import_module(name)
            if hasattr(module, "Model") and hasattr(module, "ModelArgs"):
                return module
    raise ModelUnsupported(f"the architecture {model_type!r} is not one that mlx-lm knows")


@contextlib.contextmanager
def _without_package_init(package: str) -> Iterator[None]:
    """Import submodules of `package` without running its `__init__`, which here imports far more than is needed.

    Afterwards the package can still be imported in the ordinary way, and shares the submodules.
    """
    if package in sys.modules:
        yield
        return
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModelUnsupported(f"the package {package} is not installed")
    bare = types.ModuleType(package)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = bare
    try:
        yield
    finally:
        del sys.modules[package]


def _family(config: dict[str, Any]) -> str:
    model_type = str(config["model_type"])
    return "qwen" if model_type.startswith("qwen") else model_type


def _end_ids(config: dict[str, Any]) -> frozenset[int]:
    value = config.get("eos_token_id")
    return frozenset(value if isinstance(value, list) else [] if value is None else [value])
