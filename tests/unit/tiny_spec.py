"""A catalogue entry for a tiny model, and a process that pulls it as a person would.

Run as `python -P -m tests.unit.tiny_spec SPEC.json COMMAND...`: the command line of `hearthline models` with that
entry in its catalogue.
"""

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from inference.models.catalogue import CATALOGUE, GGUFSource, HubFile, ModelSpec, WheelPart

NAME = "tiny-qwen2"
HUB = HubFile("tiny/qwen2-gguf", "tiny.gguf")
PARTS = tuple(WheelPart(f"tiny-part{i}", "1.0", "*/data/part*.bin") for i in (1, 2))


def tiny_spec(gguf: bytes, hub: HubFile | None = HUB, wheels: tuple[WheelPart, ...] = PARTS) -> ModelSpec:
    """Describe the model whose GGUF file is `gguf`."""
    return ModelSpec(
        name=NAME,
        roles=("completion",),
        family="qwen",
        fim=True,
        licence="Apache-2.0",
        source=GGUFSource(
            n_bytes=len(gguf),
            sha256=hashlib.sha256(gguf).hexdigest(),
            n_parameters=1_100_000,
            hub=hub,
            wheels=wheels,
        ),
    )


def write_spec(spec: ModelSpec, path: Path) -> Path:
    """Write `spec` for the process to read."""
    path.write_text(json.dumps(asdict(spec)))
    return path


def _read_spec(path: Path) -> ModelSpec:
    value = json.loads(path.read_text())
    source = value.pop("source")
    hub, wheels = source.pop("hub"), source.pop("wheels")
    return ModelSpec(
        **value | {"roles": tuple(value["roles"])},
        source=GGUFSource(
            **source,
            hub=HubFile(**hub) if hub else None,
            wheels=tuple(WheelPart(**part) for part in wheels),
        ),
    )


if __name__ == "__main__":
    from inference.models.cli import main

    CATALOGUE[NAME] = _read_spec(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
