"""textDocument/codeAction: what a person can do about a finding at once. No model is asked.

Invariant: an action is offered only for the document as it is now, and only if its edit would do what its title says.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.document import DocumentSnapshot, split_lines
from lsp_server.features.diagnostics import SOURCE, shown
from lsp_server.features.reviewing import Result, text_of
from lsp_server.review.cwe import page_of
from lsp_server.review.finding import Finding, Place
from lsp_server.review.ignoring import Edit
from lsp_server.review_process.messages import FindIgnores, Ignores
from lsp_server.review_process.process import ReviewClosed, ReviewUnavailable

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

OPEN_CWE = "hearthline.openCwe"
_MAX_RULES = 4
"""A range may go over the whole file; a list of actions longer than this helps nobody."""


def register(server: "HearthlineServer") -> None:
    """Register the method and the command that one of its actions needs."""

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        if not _is_wanted(params.context.only):
            return []
        result = await server.reviewing.current(params.text_document.uri)
        if result is None:
            return []
        actions: list[types.CodeAction] = []
        for finding in _at(server, result, params.range):
            linked = [each for each in params.context.diagnostics if (each.source, each.code) == (SOURCE, finding.rule)]
            actions += [action async for action in _actions(server, result.snapshot, finding, linked)]
        return actions if server.session.is_current(result.snapshot) else []

    @server.command(OPEN_CWE)
    async def open_cwe(number: int) -> None:
        params = types.ShowDocumentParams(page_of(int(number)), external=True)
        await server.protocol.send_request_async(types.WINDOW_SHOW_DOCUMENT, params)


def _is_wanted(only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Tell whether the client asks for quick fixes; kinds are a tree, with the empty one as its root."""
    wanted = types.CodeActionKind.QuickFix.value
    return only is None or any(kind in ("", wanted) for kind in only)


def _at(server: "HearthlineServer", result: Result, where: types.Range) -> list[Finding]:
    """Return a finding of each rule on the lines of `where`."""
    found: dict[str, Finding] = {}
    for judged in shown(server, result.reviewed, result.snapshot.uri):
        place = judged.finding.place
        if place.line <= where.end.line and where.start.line <= place.end_line:
            found.setdefault(judged.finding.rule, judged.finding)
    return list(found.values())[:_MAX_RULES]


async def _actions(
    server: "HearthlineServer", snapshot: DocumentSnapshot, finding: Finding, linked: list[types.Diagnostic]
) -> AsyncIterator[types.CodeAction]:
    fix = await server.judging.fix_for(snapshot, finding)
    if fix.place is not None:
        text = fix.text.replace("\n", snapshot.line_ending)
        change = types.TextEdit(convert.place_range(snapshot.lines, snapshot.encoding, fix.place), text)
        mended = _workspace_edit(server, snapshot.uri, snapshot.version, change)
        title = f"Fix `{finding.rule}` as the model proposes"
        yield types.CodeAction(title, kind=types.CodeActionKind.QuickFix, diagnostics=linked, edit=mended)
    ignores = await _ignores(server, snapshot, finding)
    edits = [
        ("on this line", _document_edit(server, snapshot, ignores.line)),
        ("in this file", _document_edit(server, snapshot, ignores.file)),
        ("for this project", _project_edit(server, ignores)),
    ]
    for where, edit in edits:
        if edit is not None:
            title = f"Suppress `{finding.rule}` {where}"
            yield types.CodeAction(title, kind=types.CodeActionKind.QuickFix, diagnostics=linked, edit=edit)
    if server.session.capabilities.show_document:
        title = f"Open CWE-{finding.cwe}"
        command = types.Command(title=title, command=OPEN_CWE, arguments=[finding.cwe])
        yield types.CodeAction(title, kind=types.CodeActionKind.QuickFix, diagnostics=linked, command=command)


async def _ignores(server: "HearthlineServer", snapshot: DocumentSnapshot, finding: Finding) -> Ignores:
    request = FindIgnores(
        snapshot.language_id,
        text_of(snapshot) or "",
        finding.rule,
        finding.place.line,
        snapshot.line_ending,
        snapshot.path,
        tuple(map(str, server.session.folders)),
    )
    try:
        return await server.reviewing.process.ask(request, Ignores, lambda: server.session.is_current(snapshot))
    except (ReviewClosed, ReviewUnavailable):
        return Ignores()


def _document_edit(
    server: "HearthlineServer", snapshot: DocumentSnapshot, edit: Edit | None
) -> types.WorkspaceEdit | None:
    if edit is None:
        return None
    place = Place(edit.line, edit.column, edit.line, edit.end_column)
    text_edit = types.TextEdit(convert.place_range(snapshot.lines, snapshot.encoding, place), edit.text)
    return _workspace_edit(server, snapshot.uri, snapshot.version, text_edit)


def _project_edit(server: "HearthlineServer", ignores: Ignores) -> types.WorkspaceEdit | None:
    """Return the edit that writes the entry behind what the project's file holds, in the editor if it is open there."""
    if ignores.project_path is None or ignores.project_added is None:
        return None
    session = server.session
    open_ones = [document for document in session.documents.values() if document.path == ignores.project_path]
    uri = open_ones[0].uri if open_ones else convert.uri_of(ignores.project_path)
    version = open_ones[0].version if open_ones else None
    lines = open_ones[0].snapshot().lines if open_ones else split_lines(ignores.project_text or "")
    end = Place(len(lines) - 1, len(lines[-1]), len(lines) - 1, len(lines[-1]))
    where = convert.place_range(lines, session.capabilities.position_encoding, end)
    is_new = ignores.project_text is None
    return _workspace_edit(server, uri, version, types.TextEdit(where, ignores.project_added), is_new=is_new)


def _workspace_edit(
    server: "HearthlineServer", uri: str, version: int | None, edit: types.TextEdit, *, is_new: bool = False
) -> types.WorkspaceEdit:
    capabilities = server.session.capabilities
    if not capabilities.versioned_edits:
        return types.WorkspaceEdit(changes={uri: [edit]})
    changes: list[types.CreateFile | types.TextDocumentEdit] = []
    if is_new and capabilities.file_creation:
        changes.append(types.CreateFile(uri, options=types.CreateFileOptions(ignore_if_exists=True)))
    changes.append(types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), [edit]))
    return types.WorkspaceEdit(document_changes=changes)
