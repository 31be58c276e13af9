"""Tests that stand in a file of the project already, run again in the sandbox with files changed. Python's alone.

Invariant: what is executed is what `PythonFramework` executes; the workspace is not written, what is changed stands in
the run's shadow of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.context.subject import Subject
from lsp_server.tests_for.framework import Result, TestCode
from lsp_server.tests_for.python import PythonFramework, StandingTests
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.sandbox import Sandbox
from lsp_server.tests_for.target import Target


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one file. path: of it, relative to the workspace; text: what it says; subject: one of the tests."""

    framework: PythonFramework
    sandbox: Sandbox
    workspace: Path
    path: str
    text: str
    subject: Subject

    async def run(self, names: Sequence[str], changed: Mapping[str, str]) -> dict[str, Result]:
        """Run the tests called `names`, `changed` (texts by path) in place of what lies there. Raises NotRun."""
        standing = StandingTests(self.framework.interpreter, self.framework.uses_pytest, tuple(changed.items()))
        target = Target(self.subject, self.workspace, self.path, self.text, self.path, self.text)
        results = await Runner(target, standing, self.sandbox).run([TestCode(name, "") for name in names])
        return {result.test: result for result in results}
