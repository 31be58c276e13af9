"""Findings that take longer than a pause between two keys: ruff's, and those whose way leads through other files. Pure.

While a person types only the file itself is looked at; what the longer look gave must not come and go meanwhile.
"""

from collections.abc import Iterable

from lsp_server.review.finding import Finding, normalise
from lsp_server.review.ruff import ORIGIN

SCRIPTS = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
LANGUAGES = SCRIPTS | {"python"}
"""Of which there is such a look: files that others import are followed, and Python has ruff."""


def is_of_longer_look(finding: Finding) -> bool:
    """Tell whether `finding` is none of the file's own rules alone."""
    return finding.origin.startswith(ORIGIN) or any(step.path is not None for step in finding.trace)


def still_there(findings: Iterable[Finding], text: str) -> list[Finding]:
    """Return those earlier `findings` of the longer look whose code stands in `text` as it was, where it stands now."""
    wanted = [finding for finding in findings if is_of_longer_look(finding)]
    if not wanted:
        return []
    lines = [normalise(line) for line in text.split("\n")]
    kept = []
    for finding in wanted:
        first = finding.place.line
        found = [number for number, line in enumerate(lines) if finding.anchor in line]
        if found and finding.anchor:
            kept.append(finding.moved(min(found, key=lambda number: abs(number - first)) - first))
    return kept
