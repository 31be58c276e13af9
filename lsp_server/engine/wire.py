"""The HTTP wire as values: request bodies out, chunks, health and refusals in (ARCHITECTURE.md, "The wire").

Owns the field names. Invariant: what is sent to an engine that is not a Hearthline worker holds only fields of
the OpenAI protocol, since anything else may be refused there. Fields that a peer adds are ignored.
"""

from typing import Any

import msgspec

from lsp_server.engine.plain_prompt import text_before
from lsp_server.engine.protocol import ChatRequest, CompletionRequest, Finish, FinishReason, Token
from lsp_server.errors import EngineBusy, EngineError, EngineFailed, EngineRefused, ModelLoading, StreamBroken

DONE = "[DONE]"

Body = dict[str, Any]


class WorkerModel(msgspec.Struct, frozen=True):
    """One resident model, as `/health` tells."""

    name: str
    roles: frozenset[str] = frozenset()
    state: str = ""
    n_context: int = 0
    fim: bool = False
    constraints: frozenset[str] = frozenset()
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    thinks: bool = False


class Health(msgspec.Struct, frozen=True):
    """What `/health` tells about a worker. status: loading, ready, failed or stopping; progress: 0.0 to 1.0."""

    status: str
    wire: int
    progress: float = 0.0
    message: str = ""
    version: str = ""
    pid: int = 0
    device: str = ""
    models: tuple[WorkerModel, ...] = ()
    paused: tuple[str, ...] = ()


class ListedModel(msgspec.Struct, frozen=True):
    """One entry of `/v1/models`."""

    id: str


class ModelList(msgspec.Struct, frozen=True):
    """The answer of `/v1/models`."""

    data: tuple[ListedModel, ...] = ()


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # its name in newer versions of vLLM, and elsewhere


class _Logprobs(msgspec.Struct, frozen=True):
    token_logprobs: tuple[float | None, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    text: str | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Timings(msgspec.Struct, frozen=True):
    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    progress: float | None = None


class _Chunk(msgspec.Struct, frozen=True):
    model: str = ""
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: _Error | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error


class LogprobsRefusedError(EngineRefused):
    """An engine that is not ours refused a request, and names the field `logprobs`."""


_chunks = msgspec.json.Decoder(_Chunk)
_refusals = msgspec.json.Decoder(_Refusal)


def completion_body(request: CompletionRequest, model: str | None, *, is_worker: bool) -> bytes:
    """Encode a fill-in-the-middle request. model: None leaves the choice to the engine."""
    body: Body = {
        "prompt": request.prefix if is_worker else text_before(request),
        "suffix": request.suffix,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
    }
    if request.wants_logprobs:
        # How many alternatives to list beside each token: an engine of another make takes 0 for none at all.
        body["logprobs"] = 1
    if is_worker:
        extra = {
            "path": request.path,
            "repo": request.repo,
            "snippets": [{"path": s.path, "text": s.text} for s in request.snippets] or None,
            "structured_outputs": {"grammar": request.grammar} if request.grammar is not None else None,
        }
        body |= {name: value for name, value in extra.items() if value is not None}
    return _encode(body, request, model, is_worker=is_worker)


def chat_body(request: ChatRequest, model: str | None, *, is_worker: bool) -> bytes:
    """Encode a chat request. model: None leaves the choice to the engine."""
    body: Body = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
    }
    if request.top_p < 1:
        body["top_p"] = request.top_p
    if request.top_k and is_worker:
        body["top_k"] = request.top_k
    if request.seed is not None:
        body["seed"] = request.seed
    if request.thinks is not None:
        body["reasoning_effort"] = "medium" if request.thinks else "none"
    if request.json_schema is not None:
        named = {"name": "answer", "strict": True, "schema": request.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return _encode(body, request, model, is_worker=is_worker)


def _encode(body: Body, request: CompletionRequest | ChatRequest, model: str | None, *, is_worker: bool) -> bytes:
    if model is not None:
        body["model"] = model
    if is_worker:
        body["priority"] = request.priority
        body["key"] = request.key
        if request.deadline_ms is not None:
            body["deadline_ms"] = request.deadline_ms
    return msgspec.json.encode(body)


def read_chunk(data: str, *, is_worker: bool) -> Token | None:
    """Decode one event of a stream; None where it carries neither words nor an end (a role, a lone usage).

    Raises EngineError when the chunk is one, or is not of this protocol.
    """
    try:
        chunk = _chunks.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StreamBroken("the engine sent something that is not a completion chunk") from error
    if chunk.error is not None:
        words = _words(chunk.error) if is_worker else str(chunk.error.code or chunk.error.type or "unnamed error")
        raise EngineFailed(f"the engine gave up in the middle of an answer: {words}")
    if not chunk.choices:
        return None
    choice = chunk.choices[0]
    delta = choice.delta or _Delta()
    text = choice.text or delta.content or ""
    reasoning = delta.reasoning_content or delta.reasoning or ""
    finish = _finish(chunk, choice.finish_reason) if choice.finish_reason else None
    if not text and not reasoning and finish is None:
        return None
    told = (choice.logprobs.token_logprobs if choice.logprobs else None) or ()
    logprobs = [logprob for logprob in told if logprob is not None]
    return Token(text, logprob=sum(logprobs) if logprobs else None, finish=finish, reasoning=reasoning)


def _finish(chunk: _Chunk, reason: str) -> Finish:
    usage, timings = chunk.usage or _Usage(), chunk.timings or _Timings()
    details = usage.prompt_tokens_details or _PromptDetails()
    known = {str(member) for member in FinishReason}
    return Finish(
        # Other engines have reasons of their own (content_filter, tool_calls): the answer ended, none was cut.
        reason=FinishReason(reason) if reason in known else FinishReason.STOP,
        model=chunk.model,
        n_prompt=usage.prompt_tokens,
        n_cached=details.cached_tokens or 0,
        n_decoded=usage.completion_tokens,
        queue_ms=timings.queue_ms,
        prefill_ms=timings.prefill_ms,
        decode_ms=timings.decode_ms,
    )


def refusal(status: int, content: bytes, retry_after: str | None, *, is_worker: bool) -> EngineError:
    """Turn an answer other than 200 into the error it stands for.

    The words of an engine that is not ours are left out: some repeat the request, and with it source text.
    """
    try:
        error = _refusals.decode(content).error
    except (msgspec.DecodeError, msgspec.ValidationError):
        error = _Error()
    if error.code == "model_loading":
        return ModelLoading(_words(error), progress=error.progress or 0.0)
    words = _words(error) if is_worker else f"HTTP {status} {error.code or error.type or ''}".rstrip()
    if status in (429, 503):
        return EngineBusy(f"the engine has no room now: {words}", retry_after_s=_seconds(retry_after))
    if status >= 500:
        return EngineFailed(f"the engine failed: {words}")
    kind = LogprobsRefusedError if not is_worker and b"logprobs" in content else EngineRefused
    return kind(f"the engine refused the request: {words}")


def _words(error: _Error) -> str:
    return " ".join(error.message.split())[:300] or "it did not say why"


def _seconds(retry_after: str | None) -> float:
    try:
        return min(60.0, max(0.0, float(retry_after or 1.0)))
    except ValueError:  # a date: not worth a parser, no engine sends one
        return 1.0
