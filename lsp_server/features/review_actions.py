"""Code actions for findings: what a person can do about one at once. No model is asked.

Invariant: an action is offered only for a review of the document as it is now, and only if its edit would do what its
title says.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.document import DocumentSnapshot
from lsp_server.features.code_actions import Asked
from lsp_server.features.diagnostics import SOURCE, shown
from lsp_server.features.edits import Change, file_of, file_on_disk, workspace_edit
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
    """Offer the actions, and register the command that one of them needs."""

    async def offered(asked: Asked) -> list[types.CodeAction]:
        result = await server.reviewing.current(asked.snapshot.uri)
        if result is None:
            return []
        actions: list[types.CodeAction] = []
        for finding in _at(server, result, asked.where):
            linked = [each for each in asked.context.diagnostics if (each.source, each.code) == (SOURCE, finding.rule)]
            actions += [action async for action in _actions(server, result.snapshot, finding, linked)]
        return actions

    server.code_actions.add([types.CodeActionKind.QuickFix], offered)

    @server.command(OPEN_CWE)
    async def open_cwe(number: int) -> None:
        params = types.ShowDocumentParams(page_of(int(number)), external=True)
        await server.protocol.send_request_async(types.WINDOW_SHOW_DOCUMENT, params)


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
        mended = workspace_edit(server.session.capabilities, [Change(file_of(snapshot), fix.place, fix.text)])
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
    return workspace_edit(server.session.capabilities, [Change(file_of(snapshot), place, edit.text)])


def _project_edit(server: "HearthlineServer", ignores: Ignores) -> types.WorkspaceEdit | None:
    """Return the edit that writes the entry behind what the project's file holds, in the editor if it is open there."""
    if ignores.project_path is None or ignores.project_added is None:
        return None
    session = server.session
    open_ones = [document for document in session.documents.values() if document.path == ignores.project_path]
    file = file_of(open_ones[0].snapshot()) if open_ones else file_on_disk(ignores.project_path, ignores.project_text)
    return workspace_edit(session.capabilities, [Change(file, file.end, ignores.project_added)])
