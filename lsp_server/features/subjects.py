"""What a place in an open document is about, looked for in the review process: a parse holds the interpreter lock."""

from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.context.subject import Subject
from lsp_server.document import DocumentSnapshot
from lsp_server.features.reviewing import text_of
from lsp_server.review_process.messages import FindSubject, Located
from lsp_server.review_process.process import ReviewClosed, ReviewUnavailable

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer


async def subject_of(server: "HearthlineServer", snapshot: DocumentSnapshot, where: types.Range) -> Subject | None:
    """Return the innermost function or class around `where`, else the first that begins in it.

    None where there is none, where the text does not parse there or is too large, and where nobody can look or the
    document has changed meanwhile.
    """
    return (await _located(server, snapshot, where, is_closer=False)).subject


async def look_closer(server: "HearthlineServer", snapshot: DocumentSnapshot, where: types.Range) -> Located:
    """Return the same with what it is made of."""
    return await _located(server, snapshot, where, is_closer=True)


async def _located(
    server: "HearthlineServer", snapshot: DocumentSnapshot, where: types.Range, *, is_closer: bool
) -> Located:
    text = text_of(snapshot) if snapshot.unfit is None else None
    if text is None:
        return Located()
    request = FindSubject(snapshot.uri, snapshot.language_id, text, *lines_of(where), is_closer)
    try:
        return await server.reviewing.process.ask(request, Located, lambda: server.session.is_current(snapshot))
    except (ReviewClosed, ReviewUnavailable):
        return Located()


def lines_of(where: types.Range) -> tuple[int, int]:
    """Return the first and the last line that have something of `where`; 0-based."""
    ends_before = where.end.character == 0 and where.end.line > where.start.line
    return where.start.line, where.end.line - ends_before
