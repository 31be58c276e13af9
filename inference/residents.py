"""The models this worker holds: loaded once, warmed up and measured, never changed by a request.

MLX is imported by what is called here, on the engine's thread, so that the socket answers before it is there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from inference import blas
from inference.errors import ModelNotResident
from inference.models import store

if TYPE_CHECKING:
    from inference.device import Device
    from inference.models.load import LoadedModel
    from inference.suffix_reuse import SuffixBlocks

Role = Literal["completion", "assistant"]
Report = Callable[[float, str], None]
"""Takes the share of the loading that is done, 0.0 to 1.0, and what is being done."""

# Tokens of a prefill chunk, which is what an urgent request may have to wait for. On two CPU cores 64 tokens take about
# half a second with the default model; an accelerator takes hundreds in the time it needs for one.
_CHUNK_TOKENS = {"cpu": 64, "metal": 512, "cuda": 1024}
_N_WARM_UP_DECODES = 4


@dataclass(frozen=True, slots=True)
class Resident:
    """A model in memory and how it is run here. Speeds in tokens a second, measured after loading.

    suffixes: what of its last prompts can be moved to later ones; None where nothing is to be.
    """

    loaded: "LoadedModel"
    roles: frozenset[Role]
    n_context: int
    chunk_tokens: int
    run_ahead: bool
    speculates: bool = True
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    suffixes: "SuffixBlocks | None" = None

    @property
    def name(self) -> str:
        """The name that requests call it by."""
        return self.loaded.name

    def is_control(self, token: int) -> bool:
        """Tell whether `token` is a control token, which never is text."""
        tokenizer = self.loaded.tokenizer
        return tokenizer.special(tokenizer.decode([token])) == token


@dataclass(frozen=True, slots=True)
class Residents:
    """All models of this worker, and what they run on."""

    models: tuple[Resident, ...]
    device: "Device"
    blas: str
    by_name: dict[str, Resident] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {model.name: model for model in self.models})

    def find(self, name: str | None, role: Role) -> Resident:
        """Find the model called `name`; without a name, the one that has `role`. Raises ModelNotResident."""
        if name is None:
            return next(model for model in self.models if role in model.roles)
        if name not in self.by_name:
            names = ", ".join(self.by_name)
            raise ModelNotResident(f"the model {name} is not loaded; this worker holds {names}. Leave `model` out")
        return self.by_name[name]


def load_residents(
    completion_model: str,
    assistant_model: str | None,
    n_context: int | None,
    report: Report,
    *,
    reuses_suffixes: bool = True,
    speculates: bool = True,
) -> Residents:
    """Load, warm up and measure the models, on the thread that will run them.

    assistant_model: None gives both roles to `completion_model`. n_context: an upper bound, None for the models' own.
    speculates: guess tokens ahead where the KV cache allows it. reuses_suffixes: see `suffix_reuse`.
    Raises ModelMissing and the other errors of `models.load`.
    """
    wanted: dict[str, frozenset[Role]] = {completion_model: frozenset({"completion", "assistant"})}
    if assistant_model not in (None, completion_model):
        wanted = {completion_model: frozenset({"completion"}), assistant_model: frozenset({"assistant"})}
    directories = {name: store.checkpoint_dir(name) for name in wanted}

    report(0.0, "loading MLX")
    chosen_blas = blas.load_fast_blas()
    from inference.cpu_model import accelerate
    from inference.device import describe_device
    from inference.models.load import load_model
    from inference.suffix_reuse import SuffixBlocks

    device = describe_device()
    models = []
    for index, (name, roles) in enumerate(wanted.items()):

        def report_share(share: float, index: int = index, name: str = name) -> None:
            report((index + share) / len(wanted), f"reading the weights of {name}")

        loaded = load_model(directories[name], report_share)
        if device.kind == "cpu":
            accelerate(loaded.model)
        resident = Resident(
            loaded=loaded,
            roles=roles,
            n_context=min(loaded.n_context, n_context or loaded.n_context),
            chunk_tokens=_CHUNK_TOKENS[device.kind],
            run_ahead=device.kind != "cpu",
            suffixes=SuffixBlocks(loaded.model) if reuses_suffixes else None,
            speculates=speculates,
        )
        report((index + 1) / len(wanted), f"warming up {name}")
        models.append(_measure(resident))
    return Residents(tuple(models), device, chosen_blas.name)


def _measure(resident: Resident) -> Resident:
    """Run `resident` once, so that no person waits for first-time costs, and note its speeds."""
    from inference.generation import generate
    from inference.jobs import Sampling
    from inference.kv_cache import CachedTokens
    from inference.sampling import make_chooser

    n_chunk = min(resident.chunk_tokens, resident.n_context // 4)
    tokens = [index % 256 for index in range(2 * n_chunk)]
    sequence = CachedTokens(tokens, resident.loaded.make_cache())
    chooser = make_chooser(Sampling(), wants_logprob=False)
    steps = generate(resident.loaded.model, sequence, chooser, n_chunk, run_ahead=False)
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
