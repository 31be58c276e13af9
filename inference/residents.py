"""The models this worker holds: loaded at the start, warmed up and measured, never changed by a request.

MLX is imported by what is called here, on the engine's thread, so that the socket answers before it is there.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from inference import blas
from inference.care import ceiling
from inference.errors import ModelNotResident, ModelTooLarge
from inference.models import footprints, store
from inference.models.fit import judge
from inference.prefill_chunks import CHUNK_SIZES, Chunks, ChunkSizes

if TYPE_CHECKING:
    from inference.device import Device
    from inference.models.load import LoadedModel
    from inference.suffix_reuse import SuffixBlocks

Role = Literal["completion", "assistant"]
ModelState = Literal["ready", "unloaded", "loading"]
"""unloaded: its weights were given back for want of work. loading: they are being read again, since there is some."""
Report = Callable[[float, str], None]
"""Takes the share of the loading that is done, 0.0 to 1.0, and what is being done."""

_N_WARM_UP_DECODES = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resident:
    """A configured model and how it is run here. Speeds in tokens a second, measured after loading.

    Where it is not ready, `loaded.model` is None. suffixes: what of its last prompts can be moved to later ones; None
    where nothing is to be.
    """

    loaded: "LoadedModel"
    roles: frozenset[Role]
    n_context: int
    chunks: ChunkSizes
    run_ahead: bool
    speculates: bool = True
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    suffixes: "SuffixBlocks | None" = None
    state: ModelState = "ready"

    @property
    def is_pinned(self) -> bool:
        """Tell whether it stays in memory without work: a person who types waits for no weights."""
        return "completion" in self.roles

    @property
    def name(self) -> str:
        """The name that requests call it by."""
        return self.loaded.name

    @property
    def plain_name(self) -> str:
        """The name of the model, whatever adapter is in it."""
        adapter = self.loaded.adapter
        return self.name if adapter is None else self.name.removesuffix(f"+{adapter.name}")

    def is_control(self, token: int) -> bool:
        """Tell whether `token` is a control token, which never is text."""
        tokenizer = self.loaded.tokenizer
        return tokenizer.special(tokenizer.decode([token])) == token


@dataclass(frozen=True, slots=True)
class Residents:
    """All models of this worker, and what they run on. device.memory_bytes: no more than the worker's ceiling."""

    models: tuple[Resident, ...]
    device: "Device"
    blas: str
    by_name: dict[str, Resident] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {model.name: model for model in self.models})

    def find(self, name: str | None, role: Role) -> Resident:
        """Find the model called `name`; without a name, the one that has `role`. Raises ModelNotResident.

        Who does not care which adapter is in a model may leave that part of its name out.
        """
        if name is None:
            return next(model for model in self.models if role in model.roles)
        found = self.by_name.get(name) or next((model for model in self.models if model.plain_name == name), None)
        if found is None:
            names = ", ".join(self.by_name)
            raise ModelNotResident(f"the model {name} is not loaded; this worker holds {names}. Leave `model` out")
        return found


def load_residents(
    completion_model: str,
    assistant_model: str | None,
    n_context: int | None,
    report: Report,
    *,
    reuses_suffixes: bool = True,
    speculates: bool = True,
    memory_gb: float | None = None,
    adapter: Path | None = None,
    assistant_adapter: Path | None = None,
) -> Residents:
    """Load, warm up and measure the models, on the thread that will run them.

    assistant_model: None gives both roles to `completion_model`. n_context: an upper bound, None for the models' own.
    speculates: guess tokens ahead where the KV cache allows it. reuses_suffixes: see `suffix_reuse`. memory_gb: the
    ceiling, None for a share of the device's memory. adapter, assistant_adapter: folders of adapters; one for the
    assistant alone is put into a second copy where both roles are the same model's.
    Raises ModelTooLarge before anything is read, ModelMissing and the other errors of `models.load`.
    """
    wanted = _wanted((completion_model, adapter), (assistant_model, assistant_adapter))
    directories = {name: store.checkpoint_dir(name) for name, _ in wanted}

    report(0.0, "loading MLX")
    chosen_blas = blas.load_fast_blas()
    from inference.constraints import read_vocabulary
    from inference.cpu_model import accelerate
    from inference.device import describe_device
    from inference.models.load import load_model
    from inference.suffix_reuse import SuffixBlocks

    device = describe_device()
    roles_wanted = frozenset[Role]().union(*wanted.values())
    _require_fit([directories[name] for name, _ in wanted], roles_wanted, n_context, device, memory_gb)
    models = []
    for index, ((name, its_adapter), roles) in enumerate(wanted.items()):

        def report_share(share: float, index: int = index, name: str = name) -> None:
            report((index + share) / len(wanted), f"reading the weights of {name}")

        loaded = load_model(directories[name], report_share, its_adapter)
        if device.kind == "cpu":
            accelerate(loaded.model)
        resident = Resident(
            loaded=loaded,
            roles=roles,
            n_context=min(loaded.n_context, n_context or loaded.n_context),
            chunks=CHUNK_SIZES[device.kind],
            run_ahead=device.kind != "cpu",
            suffixes=SuffixBlocks(loaded.model) if reuses_suffixes and "completion" in roles else None,
            speculates=speculates,
        )
        report((index + 1) / len(wanted), f"warming up {name}")
        models.append(_measure(resident))
        if "completion" in roles:
            read_vocabulary(loaded.tokenizer)  # what is typed is held to grammars from the first key on
    if memory_gb is not None:
        device = replace(device, memory_bytes=min(device.memory_bytes, int(memory_gb * 1e9)))
    return Residents(tuple(models), device, chosen_blas.name)


def _require_fit(
    directories: Sequence[Path],
    roles: frozenset[Role],
    n_context: int | None,
    device: "Device",
    memory_gb: float | None,
) -> None:
    """Raise ModelTooLarge unless the models fit together, each at its context, below the soft watermark.

    roles: of a model that may be offered instead.
    """
    # Longer ones stand so near the start of a prompt that their attention takes less workspace.
    chunk_tokens = CHUNK_SIZES[device.kind].brief
    sizes = [footprints.of_checkpoint(directory, device, chunk_tokens) for directory in directories]
    contexts = [min(n_context or size.n_context, size.n_context) for size in sizes]
    others = footprints.alternatives(device, chunk_tokens, roles)
    giver = f"--memory-gb {memory_gb:g} leaves" if memory_gb else f"{device.place} can give"
    available_bytes = ceiling(device, memory_gb).soft_bytes
    verdict = judge(list(zip(sizes, contexts, strict=True)), available_bytes, giver, others)
    logger.info("%s", verdict.sentence)
    if not verdict.fits:
        raise ModelTooLarge(verdict.sentence)


def _wanted(
    completion: tuple[str, Path | None], assistant: tuple[str | None, Path | None]
) -> dict[tuple[str, Path | None], frozenset[Role]]:
    """Tell which models, by name and adapter, are to have which roles."""
    second = (assistant[0] or completion[0], assistant[1])
    if assistant == (None, None) or second == completion:
        return {completion: frozenset({"completion", "assistant"})}
    return {completion: frozenset({"completion"}), second: frozenset({"assistant"})}


def _measure(resident: Resident) -> Resident:
    """Run `resident` once, so that no person waits for first-time costs, and note its speeds."""
    from inference.generation import generate
    from inference.jobs import Sampling
    from inference.kv_cache import CachedTokens
    from inference.sampling import make_chooser

    n_chunk = min(resident.chunks.brief, resident.n_context // 4)
    tokens = [index % 256 for index in range(2 * n_chunk)]
    sequence = CachedTokens(tokens, resident.loaded.make_cache())
    chooser = make_chooser(Sampling(), wants_logprob=False)
    steps = generate(resident.loaded.model, sequence, chooser, Chunks.of(n_chunk), run_ahead=False)
    next(steps)  # the first chunk pays for everything that happens once
    began = time.perf_counter()
    next(steps)
    prefilled = time.perf_counter()
    for _ in islice(steps, _N_WARM_UP_DECODES):
        pass
    decoded = time.perf_counter()
    return replace(
        resident,
        prefill_tokens_per_s=round(n_chunk / (prefilled - began), 1),
        decode_tokens_per_s=round(_N_WARM_UP_DECODES / (decoded - prefilled), 1),
    )
