"""One test in a process of its own: started from here with all that is loaded, bounded in CPU and time, read by a pipe.

Invariant: whatever a test does to its process, the next one finds everything as it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Callable, Sequence  # noqa: UP035  # Python 3.8 runs this as well

from .watching import Fence, Traced

if TYPE_CHECKING:
    from .job import Job
    from .target import Swap

    Run = Callable[[], tuple[str, str]]  # runs a test: (verdict, words)

_MOST_WORDS = 1500
_MOST_OUTPUT = 4000
_WALL_FACTOR, _WALL_S = 2.0, 2.0
"""A busy machine gives a test its CPU late; one that sleeps gets no more than this."""


def in_child(job: Job, run: Run, cpu_s: float, swaps: Sequence[Swap]) -> dict[str, Any]:
    """Run a test in a child, which may use `cpu_s` of CPU and some more of time, and return what became of it."""
    began_s = time.monotonic()
    reading, writing = os.pipe()
    with tempfile.TemporaryFile(dir=job.temporary) as output:
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                os.setpgid(0, 0)
                # Its default action ends the process: no handler that a test could replace or outlast.
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_PROF, cpu_s)
                _be_child(job, run, swaps, writing, output.fileno())
            finally:
                os._exit(1)
        os.close(writing)
        said = _read_until(reading, began_s + _WALL_FACTOR * cpu_s + _WALL_S)
        os.close(reading)
        killed_by = _end(child)
        took_s = time.monotonic() - began_s
        output.seek(0)
        printed = output.read(_MOST_OUTPUT).decode("utf-8", "replace")
    if said is None or killed_by == signal.SIGPROF:
        told = {"verdict": "slow", "words": f"it took longer than {cpu_s:.3g} s"}
    else:
        told = said or {"verdict": "broken", "words": "it ended its process"}
    return {"mutant": None, "lines": [], "branches": [], **told, "took_s": round(took_s, 4), "output": printed}


def _read_until(reading: int, deadline_s: float) -> dict[str, Any] | None:
    """Return what the child says; empty where it ended without a word, None where it was not in time."""
    pieces: list[bytes] = []
    while True:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not select.select([reading], [], [], left_s)[0]:
            return None
        piece = os.read(reading, 1 << 16)
        if piece:
            pieces.append(piece)
            continue
        try:
            told: dict[str, Any] = json.loads(b"".join(pieces) or b"{}")
        except ValueError:
            return {}
        return told


def _end(child: int) -> int:
    """End the child and what it started; return the signal that it had ended by before, 0 where by none."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _be_child(job: Job, run: Run, swaps: Sequence[Swap], writing: int, output: int) -> None:
    """Run the test and tell of it; does not return to what the parent was doing."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    for function, code in swaps:
        function.__code__ = code
    fence, traced = Fence(job), Traced(job)
    fence.close()
    if not swaps:
        traced.begin()
    verdict, words = run()
    sys.settrace(None)
    fence.open()
    sys.stdout.flush()
    sys.stderr.flush()
    if fence.broken:
        verdict, words = "forbidden", fence.broken
    told = {
        "verdict": verdict,
        "words": words[:_MOST_WORDS],
        "lines": sorted(traced.lines),
        "branches": sorted(traced.branches),
    }
    os.write(writing, json.dumps(told).encode())
    os._exit(0)
