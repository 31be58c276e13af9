"""JavaScript's and TypeScript's tests: how they are asked for, written and read, for whichever program runs them."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import shots_in, trial_of
from lsp_server.tests_for.conventions import Conventions
from lsp_server.tests_for.conventions_runner import Runner
from lsp_server.tests_for.framework import Answer, Result, TestCode, Trial
from lsp_server.tests_for.javascript_answer import Style, read_answer
from lsp_server.tests_for.javascript_exports import exported_as, specifier
from lsp_server.tests_for.javascript_program import ENTRIES, TYPESCRIPT, ScriptTool, find_script_tool
from lsp_server.tests_for.javascript_reports import read_node, read_suites
from lsp_server.tests_for.javascript_source import claims_in, without_leftovers
from lsp_server.tests_for.javascript_values import comparisons_in, literal_in, probe, stated
from lsp_server.tests_for.merge import merged
from lsp_server.tests_for.merge_javascript_imports import Atom, written
from lsp_server.tests_for.merge_text import Source
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

_BARE = "hearthline loads"


@dataclass(frozen=True, slots=True)
class ScriptFramework(ScriptTool):
    """One of their programs, as one file's tests use it."""

    style: Style

    @property
    def language_id(self) -> str:
        """JavaScript or TypeScript."""
        return self.style.language_id

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
        return claims_in(Source(self.language_id, test.text))

    def tidied(self, test: TestCode, before: TestCode) -> TestCode:
        """Leave out what is set for nothing, and comments: they may be about what is gone."""
        return replace(test, text=without_leftovers(self.language_id, test.text, before.text))

    def probes(self, test: TestCode, target: Target) -> tuple[TestCode, ...]:
        """Have each comparison of a test tell its value."""
        found = comparisons_in(self.language_id, test.text, target.subject.name)
        return tuple(probe(self.language_id, test, each, number) for number, each in enumerate(found))

    def stated(self, test: TestCode, target: Target, told: Sequence[Result | None]) -> TestCode | None:
        """State what was thrown; the claims that told nothing are left out."""
        found = comparisons_in(self.language_id, test.text, target.subject.name)
        thrown = (literal_in(result.words) if result is not None else None for result in told)
        literals = {each: literal for each, literal in zip(found, thrown, strict=True) if literal is not None}
        return stated(self.language_id, test, literals, target.subject.name) if literals else None

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
        return trial_of(self.program_for(target, scratch), target, files, mutants, scratch)

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


def find_javascript(found: Conventions, target: Target, environment: Mapping[str, str]) -> ScriptFramework:
    """Return the framework for the tests of `target`. Raises HearthlineError where it cannot be run, or reached."""
    tool = find_script_tool(found.runner, found.root, target.workspace, target.test_path, environment)
    style = _style(found, target, tool.runner)
    return ScriptFramework(tool.runner, tool.node, tool.entry, tool.root, style)


def _style(found: Conventions, target: Target, runner: Runner) -> Style:
    subject = target.subject
    top = subject.qualified_name.partition(".")[0]
    exported = exported_as(target.text, top)
    if exported is None:
        raise HearthlineError(f"`{top}` is not exported by {target.path}, so that no test file can reach it")
    is_module = (
        found.is_module
        or runner is Runner.VITEST
        or bool(re.search(r"^(?:export|import)\s", target.text, re.MULTILINE))
    )
    shown = "\n".join([target.existing or "", *target.examples])
    module = specifier(target.test_path, target.path, shown, with_ending=runner not in ENTRIES and is_module)
    own: dict[str, tuple[str, ...]] = {"node:test": ("test", "it"), "node:assert/strict": ("assert",)}
    if runner is Runner.VITEST:
        own = {"vitest": ("test", "expect", "it", "vi")}
    elif runner is Runner.JEST:
        own = {"": ("test", "expect", "it", "jest")}
    elif runner is Runner.MOCHA:
        own = {"": ("it",), "node:assert/strict": ("assert",)}
    suffix = PurePosixPath(target.test_path).suffix
    language_id = {".tsx": "typescriptreact", ".jsx": "javascriptreact"}.get(
        suffix, "typescript" if suffix in TYPESCRIPT else "javascript"
    )
    uses_expect = runner in ENTRIES
    return Style(language_id, subject.name, Atom(module, exported, top), own, is_module, uses_expect)
