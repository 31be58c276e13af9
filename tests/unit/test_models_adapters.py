"""Adapters: W + scale * B A, merged or beside; in both formats; and what does not fit is refused in words."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten, tree_unflatten

from inference import device
from inference.errors import CheckpointDamaged, ModelError, ModelMissing, ModelUnsupported
from inference.models.load import LoadedModel, load_model, reload_lazily
from tests.tiny_checkpoints import write_checkpoint
from tests.unit.test_cpu_ops import largest

PROMPT = mx.array([[index * 7 % 251 for index in range(24)]])
SCALE = 2.5
RANK = 4
Q_PROJ = "model.layers.1.self_attn.q_proj"
DOWN_PROJ = "model.layers.0.mlp.down_proj"
EMBEDDING = "model.embed_tokens"
EXPERTS = "model.layers.1.mlp.switch_mlp.up_proj"
SHAPES = {Q_PROJ: (64, 128), DOWN_PROJ: (128, 64)}
PACKING = {"group_size": 32, "bits": 8, "mode": "affine"}
_TOLERANCE = 1e-3


def logits(loaded: LoadedModel) -> mx.array:
    result: mx.array = loaded.model(PROMPT, cache=loaded.make_cache())
    return result


def low_rank(*targets: str, amount: float = 0.1) -> dict[str, mx.array]:
    """Make random tensors of an adapter for `targets` in mlx-lm's names and shapes."""
    mx.random.seed(11)
    shapes = {target: ((n_in, RANK), (RANK, n_out)) for target, (n_in, n_out) in SHAPES.items()}
    every: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        **shapes,
        EMBEDDING: ((265, RANK), (RANK, 64)),
        EXPERTS: ((4, RANK, 64), (4, 64, RANK)),
    }
    tensors = {}
    for target in targets:
        tensors[f"{target}.lora_a"] = mx.random.normal(every[target][0])
        tensors[f"{target}.lora_b"] = amount * mx.random.normal(every[target][1])
    return tensors


def write_adapter(directory: Path, tensors: dict[str, mx.array], **config: Any) -> Path:
    """Write an adapter as mlx-lm writes it."""
    directory.mkdir()
    settings = {"rank": RANK, "scale": SCALE, "dropout": 0.1, "keys": ["self_attn.q_proj"]}
    written = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": settings} | config
    (directory / "adapter_config.json").write_text(json.dumps(written))
    mx.save_safetensors(str(directory / "adapters.safetensors"), tensors)
    return directory


def write_peft(directory: Path, tensors: dict[str, mx.array], **config: Any) -> Path:
    """Write the same as PEFT writes it."""
    directory.mkdir()
    written = {"peft_type": "LORA", "r": RANK, "lora_alpha": SCALE * RANK, "target_modules": ["q_proj"]} | config
    (directory / "adapter_config.json").write_text(json.dumps(written))
    renamed = {}
    for name, value in tensors.items():
        target, _, part = name.rpartition(".")
        new = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}[part]
        if target == EMBEDDING:
            new = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B"}[part]
        renamed[f"base_model.model.{target}.{new}"] = mx.contiguous(value.T)
    mx.save_safetensors(str(directory / "adapter_model.safetensors"), renamed)
    return directory


def changed_by_hand(loaded: LoadedModel, tensors: dict[str, mx.array]) -> LoadedModel:
    """Add scale * B A to the matrices of a model without an adapter."""
    weights: dict[str, Any] = dict(tree_flatten(loaded.model.parameters()))
    for target in {name.rpartition(".")[0] for name in tensors}:
        a, b = tensors[f"{target}.lora_a"], tensors[f"{target}.lora_b"]
        product = b @ a if target == EXPERTS else a @ b if target == EMBEDDING else b.T @ a.T
        weight = weights[f"{target}.weight"] + SCALE * product
        if f"{target}.m" in tensors:
            weight = weight / mx.linalg.norm(weight, axis=1, keepdims=True) * tensors[f"{target}.m"][:, None]
        weights[f"{target}.weight"] = weight
    loaded.model.update(tree_unflatten(list(weights.items())))
    return loaded


@pytest.fixture(params=["merged", "beside"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the change is: in the matrix, or beside one that there is no room to unpack."""
    if request.param == "beside":
        monkeypatch.setattr(device, "describe_device", lambda: device.Device("cpu", "small", 1000))
    return str(request.param)


@pytest.mark.parametrize("write", [write_adapter, write_peft])
@pytest.mark.parametrize("kind", ["qwen3", "tied", "qwen3_moe"])
def test_logits_are_those_of_the_changed_matrices(
    kind: str, write: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = {"qwen3": [Q_PROJ, DOWN_PROJ], "tied": [EMBEDDING, DOWN_PROJ], "qwen3_moe": [Q_PROJ, EXPERTS]}[kind]
    if write is write_peft:
        targets = [each for each in targets if each != EXPERTS]
    directory = write_checkpoint(tmp_path / "model", kind, PACKING)
    tensors = low_rank(*targets)
    adapter = write(tmp_path / "mine", tensors)
    loaded = load_model(directory, None, adapter)
    said = logits(loaded)
    monkeypatch.undo()
    plain = load_model(directory)

    assert largest(logits(plain) - said) > 0.1
    assert largest(logits(changed_by_hand(plain, tensors)) - said) < _TOLERANCE
    assert ("weights 8-bit" in loaded.dtype) == (place == "beside")
    assert loaded.name == "model+mine"
    (weights,) = adapter.glob("*.safetensors")
    assert loaded.adapter is not None
    assert loaded.adapter.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("write", [write_adapter, write_peft])
@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_magnitudes_scale_the_rows(kind: str, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Q_PROJ if kind == "qwen3" else "model.layers.1.self_attn.k_proj"  # which has a bias in qwen2
    n_out = 128 if kind == "qwen3" else 32
    tensors = {
        f"{target}.lora_a": mx.random.normal((64, RANK), key=mx.random.key(1)),
        f"{target}.lora_b": 0.1 * mx.random.normal((RANK, n_out), key=mx.random.key(2)),
        f"{target}.m": mx.random.uniform(1, 3, (n_out,), key=mx.random.key(3)),
    }
    directory = write_checkpoint(tmp_path / "model", kind, PACKING)
    kinds = {"use_dora": True} if write is write_peft else {"fine_tune_type": "dora"}
    said = logits(load_model(directory, None, write(tmp_path / "mine", tensors, **kinds)))
    monkeypatch.undo()

    assert largest(logits(changed_by_hand(load_model(directory), tensors)) - said) < _TOLERANCE


@pytest.mark.usefixtures("place")
def test_an_adapter_of_zeros_changes_nothing(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3", PACKING)
    adapter = write_adapter(tmp_path / "zero", low_rank(Q_PROJ, DOWN_PROJ, amount=0.0))

    assert mx.array_equal(logits(load_model(directory)), logits(load_model(directory, None, adapter))).item()


def test_what_mlx_lm_says_of_the_same_adapter(tmp_path: Path) -> None:
    from mlx_lm.tuner.utils import load_adapters

    directory = write_checkpoint(tmp_path / "model", "qwen3")
    names = [f"model.layers.{layer}.self_attn.q_proj" for layer in (0, 1)]
    tensors = {
        f"{name}.{part}": low_rank(Q_PROJ)[f"{Q_PROJ}.{part}"] for name in names for part in ("lora_a", "lora_b")
    }
    adapter = write_adapter(tmp_path / "mine", tensors)
    theirs = load_adapters(load_model(directory).model, str(adapter))
    theirs.eval()

    assert largest(theirs(PROMPT) - logits(load_model(directory, None, adapter))) < _TOLERANCE


@pytest.mark.usefixtures("place")
def test_what_is_loaded_again_says_the_same(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3_moe", PACKING)
    loaded = load_model(directory, None, write_adapter(tmp_path / "mine", low_rank(Q_PROJ, EXPERTS)))
    said = logits(loaded)
    again = reload_lazily(replace(loaded, model=None))

    assert mx.array_equal(logits(again), said).item()
    assert (again.name, again.dtype, again.adapter) == (loaded.name, loaded.dtype, loaded.adapter)


def test_names_of_a_model_that_can_see(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3_5_moe")
    a, b = mx.random.normal((64, RANK)), mx.random.normal((RANK, 128))
    said = []
    for index, start in enumerate(("model.language_model.", "language_model.model.", "model.")):
        target = f"{start}layers.3.self_attn.o_proj"
        tensors = {f"{target}.lora_a": b.T, f"{target}.lora_b": a.T}
        said.append(logits(load_model(directory, None, write_peft(tmp_path / str(index), tensors))))

    assert all(mx.array_equal(each, said[0]).item() for each in said)
    assert largest(said[0] - logits(load_model(directory))) > 0.1


def test_whole_weights_take_the_place_of_others(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3", dtype="bfloat16")
    tensors = {f"{Q_PROJ}.weight": mx.zeros((128, 64), dtype=mx.bfloat16)}
    loaded = load_model(directory, None, write_adapter(tmp_path / "mine", tensors, fine_tune_type="full"))
    assert largest(loaded.model.layers[1].self_attn.q_proj.weight) == 0
    assert loaded.model.layers[1].self_attn.q_proj.weight.dtype == mx.float32

    tensors = {f"{Q_PROJ}.weight": mx.zeros((128, 32))}
    with pytest.raises(ModelUnsupported, match=r"\(128, 32\) in the adapter, is \(128, 64\) in the model"):
        load_model(directory, None, write_adapter(tmp_path / "other", tensors, fine_tune_type="full"))


GOOD = low_rank(Q_PROJ)
SETTINGS = {"rank": RANK, "scale": SCALE}
WRONG: dict[str, tuple[Any, dict[str, mx.array], dict[str, Any], type[ModelError], str]] = {
    "rank": (write_adapter, GOOD, {"lora_parameters": SETTINGS | {"rank": 5}}, ModelUnsupported, "its rank is 5"),
    "no scale": (write_adapter, GOOD, {"lora_parameters": {"rank": 4}}, CheckpointDamaged, "gives None as `scale`"),
    "no settings": (write_adapter, GOOD, {"lora_parameters": 3}, CheckpointDamaged, "gives None as `scale`"),
    "kind": (write_adapter, GOOD, {"fine_tune_type": "ia3"}, ModelUnsupported, "of the type 'ia3'"),
    "half": (write_adapter, {f"{Q_PROJ}.lora_a": GOOD[f"{Q_PROJ}.lora_a"]}, {}, ModelUnsupported, "lora_a alone"),
    "other base": (
        write_adapter,
        {f"{DOWN_PROJ}.{name.rpartition('.')[2]}": value for name, value in GOOD.items()},
        {},
        ModelUnsupported,
        r"another base model: of .*down_proj it holds \(64, 4\) and \(4, 128\), where \(128, 4\) and \(4, 64\)",
    ),
    "deeper base": (
        write_adapter,
        {name.replace("layers.1", "layers.7"): value for name, value in GOOD.items()},
        {},
        ModelUnsupported,
        "has no layer model.layers.7",
    ),
    "a norm": (
        write_adapter,
        {name.replace("self_attn.q_proj", "input_layernorm"): value for name, value in GOOD.items()},
        {},
        ModelUnsupported,
        "cannot change the layer model.layers.1.input_layernorm",
    ),
    "more": (
        write_adapter,
        GOOD | {"lm_head.weight": mx.zeros((3,))},
        {},
        ModelUnsupported,
        "lm_head.weight is no part",
    ),
    "integers": (
        write_adapter,
        {name: value.astype(mx.int32) for name, value in GOOD.items()},
        {},
        ModelUnsupported,
        "is not of floats",
    ),
    "peft's rank": (write_peft, GOOD, {"r": 8}, ModelUnsupported, "its rank is 8"),
    "peft's pattern": (write_peft, GOOD, {"rank_pattern": {"q": 2}}, ModelUnsupported, "LORA, rank_pattern"),
    "peft's other": (write_peft, GOOD, {"peft_type": "IA3"}, ModelUnsupported, r"not known here \(IA3\)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_refused(wrong: str, tmp_path: Path) -> None:
    write, tensors, config, error, words = WRONG[wrong]
    directory = write_checkpoint(tmp_path / "model", "qwen3")
    adapter = write(tmp_path / "mine", tensors, **config)

    with pytest.raises(error, match=words):
        load_model(directory, None, adapter)


def test_no_adapter_and_a_damaged_one(tmp_path: Path) -> None:
    directory = write_checkpoint(tmp_path / "model", "qwen3")
    with pytest.raises(ModelMissing, match=r"there is no adapter in .*mine; its folder holds adapter_config.json"):
        load_model(directory, None, tmp_path / "mine")
    adapter = write_adapter(tmp_path / "mine", GOOD)
    (adapter / "adapters.safetensors").write_bytes(b"<html>" * 9)
    with pytest.raises(CheckpointDamaged, match=r"adapters.safetensors cannot be read"):
        load_model(directory, None, adapter)
