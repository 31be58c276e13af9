"""The catalogue, where checkpoints are, and their lock files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference import paths
from inference.errors import CheckpointDamaged, ModelMissing, ModelUnknown
from inference.models import lock, store
from inference.models.catalogue import CATALOGUE, DEFAULT_MODEL, TEST_MODEL, GGUFSource, find_model
from inference.models.lock import Lock
from inference.models.reference import is_commit, parse_hub_id


def install(directory: Path) -> Lock:
    """Make a folder that looks like a pulled checkpoint."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    (directory / "model.safetensors").write_bytes(bytes(100_000))
    made = Lock(directory.name, "hub x", "r", "0" * 64, "float32", "c", lock.lock_files(directory))
    lock.write_lock(directory, made)
    return made


def test_catalogue_is_consistent() -> None:
    assert {DEFAULT_MODEL, TEST_MODEL} <= set(CATALOGUE)
    for name, spec in CATALOGUE.items():
        assert spec.name == name
        assert spec.roles
        if isinstance(spec.source, GGUFSource):
            assert len(spec.source.sha256) == 64
            assert spec.source.wheels or spec.source.hub
        else:
            assert is_commit(spec.source.revision)
            assert parse_hub_id(spec.source.repository) is not None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen2.5-coder-0.5b", "did you mean qwen2.5-coder-0.5b-instruct?"),
        ("smollm", "did you mean smollm2-135m-instruct?"),
        ("zzz", "there are qwen2.5-coder-0.5b-instruct, "),
    ],
)
def test_unknown_name_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ModelUnknown, match="there is no model named") as caught:
        find_model(name)
    assert hint in str(caught.value)


@pytest.mark.usefixtures("hearthline_home")
class TestCheckpointDir:
    def test_missing_model_says_how_to_fetch_it(self) -> None:
        with pytest.raises(ModelMissing, match=f"hearthline models pull {DEFAULT_MODEL}$"):
            store.checkpoint_dir(DEFAULT_MODEL)

    def test_folder_without_lock_is_not_installed(self) -> None:
        install(paths.models_dir() / TEST_MODEL)
        (paths.models_dir() / TEST_MODEL / lock.LOCK_FILE).unlink()

        assert store.installed() == []
        with pytest.raises(ModelMissing):
            store.checkpoint_dir(TEST_MODEL)

    def test_installed(self) -> None:
        install(paths.models_dir() / TEST_MODEL)

        assert store.checkpoint_dir(TEST_MODEL) == paths.models_dir() / TEST_MODEL
        assert [model.name for model in store.installed()] == [TEST_MODEL]
        assert store.installed()[0].size_bytes > 100_000

    def test_folder_of_an_mlx_checkpoint(self, tmp_path: Path) -> None:
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (tmp_path / name).touch()
        assert store.checkpoint_dir(str(tmp_path)) == tmp_path

    def test_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").touch()
        with pytest.raises(ModelUnknown, match=r"has no tokenizer.json, no \*.safetensors"):
            store.checkpoint_dir(str(tmp_path))
        with pytest.raises(ModelMissing, match="there is no folder"):
            store.checkpoint_dir(str(tmp_path / "nowhere"))


class TestLock:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        return tmp_path / "model"

    def test_written_and_read(self, directory: Path) -> None:
        assert lock.read_lock(directory) is None
        made = install(directory)
        assert lock.read_lock(directory) == made
        assert [path.name for path in directory.glob("*.tmp")] == []

    def test_changed_byte_is_found(self, directory: Path) -> None:
        made = install(directory)
        path = directory / "model.safetensors"
        path.write_bytes(bytes(50_000) + b"\x01" + bytes(49_999))

        with pytest.raises(CheckpointDamaged, match=r"model\.safetensors is damaged: .* hearthline models pull model"):
            lock.check(directory, made)

    def test_change_that_keeps_size_and_time_is_found_by_verify_alone(self, directory: Path) -> None:
        made = install(directory)
        path = directory / "model.safetensors"
        time_ns = path.stat().st_mtime_ns
        path.write_bytes(bytes(99_999) + b"\x01")
        os.utime(path, ns=(time_ns, time_ns))

        lock.check(directory, made)
        with pytest.raises(CheckpointDamaged):
            lock.verify(directory, made)

    def test_copied_checkpoint_is_hashed_once(self, directory: Path) -> None:
        made = install(directory)
        path = directory / "model.safetensors"
        os.utime(path, ns=(1, 1))

        lock.check(directory, made)

        noted = lock.read_lock(directory)
        assert noted is not None
        assert noted.files["model.safetensors"].mtime_ns == 1

    def test_missing_file_is_named(self, directory: Path) -> None:
        made = install(directory)
        (directory / "config.json").unlink()
        for examine in (lock.check, lock.verify):
            with pytest.raises(CheckpointDamaged, match=r"config\.json is missing"):
                examine(directory, made)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "files": {"a": 1}}', "\x00"])
    def test_garbage_is_damage(self, directory: Path, text: str) -> None:
        install(directory)
        (directory / lock.LOCK_FILE).write_text(text)
        with pytest.raises(CheckpointDamaged):
            lock.read_lock(directory)

    def test_progress_counts_every_byte(self, directory: Path) -> None:
        made = install(directory)
        seen: list[int] = []
        lock.verify(directory, made, seen.append)
        assert sum(seen) == sum(file.size for file in made.files.values())


def test_store_is_light() -> None:
    """The language server's half asks the store, and must load none of this for it."""
    code = "import sys; import inference.models.store; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"mlx", "mlx_lm", "numpy", "tokenizers", "transformers", "gguf", "huggingface_hub", "httpx", "rich"}
    assert not heavy.intersection(answer.stdout.split())


def test_a_folder_is_called_by_its_name_and_a_pulled_model_by_the_catalogues(tmp_path: Path) -> None:
    folder = tmp_path / "my-coder"
    folder.mkdir()
    assert store.resident_name(str(folder)) == "my-coder"
    lock.write_lock(folder, Lock(TEST_MODEL, "hub", "1", "", "float32", "test", {}))
    assert store.resident_name(str(folder)) == TEST_MODEL
    assert store.resident_name(DEFAULT_MODEL) == DEFAULT_MODEL
