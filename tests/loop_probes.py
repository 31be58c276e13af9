"""Probes of a server under test that tell how long its event loop is kept from its turn.

In seconds of the process's own CPU time: what other processes take of a busy machine is nobody's fault here, and what
holds the interpreter in another thread counts like what holds the loop itself.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from lsp_server.server import HearthlineServer

_TICK_S = 0.01
_N_SPARED = 4
_MOST_HELD_S = 0.05


def register_loop_probes(server: HearthlineServer) -> None:
    """Register `probe/watchLoop`, which measures until it is cancelled, and `probe/held`, in seconds a turn."""
    held_s: list[float] = []

    @server.feature("probe/watchLoop")
    async def watch_loop(_params: dict[str, Any]) -> None:
        """Measure what is computed from turn to turn of the loop, until the request is cancelled."""
        while True:
            began_s = time.process_time()
            await asyncio.sleep(_TICK_S)
            held_s.append(time.process_time() - began_s)

    @server.feature("probe/held")
    async def held(_params: dict[str, Any]) -> list[float]:
        return held_s


def assert_never_held(held_s: Sequence[float]) -> None:
    """Hold the answer of `probe/held` to this: but for a handful, no turn took more than 50 ms of computing.

    A handful, since a thread of ours that computes beside the loop may be given the machine in its place.
    """
    longest_s = sorted(held_s)[-10:]
    assert len(longest_s) > _N_SPARED
    assert longest_s[-1 - _N_SPARED] < _MOST_HELD_S, longest_s
