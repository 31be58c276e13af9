"""Where the models on this machine are. No MLX and no heavy import: the language server's half asks too.

An installed model is a folder of `paths.models_dir()` named as in the catalogue, with a lock file in it. A
folder elsewhere that holds an MLX checkpoint (config.json, tokenizer.json, *.safetensors) serves as well.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from inference import paths
from inference.errors import ModelMissing, ModelUnknown
from inference.models.catalogue import CATALOGUE, find_model
from inference.models.lock import LOCK_FILE, read_lock


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model of the catalogue that is on this machine. size_bytes: of its folder."""

    name: str
    directory: Path
    size_bytes: int


def checkpoint_dir(name_or_path: str) -> Path:
    """Find the checkpoint of a catalogue name, or of a folder given by a path with a separator in it.

    Raises ModelMissing when it is not on this machine, ModelUnknown when there is no such name.
    """
    if _is_path(name_or_path):
        return _local_checkpoint(Path(name_or_path).expanduser().absolute())
    spec = find_model(name_or_path)
    directory = paths.models_dir() / spec.name
    if not is_complete(directory):
        raise ModelMissing(
            f"the model {spec.name} is not on this machine; fetch it with: hearthline models pull {spec.name}"
        )
    return directory


def resident_name(name_or_path: str) -> str:
    """Give the name under which a worker holds this model, for `checkpoint_dir`'s argument."""
    if _is_path(name_or_path):
        return name_of(Path(name_or_path).expanduser().absolute())
    return name_or_path


def name_of(directory: Path) -> str:
    """Name the checkpoint in `directory`: as the catalogue does if it was pulled, else after its folder.

    Raises CheckpointDamaged when there is a lock file that cannot be read.
    """
    locked = read_lock(directory)
    return locked.model if locked is not None and locked.model in CATALOGUE else directory.name


def _is_path(name_or_path: str) -> bool:
    return os.sep in name_or_path or name_or_path in (".", "..", "~")


def installed() -> list[InstalledModel]:
    """List the catalogue's models that are on this machine, in the catalogue's order."""
    found = []
    for name in CATALOGUE:
        directory = paths.models_dir() / name
        if is_complete(directory):
            size = sum(path.stat().st_size for path in directory.iterdir())
            found.append(InstalledModel(name, directory, size))
    return found


def is_complete(directory: Path) -> bool:
    """Tell whether a pulled checkpoint is whole: its lock file is written last."""
    return (directory / LOCK_FILE).is_file()


def _local_checkpoint(directory: Path) -> Path:
    if not directory.is_dir():
        raise ModelMissing(f"there is no folder {directory}; name a model or the folder of an MLX checkpoint")
    missing = [name for name in ("config.json", "tokenizer.json") if not (directory / name).is_file()]
    if not any(directory.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise ModelUnknown(f"{directory} is not an MLX checkpoint: it has no {', no '.join(missing)}")
    return directory
