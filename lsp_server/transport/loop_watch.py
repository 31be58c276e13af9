"""Measures how late the event loop is, so that the 50 ms it may be blocked are a figure and no hope."""

import asyncio
import logging
import time

LIMIT_S = 0.05
_INTERVAL_S = 0.02

_log = logging.getLogger(__name__)


class LoopWatch:
    """Wakes up every 20 ms and sees how late it is. max_lag_s: the worst so far, including a busy machine's share."""

    def __init__(self) -> None:
        self.max_lag_s = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due = time.monotonic() + _INTERVAL_S
            await asyncio.sleep(_INTERVAL_S)
            lag_s = time.monotonic() - due
            self.max_lag_s = max(self.max_lag_s, lag_s)
            if lag_s > LIMIT_S:
                _log.debug("the event loop was %.0f ms late", lag_s * 1000)
