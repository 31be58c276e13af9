"""Which models suit a machine: the first pair of `recommend.toml` that fits it, and how quick each would be. Pure.

Invariant: a speed says where it comes from. `measured` was measured, on the machine it names. `at most` is arithmetic:
the weights that one token reads against the memory's bandwidth, which nothing that decodes token by token exceeds.
`about` is an estimate: the least share of that bound that others reached with the model, or one of its shape.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from inference.models.catalogue import CATALOGUE
from inference.models.fit import Footprint, Verdict, judge, size


@dataclass(frozen=True, slots=True)
class Machine:
    """What is looked at. kind: cpu, metal or cuda; memory_bytes: what models may take; disk_bytes: what is free."""

    kind: str
    chip: str
    place: str
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Speed:
    """How quick a model decodes. kind: "measured", "about" or "at most"; origin: where, or by which arithmetic."""

    kind: str
    decode_tokens_per_s: float
    origin: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A model for one role. download_bytes: 0 where it is here already."""

    name: str
    role: str
    n_context: int
    download_bytes: int
    memory_bytes: int
    speed: Speed | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is proposed. verdict: of both together; not `fits` where not even the smallest pair does."""

    completion: Choice
    assistant: Choice
    why: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models that go together on some kinds of device. assistant_context: tokens, None for the usual."""

    completion: str
    assistant: str
    devices: Sequence[str]
    why: str
    assistant_context: int | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """What others measured on a Mac, with a model or one of its shape.

    gb_per_s: of their memory; read_gb: of weights, a token.
    """

    model: str
    what: str
    gb_per_s: float
    read_gb: float
    decode_tokens_per_s: float
    source: str

    @property
    def share(self) -> float:
        """How much of what the bandwidth allows was reached."""
        return self.decode_tokens_per_s * self.read_gb / self.gb_per_s


class Table:
    """What is known of pairs, chips and speeds."""

    def __init__(self, text: str | None = None) -> None:
        text = text or resources.files("inference.models").joinpath("recommend.toml").read_text(encoding="utf-8")
        values = tomllib.loads(text)
        self.pairs = [Pair(**pair) for pair in values["pairs"]]
        self.contexts: Mapping[str, int] = values["contexts"]
        self.active_parameters: Mapping[str, int] = values["active_parameters"]
        self.bandwidth_gb_per_s: Mapping[str, int] = values["bandwidth_gb_per_s"]
        self.reported = [Reported(**row) for row in values["reported"]]
        self.measured: list[dict[str, object]] = values["measured"]

    def bandwidth(self, chip: str) -> int | None:
        """Return a chip's memory bandwidth in GB/s; None where it is not known."""
        names = [name for name in self.bandwidth_gb_per_s if chip.lower().startswith(name.lower())]
        return self.bandwidth_gb_per_s[max(names, key=len)] if names else None

    def share(self, model: str) -> float | None:
        """Return the least share of the bandwidth that was reached with `model`; None where nobody told."""
        return min((row.share for row in self.reported if row.model == model), default=None)


def recommend(
    machine: Machine,
    footprint_of: Callable[[str], Footprint],
    n_parameters: Mapping[str, int],
    installed: Sequence[str],
    table: Table,
) -> Recommendation:
    """Propose the first pair for this kind of machine that fits its memory and its disk; else the last.

    footprint_of: of a model of the catalogue, on this machine. n_parameters: by model.
    """
    for pair in table.pairs:
        if machine.kind not in pair.devices:
            continue
        choices = []
        roles = {
            "completion": (pair.completion, table.contexts["completion"]),
            "assistant": (pair.assistant, pair.assistant_context or table.contexts["assistant"]),
        }
        for role, (name, n_wanted) in roles.items():
            model = footprint_of(name)
            n_context = min(n_wanted, model.n_context)
            download_bytes = 0 if model.name in installed else CATALOGUE[model.name].source.n_bytes
            speed = speed_of(machine, model, n_parameters[model.name], table)
            choices.append(Choice(model.name, role, n_context, download_bytes, model.total_bytes(n_context), speed))
        completion, assistant = choices
        loaded = {
            choice.name: choice for choice in choices
        }.values()  # a model of both roles once, by its longer context
        wanted = [(footprint_of(choice.name), choice.n_context) for choice in loaded]
        verdict = judge(wanted, machine.memory_bytes, f"{machine.place} can give", [])
        found = Recommendation(completion, assistant, pair.why, verdict)
        n_download_bytes = sum(choice.download_bytes for choice in loaded)
        if verdict.fits and n_download_bytes <= machine.disk_bytes:
            return found
    return found


def speed_of(machine: Machine, model: Footprint, n_parameters: int, table: Table) -> Speed | None:
    """Tell how quick `model` decodes on `machine`; None where neither was measured nor can be reckoned."""
    bandwidth = table.bandwidth(machine.chip)
    if bandwidth is not None:
        share = table.active_parameters.get(model.name, n_parameters) / n_parameters
        read_bytes = model.weight_bytes * share
        origin = f"{bandwidth} GB/s of memory bandwidth, {size(int(read_bytes))} read a token"
        reached = table.share(model.name) if machine.kind == "metal" else None
        if reached is None:
            return Speed("at most", bandwidth * 1e9 / read_bytes, origin)
        origin += f", {reached:.0%} of that reached on others' Macs"
        return Speed("about", reached * bandwidth * 1e9 / read_bytes, origin)
    for row in table.measured:
        if row["model"] == model.name and row["device"] == machine.kind:
            return Speed("measured", float(str(row["decode_tokens_per_s"])), f"on {row['machine']}")
    return None
