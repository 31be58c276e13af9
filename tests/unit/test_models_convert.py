"""GGUF to MLX checkpoint, and reading one back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from inference import device
from inference.errors import CheckpointDamaged, ModelUnsupported
from inference.models.convert import QUANTISATION, checkpoint_bytes, convert_gguf
from inference.models.gguf_file import read_gguf
from inference.models.gguf_model import list_weights, read_config
from inference.models.load import load_model
from inference.models.safetensors_file import SafetensorsWriter
from tests.model.tiny_gguf import HIDDEN, vocabulary, write_tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    convert_gguf(write_tiny_gguf(directory.parent / "tiny.gguf"), directory, "float32")
    return directory


def write_odd_gguf(path: Path, architecture: str = "qwen2", extra: dict[str, Any] | None = None) -> Path:
    """Write a GGUF with one small tensor: enough to be looked at, and refused."""
    writer = gguf.GGUFWriter(str(path), architecture)
    for key, value in (extra or {}).items():
        writer.add_key_value(
            key, value, gguf.GGUFValueType.STRING if isinstance(value, str) else gguf.GGUFValueType.UINT16
        )
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_config_is_what_mlx_lm_and_transformers_read(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())

    assert config["model_type"] == "qwen2"
    assert config["tie_word_embeddings"] is True, "one matrix, stored at two precisions"
    assert config["rms_norm_eps"] == 1e-5
    assert config["vocab_size"] == len(vocabulary()[0])
    assert len(config["eos_token_id"]) == 2


def test_finer_embedding_is_kept(tiny: Path) -> None:
    reader = gguf.GGUFReader(tiny.parent / "tiny.gguf")
    output = next(tensor for tensor in reader.tensors if tensor.name == "output.weight")
    loaded = load_model(tiny)

    ours = np.array(loaded.model.model.embed_tokens.weight)

    assert np.array_equal(ours, gguf.quants.dequantize(output.data, output.tensor_type))
    assert loaded.fim
    assert loaded.family == "granite", "it has the sentinels alone, and no tokens for other files"
    assert loaded.dtype == "float32"
    assert loaded.name == tiny.name


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3moe"])
def test_quantised_layout_is_read_back(tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlx.core as mx

    checkpoint = tmp_path / "quantised"
    checkpoint.mkdir()
    convert_gguf(write_tiny_gguf(tmp_path / "tiny.gguf", architecture), checkpoint, "quantised")
    monkeypatch.setattr(device, "checkpoint_layout", lambda _: "quantised")
    loaded = load_model(checkpoint)

    assert json.loads((checkpoint / "config.json").read_text())["quantization"] == QUANTISATION
    assert loaded.dtype == "bfloat16, weights 8-bit affine"
    logits = loaded.model(mx.array([loaded.tokenizer.encode("def f")]), cache=loaded.make_cache())
    assert np.isfinite(np.array(logits.astype(mx.float32))).all()


def test_progress_grows_to_the_whole(tiny: Path, tmp_path: Path) -> None:
    converted: list[float] = []
    loaded: list[float] = []

    convert_gguf(tiny.parent / "tiny.gguf", tmp_path, "float32", converted.append)
    load_model(tiny, loaded.append)

    for shares in (converted, loaded):
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_size_is_foreseen(tiny: Path) -> None:
    n_parameters = 1_119_000
    size = sum(path.stat().st_size for path in tiny.iterdir())
    assert size <= checkpoint_bytes(n_parameters, "float32") <= size + (20 << 20)
    assert checkpoint_bytes(10**9, "quantised") < checkpoint_bytes(10**9, "float32") / 3


@pytest.mark.parametrize(
    ("architecture", "extra", "sentence"),
    [
        ("gemma3", {}, "the architecture gemma3 of this GGUF file is not known"),
        ("qwen2", {}, "does not say its qwen2.embedding_length"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "scales its rotary embedding"),
        ("llama", {"split.count": 2}, "is a part of a model; join all parts first"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, architecture: str, extra: dict[str, Any], sentence: str) -> None:
    path = write_odd_gguf(tmp_path / "odd.gguf", architecture, extra)
    with pytest.raises(ModelUnsupported, match=sentence):
        convert_gguf(path, tmp_path, "float32")


def test_tensor_that_an_architecture_should_not_have(tmp_path: Path) -> None:
    gguf_file = read_gguf(write_tiny_gguf(tmp_path / "tiny.gguf", "qwen3moe"))
    config = read_config(gguf_file) | {"model_type": "llama"}
    with pytest.raises(
        ModelUnsupported, match=r"has a tensor blk\.0\.attn_q_norm\.weight that its architecture should"
    ):
        list_weights(gguf_file, config)


def test_file_that_is_no_gguf(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(b"PK\x03\x04" * 100)
    with pytest.raises(ModelUnsupported, match=r"odd\.gguf is not a GGUF file"):
        convert_gguf(path, tmp_path, "float32")


class TestWriter:
    def test_rows_side_by_side(self, tmp_path: Path) -> None:
        import mlx.core as mx

        left = np.arange(12, dtype=np.float32).reshape(4, 3)
        right = np.arange(4, dtype=np.uint32)
        with SafetensorsWriter(tmp_path / "x.safetensors", {"l": ("F32", (4, 3)), "r": ("U32", (4,))}) as writer:
            for start in (0, 2):
                writer.append("l", left[start : start + 2])
                writer.append("r", right[start : start + 2])

        read = mx.load(str(tmp_path / "x.safetensors"))
        assert isinstance(read, dict)
        assert np.array_equal(np.array(read["l"]), left)
        assert np.array_equal(np.array(read["r"]), right)

    def test_too_many_and_too_few_rows(self, tmp_path: Path) -> None:
        writer = SafetensorsWriter(tmp_path / "x.safetensors", {"l": ("F32", (2, 3))})
        with pytest.raises(ValueError, match="more rows for l"):
            writer.append("l", np.zeros((3, 3), dtype=np.float32))
        with pytest.raises(ValueError, match="rows of l are missing"):
            writer.close()


class TestLoad:
    @pytest.fixture
    def copy(self, tiny: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(tiny, tmp_path / "copy"))

    def test_cut_weights(self, copy: Path) -> None:
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[: HIDDEN * 100])
        with pytest.raises(CheckpointDamaged, match=r"model.safetensors cannot be read"):
            load_model(copy)

    def test_missing_tensor(self, copy: Path) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
        with pytest.raises(CheckpointDamaged, match=r"there is no model.layers.2"):
            load_model(copy)

    @pytest.mark.parametrize("model_type", ["no_such_model", "../../evil", "os", "", "base"])
    def test_architecture_that_is_none(self, copy: Path, model_type: str) -> None:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"model_type": model_type}))
        with pytest.raises(ModelUnsupported, match="not one that mlx-lm knows"):
            load_model(copy)

    def test_code_in_a_checkpoint_is_not_run(self, copy: Path, tmp_path: Path) -> None:
        """mlx-lm's own loader runs the file that `model_file` names."""
        (copy / "model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"model_file": "model.py"}))

        with pytest.raises(ModelUnsupported, match=r"its own program 'model\.py'"):
            load_model(copy)

        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
    def test_config_that_is_none(self, copy: Path, text: str) -> None:
        (copy / "config.json").write_text(text)
        with pytest.raises(CheckpointDamaged, match=r"config\.json"):
            load_model(copy)

    def test_a_start_is_light_and_leaves_mlx_lm_whole(self, tiny: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from inference.models.load import load_model\n"
            f"load_model(Path({str(tiny)!r})).make_cache(); print('transformers' in sys.modules)\n"
            "import mlx_lm; print(mlx_lm.stream_generate.__name__)"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
        assert answer.stdout.split() == ["False", "stream_generate"]
