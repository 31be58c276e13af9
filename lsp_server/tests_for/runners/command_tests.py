"""Runs a project's own test program, for each test and each mutant, and writes what became of it, a JSON line each.

Executed by the server's own interpreter inside the sandbox; standard library alone. Invariants: what runs is the job's
command and nothing else; a run that hangs ends with all its processes; what is told of a run is written before the
next one begins.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

_MOST_OUTPUT = 6_000
_MOST_TOLD = 400_000
_MOST_BLAMED = 3


class Job:
    """What to run. Its fields are those of the file that `commanding.py` writes."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.command: list[str] = said["command"]
        self.separately: bool = said["separately"]
        self.mutants_separately: bool = said["mutants_separately"]
        self.tests: dict[str, str] = said["tests"]
        self.told: str | None = said["told"]
        self.folder: str = said["folder"]
        self.blame: str = said["blame"]
        self.source: str = said["source"]
        self.mutants: list[str] = said["mutants"]
        self.mutant_lines: list[int] = said["mutant_lines"]
        self.build_s: float = said["build_s"]
        self.test_s: float = said["test_s"]
        self.mutant_s: float = said["mutant_s"]
        self.budget_s: float = said["budget_s"]
        self.temporary: str = said["temporary"]
        self.report: str = said["report"]


def main() -> None:
    """Run the job that the first argument names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        job = Job(json.load(file))
    os.chdir(job.folder)
    with open(job.report, "a", encoding="utf-8") as report:
        run_all(job, report)


def run_all(job: Job, report: Any) -> None:
    """Run every test against the code as it is; then those that did not fail against each mutant."""
    ends_s = time.monotonic() + job.budget_s
    names = without_blamed(job, list(job.tests), report)
    passed: list[str] = []
    lines: dict[str, set[int]] = {}
    for group in [[name] for name in names] if job.separately else [names]:
        if time.monotonic() > ends_s:
            return
        told = run(job, group, job.test_s * len(group) + job.build_s)
        write(report, dict(told, tests=group, mutant=None))
        if told["code"] == 0 or not job.separately:
            passed += group
        if job.separately and (found := lines_in(told["told"])) is not None:
            lines[group[0]] = found
    for number, text in enumerate(job.mutants):
        line = job.mutant_lines[number]
        reached = [name for name in passed if line in lines.get(name, {line})]
        with open(job.source, "w", encoding="utf-8", newline="") as source:
            source.write(text)
        for group in [[name] for name in reached] if job.mutants_separately else [reached] if reached else []:
            if time.monotonic() > ends_s:
                return
            told = run(job, group, job.mutant_s * len(group) + job.build_s)
            write(report, dict(told, tests=group, mutant=number))
            if told["code"] is None and job.mutants_separately:
                break  # it hangs in the others as well, and each would cost as long


def without_blamed(job: Job, group: list[str], report: Any) -> list[str]:
    """Take away the tests that keep the others from being built, and tell of them."""
    for _ in range(_MOST_BLAMED if job.blame else 0):
        told = run(job, group, job.test_s * len(group) + job.build_s)
        blamed = {}
        for found in re.finditer(job.blame, told["output"] + told["told"]):
            blamed.update({name: found[0] for name in group if os.path.basename(job.tests[name]) == found[1]})
        if not blamed:
            break
        for name, words in blamed.items():
            write(report, {"tests": [name], "mutant": None, "code": 1, "told": "", "output": words, "took_s": 0.0})
            os.unlink(job.tests[name])
        group = [name for name in group if name not in blamed]
        if not group:
            break
    return group


def run(job: Job, group: list[str], limit_s: float) -> dict[str, Any]:
    """Run the command for the tests `group`, for `limit_s` at most. code: None where it took longer."""
    if not group:
        return {"code": 0, "told": "", "output": "", "took_s": 0.0}
    if job.told is not None and os.path.exists(job.told):
        os.unlink(job.told)
    command: list[str] = []
    for word in job.command:
        files = dict.fromkeys(job.tests[name] for name in group)
        command += files if word == "{files}" else [word.replace("{names}", "|".join(map(re.escape, group)))]
    began_s = time.monotonic()
    place = os.path.join(job.temporary, "output")
    with open(place, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        end(process)
    told = read(job.told, _MOST_TOLD) if job.told is not None else ""
    took_s = round(time.monotonic() - began_s, 4)
    return {"code": code, "told": told, "output": read(place, _MOST_TOLD if job.told is None else _MOST_OUTPUT),
            "took_s": took_s}  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the command and of all it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def read(path: str, most: int) -> str:
    """Return the last `most` bytes of a file, "" where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def lines_in(told: str) -> set[int] | None:
    """Return the lines of the target that ran, as our own runner of Node tells them; None where nobody told."""
    for line in told.splitlines():
        if line.startswith('{"lines"'):
            try:
                return set(json.loads(line)["lines"])
            except (ValueError, KeyError, TypeError):
                return None
    return None


def write(report: Any, told: dict[str, Any]) -> None:
    """Write one line at once."""
    report.write(json.dumps(told) + "\n")
    report.flush()


if __name__ == "__main__":
    main()
