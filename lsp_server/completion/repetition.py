"""Whether the model says again what it has said, or what stands below. Pure functions over lines."""

from collections.abc import Sequence
from itertools import pairwise

_MAX_PERIOD = 4
_ECHO_LINES = 12
"""How far below a copy of what the model writes is looked for."""


def n_repeated(made: Sequence[str]) -> int:
    """Return after how many lines `made` repeats itself at its end; 0 where it does not."""
    lines = [line.strip() for line in made[-2 * _MAX_PERIOD :]]
    if not lines or not any(map(str.isalnum, lines[-1])):
        return 0
    periods = range(1, len(lines) // 2 + 1)
    return next((n for n in periods if lines[-n:] == lines[-2 * n : -n]), 0)


def n_echoed(made: Sequence[str], below: Sequence[str]) -> int:
    """Return 2 where the last two lines of `made` stand below one after the other, indented alike or not; else 0."""
    pair = [line.strip() for line in made[-2:]]
    if len(pair) < 2 or any(sum(map(str.isalnum, line)) <= 2 for line in pair):
        return 0
    standing = [line.strip() for line in below[:_ECHO_LINES] if line.strip()]
    return 2 if pair in map(list, pairwise(standing)) else 0
