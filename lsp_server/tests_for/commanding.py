"""One run of a test program that is not Python's, as our runner in the sandbox (`runners/command_tests.py`) does it.

Pure but for the runner's own text. Invariant: the command's words are the caller's; names of tests and what a model
wrote go into files, never into the command.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import msgspec

from lsp_server.tests_for.framework import TestCode, Trial
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

RUNNERS = Path(__file__).parent / "runners"
FILES, NAMES = "{files}", "{names}"
"""Stand in a command for the paths of the test files, and for their tests' names as a regular expression."""

_REPORT = "report.jsonl"


class Shot(msgspec.Struct, frozen=True):
    """One execution of the command. code: None where it took too long. told: what it wrote to be read."""

    tests: tuple[str, ...]
    mutant: int | None
    code: int | None
    told: str
    output: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Program:
    """A test program as one trial uses it.

    command: with FILES or NAMES in it where those go. separately, mutants_separately: once for each test. told: the
    file that it reports to, in the scratch folder; None where it reports by its output. build_s, test_s, mutant_s: what
    an execution, each test and each test of a mutant may take; budget_s: all of it. folder: of the workspace, where it
    is run. blame: finds in its output the test file (group 1) that keeps all from being built. files: by path in the
    scratch folder, and shadow: by path in the workspace, beside the tests.
    """

    command: tuple[str, ...]
    separately: bool
    mutants_separately: bool
    told: str | None
    build_s: float
    test_s: float
    mutant_s: float
    budget_s: float
    folder: str = ""
    blame: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    shadow: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()


def on_path(name: str, path: str, workspace: Path) -> Iterator[Path]:
    """Give the programs called `name` on `path` that do not lie in the workspace, which must not choose what is run."""
    for folder in path.split(os.pathsep):
        place = Path(folder) / name
        if os.path.isabs(folder) and os.access(place, os.X_OK) and not place.resolve().is_relative_to(workspace):
            yield place


def trial_of(
    program: Program, target: Target, tests: Mapping[str, tuple[str, str]], mutants: Sequence[Mutant], scratch: Path
) -> Trial:
    """Return the run. tests: by name, the path in the workspace and the text of a file with that one test."""
    root = scratch / "workspace"
    job = {
        "command": program.command,
        "separately": program.separately,
        "mutants_separately": program.mutants_separately,
        "tests": {name: str(root / path) for name, (path, _) in tests.items()},
        "told": str(scratch / program.told) if program.told is not None else None,
        "folder": str(root / program.folder),
        "blame": program.blame,
        "source": str(root / target.path),
        "mutants": [mutant.apply(target.text) for mutant in mutants],
        "mutant_lines": [mutant.line for mutant in mutants],
        "build_s": program.build_s,
        "test_s": program.test_s,
        "mutant_s": program.mutant_s,
        "budget_s": program.budget_s,
        "temporary": str(scratch / "tmp"),
        "report": str(scratch / _REPORT),
    }
    texts = dict(tests.values())
    return Trial(
        command=(sys.executable, "-I", "-S", str(scratch / "run.py"), str(scratch / "job.json")),
        shadow={**program.shadow, **texts, target.path: target.text},
        files={**program.files, "run.py": asset("command_tests.py"), "job.json": json.dumps(job)},
        report=_REPORT,
        environment=program.environment,
        readable=(*_own_prefixes(), *program.readable),
        wall_s=program.budget_s + 2 * program.build_s + program.test_s,
    )


def standing_trial_of(
    program: Program,
    target: Target,
    tests: Sequence[TestCode],
    mutants: Sequence[Mutant],
    scratch: Path,
    changed: Mapping[str, str],
    budget_s: float,
) -> Trial:
    """Return the run, all at once, of `tests` where they stand, in the target's test file; see `Tool.standing`."""
    together = replace(program, separately=False, budget_s=budget_s, blame="")
    trial = trial_of(together, target, {test.name: (target.test_path, "") for test in tests}, mutants, scratch)
    return replace(trial, shadow={**program.shadow, **changed})


def shots_in(report: str) -> Iterable[Shot]:
    """Read what our runner told; the last line may be cut off."""
    for line in report.splitlines():
        try:
            yield msgspec.json.decode(line, type=Shot)
        except msgspec.DecodeError:
            continue


@cache
def asset(name: str) -> str:
    """Return the text of a program that runs in the sandbox."""
    return (RUNNERS / name).read_text(encoding="utf-8")


def _own_prefixes() -> tuple[Path, ...]:
    own = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    return tuple(dict.fromkeys(own))
