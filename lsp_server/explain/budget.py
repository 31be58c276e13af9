"""How much code a model is shown for an explanation: what it reads in the time that a person waits. Pure."""

from dataclasses import dataclass

CHARS_PER_TOKEN = 3.3
READ_S = 8.0
"""So long a person waits until the first words come, at the speed that was measured on this device."""

_LEAST, _MOST = 700, 12_000
_UNKNOWN = 8_000
"""In tokens. An engine whose speed is not known is taken for fast."""
_KEPT_FREE = 1_500
"""Of the context, for the question and the answer."""


@dataclass(frozen=True, slots=True)
class Budget:
    """In characters. neighbour_chars: for what it calls and for who calls it, each; tests have twice as much."""

    code_chars: int
    neighbour_chars: int


def budget_for(n_context: int, prefill_tokens_per_s: float | None) -> Budget:
    """Return the budget. n_context: 0 where it is not known."""
    n_tokens = _UNKNOWN if prefill_tokens_per_s is None else int(prefill_tokens_per_s * READ_S)
    n_tokens = min(max(n_tokens, _LEAST), _MOST)
    if n_context:
        n_tokens = max(0, min(n_tokens, n_context - _KEPT_FREE))
    n_chars = int(n_tokens * CHARS_PER_TOKEN)
    return Budget(n_chars * 6 // 10, n_chars // 10)
