"""A model's verdicts on the findings of open documents: asked when nobody types, applied to what is shown.

Owns the verdicts of this window, in memory alone. Invariants: one finding is asked about at a time, at background
priority, and a key in the document ends it; a verdict counts while the code that was shown to the model stands as it
was; a model can lower a finding and propose a fix, nothing else.
"""

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lsp_server.engine.protocol import ChatRequest, Message, Priority
from lsp_server.errors import EngineError
from lsp_server.features.reviewing import Result, text_of
from lsp_server.review import verdict
from lsp_server.review.finding import Finding
from lsp_server.review.judges import is_worth_asking
from lsp_server.review.verdict import Verdict
from lsp_server.review_process.messages import Case, ReadCase, Tried, TryFix
from lsp_server.review_process.process import ReviewClosed, ReviewUnavailable
from lsp_server.settings import Judge

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

IDLE_S = 2.0
"""So long nobody types in a document before a model is asked about it."""

_MAX_FINDINGS = 10
"""Of a document: more are a matter of hours on a small machine."""
_MAX_KEPT = 500
_MAX_TOKENS = 400
_DEADLINE_MS = 120_000


class Opinion(NamedTuple):
    """What a model said of the code `key` stands for. verdict: None where it was void. fix: one that holds."""

    key: str
    verdict: Verdict | None
    fix: Tried


class Judging:
    """Asks for verdicts. `note` is told each result of the review."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._opinions: OrderedDict[tuple[str, str], Opinion] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def note(self, result: Result) -> None:
        """Ask about the findings of `result` once its document has been still for a while."""
        uri = result.snapshot.uri
        self.forget(uri)
        if self._server.session.settings.review.judge is Judge.AUTO and result.reviewed.findings:
            task = asyncio.get_running_loop().create_task(self._judge(result))
            self._tasks[uri] = task
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def forget(self, uri: str) -> None:
        """Ask nothing more about a document that changed or goes."""
        task = self._tasks.pop(uri, None)
        if task is not None:
            task.cancel()

    @property
    def pending(self) -> list[str]:
        """The documents that are asked about, or will be if they stay as they are."""
        return [uri for uri, task in self._tasks.items() if not task.done()]

    def after(self, uri: str, finding: Finding) -> Finding:
        """Return `finding` as it stands after what was said of it."""
        opinion = self._opinions.get((uri, finding.fingerprint))
        return verdict.judged(finding, opinion.verdict) if opinion is not None else finding

    def fix_for(self, uri: str, finding: Finding) -> Tried:
        """Return the fix that was found to hold for `finding`; an empty one where there is none."""
        opinion = self._opinions.get((uri, finding.fingerprint))
        return opinion.fix if opinion is not None else Tried()

    async def _judge(self, result: Result) -> None:
        await asyncio.sleep(IDLE_S)
        with suppress(EngineError, ReviewClosed, ReviewUnavailable):
            model = await self._judge_model()
            if model is None:
                return
            for judged in result.reviewed.findings[:_MAX_FINDINGS]:
                if await self._ask(result, judged.finding, model):
                    self._server.diagnostics.show(replace(result, is_again=True))

    async def _judge_model(self) -> str | None:
        """Return the model to ask, None where none is worth it. Raises EngineError."""
        capabilities = await self._server.session.engine.capabilities()
        model = capabilities.assistant_model
        if model is None or "json_schema" not in capabilities.constraints or not is_worth_asking(model):
            return None
        return model

    async def _ask(self, result: Result, finding: Finding, model: str) -> bool:
        """Ask about one finding unless the same was asked before; tell whether something new is known."""
        snapshot = result.snapshot
        text = text_of(snapshot)
        if text is None:
            return False
        request = ReadCase(snapshot.language_id, text, finding.fingerprint, snapshot.path)
        case = await self._server.reviewing.process.ask(request, Case, lambda: self._is_current(result))
        key = hashlib.sha256(f"{verdict.PROMPT_VERSION}\0{model}\0{finding.rule}\0{case.code}".encode()).hexdigest()
        known = self._opinions.get((snapshot.uri, finding.fingerprint))
        if not case.code or (known is not None and known.key == key):
            return False
        answer = await self._answer(finding, case, snapshot.uri)
        said = verdict.read(answer, case.code)
        self._keep(snapshot.uri, finding, Opinion(key, said, await self._tried(result, text, finding, said)))
        return said is not None

    async def _answer(self, finding: Finding, case: Case, uri: str) -> str:
        prompt = verdict.ask(finding, case.line, case.code, case.title)
        request = ChatRequest(
            (Message("system", prompt.system), Message("user", prompt.user)),
            key=f"verdict:{uri}",
            max_tokens=_MAX_TOKENS,
            priority=Priority.BACKGROUND,
            deadline_ms=_DEADLINE_MS,
            json_schema=verdict.VERDICT_SCHEMA,
        )
        async with aclosing(self._server.session.engine.chat(request)) as tokens:
            return "".join([token.text async for token in tokens])

    async def _tried(self, result: Result, text: str, finding: Finding, said: Verdict | None) -> Tried:
        if said is None or said.fix is None:
            return Tried()
        snapshot = result.snapshot
        request = TryFix(snapshot.language_id, text, finding.fingerprint, said.fix, snapshot.path)
        return await self._server.reviewing.process.ask(request, Tried, lambda: self._is_current(result))

    def _is_current(self, result: Result) -> bool:
        return self._server.session.is_current(result.snapshot)

    def _keep(self, uri: str, finding: Finding, opinion: Opinion) -> None:
        self._opinions[uri, finding.fingerprint] = opinion
        self._opinions.move_to_end((uri, finding.fingerprint))
        if len(self._opinions) > _MAX_KEPT:
            self._opinions.popitem(last=False)
