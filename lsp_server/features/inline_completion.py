"""textDocument/inlineCompletion: ghost text, in the editors that show it."""

from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.errors import DocumentError
from lsp_server.features.suggester import Suggester
from lsp_server.status import Reason, State

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer


def register(server: "HearthlineServer", suggester: Suggester) -> None:
    """Register the method."""
    session = server.session

    # Without options of its own, pygls does not advertise the method.
    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        try:
            snapshot = session.snapshot(params.text_document.uri)
        except DocumentError as error:
            session.status.report(State.READY, Reason.FILE_UNKNOWN, message=str(error))
            return types.InlineCompletionList([])
        position = convert.position(snapshot, params.position)
        is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        suggestion = await suggester.suggest(snapshot, position, is_invoked=is_invoked)
        texts = [suggestion.text, *suggestion.others] if suggestion.text else []
        items = [_item(snapshot, position, text) for text in texts]
        return types.InlineCompletionList(items)


def _item(snapshot: DocumentSnapshot, position: Position, text: str) -> types.InlineCompletionItem:
    """Return an item that replaces nothing: the text goes in at the cursor.

    A range must be given, or VS Code would replace the rest of the line; it must be empty, or Neovim would draw the
    text over what stands behind the cursor. Lines end with a bare line feed: editors put in the document's own ending,
    and Neovim would show and write a carriage return of ours as a character.
    """
    text = text.replace("\r\n", "\n")
    return types.InlineCompletionItem(text, range=convert.client_range(snapshot, position, position))
