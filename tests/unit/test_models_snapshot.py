"""Checkpoints of several files from the hub: what is fetched, what is refused before, and going on after a failure."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference import paths
from inference.errors import (
    CheckpointDamaged,
    DiskRefused,
    HashMismatch,
    ModelMissing,
    ModelUnknown,
    ModelUnsupported,
    SourceUnreachable,
)
from inference.models import download, lock, store
from inference.models.catalogue import CATALOGUE, ModelSpec, SnapshotSource
from inference.models.load import load_model
from inference.models.progress import Stage
from inference.models.pull import pull
from tests.tiny_model import write_tiny_checkpoint
from tests.unit.model_sources import HUB_REVISION, Sources, serve_sources
from tests.unit.test_models_pull import DEADLINE_S, ROOT, Recorder, wait_until

REPOSITORY = "tiny-community/Tiny-Coder-4bit"
OTHER_REVISION = "f" * 40
NEVER_FETCHED = {
    "README.md": b"# Tiny",
    "modeling_tiny.py": b"raise SystemExit('ran')",
    "pytorch_model.bin": b"\x80\x04pickle",
    "consolidated.safetensors": b"the same weights once more",
    "original/model.safetensors": b"and again",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give the files of a tiny checkpoint, its weights in two shards with an index."""
    import mlx.core as mx

    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("hub") / "tiny")
    weights = mx.load(str(folder / "model.safetensors"))
    assert isinstance(weights, dict)
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    index = {}
    for i, part in enumerate((names[::2], names[1::2]), start=1):
        shard = f"model-{i:05}-of-00002.safetensors"
        mx.save_safetensors(str(folder / shard), {name: weights[name] for name in part})
        index.update(dict.fromkeys(part, shard))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def sources() -> Iterator[Sources]:
    with serve_sources() as served:
        yield served


@pytest.fixture(autouse=True)
def here(hearthline_home: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_ENDPOINT", sources.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_mine")
    monkeypatch.setattr(download, "_PAUSES_S", (0.01, 0.01))
    return hearthline_home


def folder() -> Path:
    return paths.models_dir() / "tiny-community--Tiny-Coder-4bit"


def work_dir() -> Path:
    return paths.models_dir() / ".tiny-community--Tiny-Coder-4bit.pull"


def test_sharded_checkpoint_is_whole_locked_and_runs(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint | NEVER_FETCHED)
    recorder = Recorder()

    directory = pull(REPOSITORY, recorder)

    assert directory == folder() == store.checkpoint_dir(REPOSITORY)
    assert {path.name for path in directory.iterdir()} == {*checkpoint, lock.LOCK_FILE}
    assert not [name for name in NEVER_FETCHED if sources.ranges_of(offered[name])]
    assert recorder.stages == [Stage.DOWNLOAD]
    locked = lock.read_lock(directory)
    assert locked is not None
    assert (locked.source, locked.revision, locked.converter) == (f"hub {REPOSITORY}", HUB_REVISION, None)
    assert {name: file.sha256 for name, file in locked.files.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in checkpoint.items()
    }
    lock.verify(directory, locked)
    loaded = load_model(directory)
    assert loaded.name == REPOSITORY == store.resident_name(REPOSITORY)
    assert [model.name for model in store.installed()] == [REPOSITORY]
    assert sources.tokens >= {"Bearer hf_of_mine"}
    assert not work_dir().exists()


def test_damage_is_found_at_load_and_mended(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    sources.add_hub_repository(REPOSITORY, checkpoint)
    directory = pull(REPOSITORY, Recorder())
    (directory / "tokenizer.json").write_bytes(b"{}")

    with pytest.raises(CheckpointDamaged, match=rf"hearthline models pull {REPOSITORY}@{HUB_REVISION}$"):
        load_model(directory)
    pull(f"{REPOSITORY}@{HUB_REVISION}", Recorder())

    assert load_model(directory).name == REPOSITORY


def test_second_pull_asks_nobody_and_a_branch_is_looked_up(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    sources.add_hub_repository(REPOSITORY, checkpoint)
    pull(REPOSITORY, Recorder())
    sources.requests.clear()

    pull(REPOSITORY, Recorder())
    pull(f"{REPOSITORY}@{HUB_REVISION}", Recorder())
    assert sources.requests == []

    changed = checkpoint | {"generation_config.json": b'{"temperature": 0.6}'}
    sources.add_hub_repository(REPOSITORY, changed, OTHER_REVISION, branch="main")
    recorder = Recorder()
    directory = pull(f"{REPOSITORY}@main", recorder)

    locked = lock.read_lock(directory)
    assert locked is not None
    assert locked.revision == OTHER_REVISION
    assert "generation_config.json" in locked.files
    assert recorder.notes == [
        f"{REPOSITORY} is here as of {HUB_REVISION[:12]}, and {'f' * 12} is asked for; ".rstrip("; ")
        + "; pulling it again"
    ]


def test_a_name_of_the_catalogue_is_its_commit(
    sources: Sources, checkpoint: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SnapshotSource(REPOSITORY, HUB_REVISION, 1000)
    monkeypatch.setitem(CATALOGUE, "tiny", ModelSpec("tiny", ("completion",), "qwen", True, "Apache-2.0", source))
    sources.add_hub_repository(REPOSITORY, checkpoint)
    sources.add_hub_repository(REPOSITORY, {"config.json": b"{}"}, OTHER_REVISION)

    directory = pull("tiny", Recorder())

    assert directory == paths.models_dir() / "tiny"
    locked = lock.read_lock(directory)
    assert locked is not None
    assert (locked.model, locked.revision) == ("tiny", HUB_REVISION)
    assert f"/api/models/{REPOSITORY}" not in [path for path, _ in sources.requests]


def test_cut_shard_is_resumed_and_the_rest_is_not_fetched_again(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint)
    second = offered["model-00002-of-00002.safetensors"]
    sources.cut_after[second] = [1000] + [0] * 5

    with pytest.raises(SourceUnreachable, match="what came is kept"):
        pull(REPOSITORY, Recorder())
    assert store.installed() == []
    sources.cut_after.clear()
    sources.requests.clear()
    pull(REPOSITORY, Recorder())

    assert sources.ranges_of(second) == ["bytes=1000-"]
    assert sources.ranges_of(offered["model-00001-of-00002.safetensors"]) == []


def test_what_is_left_of_another_commit_is_not_mixed_in(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint)
    sources.statuses[offered["model-00002-of-00002.safetensors"]] = [404]
    with pytest.raises(SourceUnreachable):
        pull(REPOSITORY, Recorder())

    config = json.dumps(json.loads(checkpoint["config.json"]) | {"max_position_embeddings": 4096}).encode()
    sources.add_hub_repository(REPOSITORY, checkpoint | {"config.json": config}, OTHER_REVISION)
    directory = pull(REPOSITORY, Recorder())

    assert load_model(directory).n_context == 4096


def test_wrong_bytes_are_fetched_once_more_and_then_refused(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint)
    path = offered["model-00001-of-00002.safetensors"]
    sources.files[path] = sources.files[path][:-1] + b"?"

    with pytest.raises(HashMismatch, match=r"model-00001-of-00002\.safetensors .* twice"):
        pull(REPOSITORY, Recorder())

    assert sources.ranges_of(path) == [None, None]
    assert store.installed() == []


def test_wrong_part_from_before_is_fetched_again(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint)
    name = "model-00001-of-00002.safetensors"
    part = work_dir() / HUB_REVISION / f"{name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another file")

    pull(REPOSITORY, Recorder())

    assert sources.ranges_of(offered[name]) == ["bytes=15-", None]


class TestRefused:
    """Each before any weights are fetched, in a sentence that says what to do."""

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"config.json": b'{"model_type": "resnet"}'}, "architecture 'resnet', which mlx-lm does not know"),
            ({"config.json": b'{"model_type": "../../evil"}'}, "which mlx-lm does not know"),
            ({"config.json": b'{"model_type": "qwen2", "model_file": "a.py"}'}, "a program of its own to be run"),
            ({"config.json": b"{"}, "the config.json of .* cannot be read"),
            ({"config.json": b"[]"}, "is not an object"),
            ({"model.safetensors.index.json": b'{"weight_map": {"a": "x.bin"}}'}, "its index names x.bin"),
            ({"config.json": None, "tokenizer.json": None}, "it has no config.json, no tokenizer.json"),
        ],
    )
    def test_what_cannot_be_run(
        self, sources: Sources, checkpoint: dict[str, bytes], change: dict[str, bytes | None], sentence: str
    ) -> None:
        changed = {name: content for name, content in (checkpoint | change).items() if content is not None}
        offered = sources.add_hub_repository(REPOSITORY, changed)

        with pytest.raises(ModelUnsupported, match=sentence):
            pull(REPOSITORY, Recorder())

        assert sources.ranges_of(offered["model-00001-of-00002.safetensors"]) == []
        assert store.installed() == []

    def test_repository_of_pickles(self, sources: Sources) -> None:
        sources.add_hub_repository(REPOSITORY, {"config.json": b"{}", "tokenizer.json": b"{}", "model.bin": b"x"})
        with pytest.raises(ModelUnsupported, match=r"no model\*\.safetensors, and files of other kinds are never"):
            pull(REPOSITORY, Recorder())

    def test_repository_of_ggufs_lists_them(self, sources: Sources) -> None:
        sources.add_hub_repository(REPOSITORY, {"tiny-q4.gguf": b"x", "tiny-q8.gguf": b"y", "config.json": b"{}"})
        with pytest.raises(ModelUnsupported, match=r"models pull .*:tiny-q4\.gguf\. There are tiny-q4\.gguf, tiny-q8"):
            pull(REPOSITORY, Recorder())

    def test_no_room(self, sources: Sources, checkpoint: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        sources.add_hub_repository(REPOSITORY, checkpoint)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(DiskRefused, match=f"{REPOSITORY} needs .* make room"):
            pull(REPOSITORY, Recorder())

    def test_gated_repository(self, sources: Sources) -> None:
        page = f"/api/models/{REPOSITORY}"
        sources.statuses[page], sources.error_codes[page] = [403], "GatedRepo"
        with pytest.raises(SourceUnreachable, match=r"accept it on the repository's page, and let HF_TOKEN hold"):
            pull(REPOSITORY, Recorder())

    @pytest.mark.parametrize("status", [401, 403])
    def test_gated_files(self, sources: Sources, checkpoint: dict[str, bytes], status: int) -> None:
        offered = sources.add_hub_repository(REPOSITORY, checkpoint)
        sources.statuses[offered["config.json"]] = [status]
        with pytest.raises(SourceUnreachable, match="who accepted its licence"):
            pull(REPOSITORY, Recorder())

    def test_unknown_repository_names_the_nearest(self, sources: Sources) -> None:
        sources.offer_search(["tiny-community/Tiny-Coder-8bit", "somebody/else"])
        with pytest.raises(ModelUnknown, match=rf"no repository {REPOSITORY}; the nearest are tiny-community/Tiny-Co"):
            pull(REPOSITORY, Recorder())
        with pytest.raises(ModelUnknown, match=r"no repository aaa/zzz; if it is private"):
            pull("aaa/zzz", Recorder())
        assert not list(paths.models_dir().glob("*.pull"))

    def test_commit_that_is_none(self, sources: Sources, checkpoint: dict[str, bytes]) -> None:
        """It becomes the name of a folder."""
        sources.add_hub_repository(REPOSITORY, checkpoint, "../../escaped")
        with pytest.raises(SourceUnreachable, match="does not tell the commit"):
            pull(REPOSITORY, Recorder())

    def test_unknown_revision(self, sources: Sources) -> None:
        page = f"/api/models/{REPOSITORY}/revision/v9"
        sources.error_codes[page] = "RevisionNotFound"
        with pytest.raises(ModelUnknown, match=f"has no revision v9; .* models pull {REPOSITORY}@main"):
            pull(f"{REPOSITORY}@v9", Recorder())


@pytest.mark.parametrize("weights", ["adapters.safetensors", "adapter_model.safetensors"])
def test_adapter(sources: Sources, weights: str) -> None:
    files = {"adapter_config.json": b"{}", weights: b"weights"}
    sources.add_hub_repository(REPOSITORY, files | NEVER_FETCHED)

    directory = pull(REPOSITORY, Recorder())

    assert {path.name for path in directory.iterdir()} == {*files, lock.LOCK_FILE}
    assert [model.is_adapter for model in store.installed()] == [True]


def test_kill_is_gone_on_from(sources: Sources, checkpoint: dict[str, bytes]) -> None:
    offered = sources.add_hub_repository(REPOSITORY, checkpoint)
    held = offered["model-00002-of-00002.safetensors"]
    sources.hold_after[held] = 30_000
    command = [sys.executable, "-P", "-m", "inference", "models", "pull", REPOSITORY]
    part = work_dir() / HUB_REVISION / "model-00002-of-00002.safetensors.part"
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: process.poll() is not None or (part.exists() and part.stat().st_size > 0))
        assert process.poll() is None
    finally:
        process.kill()
        _, errors = process.communicate(timeout=DEADLINE_S)
        print(errors)
    with pytest.raises(ModelMissing):
        store.checkpoint_dir(REPOSITORY)

    kept = part.stat().st_size
    sources.release.set()
    pull(REPOSITORY, Recorder())

    assert sources.ranges_of(held) == [None, f"bytes={kept}-"]


def test_an_id_that_is_not_here_says_how_to_fetch_it() -> None:
    with pytest.raises(ModelMissing, match=r"models pull org/name \(or write \./org/name where you mean a folder\)"):
        store.checkpoint_dir("org/name")
