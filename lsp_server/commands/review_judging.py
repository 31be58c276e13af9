"""What the assistant model says of findings, from the command line: one at a time, the same rules as in the editor.

Invariants: a model lowers findings and does nothing else; no credentials are shown to one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from lsp_server.commands.review_files import Looked
from lsp_server.context.files import fit_text
from lsp_server.context.secrets import has_secret, is_secret_name
from lsp_server.engine import build_engine
from lsp_server.engine.protocol import Engine, Priority
from lsp_server.engine.verdicts import ask_verdict
from lsp_server.errors import HearthlineError
from lsp_server.languages import language_of
from lsp_server.review.finding import Finding
from lsp_server.review.rulebook import load
from lsp_server.review.verdict import judged
from lsp_server.review_process.judging import read_case
from lsp_server.review_process.messages import Case
from lsp_server.review_process.whole import WholeReviewer
from lsp_server.settings import parse


class NoJudgeError(HearthlineError):
    """The model cannot be asked for verdicts."""


async def judge_with(model: str, looked: Sequence[Looked], advance: Callable[[], None]) -> list[Looked]:
    """Have `model` judge what was found. advance: called after each finding. Raises EngineError, NoJudgeError."""
    settings, _ = parse({"completion": {"model": model}})
    engine = build_engine(settings, lambda _: None)
    try:
        await engine.warm_up()
        return await judge_all(engine, looked, advance)
    finally:
        await engine.close()


async def judge_all(engine: Engine, looked: Sequence[Looked], advance: Callable[[], None]) -> list[Looked]:
    """Return `looked` with the findings lowered that the engine's assistant model shows to be safe."""
    capabilities = await engine.capabilities()
    if capabilities.assistant_model is None or "json_schema" not in capabilities.constraints:
        raise NoJudgeError(
            "the engine holds no assistant model whose answers can be held to a form; name another model"
        )
    reviewer = WholeReviewer(load())
    return [await _judge(engine, reviewer, each, advance) if each.findings else each for each in looked]


async def _judge(engine: Engine, reviewer: WholeReviewer, looked: Looked, advance: Callable[[], None]) -> Looked:
    text = None if is_secret_name(looked.path.name) else fit_text(looked.path.read_bytes())
    if text is None:
        return looked
    review = reviewer.review(text, language_of(looked.path.name), str(looked.path), takes_longer=True)
    findings: list[Finding] = []
    lowered: set[str] = set()
    for finding in looked.findings:
        case = read_case(review, text, finding.fingerprint, load())
        after = await _after(engine, finding, case, looked.path)
        if after.confidence < finding.confidence:
            lowered.add(finding.fingerprint)
        findings.append(after)
        advance()
    return looked._replace(findings=tuple(findings), lowered=frozenset(lowered))


async def _after(engine: Engine, finding: Finding, case: Case, path: Path) -> Finding:
    if not case.code or has_secret(case.code):
        return finding
    said = await ask_verdict(engine, finding, case, f"verdict:{path}", Priority.FOREGROUND)
    return judged(finding, said)
