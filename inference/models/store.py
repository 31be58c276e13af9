"""Where the models on this machine are. No MLX and no heavy import: the language server's half asks too.

An installed model is a folder of `paths.models_dir()` with a lock file in it, which says what the model is called; the
folder is named after that (`reference.folder_name`). A folder elsewhere that holds an MLX checkpoint (config.json,
tokenizer.json, *.safetensors) serves as well, and a GGUF file once it has been converted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference import paths
from inference.errors import CheckpointDamaged, ModelMissing, ModelUnknown
from inference.models.catalogue import CATALOGUE, find_model
from inference.models.lock import FILE_SOURCE, LOCK_FILE, Lock, read_lock
from inference.models.reference import folder_name, is_gguf, is_path, parse_hub_id

ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that was pulled to this machine. size_bytes: of its folder. source, revision: see `Lock`."""

    name: str
    directory: Path
    size_bytes: int
    source: str
    revision: str

    @property
    def is_adapter(self) -> bool:
        """Tell whether this is no model, but what is put into one."""
        return not (self.directory / "config.json").exists() and (self.directory / ADAPTER_CONFIG).exists()


def checkpoint_dir(name_or_path: str) -> Path:
    """Find the checkpoint that a name of the catalogue, an id on the hub, or a path means.

    Raises ModelMissing when it is not on this machine, ModelUnknown when there is no such name.
    """
    if is_path(name_or_path):
        return _local_checkpoint(Path(name_or_path).expanduser().absolute())
    directory = paths.models_dir() / folder_name(name_or_path)
    if is_complete(directory):
        return directory
    if parse_hub_id(name_or_path) is not None:
        raise ModelMissing(
            f"the model {name_or_path} is not on this machine; fetch it with: hearthline models pull {name_or_path} "
            f"(or write ./{name_or_path} where you mean a folder)"
        )
    spec = find_model(name_or_path)
    raise ModelMissing(
        f"the model {spec.name} is not on this machine; fetch it with: hearthline models pull {spec.name}"
    )


def needs_conversion(name_or_path: str) -> bool:
    """Tell whether this is a GGUF file of which no checkpoint has been made yet, as it is now."""
    path = Path(name_or_path).expanduser().absolute()
    return is_path(name_or_path) and is_gguf(path.name) and path.is_file() and _converted(path) is None


def resident_name(name_or_path: str) -> str:
    """Give the name under which a worker holds this model, for `checkpoint_dir`'s argument."""
    if not is_path(name_or_path):
        return name_or_path
    path = Path(name_or_path).expanduser().absolute()
    return name_of(_converted(path) or path)


def name_of(directory: Path) -> str:
    """Name the checkpoint in `directory`: as it was pulled, else after its folder.

    Raises CheckpointDamaged when there is a lock file that cannot be read.
    """
    locked = read_lock(directory)
    return locked.model if locked is not None else directory.name


def installed() -> list[InstalledModel]:
    """List the models that were pulled to this machine: the catalogue's in its order, then the others by name."""
    found = []
    for folder, locked in _pulled():
        size = sum(path.stat().st_size for path in folder.iterdir())
        name, source, revision = (locked.model, locked.source, locked.revision) if locked else (folder.name, "", "")
        found.append(InstalledModel(name, folder, size, source, revision))
    order = list(CATALOGUE)
    return sorted(found, key=lambda model: (order.index(model.name) if model.name in order else len(order), model.name))


def is_complete(directory: Path) -> bool:
    """Tell whether a pulled checkpoint is whole: its lock file is written last."""
    return (directory / LOCK_FILE).is_file()


def made_of(gguf_sha256: str) -> str | None:
    """Give the name of the model that was made of a file of this machine with this sha256; None where there is none."""
    for _, locked in _pulled():
        if locked and locked.gguf_sha256 == gguf_sha256 and locked.source.startswith(FILE_SOURCE):
            return locked.model
    return None


def file_source(path: Path) -> tuple[str, str]:
    """Say for a lock file that a model was made of the file at `path`: the source, and the revision."""
    status = path.stat()
    return f"{FILE_SOURCE}{path.resolve()}", f"{status.st_size} bytes of {status.st_mtime_ns}"


def _pulled() -> Iterator[tuple[Path, Lock | None]]:
    """Give the folders of pulled models with what their lock files say; None for one that cannot be read."""
    for lock_file in sorted(paths.models_dir().glob(f"[!.]*/{LOCK_FILE}")):
        folder = lock_file.parent
        try:
            locked = read_lock(folder)
        except CheckpointDamaged:
            locked = None
        if locked is None or folder_name(locked.model) == folder.name:
            yield folder, locked


def _converted(path: Path) -> Path | None:
    """Find the checkpoint made of the GGUF file at `path`, as that file is now."""
    if not path.is_file():
        return None
    origin = file_source(path)
    return next((folder for folder, locked in _pulled() if locked and (locked.source, locked.revision) == origin), None)


def _local_checkpoint(path: Path) -> Path:
    if is_gguf(path.name) and not path.is_dir():
        if not path.is_file():
            raise ModelMissing(f"there is no file {path}")
        if (converted := _converted(path)) is None:
            raise ModelMissing(f"{path} is not converted yet; do it once with: hearthline models pull {path}")
        return converted
    if not path.is_dir():
        raise ModelMissing(f"there is no folder {path}; name a model or the folder of an MLX checkpoint")
    missing = [name for name in ("config.json", "tokenizer.json") if not (path / name).is_file()]
    if not any(path.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise ModelUnknown(f"{path} is not an MLX checkpoint: it has no {', no '.join(missing)}")
    return path
