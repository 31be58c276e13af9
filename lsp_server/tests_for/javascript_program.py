"""JavaScript's and TypeScript's test programs: Node's own, vitest and jest; how they are found, and run.

Mocha's tests are run by Node's own program, which has the same words.

Invariant: the command is Node, a program that lies in the project's `node_modules` or is ours, and paths; scripts of a
`package.json` are never looked at for it.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import FILES, Program, asset, on_path, shots_in, standing_trial_of
from lsp_server.tests_for.conventions_runner import Runner, folders_above
from lsp_server.tests_for.framework import MOST_STANDING, Result, TestCode, Trial
from lsp_server.tests_for.javascript_reports import read_standing_node, read_standing_suites
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

TYPESCRIPT = (".ts", ".mts", ".cts")
ENTRIES = {Runner.VITEST: "vitest/vitest.mjs", Runner.JEST: "jest/bin/jest.js"}
"""Where the programs lie that a project brings itself, in its `node_modules`."""
_NODE_WITH_TYPES = (22, 18)
"""From this version on Node runs TypeScript by itself."""
_ASK_S = 10.0
_BUDGET_S = 60.0
_ENVIRONMENT = {"NODE_ENV": "test", "CI": "1", "NO_COLOR": "1", "GOMAXPROCS": "2"}  # esbuild, below vite, is Go
_TITLE = re.compile(r"""(?<![\w$.])(?:it|test)(?:\.\w+)?\s*\(\s*(["'`])((?:\\.|(?!\1)[^\\\n])*)\1""")


class Node(NamedTuple):
    """path: what is executed. prefix: the folder that it is made of."""

    path: Path
    prefix: Path
    version: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScriptTool:
    """One of them, as one project uses it. entry: the program in `node_modules`, None for Node's own.

    root: the project's folder, relative to the workspace.
    """

    runner: Runner
    node: Node
    entry: Path | None
    root: str

    @property
    def name(self) -> str:
        """As people call it."""
        return self.runner.value

    @property
    def program(self) -> str:
        """Node.js, and what it runs."""
        return f"{self.node.path}" if self.entry is None else f"{self.runner.value} with {self.node.path}"

    @property
    def most_mutants(self) -> int:
        """More where a run is quick."""
        return 30 if self.entry is None else 8

    def names_in(self, text: str) -> tuple[str, ...]:
        """Find the titles."""
        return tuple(dict.fromkeys(title for _, title in _TITLE.findall(text)))[:MOST_STANDING]

    def standing(self, changed: Mapping[str, str], budget_s: float) -> "StandingScripts":
        """Run the whole file."""
        return StandingScripts(self.runner, self.node, self.entry, self.root, tuple(changed.items()), budget_s)

    def program_for(self, target: Target, scratch: Path) -> Program:
        """Return what runs tests of `target`, one at a time where that is quick."""
        told = scratch / "told"
        if self.entry is None:
            ours = str(scratch / "node_tests.mjs")
            command: tuple[str, ...] = (
                *(str(self.node.path), "--no-warnings", f"--test-reporter={(scratch / 'node_reporter.mjs').as_uri()}"),
                *(f"--test-reporter-destination={told}", ours, FILES),
                *(str(scratch / "workspace" / target.path), str(scratch / "tmp"), str(told)),
                *(("globals",) if self.runner is Runner.MOCHA else ()),
            )
            files = {name: asset(name) for name in ("node_tests.mjs", "node_reporter.mjs")}
            return Program(
                command,
                separately=True,
                mutants_separately=True,
                told="told",
                build_s=0.0,
                test_s=5.0,
                mutant_s=2.0,
                budget_s=_BUDGET_S,
                folder=self.root,
                files=files,
                environment=_ENVIRONMENT,
                readable=(self.node.prefix,),
            )
        return self._program_of_others(self.entry, target, scratch)

    def _program_of_others(self, entry: Path, target: Target, scratch: Path) -> Program:
        root, told = scratch / "workspace" / self.root, scratch / "told"
        words = {"{told}": str(told), "{root}": str(root), "{cache}": str(scratch / "tmp" / "cache"), FILES: FILES}
        options = tuple(_filled(word, words) for word in _OPTIONS[self.runner])
        # What vite writes beside the packages goes to folders of the shadow's own.
        modules = entry.relative_to(target.workspace).parts
        inside = str(PurePosixPath(*modules[: modules.index("node_modules") + 1]))
        ours = (scratch / "no_network.mjs").as_uri()
        return Program(
            (str(self.node.path), f"--import={ours}", str(entry), *options),
            separately=False,
            mutants_separately=False,
            told="told",
            build_s=20.0,
            test_s=5.0,
            mutant_s=2.0,
            budget_s=2 * _BUDGET_S,
            folder=self.root,
            files={"no_network.mjs": asset("no_network.mjs")},
            shadow={f"{inside}/{name}/.gitkeep": "" for name in (".vite", ".vite-temp", ".vitest")},
            environment=_ENVIRONMENT,
            readable=(self.node.prefix,),
        )


@dataclass(frozen=True, slots=True)
class StandingScripts(ScriptTool):
    """Runs the target's test file. changed: paths and texts in the shadow."""

    changed: tuple[tuple[str, str], ...]
    budget_s: float

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write no test."""
        del turn
        program = self.program_for(target, scratch)
        return standing_trial_of(program, target, tests, mutants, scratch, dict(self.changed), self.budget_s)

    def results(self, trial: Trial, report: str, output: str) -> tuple[Result, ...]:
        """Read what our runner told of each execution."""
        del trial, output
        read = read_standing_node if self.entry is None else read_standing_suites
        return tuple(result for shot in shots_in(report) for result in read(shot))


_OPTIONS = {
    Runner.VITEST: (
        *("run", "--root={root}", "--reporter=json", "--outputFile={told}", "--coverage.enabled=false"),
        *("--testTimeout=5000", "--no-file-parallelism", FILES),
    ),
    Runner.JEST: (
        *("--ci", "--json", "--outputFile={told}", "--rootDir={root}", "--runInBand", "--watchman=false"),
        *("--cacheDirectory={cache}", "--coverage=false", '--haste={"enableSymlinks":true}', "--runTestsByPath", FILES),
    ),
}


def find_script_tool(
    runner: Runner, root: str, workspace: Path, path: str, environment: Mapping[str, str]
) -> ScriptTool:
    """Return what runs the test file at `path`. Raises HearthlineError where that is not there.

    runner: what it is written for; root: the project's folder; both paths are relative to `workspace`.
    """
    node = _node(environment.get("PATH", ""), workspace)
    if node is None:
        raise HearthlineError("there is no Node.js on the PATH, which runs tests of JavaScript; install it")
    entry = _entry(workspace, path, runner)
    if entry is None and runner in ENTRIES:
        raise HearthlineError(f"{runner.value} is not installed in this project; install its packages to run tests")
    suffix = PurePosixPath(path).suffix
    if entry is None and suffix in (*TYPESCRIPT, ".tsx", ".jsx") and node.version < _NODE_WITH_TYPES:
        words = ".".join(map(str, _NODE_WITH_TYPES))
        raise HearthlineError(f"{suffix} tests need vitest or jest in the project, or Node.js {words} or newer")
    return ScriptTool(runner, node, entry, root)


def _entry(workspace: Path, path: str, runner: Runner) -> Path | None:
    """Return the program of `runner` in the nearest `node_modules` of the workspace."""
    for folder in folders_above(path) if runner in ENTRIES else ():
        entry = workspace / folder / "node_modules" / ENTRIES[runner]
        if entry.is_file():
            return entry
    return None


def _node(path: str, workspace: Path) -> Node | None:
    """Return the first Node on PATH that does not lie in the workspace."""
    place = next(on_path("node", path, workspace), None)
    return _asked(place) if place is not None else None


@cache
def _asked(place: Path) -> Node | None:
    """Ask a Node for its version, and where it lies: behind the name may be a script that chooses one."""
    words = "console.log(process.execPath + '\\n' + process.versions.node)"
    try:
        said = subprocess.run([place, "-e", words], capture_output=True, text=True, timeout=_ASK_S, check=True, cwd="/")
    except (OSError, subprocess.SubprocessError):
        return None
    path, version = said.stdout.split()[:2]
    return Node(Path(path), Path(path).resolve().parent.parent, tuple(map(int, re.findall(r"\d+", version)[:2])))


def _filled(word: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        word = word.replace(name, value)
    return word
