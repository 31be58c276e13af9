"""Sequences of one model that decode together, so that one reading of the weights serves them all.

Used by the engine's thread alone. Owns the KV of the sequences that have joined. Invariant: a sequence that has joined
has no KV cache of its own until it leaves; its tokens and n_cached go on as if it stepped alone, and what it leaves
with is an ordinary KV cache of just these.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx
from mlx.utils import tree_map

from inference.generation import Decoded, next_logits, read_choice
from inference.kv_cache import CachedTokens, KVCache
from inference.sampling import Chooser

# mlx-lm's batched KV caches grow as the plain ones do (see generation).
_STEPS_BETWEEN_CLEARINGS = 256


class Member(NamedTuple):
    """A sequence of which all but the last token are cached, and how its next is chosen. n_prompt: in tokens."""

    sequence: CachedTokens
    choose: Chooser
    n_prompt: int


class Batch:
    """The batched KV cache of some sequences, padded on the left to the longest of them."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._joined: list[CachedTokens] = []
        self._kv_cache: KVCache = []
        self._n_steps = 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the KV of all that have joined."""
        return sum(layer.nbytes for layer in self._kv_cache)

    def step(self, members: Sequence[Member]) -> list[Decoded]:
        """Decode one token of each of `members`: of all that have joined, and of others, which join.

        The tokens are those of decoding alone, up to logits so close that the order of summation decides.
        Raises ValueError when one that has joined is missing, since the step would change its KV.
        """
        self._join([member.sequence for member in members if not self.has(member.sequence)])
        if len(members) != len(self._joined):
            raise ValueError("who has joined must step or leave")
        tokens = mx.array([sequence.tokens[-1] for sequence in self._joined])
        logits = next_logits(self._model, tokens, self._kv_cache)
        choices = []
        for sequence, choose, n_prompt in members:
            row = self._row(sequence)
            choices.append(choose(logits[row : row + 1], len(sequence.tokens) - n_prompt))
        mx.eval([part for choice in choices for part in choice if part is not None])
        made = [read_choice(choice)[0] for choice in choices]
        for member, decoded in zip(members, made, strict=True):
            member.sequence.n_cached += 1
            member.sequence.tokens.append(decoded.token)
        self._n_steps += 1
        if self._n_steps % _STEPS_BETWEEN_CLEARINGS == 0:
            mx.clear_cache()
        return made

    def has(self, sequence: CachedTokens) -> bool:
        """Tell whether `sequence` has joined."""
        return any(each is sequence for each in self._joined)

    def leave(self, sequence: CachedTokens) -> None:
        """Give `sequence`, which has joined, its KV cache back."""
        row = self._row(sequence)
        del self._joined[row]
        sequence.kv_cache = [_own(layer.extract(row)) for layer in self._kv_cache]
        _evaluate(sequence.kv_cache)
        if self._joined:
            staying = mx.array([index for index in range(len(self._joined) + 1) if index != row])
            for layer in self._kv_cache:
                layer.filter(staying)
            _evaluate(self._kv_cache)
        else:
            self._kv_cache = []
        mx.clear_cache()

    def _join(self, sequences: list[CachedTokens]) -> None:
        if not sequences:
            return
        layers = zip(*(sequence.kv_cache for sequence in sequences), strict=True)
        new = [type(each[0]).merge(list(each)) for each in layers]
        if self._joined:
            for layer, more in zip(self._kv_cache, new, strict=True):
                layer.extend(more)
        else:
            self._kv_cache = new
        self._joined += sequences
        for sequence in sequences:
            sequence.kv_cache = []
        _evaluate(self._kv_cache)
        mx.clear_cache()

    def _row(self, sequence: CachedTokens) -> int:
        return next(row for row, each in enumerate(self._joined) if each is sequence)


def _own(layer: Any) -> Any:
    """Copy what shares memory with the batch, all of which it would keep alive."""
    layer.state = tree_map(lambda part: mx.contiguous(part) if isinstance(part, mx.array) else part, layer.state)
    return layer


def _evaluate(kv_cache: KVCache) -> None:
    """Compute `kv_cache` now, so that nothing holds on to what it was made from."""
    mx.eval([layer.state for layer in kv_cache])
