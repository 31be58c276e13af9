"""Tokens with mlx-lm's KV cache of them, and how to go back to an earlier place. Used by the engine's thread alone.

Layers come in three kinds: attention's keys and values, which can be cut anywhere; recurrent states, which cannot, and
are kept at chosen places instead (a checkpoint; with those, every layer goes back to that place); and others
(rotating windows), which serve from their end only. Kinds go by name, since importing mlx_lm.models.cache would run
the whole package (see models/architecture.py).
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

KVCache = list[Any]
"""One entry per layer, mlx-lm's own."""

# Of a long conversation the first place, where its system text ends, and the last ones are worth their memory.
MAX_CHECKPOINTS = 8


# mlx-lm's caches of keys and values grow by so many tokens at a time.
_ALLOCATED_TOKENS = 256


class KvCost(NamedTuple):
    """Bytes of one token's keys and values in all layers, and of one place's recurrent states."""

    token_bytes: int
    state_bytes: int


class Checkpoint(NamedTuple):
    """The recurrent states after the first `n` tokens. states: of each recurrent layer, in order; never written to."""

    n: int
    states: tuple[tuple[Any, ...], ...]

    @property
    def n_bytes(self) -> int:
        """Bytes of all states."""
        return sum(array.nbytes for state in self.states for array in state if array is not None)


@dataclass(slots=True)
class CachedTokens:
    """Tokens and a KV cache of the first `n_cached` of them. Invariant: kv_cache holds exactly those.

    cuts: after how many tokens later prompts may differ, where recurrent states are kept. checkpoints: in order, none
    beyond n_cached.
    """

    tokens: list[int]
    kv_cache: KVCache
    n_cached: int = 0
    cuts: frozenset[int] = frozenset()
    checkpoints: list[Checkpoint] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        """Bytes of the KV cache and its checkpoints."""
        n_bytes: int = sum(layer.nbytes for layer in self.kv_cache)
        return n_bytes + sum(each.n_bytes for each in self.checkpoints)

    def n_to_prefill(self, chunk_tokens: int) -> int:
        """Return how many tokens the next prefill step takes; 0 where what is left ends in the first decoded token.

        A step ends where states are to be kept.
        """
        n_left = len(self.tokens) - self.n_cached
        stops = [cut - self.n_cached for cut in self.cuts] if is_recurrent(self.kv_cache) else []
        n = min((stop for stop in stops if 0 < stop < n_left), default=n_left)
        return min(n, chunk_tokens) if min(n, chunk_tokens) < n_left else 0

    def keep_states(self) -> Checkpoint | None:
        """Keep the states of this place if it is one of the cuts; return what was kept."""
        if self.n_cached == 0 or self.n_cached not in self.cuts or not is_recurrent(self.kv_cache):
            return None
        if self.checkpoints and self.checkpoints[-1].n == self.n_cached:
            return None
        states = tuple(tuple(layer.cache) for layer in self.kv_cache if _is_state(layer))
        self.checkpoints.append(Checkpoint(self.n_cached, states))
        if len(self.checkpoints) > MAX_CHECKPOINTS:
            del self.checkpoints[1]
        return self.checkpoints[-1]

    def n_usable(self, n: int) -> int:
        """Return the last place at or before `n` that can be gone back to; 0 when there is none."""
        if n >= self.n_cached:
            return self.n_cached
        if can_trim(self.kv_cache):
            return n
        return max((each.n for each in self.checkpoints if each.n <= n), default=0)

    def roll_back(self, n: int) -> None:
        """Forget all but the first `n` tokens' keys, values and states. n: a place that `n_usable` gave, not 0."""
        if n < self.n_cached:
            states = self._states_at(n)
            for layer in self.kv_cache:
                if _is_state(layer):
                    layer.cache = [*next(states)]
                else:
                    layer.trim(self.n_cached - n)
        self.n_cached = n
        self.checkpoints = [each for each in self.checkpoints if each.n <= n]

    def copy_beginning(self, n: int) -> "CachedTokens":
        """Copy the first `n` tokens and what is kept of them. n: less than n_cached, a place that `n_usable` gave.

        Slices share memory until one side writes; MLX then copies. States are never written to, only replaced.
        """
        states = self._states_at(n)
        layers: KVCache = []
        for layer in self.kv_cache:
            if _is_state(layer):
                layers.append(type(layer)(len(layer.cache)))
                layers[-1].cache = [*next(states)]
            else:
                layers.append(type(layer).from_state((layer.keys[..., :n, :], layer.values[..., :n, :], n)))
        return CachedTokens(self.tokens[:n], layers, n, checkpoints=[each for each in self.checkpoints if each.n <= n])

    def _states_at(self, n: int) -> Any:
        return iter(next((each.states for each in self.checkpoints if each.n == n), ()))


def cost_of(kv_cache: KVCache) -> KvCost:
    """Read off `kv_cache`, to which one token was fed, what KV costs."""
    n_bytes = sum(layer.nbytes for layer in kv_cache if not _is_state(layer))
    return KvCost(n_bytes // _ALLOCATED_TOKENS, sum(layer.nbytes for layer in kv_cache if _is_state(layer)))


def can_trim(kv_cache: KVCache) -> bool:
    """Tell whether `kv_cache` can be cut anywhere now."""
    return all(layer.is_trimmable() for layer in kv_cache)


def is_plain(kv_cache: KVCache) -> bool:
    """Tell whether `kv_cache` can be cut anywhere, now and whatever is fed to it: a rotating one cannot, once full."""
    return all(_is_plain(layer) for layer in kv_cache)


def is_recurrent(kv_cache: KVCache) -> bool:
    """Tell whether some layers of `kv_cache` are recurrent states and all others can be cut."""
    states = [_is_state(layer) for layer in kv_cache]
    return any(states) and all(
        is_state or layer.is_trimmable() for layer, is_state in zip(kv_cache, states, strict=True)
    )


def can_copy(kv_cache: KVCache) -> bool:
    """Tell whether the beginning of `kv_cache` can be copied."""
    return all(_is_plain(layer) or _is_state(layer) for layer in kv_cache)


def _is_plain(layer: Any) -> bool:
    return type(layer).__name__ == "KVCache"


def _is_state(layer: Any) -> bool:
    return type(layer).__name__ == "ArraysCache"
