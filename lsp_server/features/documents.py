"""textDocument/didOpen, didChange, didClose: the session's documents follow the editor's."""

import asyncio
import logging
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


def register(server: "HearthlineServer") -> None:
    """Register the methods that keep documents in step. The dispatcher runs them in order, each to its end."""
    session = server.session

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item, encoding = params.text_document, session.capabilities.position_encoding
        if len(item.text) > _LARGE_CHARS:
            session.documents[item.uri] = await asyncio.to_thread(_document, item, encoding)
        else:
            session.documents[item.uri] = _document(item, encoding)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def did_change(params: types.DidChangeTextDocumentParams) -> None:
        await _apply(session, params.text_document, convert.changes(params.content_changes))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def did_close(params: types.DidCloseTextDocumentParams) -> None:
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


async def _apply(session: Session, edited: types.VersionedTextDocumentIdentifier, changes: list[Change]) -> None:
    uri, version = edited.uri, edited.version
    document = session.documents.get(uri)
    if document is None:
        _log.warning("ignored an edit of a document that is not open: %s", uri)
        return
    if version <= document.version and all(change.range for change in changes):
        _log.warning("version %d of %s came after %d; it is out of sync now", version, uri, document.version)
        document.mark_out_of_sync()
    elif len(changes) > _LARGE_CHANGES or sum(len(change.text) for change in changes) > _LARGE_CHARS:
        draft = document.copy()
        await asyncio.to_thread(draft.apply, changes, version)
        session.documents[uri] = draft
    else:
        document.apply(changes, version)
