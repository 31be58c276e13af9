"""How long to wait before the engine is asked. Pure: times in, a time out.

Owns what is known about the person's typing and about how long an answer takes here. The rule: an answer that comes
before the next key is asked for at once; any other would be thrown away at that key, so it is asked for when the person
has paused for longer than they usually do between two keys.
"""

import statistics
from collections import deque

_N_INTERVALS = 12
_LONGEST_INTERVAL_S = 1.0
"""A longer pause is thinking, not typing."""
_USUAL_INTERVAL_S = 0.2
"""Until some keys were seen: 60 words a minute."""
_USUAL_ANSWER_S = 0.3
_ANSWER_WEIGHT = 0.3
_PAUSE_IN_INTERVALS = 1.4
_LONGEST_PAUSE_S = 0.4


class Rhythm:
    """One person at one machine."""

    def __init__(self) -> None:
        self._intervals: deque[float] = deque(maxlen=_N_INTERVALS)
        self._last_key_s: float | None = None
        self._answer_s = _USUAL_ANSWER_S

    def note_key(self, now_s: float) -> None:
        """Take in that a key was pressed."""
        if self._last_key_s is not None and 0 < now_s - self._last_key_s <= _LONGEST_INTERVAL_S:
            self._intervals.append(now_s - self._last_key_s)
        self._last_key_s = now_s

    def note_answer(self, took_s: float) -> None:
        """Take in how long an answer took, from asking to its end."""
        self._answer_s += _ANSWER_WEIGHT * (took_s - self._answer_s)

    def pause_s(self) -> float:
        """Return how long to wait for another key before asking."""
        interval_s = statistics.median(self._intervals) if self._intervals else _USUAL_INTERVAL_S
        if self._answer_s < interval_s:
            return 0.0
        return min(_PAUSE_IN_INTERVALS * interval_s, _LONGEST_PAUSE_S)
