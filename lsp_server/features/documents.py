"""textDocument/didOpen, didChange, didClose: the session's documents follow the editor's."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.document import Change, Document, PositionEncoding, Unfit
from lsp_server.session import Session

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_LARGE_CHARS = 256 * 1024
_LARGE_CHANGES = 256
"""From here on an edit is applied in a thread, to a copy, so that the loop goes on meanwhile."""

_log = logging.getLogger(__name__)


Told = Callable[[str], None]
"""Is told the address of a document."""
ToldEdit = Callable[[str, Sequence[Change]], None]
"""Is told the address of a document and the changes to it."""


def register(server: "HearthlineServer", *, on_open: Told, on_edit: ToldEdit, on_change: Told, on_close: Told) -> None:
    """Register the methods that keep documents in step. The dispatcher runs them in order, each to its end.

    on_open: told after a document came; on_edit: told before each edit, on_change: after it; on_close: told before a
    document goes.
    """
    session = server.session

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item, encoding = params.text_document, session.capabilities.position_encoding
        if len(item.text) > _LARGE_CHARS:
            session.documents[item.uri] = await asyncio.to_thread(_document, item, encoding)
        else:
            session.documents[item.uri] = _document(item, encoding)
        on_open(item.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def did_change(params: types.DidChangeTextDocumentParams) -> None:
        await _follow(session, params, on_edit)
        if params.text_document.uri in session.documents:
            on_change(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def did_close(params: types.DidCloseTextDocumentParams) -> None:
        on_close(params.text_document.uri)
        session.documents.pop(params.text_document.uri, None)

    def lose(uri: str, oversized: bool) -> None:
        if oversized:
            document = Document(uri, "", version=-1, path=convert.path_of(uri), unfit=Unfit.TOO_LARGE)
            session.documents[uri] = document
        elif uri in session.documents:
            session.documents[uri].mark_out_of_sync()

    server.protocol.on_lost_document = lose


def _document(item: types.TextDocumentItem, encoding: PositionEncoding) -> Document:
    return Document(
        item.uri,
        item.text,
        version=item.version,
        language_id=item.language_id,
        path=convert.path_of(item.uri),
        encoding=encoding,
    )


async def _follow(session: Session, params: types.DidChangeTextDocumentParams, on_edit: ToldEdit) -> None:
    uri, version, events = params.text_document.uri, params.text_document.version, params.content_changes
    document = session.documents.get(uri)
    if document is None:
        _log.warning("ignored an edit of a document that is not open: %s", uri)
        return
    if version <= document.version and not any(convert.is_whole(event) for event in events):
        _log.warning("version %d of %s came after %d; it is out of sync now", version, uri, document.version)
        document.mark_out_of_sync()
        return
    changes = convert.changes(events)
    on_edit(uri, changes)
    if len(events) > _LARGE_CHANGES or sum(len(event.text) for event in events) > _LARGE_CHARS:
        draft = document.copy()
        await asyncio.to_thread(_apply, draft, params)
        session.documents[uri] = draft
    else:
        _apply(document, params)


def _apply(document: Document, params: types.DidChangeTextDocumentParams) -> None:
    document.apply(convert.changes(params.content_changes), params.text_document.version)
