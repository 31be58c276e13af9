"""The text behind the cursor, computed once and moved along while someone types in front of it.

In a prompt `prefix SUFFIX middle` every keystroke moves the suffix by a few positions. Its keys are rotated by that
distance and its values kept, in place of computing them anew. What they know of the prefix is then a few tokens old: an
approximation, which has cost no right answers where that was measured (tests/bench/README.md). It is kept in bounds: it
starts from a block that was computed exactly, so that nothing adds up; not more than `MAX_STALE_TOKENS` in front of it
may have changed; it is made for a person who types, and for nobody else. Invariant: a sequence that leaves here for the
prompt cache is exact. Used by the engine's thread alone.
"""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, cast

import mlx.core as mx

from inference.generation import Decoded, prefill
from inference.jobs import Job
from inference.kv_cache import CachedTokens, is_plain
from inference.prefill_chunks import Chunks
from inference.scheduler import Priority

# Moving the block parts the prefill into two steps. On two CPU cores the second takes as long as 15 more tokens do.
MIN_TOKENS = 32
MAX_STALE_TOKENS = 64
# One for each of the documents that a person goes to and fro between.
_MAX_BLOCKS = 2
# Of these it is known that they cache keys that were rotated by their position alone, in every layer.
_ARCHITECTURES = frozenset({"qwen2", "qwen3", "qwen3_moe", "llama"})
_ROTATIONS = frozenset({"RoPE", "Llama3RoPE"})


@dataclass(frozen=True, slots=True)
class Block:
    """Keys and values of `tokens[start:]`, computed behind the others. layers: pairs of float[1, H, T, D]."""

    tokens: list[int]
    start: int
    layers: list[tuple[mx.array, mx.array]]


@dataclass(frozen=True, slots=True)
class Move:
    """A block's last `n` tokens, to stand at `at` of another prompt, which is `shift` positions further on."""

    block: Block
    at: int
    n: int
    shift: int


class SuffixBlocks:
    """The blocks of one model's last prompts."""

    def __init__(self, model: Any) -> None:
        """Look at `model`. Where its keys are of a kind not known here, nothing is ever moved."""
        self._rotations = find_rotations(model)
        self._blocks: deque[Block] = deque(maxlen=_MAX_BLOCKS)

    def find(self, job: Job, sequence: CachedTokens) -> Move | None:
        """Find what can be moved to where `job` wants it. sequence: its prompt, with what of it is cached."""
        if job.priority is not Priority.INTERACTIVE:
            return None
        start, end = self._suffix(job, sequence)
        moves = (_match(block, job.prompt, max(start, sequence.n_cached), end) for block in reversed(self._blocks))
        return next((move for move in moves if move is not None), None)

    def steps(
        self, move: Move, model: Any, sequence: CachedTokens, chunks: Chunks, rest: Iterable[tuple[Decoded, ...]]
    ) -> Generator[tuple[Decoded, ...], bool | None, None]:
        """Prefill what stands in front of the place of `move`, move the block there, then go on with `rest`."""
        while prefill(model, sequence, move.at, chunks):
            yield ()
        for layer, rotation, pair in zip(sequence.kv_cache, self._rotations, move.block.layers, strict=True):
            keys, values = (array[..., -move.n :, :] for array in pair)
            layer.update_and_fetch(rotate(keys, move.shift, rotation), values)
        sequence.n_cached += move.n
        yield from rest

    def finish(self, job: Job, sequence: CachedTokens, move: Move | None) -> None:
        """Take out of `sequence` what was moved there; keep the suffix of a sequence that is exact for later jobs."""
        if move is not None:
            sequence.roll_back(min(move.at, sequence.n_cached))
            return
        start, end = self._suffix(job, sequence)
        if end - start < MIN_TOKENS or sequence.n_cached < end:
            return
        # Copies, since a slice keeps the whole KV cache, and makes MLX copy that at the next write to it.
        layers = [
            (mx.contiguous(layer.keys[..., start:end, :]), mx.contiguous(layer.values[..., start:end, :]))
            for layer in sequence.kv_cache
        ]
        mx.eval(layers)
        block = Block(job.prompt[:end], start, layers)
        for old in [old for old in self._blocks if old.tokens[old.start :] == block.tokens[start:]]:
            self._blocks.remove(old)
        self._blocks.append(block)

    def _suffix(self, job: Job, sequence: CachedTokens) -> tuple[int, int]:
        """Tell where in the prompt of `job` the suffix begins and ends; nowhere, if it is not one to be moved.

        The sentinels around it are always computed: they are what the middle goes by.
        """
        if job.goes_on_at is None or not self._rotations or not is_plain(sequence.kv_cache):
            return 0, 0
        return job.goes_on_at + 1, len(job.prompt) - 1


def find_rotations(model: Any) -> list[Any]:
    """Give each layer's rotation by position; none where its keys are not known to be rotated by that alone."""
    if getattr(model, "model_type", None) not in _ARCHITECTURES:
        return []
    found = [getattr(layer.self_attn, "rope", None) for layer in model.model.layers]
    return found if all(type(each).__name__ in _ROTATIONS for each in found) else []


def rotate(keys: mx.array, shift: int, rotation: Any) -> mx.array:
    """Turn `keys`, float[1, H, T, D], as if each stood `shift` positions further on: angles of rotations add up."""
    if shift == 0:
        return keys
    return cast(mx.array, rotation(keys.transpose(2, 1, 0, 3), offset=shift).transpose(2, 1, 0, 3))


def _match(block: Block, prompt: Sequence[int], start: int, end: int) -> Move | None:
    """Find the end of `block` that `prompt[start:end]` ends with, where what stands before it is still much alike."""
    n_most = min(len(block.tokens) - block.start, end - start)
    n = min(_n_common(reversed(block.tokens), reversed(prompt[:end])), n_most)
    if n < MIN_TOKENS:
        return None
    before, now_before = block.tokens[:-n], prompt[: end - n]
    n_stale = max(len(before), len(now_before)) - _n_common(before, now_before)
    return Move(block, end - n, n, end - len(block.tokens)) if n_stale <= MAX_STALE_TOKENS else None


def _n_common(some: Iterable[int], others: Iterable[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False)))
