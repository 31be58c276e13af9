"""Puts tests into a test file that is there, or makes one. Pure.

Invariants: what stands in the file stays, byte for byte, and is only inserted into; no name is used twice; a test that
is there already is not put in again, so that merging twice is merging once; the result parses.
"""

from collections.abc import Collection, Sequence

from lsp_server.errors import HearthlineError
from lsp_server.tests_for import merge_go, merge_javascript, merge_python
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.merge_text import Insertion, Source, applied

_MERGED_BY = {
    "python": merge_python.insertions,
    "go": merge_go.insertions,
    "javascript": merge_javascript.insertions,
    "javascriptreact": merge_javascript.insertions,
    "typescript": merge_javascript.insertions,
    "typescriptreact": merge_javascript.insertions,
}
_BYTE_ORDER_MARK = "\ufeff"


class UnfitTestFile(HearthlineError):
    """Nothing can be put into the test file as it is. `str(error)` follows the file's name."""


def merged(
    language_id: str, existing: str | None, tests: Sequence[TestCode], *, head: str = "", taken: Collection[str] = ()
) -> str:
    """Return the test file with `tests`.

    existing: its text, None where there is none. head: what a new file begins with: Go's package clause.
    taken: names that others have which no test may have as well. Raises UnfitTestFile.
    """
    text = existing if existing is not None and existing.strip() else head
    return applied(text, insertions(language_id, text, tests, taken)) if tests else text


def insertions(
    language_id: str, existing: str, tests: Sequence[TestCode], taken: Collection[str] = ()
) -> list[Insertion]:
    """Return what must be inserted into `existing` for it to hold `tests`. Offsets are bytes. Raises UnfitTestFile."""
    merge = _MERGED_BY.get(language_id)
    if merge is None:
        raise UnfitTestFile(f"is in a language ({language_id}) that no tests are written in here")
    mark = len(_BYTE_ORDER_MARK.encode()) if existing.startswith(_BYTE_ORDER_MARK) else 0
    body = existing.removeprefix(_BYTE_ORDER_MARK)
    source = Source(language_id, body)
    if not source.parses:
        raise UnfitTestFile("does not parse as it stands; mend it and ask again")
    found = merge(source, tests, taken)
    if not Source(language_id, applied(body, found)).parses:
        raise UnfitTestFile("would not parse with the new tests in it, so it was left alone")
    return [Insertion(insertion.at + mark, insertion.text) for insertion in found]
