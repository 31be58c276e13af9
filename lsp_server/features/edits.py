"""workspace/applyEdit and WorkspaceEdit: the one place that writes a change as the client understands it.

Invariants: a change of an open document names the version that it was made for, where the client can take it, and is
not asked for once the document has another; its lines end as the file's do; where the client can show a change before
it makes it, it is told to, and what to say of it.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import convert
from lsp_server.document import DocumentSnapshot, split_lines
from lsp_server.errors import DocumentError, HearthlineError
from lsp_server.features.running import STALE
from lsp_server.review.finding import Place
from lsp_server.session import ClientCapabilities

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_ANNOTATION = "hearthline"
_LINE_END = re.compile(r"\r\n?|\n")


class File(NamedTuple):
    r"""Where a change goes.

    lines: what stands there. version: of a document that is open, None for a file on the disk. ending: of its lines.
    is_new: it must be made first.
    """

    uri: str
    lines: Sequence[str]
    version: int | None = None
    ending: str = "\n"
    is_new: bool = False

    @property
    def end(self) -> Place:
        """The place behind all that stands there."""
        last, column = len(self.lines) - 1, len(self.lines[-1])
        return Place(last, column, last, column)


class Change(NamedTuple):
    """`text`, lines ending in whatever, replaces `place` of `file`."""

    file: File
    place: Place
    text: str


class Note(NamedTuple):
    """What a client that shows a change first says of it. label: short; words: a sentence."""

    label: str
    words: str


def file_of(snapshot: DocumentSnapshot) -> File:
    """Return an open document as a file that a change goes to."""
    return File(snapshot.uri, snapshot.lines, snapshot.version, snapshot.line_ending)


def file_on_disk(path: str, text: str | None) -> File:
    """Return the file at `path`, which is not open, as one that a change goes to. text: None where it is to be made."""
    ending = "\r\n" if "\r\n" in (text or "") else "\n"
    return File(convert.uri_of(path), split_lines(text or ""), ending=ending, is_new=text is None)


def workspace_edit(
    capabilities: ClientCapabilities, changes: Sequence[Change], note: Note | None = None
) -> types.WorkspaceEdit:
    """Return `changes`, which do not touch each other, in the client's form. note: None for one to be made at once."""
    edits: dict[str, list[types.TextEdit]] = {}
    for change in changes:
        where = convert.place_range(change.file.lines, capabilities.position_encoding, change.place)
        edits.setdefault(change.file.uri, []).append(
            types.TextEdit(where, _LINE_END.sub(change.file.ending, change.text))
        )
    if not capabilities.versioned_edits:
        return types.WorkspaceEdit(changes=edits)
    named = _ANNOTATION if note is not None and capabilities.change_annotations else None
    files = {change.file.uri: change.file for change in changes}
    made: list[types.CreateFile | types.TextDocumentEdit] = []
    for uri, file in files.items():
        if file.is_new and capabilities.file_creation:
            options = types.CreateFileOptions(ignore_if_exists=True)
            made.append(types.CreateFile(uri, options=options, annotation_id=named))
        made.append(_document_edit(file, edits[uri], named))
    annotations = None
    if note is not None and named is not None:
        annotations = {named: types.ChangeAnnotation(note.label, needs_confirmation=True, description=note.words)}
    return types.WorkspaceEdit(document_changes=made, change_annotations=annotations)


async def apply(server: "HearthlineServer", edit: types.WorkspaceEdit, label: str, *basis: DocumentSnapshot) -> bool:
    """Ask the client to make `edit`; return whether it was made, which a person who is shown it first may not want.

    label: what undoing it is called. basis: the documents it was computed from. Raises HearthlineError where one of
    them is another by now, and where the client could not make it.
    """
    if not all(map(server.session.is_current, basis)):
        raise DocumentError(STALE)
    if not server.session.capabilities.edit_requests:
        raise HearthlineError("this editor cannot be asked to change a text (workspace/applyEdit)")
    params = types.ApplyWorkspaceEditParams(edit, label=label)
    try:
        made = await server.protocol.send_request_async(types.WORKSPACE_APPLY_EDIT, params)
    except JsonRpcException as error:
        raise HearthlineError(f"the editor did not make the change: {error.message}") from None
    if not made.applied and made.failure_reason:
        raise HearthlineError(f"the editor did not make the change: {made.failure_reason}")
    return bool(made.applied)


def _document_edit(file: File, edits: Sequence[types.TextEdit], annotation: str | None) -> types.TextDocumentEdit:
    document = types.OptionalVersionedTextDocumentIdentifier(file.uri, file.version)
    if annotation is None:
        return types.TextDocumentEdit(document, list(edits))
    return types.TextDocumentEdit(
        document, [types.AnnotatedTextEdit(annotation, each.range, each.new_text) for each in edits]
    )
