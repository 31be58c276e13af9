"""textDocument/hover: what a function is for, where that was explained already. Never asks a model."""

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.features.subjects import subject_of

if TYPE_CHECKING:
    from lsp_server.features.explaining import Explaining
    from lsp_server.server import HearthlineServer

_WORD = re.compile(r"\w+")


def register(server: "HearthlineServer", explaining: "Explaining") -> None:
    """Register the method."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        document = server.session.documents.get(params.text_document.uri)
        if document is None or not explaining.knows_something:
            return None
        snapshot = document.snapshot()
        position = convert.position(snapshot, params.position)
        words = _WORD.finditer(snapshot.lines[position.line])
        word = next((match for match in words if match.start() <= position.column <= match.end()), None)
        if word is None:
            return None
        subject = await subject_of(server, snapshot, types.Range(params.position, params.position))
        if subject is None or subject.name != word[0] or not server.session.is_current(snapshot):
            return None
        purpose = explaining.purpose_of(subject)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, purpose)) if purpose is not None else None
