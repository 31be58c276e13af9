"""The run: every test against the code as it is, then mutants against the tests that pass."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Sequence  # noqa: UP035  # Python 3.8 runs this as well

from .child import in_child
from .collecting import Pytest, collect_with_unittest
from .job import Job, Report
from .target import functions_of, swaps_of

if TYPE_CHECKING:
    from .collecting import Test


def main(path: str) -> None:
    """Run the job in the file `path`; ends the process."""
    job = Job(path)
    sys.dont_write_bytecode = True
    sys.path[:0] = [path for path in job.paths if os.path.isdir(path)]
    os.chdir(job.root)
    report = Report(job.report)
    if job.uses_pytest:
        Pytest(job, lambda tests: run_all(job, tests, report)).main()
    else:
        run_all(job, collect_with_unittest(job), report)
    os._exit(0)  # threads that the project started must not keep it


def run_all(job: Job, tests: Sequence[Test], report: Report) -> None:
    """Run every test; then against each mutant those that run its line, until one notices it. Stops in time."""
    ends_s = time.monotonic() + job.budget_s
    passed: list[tuple[Test, set[int], float]] = []
    for name, run in tests:
        if time.monotonic() > ends_s:
            return
        told = in_child(job, run, job.test_s, [])
        report.write(dict(told, test=name))
        if told["verdict"] == "passed":
            passed.append(((name, run), set(told["lines"]), told["took_s"]))
    functions = functions_of(job) if job.mutants else []
    for number, text in enumerate(job.mutants):
        swaps = swaps_of(functions, text, job)
        for (name, run), lines, took_s in passed:
            if not swaps or job.mutant_lines[number] not in lines:
                continue
            if time.monotonic() > ends_s:
                return
            told = in_child(job, run, job.mutant_test_s + 5 * took_s, swaps)
            report.write(dict(told, test=name, mutant=number, lines=[], branches=[], output=""))
            if told["verdict"] != "passed":
                break
