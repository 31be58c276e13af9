"""Which architectures mlx-lm knows, told without importing it."""

import importlib.util
import re
from pathlib import Path


def is_known(model_type: str) -> bool:
    """Tell whether mlx-lm has a module for checkpoints whose config.json says `model_type`."""
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not re.fullmatch(r"[a-z0-9_]+", model_type):
        return False
    return any(Path(place, "models", f"{model_type}.py").is_file() for place in spec.submodule_search_locations or ())
