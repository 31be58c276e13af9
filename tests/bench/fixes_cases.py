"""The diagnostics that `fixes` mends, and what is right after a fix: `fixes_cases.toml`.

Invariant: what is right was written down without a look at what any model answers.
"""

import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from lsp_server.context.subject import subject_at
from lsp_server.fixes.asking import Problem
from lsp_server.fixes.case import Case, case_of
from lsp_server.fixes.flaws import flawed_lines
from lsp_server.review_process.messages import TryEdit
from lsp_server.review_process.whole import WholeReviewer
from lsp_server.tests_for.sandbox import Limits, Sandbox
from tests.bench.testgen_scores import TEMPORARY, own_interpreter

_TABLE = Path(__file__).with_suffix(".toml")
_PROGRAM = """
import sys, types
def stub(**names): return types.SimpleNamespace(**names)
def load(**modules):
    sys.modules.update(modules)
    names = {"__name__": "fixed"}
    exec(compile(open(sys.argv[1]).read(), "fixed.py", "exec"), names)
    return names
exec(open(sys.argv[2]).read(), {"stub": stub, "load": load})
print("it does")
"""


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A program and what is reported of it. rule: of ours, "" for another tool's; the rest as the table has it."""

    id: str
    language: str
    text: str
    rule: str = ""
    source: str = ""
    code: str = ""
    message: str = ""
    at: str = ""
    at_last: bool = False
    check: str = ""
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        """The line that another tool reports; 0-based."""
        offset = self.text.rindex(self.at) if self.at_last else self.text.index(self.at)
        return self.text.count("\n", 0, offset)


def read_cases() -> list[Diagnosed]:
    """Return the diagnostics of the table, in its order."""
    return msgspec.convert(tomllib.loads(_TABLE.read_text(encoding="utf-8"))["cases"], list[Diagnosed])


def case_for(diagnosed: Diagnosed, reviewer: WholeReviewer) -> tuple[Case, Callable[[str], TryEdit]]:
    """Return what the language server makes of a diagnostic, and how it has a text after a fix checked."""
    text, language_id = diagnosed.text, diagnosed.language
    finding = None
    if diagnosed.rule:
        findings = reviewer.review(text, language_id, takes_longer=True).findings
        finding = next(each for each in findings if each.rule == diagnosed.rule)
    line = finding.place.line if finding is not None else diagnosed.line
    last = finding.place.end_line if finding is not None else line
    subject = subject_at(language_id, text, line, line)
    around = range(subject.first_line, subject.last_line + 1) if subject is not None else None
    source, code = ("hearthline", diagnosed.rule) if finding is not None else (diagnosed.source, diagnosed.code)
    message = finding.message if finding is not None else diagnosed.message
    case = case_of(Problem(message, source, code, ""), text, language_id, range(line, last + 1), around, finding)
    assert case is not None, diagnosed.id
    fingerprint = finding.fingerprint if finding is not None else ""

    def request_for(fixed: str) -> TryEdit:
        return TryEdit("file:///case", language_id, text, fixed, line, last, fingerprint, code)

    return case, request_for


def parses(text: str, diagnosed: Diagnosed) -> bool:
    """Tell whether `text` is a program."""
    return flawed_lines(text, diagnosed.language) == []


async def is_right(diagnosed: Diagnosed, fixed: str, sandbox: Sandbox) -> bool:
    """Tell whether the text after a fix does and says what it should."""
    if not all(re.search(wanted, fixed) for wanted in diagnosed.wanted):
        return False
    if any(re.search(unwanted, fixed) for unwanted in diagnosed.unwanted):
        return False
    return not diagnosed.check or await _does(diagnosed.check, fixed, sandbox)


async def _does(check: str, fixed: str, sandbox: Sandbox) -> bool:
    with TemporaryDirectory(dir=TEMPORARY) as folder:
        place = Path(folder)
        workspace, scratch = place / "workspace", place / "scratch"
        for each in (workspace, scratch):
            each.mkdir()
        (scratch / "fixed.py").write_text(fixed)
        (scratch / "check.py").write_text(check)
        ran = await sandbox.run(
            (sys.executable, "-c", _PROGRAM, str(scratch / "fixed.py"), str(scratch / "check.py")),
            workspace=workspace,
            scratch=scratch,
            readable=own_interpreter().prefixes,
            cwd=scratch,
            limits=Limits(wall_s=20, cpu_s=10),
        )
        return ran.exit_code == 0 and "it does" in ran.output
