"""The part of a file that a judge needs to see for one finding. Pure.

Invariants: a slice is made of whole lines of the file, in their order, so that a quote of it is a quote of the file; no
line numbers are in it; it never exceeds the bound, however large the function is.
"""

from collections.abc import Iterable
from typing import Protocol

from lsp_server.review.finding import Finding, Place

GAP = "..."
"""A line of its own where lines were left out."""

_MAX_CHARS = 6_000
_LINES_AROUND = 3
_MAX_IMPORT_LINES = 40
_IMPORTS = ("import ", "from ", "use ", "using ", "require ", "#include", "package ", "const ", "var ", "let ")


class Scoped(Protocol):
    """A function of the file: where it stands."""

    @property
    def place(self) -> Place:
        """Lines and columns, 0-based."""
        ...


def slice_of(text: str, finding: Finding, scopes: Iterable[Scoped]) -> str:
    """Return the function that `finding` stands in, what its trace touches elsewhere in the file, and the imports.

    Where the function is too long, the lines around the trace's steps are kept.
    """
    lines = text.split("\n")
    steps = {step.place.line for step in finding.trace if step.path is None} | {finding.place.line}
    wanted: set[int] = set()
    for step in steps:
        wanted |= set(_innermost(step, scopes) or _around(step))
    kept = _bounded(lines, wanted | _imports(lines))
    if kept is None:
        kept = _bounded(lines, {line for step in steps for line in _around(step)}) or sorted(steps)[:1]
    return _join(lines, kept)


def _innermost(line: int, scopes: Iterable[Scoped]) -> range | None:
    around = [scope.place for scope in scopes if scope.place.line <= line <= scope.place.end_line]
    if not around:
        return None
    place = min(around, key=lambda each: each.end_line - each.line)
    return range(place.line, place.end_line + 1)


def _around(line: int) -> range:
    return range(max(0, line - _LINES_AROUND), line + _LINES_AROUND + 1)


def _imports(lines: list[str]) -> set[int]:
    found = [
        number
        for number, line in enumerate(lines)
        if line.startswith(_IMPORTS) and ("require(" in line or not line.startswith(("const ", "var ", "let ")))
    ]
    return set(found[:_MAX_IMPORT_LINES])


def _bounded(lines: list[str], wanted: set[int]) -> list[int] | None:
    kept = sorted(number for number in wanted if number < len(lines))
    return kept if sum(len(lines[number]) + 1 for number in kept) <= _MAX_CHARS else None


def _join(lines: list[str], kept: list[int]) -> str:
    shown: list[str] = []
    last = -1
    for number in kept:
        if number > last + 1 and shown:  # not before the first: what is put above the function is no part of the case
            shown.append(GAP)
        shown.append(lines[number][:_MAX_CHARS])
        last = number
    return "\n".join(shown)
