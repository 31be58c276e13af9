"""A model's verdicts on the findings of open documents: asked when nobody types, applied to what is shown.

Owns the verdicts of this window, in memory alone. Invariants: one finding is asked about at a time, at background
priority, and a key in the document ends it; a verdict counts while the code that was shown to the model stands as it
was; a model can lower a finding and propose a fix, nothing else; no credentials are shown to one.
"""

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lsp_server.context.secrets import has_secret, is_secret_name
from lsp_server.document import DocumentSnapshot
from lsp_server.engine.protocol import Priority
from lsp_server.engine.verdicts import ask_verdict
from lsp_server.errors import EngineError
from lsp_server.features.diagnostics import shown
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


class Opinion(NamedTuple):
    """What `model` said of a finding. code: hash of what it was shown. verdict: None where it was void."""

    model: str
    code: str
    verdict: Verdict | None


class _Trial(NamedTuple):
    """Whether a proposed fix holds in one version of its document; several providers of actions ask at once."""

    version: int
    opinion: Opinion
    tried: asyncio.Future[Tried]


class Judging:
    """Asks for verdicts. `note` is told each result of the review."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._opinions: OrderedDict[tuple[str, str], Opinion] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._trials: dict[tuple[str, str], _Trial] = {}

    def note(self, result: Result) -> None:
        """Ask about the findings of `result` once its document has been still for a while."""
        uri = result.snapshot.uri
        self.forget(uri)
        if is_secret_name(result.snapshot.path or uri):
            return
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

    async def fix_for(self, snapshot: DocumentSnapshot, finding: Finding) -> Tried:
        """Return the edit that was proposed for `finding`, if it holds in `snapshot`; else an empty one."""
        opinion = self._opinions.get((snapshot.uri, finding.fingerprint))
        if opinion is None or opinion.verdict is None or opinion.verdict.fix is None:
            return Tried()
        key = snapshot.uri, finding.fingerprint
        trial = self._trials.get(key)
        if trial is None or (trial.version, trial.opinion) != (snapshot.version, opinion):
            task = asyncio.ensure_future(self._try(snapshot, finding, opinion.verdict.fix))
            trial = self._trials[key] = _Trial(snapshot.version, opinion, task)
            if len(self._trials) > _MAX_KEPT:
                del self._trials[next(iter(self._trials))]
        return await asyncio.shield(trial.tried)

    async def _try(self, snapshot: DocumentSnapshot, finding: Finding, fix: verdict.Fix) -> Tried:
        text = text_of(snapshot)
        if text is None:
            return Tried()
        request = TryFix(snapshot.language_id, text, finding.fingerprint, fix, snapshot.path)
        with suppress(ReviewClosed, ReviewUnavailable):
            return await self._server.reviewing.process.ask(
                request, Tried, lambda: self._server.session.is_current(snapshot)
            )
        return Tried()

    async def _judge(self, result: Result) -> None:
        with suppress(EngineError, ReviewClosed, ReviewUnavailable):
            if await self._drop_outdated(result):
                self._show(result)
            await asyncio.sleep(IDLE_S)
            model = await self._judge_model()
            if model is None:
                return
            for judged in list(shown(self._server, result.reviewed, result.snapshot.uri))[:_MAX_FINDINGS]:
                if await self._ask(result, judged.finding, model):
                    self._show(result)

    def _show(self, result: Result) -> None:
        self._server.diagnostics.show(replace(result, is_again=True))

    async def _drop_outdated(self, result: Result) -> bool:
        """Forget what was said of code that is another now; tell whether there was any.

        Of code that does not parse right now nothing can be read: what was said of it stays with its finding.
        """
        has_dropped = False
        for judged in result.reviewed.findings:
            key = result.snapshot.uri, judged.finding.fingerprint
            known = self._opinions.get(key)
            case = await self._read(result, judged.finding) if known is not None else Case()
            if known is not None and case.code and _hash_of(case, judged.finding) != known.code:
                has_dropped = self._opinions.pop(key, None) is not None or has_dropped
        return has_dropped

    async def _judge_model(self) -> str | None:
        """Return the model to ask, None where none is worth it. Raises EngineError."""
        capabilities = await self._server.session.engine.capabilities()
        model = capabilities.assistant_model
        if model is None or "json_schema" not in capabilities.constraints or not is_worth_asking(model):
            return None
        return model

    async def _ask(self, result: Result, finding: Finding, model: str) -> bool:
        """Ask about one finding unless the same was asked before; tell whether something new is known."""
        uri = result.snapshot.uri
        case = await self._read(result, finding)
        code = _hash_of(case, finding)
        known = self._opinions.get((uri, finding.fingerprint))
        if not case.code or has_secret(case.code) or (known is not None and known[:2] == (model, code)):
            return False
        engine = self._server.session.engine
        said = await ask_verdict(engine, finding, case, f"verdict:{uri}", Priority.BACKGROUND)
        self._keep(uri, finding, Opinion(model, code, said))
        return said is not None

    async def _read(self, result: Result, finding: Finding) -> Case:
        """Read what a judge needs to see of `finding`."""
        snapshot = result.snapshot
        request = ReadCase(snapshot.language_id, text_of(snapshot) or "", finding.fingerprint, snapshot.path)
        return await self._server.reviewing.process.ask(
            request, Case, lambda: self._server.session.is_current(snapshot)
        )

    def _keep(self, uri: str, finding: Finding, opinion: Opinion) -> None:
        self._opinions[uri, finding.fingerprint] = opinion
        self._opinions.move_to_end((uri, finding.fingerprint))
        if len(self._opinions) > _MAX_KEPT:
            self._opinions.popitem(last=False)


def _hash_of(case: Case, finding: Finding) -> str:
    """Return what stands for the question about `finding`: another code, rule or wording, another answer."""
    return hashlib.sha256(f"{verdict.PROMPT_VERSION}\0{finding.rule}\0{case.code}".encode()).hexdigest()
