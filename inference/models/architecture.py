"""What a checkpoint's config.json says, and the empty mlx-lm model it describes. No code of a checkpoint is ever run.

Architectures are mlx-lm's own modules, found by `model_type`. Its loader is not used: on one path it runs a
Python file that the checkpoint names, and importing it costs 0.7 s of every start (2.4 s beside torch).
A model that can also see nests what concerns its text in `text_config`; whoever asks here need not know.
"""

import contextlib
import importlib
import importlib.util
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.errors import CheckpointDamaged, ModelUnsupported

Config = dict[str, Any]

# Names of architectures that are others' under another name.
_SAME_AS = {
    "mistral": "llama",
    "xverse": "llama",
    "iquestcoder": "llama",
    "kimi_k2": "deepseek_v3",
    "minimax_m2": "minimax",
    "falcon_mamba": "mamba",
    "gemma4_unified": "gemma4",
}
_LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
_LEAST_CONTEXT = 2048
# Building an empty layer takes a moment, so that a damaged number would never end.
_MAX_LAYERS = 1000


def read_json(path: Path) -> dict[str, Any]:
    """Read the JSON object in the file at `path`. Raises CheckpointDamaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointDamaged(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointDamaged(f"{path} is not an object")
    return value


def setting(config: Config, *names: str) -> Any:
    """Find the first of `names` that has a value, in the text's part of `config` or in the whole; None without any."""
    for part in (config.get("text_config"), config):
        for name in names:
            if isinstance(part, dict) and part.get(name) is not None:
                return part[name]
    return None


def context_length(config: Config) -> int:
    """Tell how many tokens the model was made for. Raises CheckpointDamaged."""
    value = setting(config, *_LENGTHS)
    if value is None:
        return _LEAST_CONTEXT
    if not isinstance(value, int) or value <= 0:
        raise CheckpointDamaged(f"config.json gives {value!r} as the longest context, which is no number of tokens")
    return value


def end_ids(directory: Path, config: Config) -> frozenset[int]:
    """Collect the tokens after which the model has nothing more to say. Raises CheckpointDamaged.

    Some checkpoints name them all in generation_config.json alone, some the chat's end in config.json alone.
    """
    path = directory / "generation_config.json"
    values = [setting(config, "eos_token_id"), read_json(path).get("eos_token_id") if path.is_file() else None]
    ids = [token for value in values for token in (value if isinstance(value, list) else [value]) if token is not None]
    if not all(isinstance(token, int) for token in ids):
        raise CheckpointDamaged(f"eos_token_id in {directory} is not a token id or a list of them: {ids}")
    return frozenset(ids)


def build_model(config: Config) -> Any:
    """Build the empty model that `config` describes; its parameters take no memory until they are used.

    Raises ModelUnsupported, CheckpointDamaged.
    """
    if config.get("model_file") is not None:
        raise ModelUnsupported(
            f"this checkpoint wants its own program {config['model_file']!r} to be run, which never happens here; "
            "take a checkpoint whose architecture mlx-lm knows"
        )
    n_layers = setting(config, "num_hidden_layers")
    if isinstance(n_layers, int) and n_layers > _MAX_LAYERS:
        raise CheckpointDamaged(f"config.json tells of {n_layers} layers, which no model has")
    module = _architecture(str(config.get("model_type")))
    try:
        model = module.Model(module.ModelArgs.from_dict(_in_older_names(config, module.ModelArgs)))
    except Exception as error:  # whatever a wrong value makes mlx-lm's code do
        reason = str(error).replace("ModelArgs.__init__() ", "") or type(error).__name__
        raise CheckpointDamaged(f"config.json does not describe a {config['model_type']} model: {reason}") from error
    model.eval()
    # `generation` feeds the body and the output matrix by these names.
    owner = getattr(model, "language_model", model)
    body = getattr(model, "model", None)
    if body is None or not (hasattr(owner, "lm_head") or hasattr(body, "embed_tokens")):
        raise ModelUnsupported(f"the architecture {config['model_type']!r} is built in a way this version cannot run")
    return model


def _in_older_names(config: Config, arguments: type) -> Config:
    """Say what transformers 5 calls otherwise or nests in `rope_parameters` also in the names that `arguments` has.

    Without its base of the rotation an older architecture of mlx-lm takes its own default and is wrong without a word.
    """
    known = arguments.__annotations__
    lifted = {}
    if "num_experts" in known and "num_local_experts" in config:
        lifted["num_experts"] = config["num_local_experts"]
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_parameters" not in known:
        lifted |= {name: rope[name] for name in ("rope_theta", "partial_rotary_factor") if name in rope}
        if rope.get("rope_type", "default") != "default":
            lifted["rope_scaling"] = rope
    return {**lifted, **config}


def _architecture(model_type: str) -> types.ModuleType:
    name = f"mlx_lm.models.{_SAME_AS.get(model_type, model_type)}"
    if re.fullmatch(r"[a-z0-9_]+", model_type):
        with contextlib.suppress(ModuleNotFoundError), without_package_init("mlx_lm"):
            module = importlib.import_module(name)
            if hasattr(module, "Model") and hasattr(module, "ModelArgs"):
                return module
    raise ModelUnsupported(f"the architecture {model_type!r} is not one that mlx-lm knows")


def is_known(model_type: str) -> bool:
    """Tell whether mlx-lm has a module for `model_type`, without importing it."""
    package = importlib.util.find_spec("mlx_lm")
    name = _SAME_AS.get(model_type, model_type)
    if package is None or not re.fullmatch(r"[a-z0-9_]+", name):
        return False
    places = package.submodule_search_locations or ()
    return any(Path(place, "models", f"{name}.py").is_file() for place in places)


@contextlib.contextmanager
def without_package_init(package: str) -> Iterator[None]:
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
