"""Whether a target's file can be loaded where its tests would run: without that no test of it passes. By running.

Invariant: found out before a model is asked, which takes far longer and could not help.
"""

import re

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.framework import Verdict
from lsp_server.tests_for.running import Runner

_MOST_CHARS = 300
_NAMED = re.compile(r"(?:Error|Exception)\b")
_SHADOW = re.compile(r"[^\s'\"]*/tests-\w+/workspace/")
"""Where the workspace lies in a run (see `running`), which says nothing to a person."""
_PASSED = ("at ", "#", ">")
"""Begin lines that name nothing: of a stack in JavaScript, of Go's packages, of source in pytest's report."""


async def require_loading(runner: Runner) -> None:
    """Raise HearthlineError where the target's file cannot be loaded. Raises NotRun."""
    target, framework = runner.target, runner.framework
    results = await runner.run([framework.bare(target)])
    if any(result.verdict is Verdict.PASSED for result in results):
        return
    said = next((_naming_line(result.words) for result in results), "nothing came of it in time")
    raise HearthlineError(
        f"no tests for `{target.subject.name}`: {target.path} cannot be loaded by {framework.program}: {said}"
    )


def _naming_line(words: str) -> str:
    """Return the line of an error that names it: the last of those that call something an error, else the first."""
    lines = [line.removeprefix("E ").strip() for line in _SHADOW.sub("", words).splitlines()]
    lines = [line for line in lines if line and not line.startswith(_PASSED)]
    named = [line for line in lines if _NAMED.search(line)]
    return (named[-1:] or lines[:1] or ["it does not say why"])[0][:_MOST_CHARS]
