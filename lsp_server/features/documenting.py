"""hearthline.document: the documentation of a function or class, in the style of its file.

Invariants: offering it asks no model; what is handed to the client changes no code, which was looked for.
"""

from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.context.secrets import is_secret_name
from lsp_server.errors import HearthlineError
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.edits import Change, Note, apply, file_of, workspace_edit
from lsp_server.features.proposing import answer_to, text_to_work_on
from lsp_server.features.running import Run
from lsp_server.features.subjects import lines_of, subject_of
from lsp_server.fixes import wording
from lsp_server.fixes.doc_styles import Style
from lsp_server.fixes.documentation import written
from lsp_server.fixes.documented import LANGUAGES, Documented
from lsp_server.fixes.proposal import applied
from lsp_server.fixes.wording import Words
from lsp_server.review_process.messages import Held, ReadDocumented, ToDocument, TryEdit

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

DOCUMENT = "hearthline.document"

_TRIES = 2


def register(server: "HearthlineServer") -> None:
    """Offer the action, and register its command."""

    async def offered(asked: Asked) -> list[types.CodeAction]:
        snapshot = asked.snapshot
        if (
            snapshot.language_id not in LANGUAGES
            or not server.session.capabilities.edit_requests
            or is_secret_name(snapshot.path or snapshot.uri)
        ):
            return []
        subject = await subject_of(server, snapshot, asked.where)
        if subject is None or subject.is_test:
            return []
        title = f"Document `{subject.name}`"
        return [action(asked, title, types.CodeActionKind.RefactorRewrite, DOCUMENT)]

    server.code_actions.add([types.CodeActionKind.RefactorRewrite], offered)
    server.running.add(DOCUMENT, "Hearthline: writing documentation", _document)


async def _document(run: Run) -> None:
    snapshot, process = run.snapshot, run.server.reviewing.process
    text = text_to_work_on(snapshot)
    first_line, last_line = lines_of(run.where)
    to_read = ReadDocumented(snapshot.uri, snapshot.language_id, text, first_line, last_line)
    case = await process.ask(to_read, ToDocument)
    documented = case.documented
    if documented is None:
        raise HearthlineError(
            "there is no function or class to document here that parses and has a body of its own lines"
        )
    words = await _words(run, documented, case.style)
    if words is None:
        raise HearthlineError(f"the model said nothing of `{documented.name}` that its code bears out")
    replacement = written(documented, case.style, words)
    request = TryEdit(
        snapshot.uri,
        snapshot.language_id,
        text,
        applied(text, replacement),
        replacement.place.line,
        replacement.place.end_line,
        is_documentation=True,
    )
    held = await process.ask(request, Held)
    run.require_current()
    if held.refusal:
        raise HearthlineError(f"the documentation that was written {held.refusal}; nothing was changed")
    change = Change(file_of(snapshot), replacement.place, replacement.text)
    note = Note("Documentation by the model", held.checked)
    edit = workspace_edit(run.server.session.capabilities, [change], note)
    await apply(run.server, edit, f"Document {documented.name}", snapshot)


async def _words(run: Run, documented: Documented, style: Style) -> Words | None:
    """Return what the model says of `documented`, None where twice nothing of it counts.

    What only says the name again is a last resort.
    """
    found = None
    turns, schema = wording.ask(documented, style, run.snapshot.language_id), wording.schema_for(documented, style)
    for n_failed in range(_TRIES):
        answer = await answer_to(run, turns, schema, "the model writes", n_failed=n_failed)
        run.require_current()
        words = wording.read(answer, documented)
        if words is not None and not wording.restates(words, documented):
            return words
        found = found or words
    return found
