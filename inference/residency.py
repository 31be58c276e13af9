"""Which of the configured models are in memory now. Used by the engine's thread alone; others look at `residents`.

Invariants: only what was configured at the start is ever read, whatever a request names; the model that completes code
is pinned; a model whose weights were given back is read again in steps, one array each, between which the engine serves
whoever is more urgent.
"""

import logging
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace

from inference.kv_cache import KVCache
from inference.prompt_cache import CacheFactory
from inference.residents import Resident, Residents

logger = logging.getLogger(__name__)


class Residency:
    """The models with their states. All times on `clock`, in seconds."""

    def __init__(self, residents: Residents, clock: Callable[[], float]) -> None:
        self.residents = residents
        self._clock = clock
        self._used_s = dict.fromkeys(residents.by_name, clock())
        self._reading: dict[str, Iterator[Resident]] = {}

    def cache_factory(self, name: str) -> CacheFactory:
        """Give what makes KV caches of the model as it then is in memory, and does not hold it there."""
        return _CacheFactory(self, name)

    def use(self, name: str) -> None:
        """Note that the model has work."""
        self._used_s[name] = self._clock()

    def find_idle(self, limit_s: float, busy: Container[str]) -> list[str]:
        """List the models to give back: not pinned, in memory wholly or partly, without work for `limit_s`.

        busy: names of the models that have work now.
        """
        for name in filter(busy.__contains__, self._used_s):
            self.use(name)
        now_s = self._clock()
        return [
            model.name
            for model in self.residents.models
            if not model.is_pinned and model.state != "unloaded" and now_s - self._used_s[model.name] >= limit_s
        ]

    def unload(self, name: str) -> Resident:
        """Let go of the weights; return what stays, which knows the tokenizer and all else but them."""
        self._reading.pop(name, None)
        resident = self.residents.by_name[name]
        return self._put(replace(resident, loaded=replace(resident.loaded, model=None), state="unloaded"))

    def is_ready(self, name: str) -> bool:
        """Tell whether the model is in memory, which it may leave only by `unload`."""
        return self.residents.by_name[name].state == "ready"

    def read_on(self, name: str) -> Resident:
        """Read one more array of a model that is not in memory; return how it is then.

        Raises what `models.load` raises; the model is unloaded then.
        """
        self.use(name)
        if name not in self._reading:
            logger.info("reading the weights of %s again", name)
            self._reading[name] = _read(self.residents.by_name[name], self.residents.device.kind == "cpu")
        try:
            resident = self._put(next(self._reading[name]))
        except Exception:
            self.unload(name)
            raise
        if resident.state == "ready":
            del self._reading[name]
            logger.info("%s is ready again", name)
        return resident

    def _put(self, resident: Resident) -> Resident:
        models = [resident if model.name == resident.name else model for model in self.residents.models]
        self.residents = replace(self.residents, models=tuple(models))
        return resident


@dataclass(frozen=True, slots=True)
class _CacheFactory:
    residency: Residency
    name: str

    def make_cache(self) -> KVCache:
        return self.residency.residents.by_name[self.name].loaded.make_cache()


def _read(resident: Resident, is_cpu: bool) -> Iterator[Resident]:
    """Read the weights of an unloaded model, one array at a time. Yields it as it is, at last ready."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from inference.cpu_model import accelerate
    from inference.errors import CheckpointDamaged
    from inference.models.load import reload_lazily

    loading = replace(resident, state="loading")
    loaded = reload_lazily(resident.loaded)
    yield loading
    # The largest first: unpacking one takes several times its size, while there is room for what is still to come.
    for name, array in sorted(tree_flatten(loaded.model.parameters()), key=lambda item: -item[1].nbytes):
        try:
            mx.eval(array)
        except RuntimeError as error:
            raise CheckpointDamaged(f"{name} in {loaded.directory} cannot be read: {error}") from error
        yield loading
    if is_cpu:
        accelerate(loaded.model)
    yield replace(resident, loaded=loaded, state="ready")
