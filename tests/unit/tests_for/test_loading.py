"""What is said of a file that cannot be loaded."""

from collections.abc import Sequence
from typing import cast

import pytest

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.framework import Result, Verdict
from lsp_server.tests_for.loading import require_loading
from lsp_server.tests_for.running import Runner

PYTEST = "    import flask\nE   ModuleNotFoundError: No module named 'flask'\n"
NODE = """\
Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x' imported from /run/tests-x_1/workspace/src/a.js
    at packageResolve (node:internal/modules/esm/resolve:873:9)
    at ModuleJob._link (node:internal/modules/esm/module_job:168:49)"""
GO = "# example.com/shapes\narea.go:3:8: no required module provides package no.such/package\n"


class Broken:
    """A runner that says `results`."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results
        self.framework = self.target = self.subject = self
        self.path, self.name, self.program = "a.py", "f", "/bin/python"

    def bare(self, target: object) -> str:
        del target
        return ""

    async def run(self, tests: object) -> Sequence[Result]:
        del tests
        return self.results


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (PYTEST, "ModuleNotFoundError: No module named 'flask'"),
        (NODE, "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x' imported from src/a.js"),
        (GO, "area.go:3:8: no required module provides package no.such/package"),
        ("", "it does not say why"),
    ],
)
async def test_the_line_that_names_the_error_is_said(words: str, said: str) -> None:
    runner = cast("Runner", Broken([Result("t", Verdict.BROKEN, words=words)]))
    with pytest.raises(HearthlineError) as raised:
        await require_loading(runner)
    assert str(raised.value) == f"no tests for `f`: a.py cannot be loaded by /bin/python: {said}"


@pytest.mark.anyio
async def test_what_never_ends_is_said_and_what_loads_is_not() -> None:
    with pytest.raises(HearthlineError, match="nothing came of it in time"):
        await require_loading(cast("Runner", Broken([])))
    await require_loading(cast("Runner", Broken([Result("t", Verdict.PASSED)])))
