"""Probes of a server under test that tell how late its event loop was."""

import asyncio
import time
from typing import Any

from lsp_server.server import HearthlineServer

_TICK_S = 0.01


def register_loop_probes(server: HearthlineServer) -> None:
    """Register `probe/watchLoop`, which measures until it is cancelled, and `probe/lags`, in seconds."""
    lags_s: list[float] = []

    @server.feature("probe/watchLoop")
    async def watch_loop(_params: dict[str, Any]) -> None:
        """Measure how late the loop is, until the request is cancelled."""
        while True:
            due = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            lags_s.append(time.monotonic() - due)

    @server.feature("probe/lags")
    async def lags(_params: dict[str, Any]) -> list[float]:
        return lags_s
