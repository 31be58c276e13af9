"""`hearthline models recommend`: looks at chip, memory and disk, and proposes a completion and an assistant model.

Exit codes: 0 a pair fits, 1 none does; the smallest is shown then, with what is missing.
"""

import dataclasses
import json
import shutil

from inference import blas, paths
from inference.care import ceiling
from inference.device import describe_device
from inference.models import footprints, store
from inference.models.fit import size
from inference.models.recommend import Choice, Machine, Recommendation, Table, recommend
from inference.models.shapes import SHAPES
from inference.prefill_chunks import CHUNK_SIZES


def run() -> tuple[int, str, str]:
    """Look at the machine; return exit code, words for a person and JSON. Imports MLX. Raises BlasError."""
    blas.load_fast_blas()
    device = describe_device()
    chunk_tokens = CHUNK_SIZES[device.kind].brief
    existing = next(folder for folder in (paths.models_dir(), *paths.models_dir().parents) if folder.exists())
    machine = Machine(
        kind=device.kind,
        chip=device.name,
        place=device.place,
        memory_bytes=ceiling(device).soft_bytes,
        disk_bytes=shutil.disk_usage(existing).free,
    )
    found = recommend(
        machine,
        lambda name: footprints.of_catalogue(name, device, chunk_tokens),
        {name: shape.n_parameters for name, shape in SHAPES.items()},
        [model.name for model in store.installed()],
        Table(),
    )
    code = 0 if found.verdict.fits and _n_download_bytes(found) <= machine.disk_bytes else 1
    shown = {"machine": dataclasses.asdict(machine), **dataclasses.asdict(found), "commands": commands(found)}
    return code, words(machine, found), json.dumps(shown, indent=2)


def words(machine: Machine, found: Recommendation) -> str:
    """Say it to a person."""
    lines = [
        f"{machine.chip}: {size(machine.memory_bytes)} for models, {size(machine.disk_bytes)} free on the disk",
        "",
        f"Proposed: {found.why}.",
        *(line for choice in (found.completion, found.assistant) for line in _about(choice)),
        "",
        f"{found.verdict.sentence}.",
    ]
    if _n_download_bytes(found) > machine.disk_bytes:
        lines.append(f"The disk has no room for it: {size(_n_download_bytes(found))} are to be fetched.")
    if pulls := commands(found):
        lines += ["", *pulls]
    return "\n".join(lines)


def commands(found: Recommendation) -> list[str]:
    """Return the commands that fetch what is not here yet."""
    missing = dict.fromkeys(c.name for c in (found.completion, found.assistant) if c.download_bytes)
    return [f"hearthline models pull {name}" for name in missing]


def _about(choice: Choice) -> list[str]:
    here = f"{size(choice.download_bytes)} to fetch" if choice.download_bytes else "here already"
    lines = [f"  {choice.role:10}  {choice.name}: {here}, {size(choice.memory_bytes)} with {choice.n_context:,} tokens"]
    if choice.speed is None:
        return [*lines, f"{'':14}speed: not measured, and not to be reckoned for this chip"]
    speed = f"{choice.speed.decode_tokens_per_s:,.0f} tokens/s"
    qualified = f"{speed} measured" if choice.speed.kind == "measured" else f"{choice.speed.kind} {speed}"
    return [*lines, f"{'':14}speed: {qualified} ({choice.speed.origin})"]


def _n_download_bytes(found: Recommendation) -> int:
    return sum({choice.name: choice.download_bytes for choice in (found.completion, found.assistant)}.values())
