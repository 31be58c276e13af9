"""A question about code to the assistant model, answered unit by unit as far as it can be shown, and kept.

Owns the answers of this window, in memory alone. Invariants: a question that was answered about the same code by the
same model is not asked again; whoever stops listening ends the engine's work; what breaks off is neither shown in half
nor kept.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import NamedTuple

from lsp_server.engine.protocol import ChatRequest, FinishReason, Message, Token
from lsp_server.errors import EngineRefused
from lsp_server.explain import check
from lsp_server.explain.phrases import code_span, put_plainly
from lsp_server.explain.prompt import PROMPT_VERSION, SYSTEM, Question
from lsp_server.explain.units import Kind, Unit, UnitReader
from lsp_server.session import Session

_MOST_KEPT = 2_000
"""Of answers of a few hundred characters each."""
_MOST_REPEATED = 2
_MOST_NAMED = 4
_THINKING_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Topic:
    """What questions are about. key: names the code and nothing else; context: what stands in front of each."""

    key: str
    context: str
    sources: check.Sources
    model: str


class _Kept(NamedTuple):
    model: str
    units: tuple[Unit, ...]


def key_of(*values: str) -> str:
    """Return a name for some code."""
    return hashlib.sha256("\0".join(values).encode(errors="replace")).hexdigest()


class Answers:
    """Asks, and keeps what was answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._thinkers: set[str] = set()  # models that refuse not to think
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def known(self, key: str, question: Question) -> tuple[Unit, ...]:
        """Return what was answered last, whichever model did; nothing where that was not asked yet."""
        kept = self._kept.get(_kept_key(key, question))
        return kept.units if kept is not None else ()

    @property
    def is_empty(self) -> bool:
        """Nothing was answered yet."""
        return not self._kept

    async def ask(self, topic: Topic, question: Question, key: str) -> AsyncGenerator[Unit, None]:
        """Give the units of the answer that hold. key: of the request to the engine. Raises EngineError."""
        kept_key = _kept_key(topic.key, question)
        kept = self._kept.get(kept_key)
        if kept is not None and kept.model == topic.model:
            self._kept.move_to_end(kept_key)
            for unit in kept.units:
                yield unit
            return
        given: list[Unit] = []
        async with aclosing(self._fresh(topic, question, key)) as units:
            async for unit in units:
                given.append(unit)
                yield unit
        self._kept[kept_key] = _Kept(topic.model, tuple(given))
        self._kept.move_to_end(kept_key)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    async def _fresh(self, topic: Topic, question: Question, key: str) -> AsyncGenerator[Unit, None]:
        said = check.Repetitions()
        n_given = 0
        async with aclosing(self._tokens(topic, question, key)) as tokens, aclosing(_units(tokens)) as units:
            async for unit in units:
                is_again = said.note(unit)
                if said.n >= _MOST_REPEATED:
                    return
                if not is_again and (shown := _held(unit, question, topic.sources)) is not None:
                    n_given += 1
                    yield shown
                    if n_given >= question.n_most or (question.last and shown.text.startswith(question.last)):
                        return

    async def _tokens(self, topic: Topic, question: Question, key: str) -> AsyncGenerator[Token, None]:
        """Stream an answer without thinking, or with it from a model that cannot do without."""
        request = ChatRequest(
            (Message("system", SYSTEM), Message("user", f"{topic.context}\n\n{question.words}")),
            key=key,
            thinks=False,
            max_tokens=question.max_tokens,
        )
        if topic.model not in self._thinkers:
            try:
                async with aclosing(self._session.engine.chat(request)) as tokens:
                    async for token in tokens:
                        yield token
                return
            except EngineRefused:  # before the first token only
                self._thinkers.add(topic.model)
        request = replace(request, thinks=None, max_tokens=question.max_tokens + _THINKING_TOKENS)
        async with aclosing(self._session.engine.chat(request)) as tokens:
            async for token in tokens:
                yield token


async def _units(tokens: AsyncGenerator[Token, None]) -> AsyncGenerator[Unit, None]:
    reader = UnitReader()
    is_cut = True
    async for token in tokens:
        for unit in reader.feed(token.text):
            yield unit
        if reader.is_lost:
            return
        if token.finish is not None:
            is_cut = token.finish.reason is not FinishReason.STOP
    for unit in reader.close(is_cut=is_cut):
        yield unit


def _held(unit: Unit, question: Question, sources: check.Sources) -> Unit | None:
    """Return `unit` as it may be shown, None where it may not, or is no answer of the kind that was asked for."""
    if unit.kind is Kind.CODE:
        return unit if question.takes_all else None
    if unit.kind is not question.kind and not question.takes_all:
        return None
    text = put_plainly(unit.text)
    if not check.is_plain(text) or (question.needs_code and not check.names_code(text, sources)):
        return None
    unknown = check.unknown_names(text, sources)
    if unknown and not question.takes_all:
        return None
    others = ", ".join(map(code_span, list(dict.fromkeys(unknown))[:_MOST_NAMED]))
    return Unit(unit.kind, check.escaped(text) + (f" *(not in the code shown: {others})*" if others else ""))


def _kept_key(key: str, question: Question) -> str:
    return key_of(str(PROMPT_VERSION), key, question.words)
