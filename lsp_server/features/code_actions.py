"""textDocument/codeAction: gathers what the features offer at a place. No model is asked.

Invariants: an action is offered only for the document as it was when the client asked, if it still is so; a provider
that fails takes no other's actions away; of what a client asks only for, nothing else is given.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.document import DocumentSnapshot
from lsp_server.logs import place_of

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What a client asks about: a place in a document, in the client's positions."""

    snapshot: DocumentSnapshot
    where: types.Range
    context: types.CodeActionContext


Provider = Callable[[Asked], Awaitable[list[types.CodeAction]]]
"""Answers with what can be done at a place; asks no model, and does not wait for anything slow."""

Kind = types.CodeActionKind | str


class CodeActions:
    """The providers, and the method that asks them."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._providers: list[tuple[tuple[str, ...], Provider]] = []

    def add(self, kinds: Iterable[Kind], provider: Provider) -> None:
        """Let `provider` be asked for actions of `kinds`. Before `register`."""
        self._providers.append((tuple(map(_words, kinds)), provider))

    def register(self) -> None:
        """Register the method."""
        kinds = dict.fromkeys(kind for kinds, _ in self._providers for kind in kinds)

        @self._server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(list(kinds)))
        async def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
            document = self._server.session.documents.get(params.text_document.uri)
            if document is None:
                return []
            return await self._offered(Asked(document.snapshot(), params.range, params.context))

    async def _offered(self, asked: Asked) -> list[types.CodeAction]:
        only = asked.context.only
        wanted = [provider for kinds, provider in self._providers if any(_is_wanted(kind, only) for kind in kinds)]
        answers = await asyncio.gather(*(provider(asked) for provider in wanted), return_exceptions=True)
        actions: list[types.CodeAction] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                _log.error("a provider of code actions failed: %s", place_of(answer))
            else:
                actions += [action for action in answer if _is_wanted(_words(action.kind or ""), only)]
        return actions if self._server.session.is_current(asked.snapshot) else []


def action(
    asked: Asked,
    title: str,
    kind: Kind,
    command: str,
    where: types.Range | None = None,
    mends: types.Diagnostic | None = None,
    **more: object,
) -> types.CodeAction:
    """Return an action that runs `command`, one of `running`, about `where` in the document as it is now.

    where: None for the place that was asked about. mends: what it is a remedy for. more: goes with the command.
    """
    argument = {"uri": asked.snapshot.uri, "range": where or asked.where, "version": asked.snapshot.version, **more}
    runs = types.Command(title=title, command=command, arguments=[argument])
    return types.CodeAction(title, kind=kind, diagnostics=[mends] if mends else None, command=runs)


def _is_wanted(kind: str, only: Sequence[Kind] | None) -> bool:
    """Tell whether the client asks for `kind`; kinds are a tree, with the empty one as its root."""
    return only is None or any(f"{kind}.".startswith(f"{_words(each)}.") or not _words(each) for each in only)


def _words(kind: Kind) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind
