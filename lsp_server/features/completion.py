"""textDocument/completion: the same suggestion as one item of a list, for editors that do not show ghost text."""

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.errors import DocumentError
from lsp_server.features.suggester import Suggester
from lsp_server.status import Reason, State

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_WORD_BEFORE = re.compile(r"\w*$")
_LABEL_CHARS = 60


def register(server: "HearthlineServer", suggester: Suggester) -> None:
    """Register the method. No trigger characters: the editor's own moments are enough."""
    session = server.session

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(resolve_provider=False))
    async def completion(params: types.CompletionParams) -> types.CompletionList:
        try:
            snapshot = session.snapshot(params.text_document.uri)
        except DocumentError as error:
            session.status.report(State.READY, Reason.FILE_UNKNOWN, message=str(error))
            return types.CompletionList(is_incomplete=False, items=[])
        position = convert.position(snapshot, params.position)
        # Editors say "invoked" for what they do by themselves as well: only a pause in typing is worth an answer.
        suggestion = await suggester.suggest(snapshot, position, is_invoked=False)
        text = suggestion.text
        if session.capabilities.normalizes_line_ends:
            text = text.replace("\r\n", "\n")  # Neovim would show a carriage return as a character
        items = [_item(snapshot, position, text)] if text else []
        return types.CompletionList(is_incomplete=True, items=items)


def _item(snapshot: DocumentSnapshot, position: Position, text: str) -> types.CompletionItem:
    """Return an item that replaces the word before the cursor by itself and `text`.

    Editors compare what they replace with `filter_text`: an item that began at the cursor would be dropped by those
    that compare the word. Indentation is taken as it is, for it is the document's already; so are the line ends where
    the client does not say that it puts in its own (Helix does not).
    """
    line = snapshot.lines[position.line][: position.column]
    match = _WORD_BEFORE.search(line)
    word = match.group() if match else ""
    start = Position(position.line, position.column - len(word))
    first_line = text.strip().partition("\n")[0].rstrip()
    label = word + first_line if not text[:1].isspace() else first_line
    return types.CompletionItem(
        label=label if len(label) <= _LABEL_CHARS else f"{label[: _LABEL_CHARS - 1]}…",
        kind=types.CompletionItemKind.Text,
        detail="Hearthline",
        documentation=types.MarkupContent(
            types.MarkupKind.Markdown, f"````{snapshot.language_id}\n{line.lstrip()}{text}\n````"
        ),
        filter_text=word + first_line,
        text_edit=types.TextEdit(convert.client_range(snapshot, start, position), word + text),
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
    )
