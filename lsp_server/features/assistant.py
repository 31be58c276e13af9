"""Asking the assistant model for somebody who waits: which one it is, and what it may be shown."""

from lsp_server.context.secrets import has_secret, is_secret_name
from lsp_server.document import DocumentSnapshot
from lsp_server.engine.protocol import EngineCapabilities
from lsp_server.errors import HearthlineError
from lsp_server.session import Session

NO_ASSISTANT = (
    "no model here answers questions; run `hearthline models list` to see which do, and name one in "
    "hearthline.completion.model or start the worker with --assistant-model"
)
SHOWN_TO_NONE = "this looks like passwords or keys, which are shown to no model"


async def assistant_of(session: Session) -> tuple[EngineCapabilities, str]:
    """Return what the engine can do and the name of the model that answers. Raises EngineError, HearthlineError."""
    known = await session.engine.capabilities()
    if known.assistant_model is None:
        raise HearthlineError(NO_ASSISTANT)
    return known, known.assistant_model


def require_no_secrets(snapshot: DocumentSnapshot, *texts: str) -> None:
    """Raise HearthlineError where a document is named as credentials, or what would be sent of it holds some."""
    if is_secret_name(snapshot.path or snapshot.uri) or any(map(has_secret, texts)):
        raise HearthlineError(SHOWN_TO_NONE)
