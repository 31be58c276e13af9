"""How many tokens of a prompt one step takes. Pure.

A step is never left half-way, so it is what someone waits for who begins to type. Each reads all weights once, so
larger ones compute a prompt faster; and each attends to everything before it, so behind a long text the same number of
tokens takes several times as long. Invariant: a chunk is never larger than the one before it in the same prompt and
way, so that the wait at the start of a prompt is about the longest there is.
"""

from dataclasses import dataclass
from typing import NamedTuple

from inference.device import DeviceKind

# Matrix products of a multiple of so many rows are the fastest ones (24 tokens take longer than 32 do), and below so
# many a chunk takes no less time: most of that goes into reading the weights.
_GRAIN_TOKENS = 16


class ChunkSizes(NamedTuple):
    """Tokens of the first chunk of a prompt, beside someone who types (brief) and else (long).

    doubled_behind: behind so many tokens each one costs twice what it costs at the start; None where that is far off.
    """

    brief: int
    long: int
    doubled_behind: int | None = None


# The default model on two quiet cores, in ms (tokens a second):
#   behind      16          32          64          128 tokens
#        0  145 (110)   194 (165)   332 (193)     551 (232)
#      512  163 ( 98)   239 (134)   437 (147)     815 (157)
#     1024  199 ( 81)   324 ( 99)   564 (114)
#     2048  242 ( 66)   434 ( 74)   823 ( 78)   1,805 ( 71)
#     4096  354 ( 45)   650 ( 49) 1,272 ( 50)   2,611 ( 49)
# So a brief chunk takes a third of a second anywhere and a long one a bit over half, where 64 tokens each took up to
# 1.3 s; in the end that costs a tenth of the speed. More than 128 gained nothing: a prompt of 715 tokens ran at 159
# tokens/s in chunks of 64, 172 of 96, 186 of 128, 187 of 192, 188 of 256. An accelerator takes hundreds in the time
# that it needs for one.
CHUNK_SIZES: dict[DeviceKind, ChunkSizes] = {
    "cpu": ChunkSizes(64, 128, doubled_behind=1100),
    "metal": ChunkSizes(512, 512),
    "cuda": ChunkSizes(1024, 1024),
}


def chunk_tokens(sizes: ChunkSizes, n_before: int, *, is_brief: bool) -> int:
    """Return how many tokens the chunk behind `n_before` others takes at most.

    is_brief: someone types, and this is not for them. Their own prompt goes in long chunks: what a chunk has computed
    when the next key supersedes it is in the prompt cache, and the next prompt begins with the same.
    """
    size = sizes.brief if is_brief else sizes.long
    if sizes.doubled_behind is None:
        return size
    n = size * sizes.doubled_behind // (sizes.doubled_behind + n_before)
    return max(_GRAIN_TOKENS, n // _GRAIN_TOKENS * _GRAIN_TOKENS)


@dataclass(slots=True)
class Chunks:
    """The chunks of one job. is_brief: as it is at the next step."""

    sizes: ChunkSizes
    is_brief: bool = False

    @classmethod
    def of(cls, n: int) -> "Chunks":
        """Make all chunks `n` tokens."""
        return cls(ChunkSizes(n, n))

    def tokens(self, n_before: int) -> int:
        """Return how many tokens the next chunk takes at most, behind `n_before` others."""
        return chunk_tokens(self.sizes, n_before, is_brief=self.is_brief)
