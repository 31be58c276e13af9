"""JavaScript's and TypeScript's test programs: Node's own, vitest and jest; how tests are asked for, run and reported.

Mocha's tests are run by Node's own program, which has the same words.

Invariant: the command is Node, a program that lies in the project's `node_modules` or is ours, and paths; scripts of a
`package.json` are never looked at for it.
"""

import json
import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import FILES, Program, asset, shots_in, trial_of
from lsp_server.tests_for.conventions import Conventions
from lsp_server.tests_for.conventions_runner import Runner, folders_above
from lsp_server.tests_for.framework import Answer, Result, TestCode, Trial, WithoutValues
from lsp_server.tests_for.javascript_answer import Style, callback_of, read_answer
from lsp_server.tests_for.javascript_exports import exported_as, specifier
from lsp_server.tests_for.javascript_reports import read_node, read_suites
from lsp_server.tests_for.merge import merged
from lsp_server.tests_for.merge_javascript_imports import Atom, written
from lsp_server.tests_for.merge_text import Source
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

_TYPESCRIPT = (".ts", ".mts", ".cts")
_NODE_WITH_TYPES = (22, 18)
"""From this version on Node runs TypeScript by itself."""
_ASK_S = 10.0
_BUDGET_S = 60.0
_ENVIRONMENT = {"NODE_ENV": "test", "CI": "1", "NO_COLOR": "1", "GOMAXPROCS": "2"}  # esbuild, below vite, is Go
_ENTRIES = {Runner.VITEST: "vitest/vitest.mjs", Runner.JEST: "jest/bin/jest.js"}
_BARE = "hearthline loads"
_CLAIM = re.compile(r"(?:await\s+)?(?:expect|assert)\b")


class Node(NamedTuple):
    """path: what is executed. prefix: the folder that it is made of."""

    path: Path
    prefix: Path
    version: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScriptFramework(WithoutValues):
    """One of them, as one file's tests use it. entry: the program in `node_modules`, None for Node's own."""

    runner: Runner
    node: Node
    entry: Path | None
    root: str
    style: Style

    @property
    def name(self) -> str:
        """As people call it."""
        return self.runner.value

    @property
    def program(self) -> str:
        """Node.js, and what it runs."""
        return f"{self.node.path}" if self.entry is None else f"{self.runner.value} with {self.node.path}"

    @property
    def language_id(self) -> str:
        """JavaScript or TypeScript."""
        return self.style.language_id

    @property
    def most_mutants(self) -> int:
        """More where a run is quick."""
        return 30 if self.entry is None else 8

    def rules(self, target: Target) -> str:
        """Say what a test looks like, by its first lines."""
        style, subject = self.style, target.subject
        owner = subject.qualified_name.rpartition(".")[0].rpartition(".")[2]
        called = f"{style.reached.bound}(" if not owner else f"new {style.reached.bound}(...).{subject.name}("
        called = f"await {called}" if re.search(r"\basync\b", subject.signature) else called
        claim = f"expect({called}...)).toEqual(...)" if style.uses_expect else f"assert.deepEqual({called}...), ...)"
        lines = [*self._imports(), ""]
        word = "async () => {" if called.startswith("await") else "() => {"
        lines += [f'{self._call}("{subject.name} ...", {word}', f"  {claim};", "});"]
        skeleton = "\n".join(lines)
        return f"Write tests with {self.name}, in this form:\n\n```{style.language_id}\n{skeleton}\n```"

    def bare(self, target: Target) -> TestCode:
        """Import the target, and use it: an import for nothing is left out."""
        del target
        return TestCode(
            _BARE, f'{self._call}("{_BARE}", () => {{ void {self.style.reached.bound}; }});', tuple(self._imports())
        )

    def read(self, answer: str, target: Target, taken: Collection[str]) -> Answer:
        """Read JavaScript or TypeScript."""
        del target
        return read_answer(answer, self.style, taken)

    def claims(self, test: TestCode) -> tuple[tuple[int, int], ...]:
        """Find the claims of a test that stand on lines of their own."""
        source = Source(self.language_id, test.text)
        call = next((node.children[0] for node in source.root.children if node.type == "expression_statement"), None)
        body = callback_of(call) if call is not None else None
        return tuple(
            (node.start_point.row, node.end_point.row)
            for node in (body.named_children if body is not None else ())
            if _CLAIM.match(source.text(node)) and source.indentation(node)
        )

    def assembled(self, target: Target, tests: Sequence[TestCode]) -> str:
        """Write a file of imports and tests."""
        del target
        return merged(self.language_id, None, tests)

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write each test to a file of its own, so that one that cannot be loaded takes no other with it."""
        del turn
        folder, _, name = target.test_path.rpartition("/")
        ending = name[name.index(".") :]
        paths = [f"{folder}/hearthline_{number}{ending}".lstrip("/") for number in range(len(tests))]
        files = {test.name: (path, self.assembled(target, [test])) for test, path in zip(tests, paths, strict=True)}
        return trial_of(self._program(target, scratch), target, files, mutants, scratch)

    def results(self, trial: Trial, report: str, output: str) -> tuple[Result, ...]:
        """Read what our runner told of each execution."""
        del output
        paths = {path: name for name, path in json.loads(trial.files["job.json"])["tests"].items()}
        read = read_node if self.entry is None else read_suites
        return tuple(result for shot in shots_in(report) for result in read(shot, paths))

    @property
    def _call(self) -> str:
        """What begins a test here."""
        return "test" if self.style.has_test else "it"

    def _imports(self) -> list[str]:
        """Return the statements that bind the framework's names and the target's."""
        own = [Atom(module, "default" if name == "assert" else name, name)
               for module, names in self.style.own.items() for name in names[:2] if module]  # fmt: skip
        return list(written([*own, self.style.reached], is_module=self.style.is_module))

    def _program(self, target: Target, scratch: Path) -> Program:
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


def find_javascript(found: Conventions, target: Target, environment: Mapping[str, str]) -> ScriptFramework:
    """Return the framework for the tests of `target`. Raises HearthlineError where it cannot be run, or reached."""
    node = _node(environment.get("PATH", ""), target.workspace)
    if node is None:
        raise HearthlineError("there is no Node.js on the PATH, which runs tests of JavaScript; install it")
    runner = found.runner
    entry = _entry(target, runner)
    if entry is None and runner in _ENTRIES:
        raise HearthlineError(f"{runner.value} is not installed in this project; install its packages to run tests")
    suffix = PurePosixPath(target.test_path).suffix
    if entry is None and suffix in (*_TYPESCRIPT, ".tsx", ".jsx") and node.version < _NODE_WITH_TYPES:
        words = ".".join(map(str, _NODE_WITH_TYPES))
        raise HearthlineError(f"{suffix} tests need vitest or jest in the project, or Node.js {words} or newer")
    return ScriptFramework(runner, node, entry, found.root, _style(found, target, runner))


def _style(found: Conventions, target: Target, runner: Runner) -> Style:
    subject = target.subject
    top = subject.qualified_name.partition(".")[0]
    exported = exported_as(target.text, top)
    if exported is None:
        raise HearthlineError(f"`{top}` is not exported by {target.path}, so that no test file can reach it")
    is_module = found.is_module or bool(re.search(r"^(?:export|import)\s", target.text, re.MULTILINE))
    shown = "\n".join([target.existing or "", *target.examples])
    module = specifier(target.test_path, target.path, shown, with_ending=runner not in _ENTRIES and is_module)
    own: dict[str, tuple[str, ...]] = {"node:test": ("test", "it"), "node:assert/strict": ("assert",)}
    if runner is Runner.VITEST:
        own = {"vitest": ("test", "expect", "it", "vi")}
    elif runner is Runner.JEST:
        own = {"": ("test", "expect", "it", "jest")}
    elif runner is Runner.MOCHA:
        own = {"": ("it",), "node:assert/strict": ("assert",)}
    suffix = PurePosixPath(target.test_path).suffix
    language_id = {".tsx": "typescriptreact", ".jsx": "javascriptreact"}.get(
        suffix, "typescript" if suffix in _TYPESCRIPT else "javascript"
    )
    uses_expect = runner in _ENTRIES
    return Style(language_id, subject.name, Atom(module, exported, top), own, is_module, uses_expect)


def _entry(target: Target, runner: Runner) -> Path | None:
    """Return the program of `runner` in the nearest `node_modules` of the workspace."""
    for folder in folders_above(target.path) if runner in _ENTRIES else ():
        path = target.workspace / folder / "node_modules" / _ENTRIES[runner]
        if path.is_file():
            return path
    return None


def _node(path: str, workspace: Path) -> Node | None:
    """Return the first Node on PATH that does not lie in the workspace, which must not choose what is run."""
    for folder in path.split(os.pathsep):
        place = Path(folder) / "node"
        if os.path.isabs(folder) and os.access(place, os.X_OK) and not place.resolve().is_relative_to(workspace):
            return _asked(place)
    return None


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
