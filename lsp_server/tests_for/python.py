"""Python's test frameworks, pytest and unittest: how tests are asked for, read, run and reported.

Invariant: the command is the project's interpreter, our own runner and a job file that we wrote, nothing else.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import ClassVar, NamedTuple

import msgspec

from lsp_server.tests_for.framework import MOST_STANDING, Answer, Result, TestCode, Trial, Verdict
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.python_answer import Style, read_answer, snake_case
from lsp_server.tests_for.python_class import is_made_without_arguments, takes_self
from lsp_server.tests_for.python_imports import Sources, sources_of
from lsp_server.tests_for.python_leftovers import without_leftovers
from lsp_server.tests_for.python_project import Interpreter, find_interpreter, find_module
from lsp_server.tests_for.python_source import claims_in
from lsp_server.tests_for.python_values import Comparison, comparisons_in, literal_in, probe, stated
from lsp_server.tests_for.target import Target

_RUNNER = Path(__file__).parent / "python_runner"
_START = "import sys; sys.path[0] = sys.argv[1]; from hearthline_runner.main import main; main(sys.argv[2])"
_TEST_S = 3.0
_MUTANT_TEST_S = 0.3
_BUDGET_S = 60.0
_COLLECTING_S = 30.0
_MOST_MUTANTS = 60
_BARE = "test_hearthline_loads"
_NAMES = re.compile(r"^[ \t]*(?:async )?def (test\w*)\(", re.MULTILINE)


class _Told(msgspec.Struct, frozen=True):
    """A line of the runner's report. Lines are 1-based; 0 is the end of the target."""

    test: str
    verdict: Verdict
    words: str
    output: str
    mutant: int | None
    lines: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]
    took_s: float


class _Place(NamedTuple):
    """One target, as tests here see it. root: the folder that imports begin in; module: how tests import the file."""

    root: str
    module: str
    sources: Sources
    style: Style


@dataclass(frozen=True, slots=True)
class PythonFramework:
    """pytest or unittest, run by `interpreter`."""

    interpreter: Interpreter
    uses_pytest: bool

    language_id: ClassVar[str] = "python"
    most_mutants: ClassVar[int] = _MOST_MUTANTS

    @property
    def name(self) -> str:
        """Pytest or unittest."""
        return "pytest" if self.uses_pytest else "unittest"

    @property
    def program(self) -> str:
        """The interpreter."""
        return f"{self.interpreter.path} (a `.venv` of the project would be taken first)"

    @property
    def mark(self) -> str:
        """The decorator that runs coroutines here; "" where nothing does."""
        plugins = {"pytest_asyncio": "@pytest.mark.asyncio", "anyio": "@pytest.mark.anyio"}
        found = (mark for package, mark in plugins.items() if self.interpreter.has(package))
        return next(found, "") if self.uses_pytest else ""

    def rules(self, target: Target) -> str:
        """Say what a test looks like, by its first lines."""
        subject, place = target.subject, _place(self, target)
        is_async = re.search(r"^\s*async def", subject.text, re.MULTILINE) is not None
        call = _call(target, place.style)
        call = f"asyncio.run({call})" if is_async else call
        name = f"test_{snake_case(subject.name)}"
        lines = ["import asyncio", ""] if is_async else []
        lines += ["import unittest", ""] if place.style.holder else []
        lines += [_importing(place, target), "", ""]
        if place.style.holder:
            lines += [place.style.holder, f"    def {name}(self):", f"        self.assertEqual({call}, ...)"]
        else:
            lines += [f"def {name}():", f"    assert {call} == ..."]
        skeleton = "\n".join(lines)
        return f"Write tests with {self.name}, in this form:\n\n```python\n{skeleton}\n```"

    def bare(self, target: Target) -> TestCode:
        """Import the target."""
        place = _place(self, target)
        imports = [_importing(place, target)]
        if not place.style.holder:
            return TestCode(_BARE, f"def {_BARE}():\n    pass", tuple(imports))
        return TestCode(_BARE, f"def {_BARE}(self):\n    pass", ("import unittest", *imports), place.style.holder)

    def read(self, answer: str, target: Target, taken: Collection[str]) -> Answer:
        """Read Python."""
        place = _place(self, target)
        return read_answer(answer, place.style, place.sources, taken)

    def claims(self, test: TestCode) -> tuple[tuple[int, int], ...]:
        """Find the claims of a test."""
        return claims_in(test.text)

    def tidied(self, test: TestCode, before: TestCode) -> TestCode:
        """Leave out what is set for nothing, and comments: they may be about what is gone."""
        return replace(test, text=without_leftovers(test.text, before.text))

    def probes(self, test: TestCode, target: Target) -> tuple[TestCode, ...]:
        """Have each comparison of a test tell its value."""
        return tuple(probe(test, each, number) for number, each in enumerate(_comparisons(test, target)))

    def stated(self, test: TestCode, target: Target, told: Sequence[Result | None]) -> TestCode | None:
        """State what was printed; the claims that told nothing are left out."""
        printed = (literal_in(result.output) if result is not None else None for result in told)
        pairs = zip(_comparisons(test, target), printed, strict=True)
        literals = {comparison: literal for comparison, literal in pairs if literal is not None}
        return stated(test, literals, snake_case(target.subject.name)) if literals else None

    def assembled(self, target: Target, tests: Sequence[TestCode]) -> str:
        """Write a file of imports and tests."""
        del target
        imports = sorted(
            {each for test in tests for each in test.imports}, key=lambda each: (each.startswith("from"), each)
        )
        blocks = ["\n".join(imports)] if imports else []
        for holder in dict.fromkeys(test.holder for test in tests):
            inner = [test.text for test in tests if test.holder == holder]
            if holder:
                inner = [_indented(text) for text in inner]
                blocks.append(holder + "\n" + "\n\n".join(inner))
            else:
                blocks += inner
        return "\n\n\n".join(blocks) + "\n"

    def names_in(self, text: str) -> tuple[str, ...]:
        """Find them by how functions are named."""
        return tuple(dict.fromkeys(_NAMES.findall(text)))[:MOST_STANDING]

    def standing(self, changed: Mapping[str, str], budget_s: float) -> "StandingTests":
        """Run them by the same runner."""
        return StandingTests(self.interpreter, self.uses_pytest, tuple(changed.items()), budget_s)

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write each test to a file of its own, so that one that cannot be loaded takes no other with it.

        In later turns all are in one file, as they will be.
        """
        folder = PurePosixPath(target.test_path).parent
        files = [list(tests)] if turn else [[test] for test in tests]
        paths = {
            test.name: str(folder / f"test_hearthline_{number}.py")
            for number, inner in enumerate(files)
            for test in inner
        }
        shadow = {paths[inner[0].name]: self.assembled(target, inner) for inner in files} | {target.path: target.text}
        root, imports_from = scratch / "workspace", _place(self, target).root
        job = {
            "uses_pytest": self.uses_pytest,
            "root": str(root),
            "paths": [str(root), *([str(root / imports_from)] if imports_from else [])],
            "tests": {name: str(root / path) for name, path in paths.items()},
            "source": str(root / target.path),
            "first_line": target.subject.first_line + 1,
            "last_line": target.subject.last_line + 1,
            "mutants": [mutant.apply(target.text) for mutant in mutants],
            "mutant_lines": [mutant.line + 1 for mutant in mutants],
            "test_s": _TEST_S,
            "mutant_test_s": _MUTANT_TEST_S,
            "budget_s": _BUDGET_S,
            "temporary": str(scratch / "tmp"),
            "report": str(scratch / "report.jsonl"),
        }
        return Trial(
            command=(str(self.interpreter.path), "-B", "-c", _START, str(scratch), str(scratch / "job.json")),
            shadow=shadow,
            files={**_runner(), "job.json": json.dumps(job)},
            report="report.jsonl",
            environment={"PYTHONHASHSEED": str(turn)},
            readable=self.interpreter.prefixes,
            wall_s=_BUDGET_S + _COLLECTING_S,
        )

    def results(self, trial: Trial, report: str, output: str) -> tuple[Result, ...]:
        """Read the runner's lines; the last one may be cut off."""
        del trial, output
        results = []
        for line in report.splitlines():
            try:
                told = msgspec.json.decode(line, type=_Told)
            except msgspec.DecodeError:
                continue
            results.append(_result(told))
        return tuple(results)


@dataclass(frozen=True, slots=True)
class StandingTests(PythonFramework):
    """Runs tests where they stand, in the target's test file. changed: paths and texts in the shadow."""

    changed: tuple[tuple[str, str], ...] = ()
    budget_s: float = _BUDGET_S

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Write no test."""
        trial = PythonFramework.trial(self, target, tests, mutants, scratch, turn)
        path = str(scratch / "workspace" / target.test_path)
        job = {
            **json.loads(trial.files["job.json"]),
            "tests": {test.name: path for test in tests},
            "budget_s": self.budget_s,
        }
        files = {**trial.files, "job.json": json.dumps(job)}
        return replace(trial, shadow=dict(self.changed), files=files, wall_s=self.budget_s + _COLLECTING_S)


def find_python(
    workspace: Path, environment: Mapping[str, str], tests: Sequence[str], root: str = ""
) -> PythonFramework:
    """Return the framework of the project: pytest where it is installed, unless its tests are all unittest's.

    tests: texts of tests of the project. environment: the server's own. root: the project's folder in `workspace`.
    """
    interpreter = find_interpreter(workspace, environment, root)
    is_unittest = bool(tests) and all("TestCase" in text and "pytest" not in text for text in tests)
    return PythonFramework(interpreter, interpreter.has("pytest") and not is_unittest)


@cache
def _runner() -> dict[str, str]:
    """Return the files of the runner, as they lie in the scratch folder."""
    return {f"hearthline_runner/{path.name}": path.read_text(encoding="utf-8") for path in _RUNNER.glob("*.py")}


@lru_cache(maxsize=8)
def _place(framework: PythonFramework, target: Target) -> _Place:
    subject = target.subject
    root, module = find_module(target.workspace, target.path, target.text, (*target.examples, target.existing or ""))
    owner = subject.qualified_name.rpartition(".")[0].rpartition(".")[2] if subject.kind == "method" else ""
    is_bound = bool(owner) and takes_self(subject.text) and is_made_without_arguments(owner, target.text)
    holder = "" if framework.uses_pytest else f"class Test{_camel(owner or subject.name)}(unittest.TestCase):"
    style = Style(subject.name, owner, is_bound, holder, framework.mark)
    return _Place(root, module, sources_of(module, target.text), style)


def _importing(place: _Place, target: Target) -> str:
    return f"from {place.module} import {target.subject.qualified_name.partition('.')[0]}"


def _call(target: Target, style: Style) -> str:
    """Return how the target is called, its arguments left out."""
    subject = target.subject
    if subject.name == "__init__":
        return f"{style.owner}(...)"
    if style.is_bound:
        return f"{style.owner}().{subject.name}(...)"
    if style.owner and takes_self(subject.text):
        return f"{style.owner}(...).{subject.name}(...)"
    return f"{subject.qualified_name}(...)"


def _comparisons(test: TestCode, target: Target) -> list[Comparison]:
    subject = target.subject
    owner = subject.qualified_name.rpartition(".")[0].rpartition(".")[2]
    return comparisons_in(test.text, owner if subject.name == "__init__" else subject.name)


def _result(told: _Told) -> Result:
    return Result(
        test=told.test,
        verdict=told.verdict,
        mutant=told.mutant,
        words=told.words,
        output=told.output,
        lines=frozenset(line - 1 for line in told.lines),
        branches=frozenset((begin - 1, end - 1) for begin, end in told.branches),
        took_s=told.took_s,
    )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.split("\n"))
