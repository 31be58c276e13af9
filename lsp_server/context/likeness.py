"""How much two texts say the same, by runs of tokens that they share. Pure."""

import re
from functools import lru_cache

_TOKEN = re.compile(r"\w+|[^\w\s]")
_RUN = 3
_FEW_RUNS = 4


@lru_cache(maxsize=512)
def runs_of(text: str) -> frozenset[int]:
    """Return the runs of `_RUN` tokens in `text`, as hashes."""
    tokens = _TOKEN.findall(text)
    return frozenset(map(hash, zip(*(tokens[start:] for start in range(_RUN)), strict=False)))


def likeness(one: str, other: str) -> float:
    """Return the share of runs that are in both of those in either: Jaccard's index, 0.0 to 1.0."""
    a, b = runs_of(one), runs_of(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def covers(text: str, part: str, share: float) -> bool:
    """Tell whether `text` says at least `share` of what `part` says."""
    runs = runs_of(part)
    if len(runs) < _FEW_RUNS:
        return part.strip() in text
    return len(runs & runs_of(text)) >= share * len(runs)
