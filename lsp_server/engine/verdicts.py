"""Asking a model about one finding."""

from contextlib import aclosing

from lsp_server.engine.protocol import ChatRequest, Engine, Message, Priority
from lsp_server.review import verdict
from lsp_server.review.finding import Finding
from lsp_server.review.verdict import Verdict
from lsp_server.review_process.messages import Case

_MAX_TOKENS = 400
_DEADLINE_MS = 120_000


async def ask_verdict(engine: Engine, finding: Finding, case: Case, key: str, priority: Priority) -> Verdict | None:
    """Return what the engine's assistant model says of `finding`; None where its answer is void.

    key: a newer request with the same one ends this one. Who is cancelled ends the model's work. Raises EngineError.
    """
    prompt = verdict.ask(finding, case.line, case.code, case.title)
    request = ChatRequest(
        (Message("system", prompt.system), Message("user", prompt.user)),
        key=key,
        max_tokens=_MAX_TOKENS,
        priority=priority,
        deadline_ms=_DEADLINE_MS,
        json_schema=verdict.VERDICT_SCHEMA,
    )
    async with aclosing(engine.chat(request)) as tokens:
        return verdict.read("".join([token.text async for token in tokens]), case.code)
