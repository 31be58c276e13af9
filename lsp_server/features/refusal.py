"""Whether a suggestion may be made at a place at all: what the person switched off, and what no model is shown.

Invariant: of a file that is named as credentials, or whose text around the cursor holds some, nothing is asked.
"""

from lsp_server.completion.fim_context import FimContext
from lsp_server.completion.place import place_at
from lsp_server.completion.scope import Scope, scope_at
from lsp_server.context.secrets import has_secret_still, is_secret_name
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.settings import CompletionSettings
from lsp_server.status import Reason


class HoldsSecretError(Exception):
    """What would be sent holds credentials."""


def refusal(snapshot: DocumentSnapshot, position: Position, settings: CompletionSettings) -> Reason | None:
    """Return why nothing may be suggested at `position`; None where something may. Reads the window alone."""
    if not settings.enabled:
        return Reason.OFF
    if snapshot.language_id in settings.disabled_languages:
        return Reason.LANGUAGE_DISABLED
    if snapshot.unfit:
        return Reason.of_unfit(snapshot.unfit)
    if is_secret_name(snapshot.path or snapshot.uri):
        return Reason.SECRET
    if settings.in_comments and settings.in_strings:
        return None
    scope = scope_at(place_at(snapshot, position))
    if not settings.in_comments and scope in (Scope.COMMENT, Scope.DOCSTRING):
        return Reason.IN_COMMENT
    return Reason.IN_STRING if not settings.in_strings and scope is Scope.STRING else None


def check_secrets(context: FimContext) -> None:
    """Raise HoldsSecretError where what would be sent holds credentials."""
    if has_secret_still(context.prefix) or has_secret_still(context.suffix):
        raise HoldsSecretError
