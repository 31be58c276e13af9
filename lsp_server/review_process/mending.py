"""Whether an edit mends what it is for: the text after it is parsed, reviewed, and shown to ruff again. Blocking.

Invariants: an edit that brings a syntax error, a finding, or a name that nothing defines never holds; what is said of
the problem being gone was looked for, with the tool that reports it, or with what stands in for it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lsp_server.fixes.flaws import flawed_lines, is_same_program
from lsp_server.review_process.judging import why_not
from lsp_server.review_process.messages import Held, TryEdit
from lsp_server.review_process.ruff import run_ruff
from lsp_server.review_process.whole import WholeReviewer

_NEVER = ("F7", "F82", "F841")
"""What no edit may bring, by ruff's rules: statements out of place, names that nothing defines, or nothing uses."""
_INVALID = "invalid-syntax"
_CODE = re.compile(r"[A-Z]{1,6}[0-9]{3,4}")
_SAME = {
    "reportUndefinedVariable": "F821",
    "undefined-variable": "F821",
    "name-defined": "F821",
    "reportUnusedImport": "F401",
    "unused-import": "F401",
    "reportUnusedVariable": "F841",
    "unused-variable": "F841",
}
"""Rules of pyright, pylint and mypy -> ruff's rule for the same."""
_TIMEOUT_S = 0.6
"""It is asked twice, and the process has two seconds in all."""

_STILL = "leaves the problem where it is"


class _Said(NamedTuple):
    """What tools say of a text. flawed: the lines of syntax errors, None where nobody can tell. ruff: its reports."""

    flawed: list[int] | None
    ruff: Sequence[Mapping[str, Any]]


def try_edit(reviewer: WholeReviewer, request: TryEdit) -> Held:
    """Return whether the edit that `request` asks about holds."""
    text, fixed, language_id = request.text, request.fixed, request.language_id
    before, after = _say(text, request), _say(fixed, request)
    if len(after.flawed or ()) > len(before.flawed or ()):
        return Held("does not parse")
    if request.is_documentation:
        is_same = is_same_program(text, fixed, language_id, request.first_line)
        return Held(checked="Only documentation is written.") if is_same else Held("changes code")
    if new := _new(before, after):
        return Held(f"brings another problem, {new}")
    if request.fingerprint:
        words = why_not(reviewer, text, fixed, language_id, request.path, request.fingerprint)
        return Held(words) if words else Held(checked="The security review does not report it any more.")
    near = range(request.first_line - 1, request.last_line + 2)
    if any(line in near for line in before.flawed or ()):
        is_less = len(after.flawed or ()) < len(before.flawed or ())
        return Held(checked="The text parses there now.") if is_less else Held("still does not parse")
    return _as_ruff_says(request, before, after)


def _say(text: str, request: TryEdit) -> _Said:
    flawed = flawed_lines(text, request.language_id)
    if request.language_id != "python":
        return _Said(flawed, ())
    codes = [code] if _CODE.fullmatch(code := _code(request)) else []
    said = run_ruff(text, (*_NEVER, *codes), _TIMEOUT_S)
    if said is None and codes:  # not a code of ruff's
        said = run_ruff(text, _NEVER, _TIMEOUT_S)
    invalid = [_line(each) for each in said or () if each["code"] in (_INVALID, None)]
    return _Said(sorted({*(flawed or ()), *invalid}), said or ())


def _new(before: _Said, after: _Said) -> str:
    """Return what ruff says of the text after the edit alone and nobody may bring; "" for nothing."""
    if before.flawed:  # it says nothing of names then
        return ""
    new = _never(after) - _never(before)
    return next(iter(new), "").removesuffix(".")


def _never(said: _Said) -> Counter[str]:
    return Counter(each["message"] for each in said.ruff if (each["code"] or "").startswith(_NEVER))


def _as_ruff_says(request: TryEdit, before: _Said, after: _Said) -> Held:
    """Compare ruff's reports, if it reported the problem to begin with."""
    lines = range(request.first_line, request.last_line + 1)
    code = _code(request)
    messages = {each["message"] for each in _of(code, before) if _line(each) in lines}
    if not messages:
        return Held()
    n_before, n_after = len(_of(code, before)), len(_of(code, after))
    same = [sum(each["message"] in messages for each in _of(code, said)) for said in (before, after)]
    if n_after >= n_before or same[1] >= same[0]:
        return Held(_STILL)
    return Held(checked=f"Ruff does not report {code} there any more.")


def _code(request: TryEdit) -> str:
    """Return what ruff calls the problem, if it knows it."""
    return _SAME.get(request.code, request.code)


def _of(code: str, said: _Said) -> list[Mapping[str, Any]]:
    return [each for each in said.ruff if each["code"] == code]


def _line(report: Mapping[str, Any]) -> int:
    """Return the line of one of ruff's reports, 0-based."""
    return int(report["location"]["row"]) - 1
