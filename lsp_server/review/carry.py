"""Findings over an edit: what does not parse right now keeps what was last found in it, where it stands now. Pure.

Invariant: a file that parses is believed; in one that does not, a finding goes only with its line, or when the function
it stands in was changed, parses, and no longer has it.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from lsp_server.review.finding import Finding, Place, Review, Scope, Step

_MOST_COMPARED = 400  # changed lines that are compared one by one; comparing takes quadratic time


def carry_forward(old: Review, old_text: str, new: Review, new_text: str) -> Review:
    """Return `new`, the review of `new_text`, with those findings of `old`, that of `old_text`, that still count."""
    if not new.is_broken or not old.findings:
        return new
    old_lines, new_lines = old_text.split("\n"), new_text.split("\n")
    moved = _moves(old_lines, new_lines)
    old_scopes = {scope.symbol: scope for scope in old.scopes}
    new_scopes = {scope.symbol: scope for scope in new.scopes}
    known = {(finding.rule, finding.place.line) for finding in new.findings}
    kept = []
    for finding in old.findings:
        line = moved[finding.place.line] if finding.place.line < len(moved) else None
        if line is None or (finding.rule, line) in known:
            continue
        was, now = old_scopes.get(finding.symbol), new_scopes.get(finding.symbol)
        is_believed = now is not None and not now.is_broken and was is not None
        if is_believed and _lines_of(was, old_lines) != _lines_of(now, new_lines):
            continue
        kept.append(_moved(finding, moved, new_lines))
    findings = sorted((*new.findings, *kept), key=lambda finding: finding.place)
    return replace(new, findings=tuple(findings))


def _lines_of(scope: Scope | None, lines: Sequence[str]) -> Sequence[str]:
    return lines[scope.place.line : scope.place.end_line + 1] if scope is not None else ()


def _moves(old: Sequence[str], new: Sequence[str]) -> list[int | None]:
    """Return for each line of `old` where it is in `new`; None for a line that is gone.

    A line that was changed is where it was between those around it.
    """
    most = min(len(old), len(new))
    front = next((index for index in range(most) if old[index] != new[index]), most)
    back = next((index for index in range(most - front) if old[-1 - index] != new[-1 - index]), most - front)
    moved: list[int | None] = [*range(front), *[None] * (len(old) - front - back)]
    middle_old, middle_new = old[front : len(old) - back], new[front : len(new) - back]
    for old_start, old_end, new_start, new_end in _changes(middle_old, middle_new):
        for index in range(old_start, min(old_end, old_start + new_end - new_start)):
            moved[front + index] = front + new_start + index - old_start
    return [*moved, *range(len(new) - back, len(new))]


def _changes(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return which lines of `old` stand for which of `new`, as the four borders of each stretch."""
    if len(old) + len(new) > _MOST_COMPARED or len(old) == 1 == len(new):
        return [(0, len(old), 0, len(new))]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [borders[1:] for borders in matcher.get_opcodes()]


def _moved(finding: Finding, moved: Sequence[int | None], lines: Sequence[str]) -> Finding:
    """Return `finding` where it stands now; its fingerprint stays."""
    trace = tuple(
        Step(_placed(step.place, moved, lines), step.words, step.path) if step.path is None else step
        for step in finding.trace
    )
    return replace(finding, place=_placed(finding.place, moved, lines), trace=trace)


def _placed(place: Place, moved: Sequence[int | None], lines: Sequence[str]) -> Place:
    """Return `place` after the move, inside of the lines there are; a line that is gone counts as the next above."""
    line = next((now for now in reversed(moved[: place.line + 1]) if now is not None), 0)
    end_line = min(line + place.end_line - place.line, len(lines) - 1)
    column = min(place.column, len(lines[line]))
    end_column = min(place.end_column, len(lines[end_line]))
    return Place(line, column, end_line, max(end_column, column) if end_line == line else end_column)
