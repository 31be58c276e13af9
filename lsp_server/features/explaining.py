"""hearthline.explain, hearthline.ask: what code is for and how it works, from the assistant model, held to the code.

Invariant: a code action asks no model; what is shown is about the document's version that was asked about.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.context.subject import Subject
from lsp_server.errors import HearthlineError
from lsp_server.explain import prompt
from lsp_server.features.answering import Answers
from lsp_server.features.assistant import assistant_of
from lsp_server.features.briefing import Briefing, subject_key
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.running import Run
from lsp_server.features.subjects import lines_of, subject_of
from lsp_server.features.telling import Telling, tell
from lsp_server.features.window import ask_person

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

EXPLAIN = "hearthline.explain"
ASK = "hearthline.ask"

NO_QUESTION = "there is no question to answer, and this editor cannot ask for one"
_MOST_FINDINGS = 2


class Explaining:
    """Explains and answers in one session. label: what a model is told of an absolute path."""

    def __init__(self, server: "HearthlineServer", label: Callable[[str], str]) -> None:
        self._server = server
        self._briefing = Briefing(server, label)
        self._answers = Answers(server.session)

    def register(self) -> None:
        """Register the commands, and offer them."""
        self._server.running.add(EXPLAIN, "Hearthline: explaining", self._explain)
        self._server.running.add(ASK, "Hearthline: answering", self._ask)
        self._server.code_actions.add([EXPLAIN, ASK], self._offered)

    @property
    def knows_something(self) -> bool:
        """Something was explained already."""
        return not self._answers.is_empty

    def purpose_of(self, subject: Subject) -> str | None:
        """Return the sentence that says what `subject` is for, if that was asked about its text as it is."""
        known = self._answers.known(subject_key(subject), prompt.purpose(subject))
        return known[0].text if known else None

    async def _offered(self, asked: Asked) -> list[types.CodeAction]:
        snapshot, where = asked.snapshot, asked.where
        if snapshot.unfit is not None:
            return []
        actions = [
            action(
                asked,
                f"Explain this finding: {finding.rule}",
                EXPLAIN,
                EXPLAIN,
                what="finding",
                finding=finding.fingerprint,
            )
            for finding in self._briefing.findings(snapshot, *lines_of(where))[:_MOST_FINDINGS]
        ]
        subject = await subject_of(self._server, snapshot, where)
        if subject is not None:
            actions.append(action(asked, f"Explain `{subject.name}`", EXPLAIN, EXPLAIN, what="symbol"))
        if where.start != where.end:
            actions.append(action(asked, "Explain selection", EXPLAIN, EXPLAIN, what="selection"))
            if self._server.session.capabilities.input:
                actions.append(action(asked, "Ask about selection", ASK, ASK))
        return actions

    async def _explain(self, run: Run) -> None:
        await assistant_of(self._server.session)  # says at once if there is none
        match run.arguments.get("what", "symbol"):
            case "finding":
                telling = await self._briefing.finding(run)
            case "selection":
                telling = await self._briefing.selection(run)
            case _:
                telling = await self._briefing.symbol(run)
        await self._tell(run, telling)

    async def _ask(self, run: Run) -> None:
        await assistant_of(self._server.session)
        question = run.arguments.get("question")
        if not question and self._server.session.capabilities.input:
            question = await ask_person(self._server, "Ask about the selection")
            if not question:
                return  # the person thought better of it
        if not isinstance(question, str) or not question.strip():
            raise HearthlineError(NO_QUESTION)
        await self._tell(run, await self._briefing.question(run, question.strip()))

    async def _tell(self, run: Run, telling: Telling) -> None:
        with self._server.streams.opened(run, telling.title, telling.name) as stream:
            await tell(run, stream, self._answers, telling)
