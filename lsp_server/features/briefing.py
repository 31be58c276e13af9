"""What is told, and what the model is shown, for each thing that can be asked: a symbol, a selection, a finding.

Invariant: nothing is shown to a model that is named as a secret or holds one, wherever it stands.
"""

from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from lsp_server import convert
from lsp_server.context.subject import Subject
from lsp_server.document import DocumentSnapshot
from lsp_server.errors import HearthlineError
from lsp_server.explain import plan, prompt
from lsp_server.explain.budget import budget_for
from lsp_server.explain.check import Sources
from lsp_server.explain.prompt import Shown, bounded_code
from lsp_server.features.answering import Topic, key_of
from lsp_server.features.assistant import assistant_of, require_no_secrets
from lsp_server.features.diagnostics import shown as shown_findings
from lsp_server.features.gathering import Gathered, gather
from lsp_server.features.reviewing import text_of
from lsp_server.features.running import Run
from lsp_server.features.subjects import lines_of, look_closer
from lsp_server.features.telling import Telling
from lsp_server.review.cwe import page_of
from lsp_server.review.finding import Finding
from lsp_server.review.judges import is_worth_asking
from lsp_server.review_process.messages import Case, Located, ReadCase
from lsp_server.review_process.process import ReviewClosed, ReviewUnavailable

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

NOTHING_HERE = "there is no function or class here that can be read; select the code that is to be explained"
NOTHING_SELECTED = "nothing is selected; select the code that is to be explained"
NO_FINDING = "the review has no such finding here any more; ask again"


def subject_key(subject: Subject) -> str:
    """Return what the answers about `subject` are kept under: it is another for another text."""
    return key_of("symbol", subject.qualified_name, subject.text)


class Briefing:
    """Prepares what is told in one session. label: what a model is told of an absolute path."""

    def __init__(self, server: "HearthlineServer", label: Callable[[str], str]) -> None:
        self._server = server
        self._label = label

    def findings(self, snapshot: DocumentSnapshot, first_line: int, last_line: int) -> list[Finding]:
        """Return the findings shown on these lines, as far as the document is reviewed already."""
        result = self._server.reviewing.latest(snapshot.uri)
        if result is None or result.snapshot is not snapshot:
            return []
        found = (judged.finding for judged in shown_findings(self._server, result.reviewed, snapshot.uri))
        return [each for each in found if each.place.line <= last_line and first_line <= each.place.end_line]

    async def symbol(self, run: Run) -> Telling:
        """Prepare an explanation of the function or class around the place. Raises HearthlineError."""
        located = await self._located(run)
        subject = located.subject
        if subject is None:
            raise HearthlineError(NOTHING_HERE)
        code = prompt.without_docstring(subject, located.anatomy.steps)
        topic, gathered = await self._topic(run, subject_key(subject), code, subject, subject.docstring or "")
        findings = self.findings(run.snapshot, subject.first_line, subject.last_line)
        around = self._around(run, gathered, findings, topic.model)
        parts = plan.of_subject(subject, located.anatomy, around)
        return Telling(f"Explain {subject.name}", subject.name, topic, parts, subject.text, subject.first_line)

    async def selection(self, run: Run) -> Telling:
        """Prepare an explanation of what is selected. Raises HearthlineError."""
        located, selected = await self._located(run), selected_text(run)
        if not selected.strip():
            raise HearthlineError(NOTHING_SELECTED)
        subject, language_id = located.subject, run.snapshot.language_id
        first, last = lines_of(run.where)
        code = subject.text if subject is not None else selected
        topic, gathered = await self._topic(run, key_of("selection", selected, code), code, subject, selected)
        around = self._around(run, gathered, [], topic.model)
        parts = plan.of_selection(selected, language_id, (first, last), located.anatomy.marks, around)
        first_line = subject.first_line if subject is not None else first
        return Telling("Explain selection", "selection", topic, parts, code, first_line)

    async def finding(self, run: Run) -> Telling:
        """Prepare an explanation of one finding of the review. Raises HearthlineError."""
        snapshot = run.snapshot
        result = await self._server.reviewing.current(snapshot.uri)
        run.require_current()
        wanted = run.arguments.get("finding")
        judged = result.reviewed.findings if result is not None else ()
        finding = next((each.finding for each in judged if each.finding.fingerprint == wanted), None)
        text = text_of(snapshot)
        if finding is None or text is None:
            raise HearthlineError(NO_FINDING)
        request = ReadCase(snapshot.language_id, text, finding.fingerprint, snapshot.path)
        try:
            case = await self._server.reviewing.process.ask(request, Case)
        except (ReviewClosed, ReviewUnavailable):
            raise HearthlineError(NO_FINDING) from None
        topic, gathered = await self._topic(run, key_of("finding", finding.fingerprint, case.code), case.code, None)
        around = self._around(run, gathered, [], topic.model)
        parts = plan.of_finding(finding, case.line, snapshot.language_id, page_of(finding.cwe), around)
        return Telling(f"Explain {finding.rule}", finding.rule, topic, parts, "", 0)

    async def question(self, run: Run, question: str) -> Telling:
        """Prepare the answer to a question about what is selected, or the place. Raises HearthlineError."""
        located, selected = await self._located(run), selected_text(run)
        subject = located.subject
        code = subject.text if subject is not None else text_of(run.snapshot) or ""
        key = key_of("question", selected, code)
        topic, _ = await self._topic(run, key, code, subject, f"{selected}\n{question}")
        parts = plan.of_question(question, selected, run.snapshot.language_id)
        name = subject.name if subject is not None else "question"
        return Telling(
            "Ask about selection", name, topic, parts, code, subject.first_line if subject is not None else 0
        )

    async def _located(self, run: Run) -> Located:
        located = await look_closer(self._server, run.snapshot, run.where)
        run.require_current()
        return located

    async def _topic(
        self, run: Run, key: str, code: str, subject: Subject | None, more: str = ""
    ) -> tuple[Topic, Gathered]:
        """Return what the model is shown of `code` and around `subject`. more: what stands in the questions besides."""
        snapshot = run.snapshot
        known, model = await assistant_of(self._server.session)
        budget = budget_for(known.n_context, known.prefill_tokens_per_s)
        gathered = Gathered()
        if subject is not None:
            index = self._server.session.index
            gathered = await gather(index, subject, snapshot.path, self._label, budget.neighbour_chars)
        shown = Shown(
            self._path(snapshot),
            snapshot.language_id,
            bounded_code(code, budget.code_chars),
            gathered.callees,
            # A small model takes the code around a call for what it is asked about.
            gathered.callers if is_worth_asking(model) else (),
            gathered.tests if is_worth_asking(model) else (),
        )
        require_no_secrets(snapshot, *shown.texts, more)
        return Topic(key, prompt.context_of(shown), Sources([*shown.own_texts, more]), model), gathered

    def _around(self, run: Run, gathered: Gathered, findings: list[Finding], model: str) -> plan.Around:
        path = self._path(run.snapshot)
        is_trusted = is_worth_asking(model)
        return plan.Around(run.snapshot.uri, path, gathered.callers, gathered.tests, findings, is_trusted)

    def _path(self, snapshot: DocumentSnapshot) -> str:
        return self._label(snapshot.path) if snapshot.path is not None else PurePath(snapshot.uri).name


def selected_text(run: Run) -> str:
    r"""Return what is selected, lines ending in `\n`."""
    start, end = (convert.position(run.snapshot, each) for each in (run.where.start, run.where.end))
    lines = list(run.snapshot.lines[start.line : end.line + 1])
    lines[-1] = lines[-1][: end.column]
    lines[0] = lines[0][start.column :]
    return "".join(lines).replace("\r\n", "\n").replace("\r", "\n")
