"""LSP's types <-> ours. With `document`, the only place that knows what the client counts columns in."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from lsp_server.document import (
    Change,
    DocumentSnapshot,
    EncodedRange,
    Position,
    PositionEncoding,
    character_of,
    column_of,
)
from lsp_server.session import ClientCapabilities


class Lines(Protocol):
    """Lines by their number: of a document, or some of a file."""

    def __getitem__(self, number: int, /) -> str:
        """Return the line."""
        ...


_CHEAPEST_FIRST = (PositionEncoding.UTF32, PositionEncoding.UTF8, PositionEncoding.UTF16)


def position(snapshot: DocumentSnapshot, client_position: types.Position) -> Position:
    """Return the client's position as ours. Past the end of a line or of the document means that end."""
    lines = snapshot.lines
    if client_position.line >= len(lines):
        return Position(len(lines) - 1, len(lines[-1]))
    line = lines[client_position.line]
    return Position(client_position.line, column_of(line, client_position.character, snapshot.encoding))


def client_position(snapshot: DocumentSnapshot, ours: Position) -> types.Position:
    """Return our position, which must lie in the document, as the client's."""
    return types.Position(ours.line, character_of(snapshot.lines[ours.line], ours.column, snapshot.encoding))


def client_range(snapshot: DocumentSnapshot, start: Position, end: Position) -> types.Range:
    """Return the range from `start` to `end` as the client's."""
    return types.Range(client_position(snapshot, start), client_position(snapshot, end))


def place_range(lines: Lines, encoding: PositionEncoding, place: tuple[int, int, int, int]) -> types.Range:
    """Return a finding's place as the client's range.

    lines: those that it begins and ends on, at least. place: line, column, end line and column, in code points.
    """
    line, column, end_line, end_column = place
    start = types.Position(line, character_of(lines[line], column, encoding))
    return types.Range(start, types.Position(end_line, character_of(lines[end_line], end_column, encoding)))


def changes(events: Iterable[types.TextDocumentContentChangeEvent]) -> list[Change]:
    """Return the edits of a `didChange`, in order."""
    return [_change(event) for event in events]


def is_whole(event: types.TextDocumentContentChangeEvent) -> bool:
    """Tell whether `event` carries the whole text."""
    return isinstance(event, types.TextDocumentContentChangeWholeDocument)


def _change(event: types.TextDocumentContentChangeEvent) -> Change:
    if isinstance(event, types.TextDocumentContentChangeWholeDocument):
        return Change(event.text)
    start, end = event.range.start, event.range.end
    return Change(event.text, EncodedRange(start.line, start.character, end.line, end.character))


def uri_of(path: str) -> str:
    """Return the address of the file at `path`, which is absolute."""
    return Path(path).as_uri()


def path_of(uri: str) -> str | None:
    """Return the path on this machine that `uri` means, None where it means no file here."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    return unquote(parts.path) or None


def folders(params: types.InitializeParams) -> tuple[Path, ...]:
    """Return the workspace's folders on this machine; the old root where the client names no folders."""
    uris = [folder.uri for folder in params.workspace_folders or ()]
    if not uris and params.root_uri:
        uris = [params.root_uri]
    paths = [path for uri in uris if (path := path_of(uri)) is not None]
    if not uris and params.root_path:
        paths = [params.root_path]
    return tuple(map(Path, paths))


def changed_folders(old: tuple[Path, ...], event: types.WorkspaceFoldersChangeEvent) -> tuple[Path, ...]:
    """Return the workspace's folders after `event`."""
    removed = {path_of(folder.uri) for folder in event.removed}
    added = [path for folder in event.added if (path := path_of(folder.uri)) is not None]
    return (*(path for path in old if str(path) not in removed), *map(Path, added))


def client_capabilities(capabilities: types.ClientCapabilities) -> ClientCapabilities:
    """Return what the client can do, in our words."""
    workspace, window, text = capabilities.workspace, capabilities.window, capabilities.text_document
    changed = workspace.did_change_configuration if workspace else None
    watched = workspace.did_change_watched_files if workspace else None
    edits = workspace.workspace_edit if workspace else None
    refresh = workspace.diagnostics if workspace else None
    lenses = workspace.code_lens if workspace else None
    published = text.publish_diagnostics if text else None
    own = _own_capabilities(capabilities.experimental)
    return ClientCapabilities(
        position_encoding=_position_encoding(capabilities.general),
        inline_completion=bool(text and text.inline_completion),
        normalizes_line_ends=bool(edits and edits.normalizes_line_endings),
        work_done_progress=bool(window and window.work_done_progress),
        configuration_pull=bool(workspace and workspace.configuration),
        configuration_registration=bool(changed and changed.dynamic_registration),
        watching_registration=bool(watched and watched.dynamic_registration),
        diagnostic_pull=bool(text and text.diagnostic),
        diagnostic_refresh=bool(refresh and refresh.refresh_support),
        related_information=bool(published and published.related_information),
        versioned_edits=bool(edits and edits.document_changes),
        file_creation=types.ResourceOperationKind.Create in ((edits and edits.resource_operations) or ()),
        edit_requests=bool(workspace and workspace.apply_edit),
        show_document=bool(window and window.show_document and window.show_document.support),
        change_annotations=bool(edits and edits.change_annotation_support is not None),
        text_document_content=bool(workspace and workspace.text_document_content is not None),
        code_lens_refresh=bool(lenses and lenses.refresh_support),
        stream=own.get("stream") is True,
        input=own.get("input") is True,
    )


def _own_capabilities(experimental: object) -> Mapping[str, object]:
    """Return what a client says of our own methods, as it stands there."""
    own = experimental.get("hearthline") if isinstance(experimental, Mapping) else None
    return own if isinstance(own, Mapping) else {}


def _position_encoding(general: types.GeneralClientCapabilities | None) -> PositionEncoding:
    offered = (general.position_encodings if general else None) or ()
    return next((encoding for encoding in _CHEAPEST_FIRST if encoding in offered), PositionEncoding.UTF16)
