"""The mutable state of one editor window. Nothing else in the language server outlives a request.

Touched on the event loop only. Whoever computes takes a `snapshot` first and asks `is_current` before answering.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.document import DEFAULT_ENCODING, Document, DocumentSnapshot, PositionEncoding
from lsp_server.engine.protocol import Engine
from lsp_server.errors import DocumentError
from lsp_server.settings import Settings
from lsp_server.status import Status

if TYPE_CHECKING:
    from lsp_server.context.index import WorkspaceIndex


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What this client can do, as far as it matters here."""

    position_encoding: PositionEncoding = DEFAULT_ENCODING
    inline_completion: bool = False
    normalizes_line_ends: bool = False  # puts in the document's own, whatever an edit has
    work_done_progress: bool = False  # window/workDoneProgress/create
    configuration_pull: bool = False  # workspace/configuration
    configuration_registration: bool = False  # workspace/didChangeConfiguration, registered at run time
    watching_registration: bool = False  # workspace/didChangeWatchedFiles, registered at run time
    diagnostic_pull: bool = False  # textDocument/diagnostic; such a client is not sent what it can ask for
    diagnostic_refresh: bool = False  # workspace/diagnostic/refresh
    related_information: bool = False  # in diagnostics
    versioned_edits: bool = False  # documentChanges in a WorkspaceEdit
    file_creation: bool = False  # CreateFile among them
    edit_requests: bool = False  # workspace/applyEdit
    show_document: bool = False  # window/showDocument
    change_annotations: bool = False  # in a WorkspaceEdit: the person can be asked before it is made
    text_document_content: bool = False  # workspace/textDocumentContent
    code_lens_refresh: bool = False  # workspace/codeLens/refresh
    stream: bool = False  # hearthline/stream
    input: bool = False  # hearthline/input


@dataclass(slots=True)
class Session:
    """One window.

    engine: what completes; replaced when the settings name another. index: of the folders, None while there is none.
    """

    status: Status
    engine: Engine
    settings: Settings = field(default_factory=Settings)
    capabilities: ClientCapabilities = field(default_factory=ClientCapabilities)
    documents: dict[str, Document] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    index: "WorkspaceIndex | None" = None

    def snapshot(self, uri: str) -> DocumentSnapshot:
        """Return the document as it is now. Raises DocumentError when the client has not opened it."""
        document = self.documents.get(uri)
        if document is None:
            raise DocumentError(f"{uri} is not open here; the editor must open a document before it asks about it")
        return document.snapshot()

    def is_current(self, snapshot: DocumentSnapshot) -> bool:
        """Tell whether the document is still open and nothing in it changed since `snapshot` was taken."""
        document = self.documents.get(snapshot.uri)
        return document is not None and document.is_current(snapshot)
