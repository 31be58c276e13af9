"""`hearthline models fit NAME`: whether a model would run here, before gigabytes of it are fetched or read.

Exit codes: 0 it fits, 1 it does not, or it cannot be told (one sentence says why).
"""

import dataclasses
import json

from inference import blas
from inference.care import ceiling
from inference.device import Device, describe_device
from inference.errors import ModelMissing
from inference.models import footprints, store
from inference.models.catalogue import CATALOGUE
from inference.models.fit import Footprint, judge
from inference.prefill_chunks import CHUNK_SIZES


def fit(name: str, n_context: int | None) -> tuple[int, str, str]:
    """Judge the model `name` with `n_context` tokens, None for its own; return exit code, sentence and JSON.

    Imports MLX, which knows what the device has. Raises ModelUnknown, ModelMissing, CheckpointDamaged, BlasError.
    """
    blas.load_fast_blas()
    device = describe_device()
    chunk_tokens = CHUNK_SIZES[device.kind].brief
    model = _footprint(name, device, chunk_tokens)
    n_tokens = min(n_context or model.n_context, model.n_context)
    spec = CATALOGUE.get(model.name)
    roles = frozenset(spec.roles if spec else ("completion", "assistant"))
    available_bytes = ceiling(device).soft_bytes
    others = footprints.alternatives(device, chunk_tokens, roles)
    verdict = judge([(model, n_tokens)], available_bytes, f"{device.place} can give", others)
    shown = dataclasses.asdict(verdict) | {
        "name": model.name,
        "n_context": n_tokens,
        "available_bytes": available_bytes,
    }
    return 0 if verdict.fits else 1, verdict.sentence, json.dumps(shown, indent=2)


def _footprint(name: str, device: Device, chunk_tokens: int) -> Footprint:
    try:
        return footprints.of_checkpoint(store.checkpoint_dir(name), device, chunk_tokens)
    except ModelMissing:
        if name not in CATALOGUE:
            raise
        return footprints.of_catalogue(name, device, chunk_tokens)
