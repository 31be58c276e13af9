"""Asking the assistant model for an answer of a form while a person waits, and what no model may be shown.

Invariants: no text that holds credentials reaches an engine, nor any of a file that is named as such; whoever stops
waiting ends the answer.
"""

from collections.abc import Mapping, Sequence

from lsp_server.context.secrets import has_secret, is_secret_name
from lsp_server.document import DocumentSnapshot
from lsp_server.engine.protocol import Message, Token
from lsp_server.engine.writing import Wanted, write
from lsp_server.errors import HearthlineError
from lsp_server.features.reviewing import text_of
from lsp_server.features.running import Run
from lsp_server.fixes.asking import Turn

_MAX_TOKENS = 1_024
_USUAL_TOKENS = 120
"""Of an answer: so many are taken for all of it when its progress is told."""


def text_to_work_on(snapshot: DocumentSnapshot) -> str:
    r"""Return the text of `snapshot`, lines ending in `\n`. Raises HearthlineError where nothing may be made of it."""
    if is_secret_name(snapshot.path or snapshot.uri):
        raise HearthlineError("this file is named as credentials; no model is shown any of it")
    text = text_of(snapshot) if snapshot.unfit is None else None
    if text is None:
        raise HearthlineError("this document is binary, out of step with the editor, or larger than 512 KB")
    return text


def require_no_secret(turns: Sequence[Turn]) -> None:
    """Raise HearthlineError where what would be asked holds credentials."""
    if any(has_secret(turn.content) for turn in turns):
        raise HearthlineError("the code there holds what looks like a credential; no model is shown it")


async def answer_to(
    run: Run, turns: Sequence[Turn], schema: Mapping[str, object], words: str, *, n_failed: int = 0
) -> str:
    """Return the model's answer of the form `schema`; how far it is is told as `words`. Raises HearthlineError.

    n_failed: answers to the same question that were no good; the surest one is not asked for again.
    """
    return await _written(run, Wanted(_messages(turns), run.id, _MAX_TOKENS, n_failed, json_schema=schema), words)


async def code_from(run: Run, turns: Sequence[Turn], words: str, n_failed: int = 0) -> str:
    """Return the model's answer up to the end of its first block of code. The rest is as `answer_to` has it."""
    return await _written(run, Wanted(_messages(turns), run.id, _MAX_TOKENS, n_failed, is_code=True), words)


def _messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """Return what is asked. Raises HearthlineError where it holds credentials."""
    require_no_secret(turns)
    return tuple(Message(turn.role, turn.content) for turn in turns)


async def _written(run: Run, wanted: Wanted, words: str) -> str:
    engine = run.server.session.engine
    run.report("waiting for the model", 0.0)
    await engine.warm_up()
    known = await engine.capabilities()
    run.report(words, 0.0)
    n_pieces = 0

    def note(token: Token) -> None:
        nonlocal n_pieces
        n_pieces += bool(token.text)
        run.report(words if n_pieces or not token.reasoning else "the model thinks", min(0.9, n_pieces / _USUAL_TOKENS))

    return await write(engine, known, wanted, note)
