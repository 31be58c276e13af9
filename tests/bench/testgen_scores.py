"""What a file of tests is worth: which pass on a fresh run, what they cover, which mutants they notice.

Independent of what suggests tests where that can be: pass and coverage are told by pytest and coverage.py, run as a
person would run them; mutants come from the same tables, all of them instead of some.
"""

import asyncio
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from lsp_server.tests_for.framework import TestCode, Verdict
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.python import PythonFramework
from lsp_server.tests_for.python_project import Interpreter, find_interpreter
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.sandbox import Limits, Sandbox
from lsp_server.tests_for.shadow import make_shadow
from lsp_server.tests_for.target import Target
from tests.bench.testgen_programs import SOURCE, TESTS

TEMPORARY = Path(gettempdir()).resolve()
_LIMITS = Limits(wall_s=60, cpu_s=60)
_PROGRAM = """
import json, sys, coverage, pytest
names = json.loads(sys.argv[2])
class Chosen:
    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if names is None or item.name.partition("[")[0] in names]
measured = coverage.Coverage(branch=True, include=["*solution.py"], data_file=None, config_file=False)
measured.start()
pytest.main(sys.argv[3:], plugins=[Chosen()])
measured.stop()
measured.json_report(outfile=sys.argv[1] + "/coverage.json")
"""
_STATED = re.compile(r"^# States what .*\n(?:@.*\n)*(?:async )?def (test\w*)", re.MULTILINE)
_NAMES = re.compile(r"^\s*(?:async )?def (test\w*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Worth:
    """n_tests: in the file; passed: names of those that pass. Shares are 0.0 to 1.0, of what the target has.

    n_mutants: that there are; n_killed: that these tests notice, all of them together.
    """

    n_tests: int = 0
    passed: tuple[str, ...] = ()
    line_share: float = 0.0
    branch_share: float = 0.0
    n_killed: int = 0


def own_interpreter() -> Interpreter:
    """Return the interpreter of the bench, which has what the programs import."""
    return find_interpreter(Path("/"), {"VIRTUAL_ENV": sys.prefix})


def names_in(text: str) -> list[str]:
    """Return the names of the tests in a file, each once."""
    return list(dict.fromkeys(_NAMES.findall(text)))


def own_names_in(text: str) -> list[str]:
    """Return the names of the tests whose expectations are the model's own, and not what the code gave."""
    stated = set(_STATED.findall(text))
    return [name for name in names_in(text) if name not in stated]


async def worth_of(
    sandbox: Sandbox, target: Target, text: str, only: Collection[str] | None, mutants: tuple[Mutant, ...]
) -> Worth:
    """Measure a file of tests. only: the tests that count, and that meet `mutants`; None for all of the file."""
    names = [name for name in names_in(text) if only is None or name in only]
    if not names:
        return Worth()
    results, (lines, branches) = await _pytest(sandbox, target, text, names)
    passed = tuple(name for name in names if name in results and all(results[name]))
    n_killed = 0 if only is None else await _n_killed(sandbox, target, text, passed, mutants)
    return Worth(len(names), passed, lines, branches, n_killed)


async def _pytest(
    sandbox: Sandbox, target: Target, text: str, names: Collection[str] | None
) -> tuple[Mapping[str, list[bool]], tuple[float, float]]:
    """Run `text` as the project's test file; return how each test went, and the shares of lines and branches."""
    with TemporaryDirectory(dir=TEMPORARY) as folder:
        scratch = Path(folder)
        await asyncio.to_thread(make_shadow, target.workspace, scratch / "shadow", {TESTS: text, SOURCE: target.text})
        options = ["-q", "-p", "no:cacheprovider", f"--junitxml={scratch}/junit.xml", "--timeout=5", TESTS]
        await sandbox.run(
            (sys.executable, "-c", _PROGRAM, str(scratch), json.dumps(names and list(names)), *options),
            workspace=target.workspace,
            scratch=scratch,
            readable=own_interpreter().prefixes,
            cwd=scratch / "shadow",
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
            limits=_LIMITS,
        )
        return _results(scratch / "junit.xml"), _shares(scratch / "coverage.json", target)


def _results(path: Path) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    if path.exists():
        for case in ElementTree.parse(path).iter("testcase"):
            name = (case.get("name") or "").partition("[")[0]
            found.setdefault(name, []).append(len([each for each in case if each.tag != "system-out"]) == 0)
    return found


def _shares(path: Path, target: Target) -> tuple[float, float]:
    """Return which share of the body's lines and of its branches ran."""
    if not path.exists():
        return 0.0, 0.0
    files = json.loads(path.read_text())["files"]
    told = next((each for name, each in files.items() if name.endswith(SOURCE)), None)
    if told is None:
        return 0.0, 0.0
    subject = target.subject
    body = range(subject.first_line + 2, subject.last_line + 2)  # 1-based, and without its head, which an import runs
    ran, missed = (sum(line in body for line in told[f"{how}_lines"]) for how in ("executed", "missing"))
    took, left = (sum(begin in body for begin, _ in told[f"{how}_branches"]) for how in ("executed", "missing"))
    return ran / max(1, ran + missed), took / (took + left) if took + left else float(ran > 0)


async def _n_killed(
    sandbox: Sandbox, target: Target, text: str, passed: Collection[str], mutants: tuple[Mutant, ...]
) -> int:
    """Count the mutants that the passing tests of the file `text` notice."""
    runner = Runner(target, _AsWritten(own_interpreter(), True, text), sandbox)
    tests = [TestCode(name, "") for name in passed]
    killed: set[int] = set()
    for start in range(0, len(mutants), runner.framework.most_mutants):
        some = mutants[start : start + runner.framework.most_mutants]
        for result in await runner.run(tests, some, turn=1):
            if result.mutant is not None and result.verdict is not Verdict.PASSED:
                killed.add(start + result.mutant)
    return len(killed)


@dataclass(frozen=True, slots=True)
class _AsWritten(PythonFramework):
    """pytest, with one file of tests that stays as it is."""

    written: str = ""

    def assembled(self, target: Target, tests: Sequence[TestCode]) -> str:
        """Return the file."""
        del target, tests
        return self.written
