"""Tests that stand in a file of the project already, run again in the sandbox with files changed.

Invariant: what is executed is what suggested tests would be executed by; the workspace is not written, what is changed
stands in the run's shadow of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lsp_server.context.subject import Subject
from lsp_server.tests_for.framework import Result, TestCode, Tool
from lsp_server.tests_for.running import run_tests
from lsp_server.tests_for.sandbox import Sandbox
from lsp_server.tests_for.target import Target

_BUDGET_S = 60.0


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one file. path: of it, relative to the workspace; text: what it says; subject: one of the tests."""

    tool: Tool
    sandbox: Sandbox
    workspace: Path
    path: str
    text: str
    subject: Subject

    async def run(self, changed: Mapping[str, str]) -> dict[str, Result]:
        """Run the tests, `changed` (texts by path, its own among them) in place of what lies there. Raises NotRun."""
        target = Target(self.subject, self.workspace, self.path, self.text, self.path, self.text)
        tests = [TestCode(name, "") for name in self.tool.names_in(changed[self.path])]
        results = await run_tests(self.tool.standing(changed, _BUDGET_S), target, self.sandbox, tests)
        return {result.test: result for result in results}
