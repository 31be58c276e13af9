"""What a sandbox costs: a command that does nothing, in each sandbox of this machine and without one, turn by turn."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from lsp_server.tests_for.sandbox import Sandbox, each_sandbox
from tests.bench.report import Goal, Options, Report

GOALS = {"overhead_ms": Goal("<=", 100)}
_COMMAND = ("/bin/sh", "-c", ":")
_N_RUNS, _N_RUNS_QUICK = 60, 20


def run(options: Options) -> Report:
    """Measure; `overhead_ms` is that of the sandbox which would be used."""
    report = Report("sandbox", GOALS)
    usable = []
    for sandbox, problem in each_sandbox():
        if problem:
            report.notes[sandbox.name] = problem
        else:
            usable.append(sandbox)
    if not usable:
        return report
    bare_ms, times_ms = asyncio.run(_measure(usable, _N_RUNS_QUICK if options.quick else _N_RUNS))
    report.notes["used"] = usable[0].name
    report.figures["bare_ms_median"] = statistics.median(bare_ms)
    for sandbox, taken_ms in zip(usable, times_ms, strict=True):
        differences = [with_it - without for with_it, without in zip(taken_ms, bare_ms, strict=True)]
        name = sandbox.name.replace("-", "_")
        report.figures[f"{name}_overhead_ms_median"] = statistics.median(differences)
        report.figures[f"{name}_overhead_ms_p90"] = statistics.quantiles(differences, n=10)[-1]
        report.figures.setdefault("overhead_ms", statistics.median(differences))
    return report


async def _measure(sandboxes: list[Sandbox], n_runs: int) -> tuple[list[float], list[list[float]]]:
    """Return what each run took in ms, first without a sandbox."""
    bare_ms: list[float] = []
    times_ms: list[list[float]] = [[] for _ in sandboxes]
    with tempfile.TemporaryDirectory() as workspace, tempfile.TemporaryDirectory() as scratch:
        for _ in range(n_runs):
            start = time.perf_counter()
            process = await asyncio.create_subprocess_exec(*_COMMAND, stdout=asyncio.subprocess.PIPE)
            await process.communicate()
            bare_ms.append((time.perf_counter() - start) * 1e3)
            for sandbox, taken_ms in zip(sandboxes, times_ms, strict=True):
                start = time.perf_counter()
                ran = await sandbox.run(_COMMAND, workspace=Path(workspace), scratch=Path(scratch))
                taken_ms.append((time.perf_counter() - start) * 1e3)
                if ran.exit_code != 0:
                    raise RuntimeError(f"{sandbox.name} does not run a command that does nothing: {ran}")
    return bare_ms, times_ms
