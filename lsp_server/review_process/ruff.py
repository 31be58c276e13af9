"""Running ruff, a second source of findings for Python (`review.ruff`). Blocking.

Invariants: the text goes to ruff's stdin, never to a file; the settings of the workspace are not read, so that a
project cannot choose what is run or shown; whatever goes wrong, there are simply no such findings.
"""

import json
import logging
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lsp_server.review.finding import Finding
from lsp_server.review.ruff import RULES, read_findings

_TIMEOUT_S = 1.5
"""Below what a review may take in all; it is some ten milliseconds as a rule."""

_log = logging.getLogger(__name__)


def ask_ruff(text: str, cwe_of: Mapping[str, int]) -> list[Finding]:
    """Return what ruff says of the Python program `text`; blocks for some ten milliseconds.

    cwe_of: the CWE of each of our families.
    """
    said = run_ruff(text, RULES)
    return read_findings(said, text, cwe_of) if said is not None else []


def run_ruff(text: str, rules: Iterable[str], timeout_s: float = _TIMEOUT_S) -> list[dict[str, Any]] | None:
    """Return what ruff reports of `text` by `rules`, in its own JSON form; None where it cannot be asked."""
    program = _program()
    if program is None:
        return None
    command = [str(program), "check", "--isolated", "--no-cache", "--quiet", "--ignore-noqa", "--output-format", "json"]
    command += ["--select", ",".join(rules), "--stdin-filename", "text.py", "-"]
    try:
        ran = subprocess.run(
            command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=timeout_s, check=False
        )
        said: list[dict[str, Any]] = json.loads(ran.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        _log.warning("ruff gave no findings: %s", type(error).__name__)
        return None
    return said


@cache
def _program() -> Path | None:
    """Find the ruff that was installed along with this program."""
    path = Path(sysconfig.get_path("scripts")) / "ruff"
    if not path.exists():
        _log.info("ruff is not installed beside this program: Python is reviewed without its rules")
        return None
    return path
