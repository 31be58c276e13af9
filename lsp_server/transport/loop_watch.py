"""Measures how late the event loop is, so that the 50 ms it may be blocked are a figure and no hope."""

import asyncio
import logging
import time

LIMIT_S = 0.05
_INTERVAL_S = 0.02

_log = logging.getLogger(__name__)


async def watch_loop() -> None:
    """Wake up every 20 ms, see how late it is and log what is too late, a busy machine's share included."""
    while True:
        due = time.monotonic() + _INTERVAL_S
        await asyncio.sleep(_INTERVAL_S)
        lag_s = time.monotonic() - due
        if lag_s > LIMIT_S:
            _log.debug("the event loop was %.0f ms late", lag_s * 1000)
