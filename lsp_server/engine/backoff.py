"""How long to wait before a worker that died is started again. Pure: the clock is handed in.

Invariant: the n-th death in a row costs 1, 2, 4 ... 60 seconds; a worker that was ready for HEALTHY_S ends the row.
"""

from collections.abc import Callable

HEALTHY_S = 60.0
LONGEST_WAIT_S = 60.0
N_DEATHS_OF_A_LOOP = 3
"""So many deaths in a row are no accident any more."""


class Backoff:
    """Counts deaths in a row. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._n_deaths = 0
        self._ready_since: float | None = None
        self._not_before = clock()

    @property
    def is_crash_loop(self) -> bool:
        """Whether it died so often in a row that a person should look."""
        return self._n_deaths >= N_DEATHS_OF_A_LOOP

    def note_ready(self) -> None:
        """Take note that the worker answers."""
        self._ready_since = self._clock()

    def note_death(self) -> None:
        """Take note that the worker died."""
        now = self._clock()
        if self._ready_since is not None and now - self._ready_since >= HEALTHY_S:
            self._n_deaths = 0
        self._ready_since = None
        self._n_deaths += 1
        # The exponent is bounded as well: 2.0 ** 1024 is an error.
        self._not_before = now + min(LONGEST_WAIT_S, 2.0 ** min(self._n_deaths - 1, 10))

    def wait_s(self) -> float:
        """Tell how long the next start has to wait from now, in seconds."""
        return max(0.0, self._not_before - self._clock())
