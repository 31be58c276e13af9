"""Footprints from checkpoints and from the catalogue, and what is said before anything is loaded."""

import json
import struct
from pathlib import Path

import pytest

from inference import paths, residents
from inference.device import Device, machine_memory_bytes
from inference.errors import CheckpointDamaged, ModelTooLarge
from inference.models import cli, store
from inference.models.catalogue import CATALOGUE, DEFAULT_MODEL, TEST_MODEL
from inference.models.footprints import alternatives, of_catalogue, of_checkpoint
from inference.models.shapes import SHAPES
from tests.tiny_model import write_tiny_checkpoint

CPU = Device("cpu", "test", 24_000_000_000)
METAL = Device("metal", "test", 11_453_251_584)
CHUNK = 64

Tensors = dict[str, tuple[str, list[int]]]


def write_headers(directory: Path, config: dict[str, object], tensors: Tensors) -> Path:
    """Write a checkpoint whose tensors have a type and a shape, and no data."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config))
    header = json.dumps({name: {"dtype": kind, "shape": shape} for name, (kind, shape) in tensors.items()}).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return directory


def test_the_catalogue_knows_the_shape_of_every_model() -> None:
    assert set(CATALOGUE) <= set(SHAPES)


def test_a_checkpoint_is_measured_by_its_headers(tmp_path: Path) -> None:
    directory = write_tiny_checkpoint(tmp_path / "tiny")
    model = of_checkpoint(directory, CPU, CHUNK)
    data = (directory / "model.safetensors").stat().st_size
    assert data - 10_000 < model.weight_bytes < data
    assert (model.name, model.n_context, model.kv_bytes_per_token) == ("tiny", 8192, 2 * 2 * 8 * 2 * 4)


def test_packed_weights_count_as_what_they_become(tmp_path: Path) -> None:
    config = dict(SHAPES[DEFAULT_MODEL].config) | {"quantization": {"group_size": 64, "bits": 4, "a": {"bits": 8}}}
    packed: Tensors = {
        "a.weight": ("U32", [64, 16]),  # 64 x 64 of 8 bits
        "a.scales": ("BF16", [64, 1]),
        "a.biases": ("BF16", [64, 1]),
        "b.weight": ("U32", [64, 8]),  # 64 x 64 of 4 bits
        "b.scales": ("BF16", [64, 1]),
        "b.biases": ("BF16", [64, 1]),
        "norm.weight": ("BF16", [64]),
        "vision_tower.weight": ("BF16", [10_000, 64]),
    }
    directory = write_headers(tmp_path / "packed", config, packed)
    stored_bytes = 64 * 16 * 4 + 64 * 8 * 4 + 4 * 64 * 2 + 64 * 2
    assert of_checkpoint(directory, METAL, CHUNK).weight_bytes == stored_bytes
    assert of_checkpoint(directory, CPU, CHUNK).weight_bytes == 4 * (2 * 64 * 64 + 64)
    cramped = Device("cpu", "test", 4 * 2 * 64 * 64)
    assert of_checkpoint(directory, cramped, CHUNK).weight_bytes == stored_bytes


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors"])
def test_what_cannot_be_measured_is_damaged(tmp_path: Path, damage: str) -> None:
    directory = write_tiny_checkpoint(tmp_path / "tiny")
    (directory / damage).write_bytes(b"{}")
    with pytest.raises(CheckpointDamaged, match="how large the model is"):
        of_checkpoint(directory, CPU, CHUNK)


def test_weights_of_the_catalogue_are_in_the_form_that_the_device_is_fast_at() -> None:
    n = SHAPES[DEFAULT_MODEL].n_parameters
    assert of_catalogue(DEFAULT_MODEL, CPU, CHUNK).weight_bytes == 4 * n
    assert of_catalogue(DEFAULT_MODEL, METAL, CHUNK).weight_bytes == n * 68 // 64
    large = of_catalogue("qwen3.6-35b-a3b", METAL, 512)
    assert (large.weight_bytes, large.kv_bytes_per_token) == (20_400_000_000, 20_480)


def test_alternatives_have_the_role_that_is_asked_for() -> None:
    for role in ("completion", "assistant"):
        names = {model.name for model in alternatives(CPU, CHUNK, frozenset({role}))}
        assert names == {spec.name for spec in CATALOGUE.values() if role in spec.roles}


@pytest.mark.model
def test_the_shape_of_a_model_is_that_of_its_checkpoint(model_home: Path) -> None:
    assert model_home == paths.data_dir().parent
    here = of_checkpoint(store.checkpoint_dir(TEST_MODEL), CPU, CHUNK)
    assert here == of_catalogue(TEST_MODEL, CPU, CHUNK)


def test_what_does_not_fit_is_not_loaded(hearthline_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.models.load.load_model", lambda *_: pytest.fail("it was loaded"))
    directory = str(write_tiny_checkpoint(hearthline_home / "tiny"))
    with pytest.raises(ModelTooLarge, match=r"^tiny needs .* to prefill = 0.2 GB; --memory-gb 0.1 leaves 90 MB"):
        residents.load_residents(directory, None, None, lambda *_: None, memory_gb=0.1)


def test_two_models_are_judged_together(hearthline_home: Path) -> None:
    first, second = (str(write_tiny_checkpoint(hearthline_home / name)) for name in ("one", "two"))
    with pytest.raises(
        ModelTooLarge, match=r"^one needs .* and two needs .*, 0.3 GB together; --memory-gb 0.28 leaves"
    ):
        residents.load_residents(first, second, None, lambda *_: None, memory_gb=0.28)


def test_the_ceiling_is_what_the_device_has_for_the_engine(hearthline_home: Path) -> None:
    directory = str(write_tiny_checkpoint(hearthline_home / "tiny"))
    loaded = residents.load_residents(directory, None, None, lambda *_: None, memory_gb=0.5)
    assert loaded.device.memory_bytes == 500_000_000


@pytest.mark.usefixtures("hearthline_home")
def test_the_command_judges_what_is_not_here_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", TEST_MODEL]) == 0
    assert capsys.readouterr().out.endswith(", so it fits\n")
    assert cli.main(["fit", TEST_MODEL, "--n-context", "64", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["fits"], shown["n_context"]) == (TEST_MODEL, True, 64)
    assert cli.main(["fit", "no-such-model"]) == 1


def test_the_command_judges_a_folder_and_says_what_would_fit(
    hearthline_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dict(SHAPES[DEFAULT_MODEL].config)
    directory = write_headers(hearthline_home / "huge", config, {"a.weight": ("F32", [10**6, 10**6])})
    (directory / "tokenizer.json").write_text("{}")
    assert cli.main(["fit", str(directory)]) == 1
    sentence = capsys.readouterr().out
    assert sentence.startswith("huge needs 4000.0 GB of weights")
    assert "would fit (" in sentence


@pytest.mark.parametrize(("text", "limit"), [("4096\n", 4096), ("max\n", None), (None, None)])
def test_a_containers_limit_is_the_machines_memory(tmp_path: Path, text: str | None, limit: int | None) -> None:
    if text is not None:
        (tmp_path / "memory.max").write_text(text)
    assert machine_memory_bytes(tmp_path) == limit or (limit is None and machine_memory_bytes(tmp_path) > 2**28)
