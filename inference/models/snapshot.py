"""An MLX checkpoint, or an adapter for one, on the hub, fetched file by file and taken as it is.

Invariant: what could be run is never fetched. Names are taken from a list of what a checkpoint is made of: JSON, a
Jinja template (which runs in a sandbox) and safetensors; no Python, no pickle. What cannot be run here is refused
before its weights are fetched.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from inference.errors import ModelUnsupported
from inference.models.architecture import is_known
from inference.models.disk import require_free, size_of, sync_tree
from inference.models.download import RemoteFile, download, http_client
from inference.models.hub import HubListing
from inference.models.lock import Lock, LockedFile, sha256_of, write_lock
from inference.models.progress import Reporter, Stage
from inference.models.store import ADAPTER_CONFIG

_INDEX = "model.safetensors.index.json"
_NEEDED = ("config.json", "tokenizer.json")
# In the order they are fetched: what may tell that the rest is of no use comes first.
_SMALL = (*_NEEDED, _INDEX, "tokenizer_config.json", "generation_config.json", "chat_template.jinja")
# mlx-lm's name, and PEFT's.
_ADAPTER_WEIGHTS = ("adapters.safetensors", "adapter_model.safetensors")
_WEIGHTS = re.compile(r"model[\w.-]*\.safetensors", re.ASCII)


def choose_files(listing: HubListing) -> list[RemoteFile]:
    """Choose what is fetched of a checkpoint or an adapter, small files first. Raises ModelUnsupported."""
    weights = sorted(name for name in listing.files if _WEIGHTS.fullmatch(name))
    ggufs = sorted(name for name in listing.files if name.endswith(".gguf") and "/" not in name)
    if not weights and ggufs:
        raise ModelUnsupported(
            f"{listing.repository} holds GGUF files; pull one of them by its name, as in hearthline models pull "
            f"{listing.repository}:{ggufs[0]}. There are {', '.join(ggufs)}"
        )
    adapter = [name for name in _ADAPTER_WEIGHTS if name in listing.files][:1]
    if not weights and adapter and ADAPTER_CONFIG in listing.files:
        return [listing.files[name] for name in (ADAPTER_CONFIG, *adapter)]
    missing = [name for name in _NEEDED if name not in listing.files] + ([] if weights else ["model*.safetensors"])
    if missing:
        raise ModelUnsupported(
            f"{listing.repository} is not an MLX checkpoint: it has no {', no '.join(missing)}, and files of other "
            "kinds are never fetched"
        )
    return [listing.files[name] for name in (*_SMALL, *weights) if name in listing.files]


def fetch_snapshot(name: str, listing: HubListing, work: Path, reporter: Reporter) -> Path:
    """Fetch the checkpoint into a folder of `work`; return that folder, with its lock file, all of it on the disk.

    What an earlier attempt left of the same commit is gone on from. Raises PullFailed, ModelUnsupported, OSError.
    """
    files = choose_files(listing)
    checkpoint = work / listing.revision
    for other in work.iterdir():
        if other != checkpoint:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    checkpoint.mkdir(exist_ok=True)
    total = sum(file.size or 0 for file in files)
    require_free(work, name, total - size_of(checkpoint))
    locked, done = {}, 0
    with http_client() as client:
        for file in files:

            def report(here: int, before: int = done) -> None:
                reporter.progress(Stage.DOWNLOAD, before + here, total)

            path = download(client, file, checkpoint, report)
            _require_use(path, listing.repository, {each.name for each in files})
            status = path.stat()
            locked[file.name] = LockedFile(status.st_size, file.sha256 or sha256_of(path), status.st_mtime_ns)
            done += status.st_size
    write_lock(
        checkpoint,
        Lock(name, f"hub {listing.repository}", listing.revision, None, None, None, locked),
    )
    sync_tree(checkpoint)
    return checkpoint


def _require_use(path: Path, repository: str, fetched: set[str]) -> None:
    """Refuse what cannot be run here as soon as one of its small files tells. Raises ModelUnsupported."""
    if path.name == "config.json":
        config = _read_object(path, repository)
        model_type = config.get("model_type")
        if config.get("model_file") is not None:
            raise ModelUnsupported(f"{repository} wants a program of its own to be run, which never happens here")
        if not isinstance(model_type, str) or not is_known(model_type):
            raise ModelUnsupported(f"{repository} has the architecture {model_type!r}, which mlx-lm does not know")
    elif path.name == _INDEX:
        shards = _read_object(path, repository).get("weight_map")
        named = {str(name) for name in shards.values()} if isinstance(shards, dict) else set()
        if missing := sorted(named - fetched):
            raise ModelUnsupported(f"{repository} is not whole: its index names {missing[0]}, which cannot be fetched")


def _read_object(path: Path, repository: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelUnsupported(f"the {path.name} of {repository} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelUnsupported(f"the {path.name} of {repository} is not an object")
    return value
