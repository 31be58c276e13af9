"""Go's `go test`: how tests are asked for, run and reported.

Invariant: the command is the Go of this machine, our flags and paths; nothing is downloaded, and what was built before
is read from Go's own cache, which no run can write. Where Go has none yet, each run builds all that it needs.
"""

import json
import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import ClassVar

import msgspec

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import NAMES, Program, Shot, on_path, shots_in, standing_trial_of, trial_of
from lsp_server.tests_for.framework import MOST_STANDING, Answer, Result, TestCode, Trial, Verdict
from lsp_server.tests_for.go_answer import claims_in, read_answer
from lsp_server.tests_for.merge import merged
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

_ASK_S = 10.0
_BUDGET_S = 120.0
_BUILD_S = 60.0
_MOST_WORDS = 1_500
_NAMES = re.compile(r"^func (Test(?![a-z])\w*)\(", re.MULTILINE)
_BARE = "TestHearthlineLoads"
_BLAME = r"(hearthline_\d+_test\.go):\d+:\d+: [^\n\"\\]*"


class _Event(msgspec.Struct, frozen=True):
    """A line of `go test -json`."""

    Action: str = ""
    Test: str = ""
    Output: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """path: what is executed. root: of the distribution. build_cache and modules: where Go keeps what it has.

    cgo: whether it builds with C, `0` or `1`: what was built the other way is of no use.
    """

    path: Path
    root: Path
    build_cache: Path
    modules: Path
    cgo: str


@dataclass(frozen=True, slots=True)
class GoTool:
    """`go test` in one package."""

    go: Go
    name: ClassVar[str] = "go test"
    most_mutants: ClassVar[int] = 12

    @property
    def program(self) -> str:
        """Go."""
        return str(self.go.path)

    def names_in(self, text: str) -> tuple[str, ...]:
        """Find them by how functions are named."""
        return tuple(dict.fromkeys(_NAMES.findall(text)))[:MOST_STANDING]

    def standing(self, changed: Mapping[str, str], budget_s: float) -> "StandingGo":
        """Run them by name."""
        return StandingGo(self.go, tuple(changed.items()), budget_s)

    def results(self, trial: Trial, report: str, output: str) -> tuple[Result, ...]:
        """Read what our runner told of each execution."""
        del trial, output
        return tuple(result for shot in shots_in(report) for result in _results(shot))


@dataclass(frozen=True, slots=True)
class StandingGo(GoTool):
    """Runs tests of the target's package. changed: paths and texts in the shadow."""

    changed: tuple[tuple[str, str], ...]
    budget_s: float

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write no test."""
        del turn
        program = _program(self.go, target, scratch)
        return standing_trial_of(program, target, tests, mutants, scratch, dict(self.changed), self.budget_s)


@dataclass(frozen=True, slots=True)
class GoFramework(GoTool):
    """How tests of one package are written. clause: names it. taken: functions of its other test files."""

    clause: str
    taken: frozenset[str]
    language_id: ClassVar[str] = "go"

    def rules(self, target: Target) -> str:
        """Say what a test looks like, by its first lines."""
        subject = target.subject
        top = subject.name[:1].upper() + subject.name[1:]
        skeleton = (
            f'{self.clause}\n\nimport "testing"\n\nfunc Test{top}(t *testing.T) {{\n'
            f'\tif got := {subject.name}(...); got != ... {{\n\t\tt.Errorf("got %v", got)\n\t}}\n}}'
        )
        return f"Write tests with Go's testing package, in this form:\n\n```go\n{skeleton}\n```"

    def bare(self, target: Target) -> TestCode:
        """Have the package compiled."""
        del target
        return TestCode(_BARE, f"func {_BARE}(t *testing.T) {{\n}}", ('import "testing"',))

    def read(self, answer: str, target: Target, taken: Collection[str]) -> Answer:
        """Read Go."""
        return read_answer(answer, target.subject.name, {*taken, *self.taken})

    def claims(self, test: TestCode) -> tuple[tuple[int, int], ...]:
        """Find the claims of a test."""
        return claims_in(test.text)

    def tidied(self, test: TestCode, before: TestCode) -> TestCode:
        """Leave it as it is."""
        del before
        return test

    def probes(self, test: TestCode, target: Target) -> tuple[TestCode, ...]:
        """Values are not asked for in this language."""
        del test, target
        return ()

    def stated(self, test: TestCode, target: Target, told: Sequence[Result | None]) -> TestCode | None:
        """Nothing was asked for."""
        del test, target, told
        return None

    def assembled(self, target: Target, tests: Sequence[TestCode]) -> str:
        """Write a file of the package with `tests`."""
        del target
        return merged("go", None, tests, head=f"{self.clause}\n")

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write each test to a file of its own, so that one that does not compile can be taken away."""
        del turn
        folder = PurePosixPath(target.test_path).parent
        files = {
            test.name: (str(folder / f"hearthline_{number}_test.go"), self.assembled(target, [test]))
            for number, test in enumerate(tests)
        }
        return trial_of(_program(self.go, target, scratch), target, files, mutants, scratch)


def find_go(workspace: Path, environment: Mapping[str, str]) -> Go:
    """Return the first Go on PATH that does not lie in `workspace`. Raises HearthlineError where there is none."""
    for place in on_path("go", environment.get("PATH", ""), workspace):
        go = _asked(place)
        if go is not None:
            return go
    raise HearthlineError("there is no Go on the PATH, which runs its tests; install it")


@cache
def _asked(place: Path) -> Go | None:
    """Ask a Go where it keeps what it has; it looks at no project for that."""
    command = [str(place), "env", "-json", "GOROOT", "GOCACHE", "GOMODCACHE", "CGO_ENABLED"]
    settings = {**os.environ, "GOTOOLCHAIN": "local", "GOENV": "off"}
    try:
        said = subprocess.run(command, capture_output=True, timeout=_ASK_S, check=True, cwd="/", env=settings)
        told: dict[str, str] = json.loads(said.stdout)
        root, build_cache, modules = (Path(told[name]) for name in ("GOROOT", "GOCACHE", "GOMODCACHE"))
        return Go(place.resolve(), root, build_cache, modules, told["CGO_ENABLED"])
    except (OSError, ValueError, TypeError, KeyError, subprocess.SubprocessError):
        return None


def _program(go: Go, target: Target, scratch: Path) -> Program:
    """Return what runs tests of the target's package."""
    command = (str(go.path), "test", "-json", "-count=1", "-vet=off", "-gcflags=-e", f"-run=^({NAMES})$", ".")
    temporary = str(scratch / "tmp")
    # Go starts with a cache that it cannot write only where that has all its folders.
    has_cache = (go.build_cache / "ff").is_dir()
    build_cache = go.build_cache if has_cache else scratch / "tmp" / "go-build"
    environment = {
        "GOROOT": str(go.root), "GOCACHE": str(build_cache), "GOMODCACHE": str(go.modules),
        "GOFLAGS": "", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOTELEMETRY": "off",
        "GOTMPDIR": temporary, "GOMAXPROCS": "2", "GOENV": "off", "CGO_ENABLED": go.cgo,
    }  # fmt: skip
    readable = (go.root, *(path for path in (go.build_cache, go.modules) if path.is_dir()))
    return Program(
        command,
        separately=True,
        mutants_separately=False,
        told=None,
        build_s=_BUILD_S,
        test_s=5.0,
        mutant_s=2.0,
        budget_s=_BUDGET_S,
        folder=str(PurePosixPath(target.test_path).parent),
        blame=_BLAME,
        environment=environment,
        readable=readable,
    )


def _results(shot: Shot) -> list[Result]:
    """Return how each test of one execution went; nothing for a mutant that does not compile."""
    verdicts: dict[str, Verdict] = {}
    outputs: dict[str, str] = {}
    for line in shot.output.splitlines():
        event = _event(line)
        test = event.Test.partition("/")[0] if event is not None else ""  # what its parts say, a test says
        if event is None or test not in shot.tests:
            continue
        outputs[test] = outputs.get(test, "") + event.Output
        if event.Test == test and event.Action in ("pass", "fail", "skip"):
            verdicts[event.Test] = {"pass": Verdict.PASSED, "skip": Verdict.SKIPPED}.get(event.Action, Verdict.FAILED)
    results = []
    for name in shot.tests:
        words = outputs.get(name, "")[-_MOST_WORDS:]
        verdict = verdicts.get(name)
        if verdict is Verdict.FAILED and "panic:" in words:
            verdict = Verdict.BROKEN
        if verdict is None and shot.code is None and len(shot.tests) == 1:
            verdict, words = Verdict.SLOW, "it took too long"
        if verdict is None and shot.mutant is None and shot.code not in (None, 0):
            verdict, words = Verdict.BROKEN, words or shot.output[-_MOST_WORDS:]
        if verdict is not None:
            results.append(Result(name, verdict, shot.mutant, words, outputs.get(name, ""), took_s=shot.took_s))
    return results


def _event(line: str) -> _Event | None:
    try:
        return msgspec.json.decode(line, type=_Event)
    except msgspec.DecodeError:
        return None
