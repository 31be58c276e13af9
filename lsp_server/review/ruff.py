"""A second source for Python: those of ruff's `S` rules that are right nearly always, as findings of our families.

Owns the choice of rules and the running of ruff. Invariants: the text goes to ruff's stdin, never to a file; the
settings of the workspace are not read, so that a project cannot choose what is run or shown; whatever goes wrong, there
are simply no such findings.
"""

import json
import logging
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lsp_server.review.finding import Confidence, Finding, Place, normalise

_TIMEOUT_S = 5.0

# Left out on purpose: what is right only in one of several places (S101 assert, S105 names like passwords, S301 pickle,
# S311 random, S603 and S607 subprocess at all, S608 any text that looks like SQL).
_FAMILY_OF = {
    "S103": "file-permissions",
    "S201": "debug-mode",
    "S202": "zip-slip",
    "S306": "insecure-temporary-file",
    "S323": "certificate-check",
    "S324": "weak-cryptography",
    "S501": "certificate-check",
    "S502": "weak-cryptography",
    "S503": "weak-cryptography",
    "S504": "weak-cryptography",
    "S505": "weak-cryptography",
    "S506": "unsafe-deserialization",
    "S507": "certificate-check",
    "S508": "cleartext-transport",
    "S509": "weak-cryptography",
    "S612": "code-injection",
    "S701": "cross-site-scripting",
    "S702": "cross-site-scripting",
}

_log = logging.getLogger(__name__)


def ask_ruff(text: str, cwe_of: Mapping[str, int]) -> list[Finding]:
    """Return what ruff says of the Python program `text`; blocks for some ten milliseconds.

    cwe_of: the CWE of each of our families.
    """
    program = _program()
    if program is None:
        return []
    command = [str(program), "check", "--isolated", "--no-cache", "--quiet", "--ignore-noqa", "--output-format", "json"]
    command += ["--select", ",".join(_FAMILY_OF), "--stdin-filename", "text.py", "-"]
    try:
        ran = subprocess.run(
            command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        said = json.loads(ran.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        _log.warning("ruff gave no findings: %s", type(error).__name__)
        return []
    return read_findings(said, text, cwe_of)


def read_findings(said: Iterable[Mapping[str, Any]], text: str, cwe_of: Mapping[str, int]) -> list[Finding]:
    """Turn ruff's diagnostics of `text` into findings; what belongs to no family of ours is left out."""
    lines = text.split("\n")
    findings = []
    for each in said:
        rule = _FAMILY_OF.get(each["code"] or "")
        if rule is None or rule not in cwe_of:
            continue
        (row, column), (end_row, end_column) = _at(each["location"]), _at(each["end_location"])
        findings.append(
            Finding(
                rule=rule,
                cwe=cwe_of[rule],
                message=f"{each['message']}.",
                place=Place(row, column, end_row, end_column),
                confidence=Confidence.MEDIUM,
                symbol="",
                anchor=normalise(lines[row]) if row < len(lines) else "",
                origin=f"ruff {each['code']}",
            )
        )
    return findings


def add_new(findings: Sequence[Finding], others: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return `findings` and those of `others` that say of a line what none before them says."""
    said = {(finding.rule, line) for finding in findings for line in _lines_of(finding)}
    added = []
    for other in others:
        if (other.rule, other.place.line) not in said:
            said.add((other.rule, other.place.line))
            added.append(other)
    return (*findings, *added)


def _lines_of(finding: Finding) -> range:
    return range(finding.place.line, finding.place.end_line + 1)


def _at(location: Mapping[str, int]) -> tuple[int, int]:
    return location["row"] - 1, location["column"] - 1


@cache
def _program() -> Path | None:
    """Find the ruff that was installed along with this program."""
    path = Path(sysconfig.get_path("scripts")) / "ruff"
    if not path.exists():
        _log.info("ruff is not installed beside this program: Python is reviewed without its rules")
        return None
    return path
