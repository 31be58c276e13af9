"""The worker's routes: Starlette on one side, the engine's jobs on the other.

Invariants: whoever goes away withdraws its job, whole answers included; a request that fails before its first byte gets
a status, after it an error chunk. What is not about answers (`/health`, `/metrics`, `/control`) is in `control`.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakSet

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from inference import WIRE_VERSION, __version__, control
from inference.caretaker import Caretaker
from inference.engine import Engine
from inference.errors import BodyTooLarge, NotReady, RequestError, RequestInvalid
from inference.fim_templates import Prompt
from inference.job_response import EventChannel, JobResponse
from inference.jobs import Failed, Job
from inference.metrics import Metrics
from inference.openai_answers import Answer, CompletionAnswer, model_list, plain_refusal, refusal
from inference.openai_api import ChatRequest, CompletionRequest, parse_request
from inference.openai_chat_answers import ChatAnswer
from inference.prompts import ChatPrompt, build_chat_prompt, build_completion_prompt, make_answer_reader
from inference.residents import Resident, Residents, Role

if TYPE_CHECKING:
    from inference.constraints import Constraint

MAX_BODY_BYTES = 4 * 2**20
_JSON = "application/json"


R = TypeVar("R", CompletionRequest, ChatRequest)
P = TypeVar("P", bound=Prompt)
Head = tuple[int, str, int]
"""What an answer begins with: its number, the model and when it was made, in seconds since 1970."""


class Worker:
    """What the routes share. last_request_s: when a request for work last came, on the engine's clock."""

    def __init__(self, engine: Engine, caretaker: Caretaker, metrics: Metrics, stop: Callable[[], None]) -> None:
        self.engine = engine
        self.caretaker = caretaker
        self.metrics = metrics
        self.stop = stop
        self.started_s = engine.clock()
        self.last_request_s = self.started_s
        self.numbers = itertools.count(1)
        # One thread: prompts are tokenised in the order they came, so that the newer of two with one key stays newer.
        self.tokenising = ThreadPoolExecutor(1, "tokenise")
        self.channels: WeakSet[EventChannel] = WeakSet()

    def end_answers(self) -> None:
        """End every answer now, with an error, without waiting for the engine's step to end."""
        for channel in list(self.channels):
            channel.emit(Failed(NotReady("the worker is stopping")))

    def residents(self) -> Residents:
        """Give the models. Raises NotReady with what is in the way."""
        state, residents = self.engine.state, self.engine.residents
        if state.status == "loading":
            raise NotReady(f"the model is not ready yet: {state.message or 'starting'}", state.progress)
        if state.status != "ready" or residents is None:
            raise NotReady(state.message)
        return residents


def make_app(worker: Worker) -> Starlette:
    """Build the application."""
    app = Starlette(
        routes=[
            Route("/", root),
            *control.routes(),
            Route("/v1/models", models),
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        ],
        exception_handlers={RequestError: refuse, HTTPException: refuse_plainly},
    )
    app.state.worker = worker
    return app


async def root(_: Request) -> Response:
    """Say who is here."""
    return _json({"name": "hearthline", "version": __version__, "wire": WIRE_VERSION})


async def models(request: Request) -> Response:
    """List the models."""
    worker: Worker = request.app.state.worker
    created = int(time.time() - (worker.engine.clock() - worker.started_s))
    names = dict.fromkeys(worker.residents().by_name, created)
    return Response(model_list(names), media_type=_JSON)


async def completions(request: Request) -> JobResponse:
    """Fill in the middle, or continue a text."""
    wanted = parse_request(await _body(request), CompletionRequest)
    return await _answer(
        request, wanted, "completion", build_completion_prompt, lambda head, _: CompletionAnswer(*head)
    )


async def chat_completions(request: Request) -> JobResponse:
    """Answer a conversation."""
    wanted = parse_request(await _body(request), ChatRequest)

    def make_answer(head: Head, prompt: ChatPrompt) -> Answer:
        return ChatAnswer(*head, make_answer_reader(wanted, prompt))

    return await _answer(request, wanted, "assistant", build_chat_prompt, make_answer)


async def refuse(request: Request, error: Exception) -> Response:
    """Answer a RequestError."""
    error = cast(RequestError, error)  # Starlette's type for handlers is wider than what it calls them with
    worker: Worker = request.app.state.worker
    shape = refusal(error)
    worker.metrics.count_refusal(request.url.path, shape.code)
    headers = {} if shape.retry_after_s is None else {"Retry-After": str(shape.retry_after_s)}
    return Response(shape.body, shape.status, headers, _JSON)


async def refuse_plainly(_: Request, error: Exception) -> Response:
    """Answer an unknown path or method."""
    error = cast(HTTPException, error)
    return Response(plain_refusal(error.detail), error.status_code, error.headers, _JSON)


async def _answer(
    request: Request,
    wanted: R,
    role: Role,
    build_prompt: Callable[[R, Resident], P],
    make_answer: Callable[[Head, P], Answer],
) -> JobResponse:
    """Make a job of what is `wanted`, and the response that runs it."""
    worker: Worker = request.app.state.worker
    worker.last_request_s = arrived_s = worker.engine.clock()
    resident = worker.residents().find(wanted.model, role)
    worker.caretaker.admit()
    loop = asyncio.get_running_loop()
    prompt, constraint = await loop.run_in_executor(worker.tokenising, _tokenise, build_prompt, wanted, resident)
    channel = EventChannel()
    worker.channels.add(channel)
    job = Job(
        model=resident.name,
        endpoint=request.url.path,
        prompt=prompt.ids,
        max_tokens=wanted.n_tokens(),
        emit=channel.emit,
        arrived_s=arrived_s,
        priority=wanted.priority_class(),
        key=wanted.key,
        deadline_s=None if wanted.deadline_ms is None else arrived_s + wanted.deadline_ms / 1e3,
        sampling=wanted.sampling(),
        stop_ids=prompt.stop_ids | resident.loaded.eos_ids,
        visible_ids=prompt.visible_ids,
        stop_strings=wanted.stop_strings(),
        wants_logprobs=wanted.wants_logprobs(),
        goes_on_at=prompt.goes_on_at,
        cuts=prompt.cuts,
        constraint=constraint,
    )
    answer = make_answer((next(worker.numbers), resident.name, int(time.time())), prompt)
    return JobResponse(worker.engine, job, channel, answer, is_stream=bool(wanted.stream))


def _tokenise(build_prompt: Callable[[R, Resident], P], wanted: R, resident: Resident) -> "tuple[P, Constraint | None]":
    prompt = build_prompt(wanted, resident)
    grammar = wanted.grammar()
    if grammar is None:
        return prompt, None
    from inference.constraints import compile_grammar

    end_ids = prompt.stop_ids | resident.loaded.eos_ids
    n_most = min(wanted.n_tokens(), resident.n_context - len(prompt.ids))
    return prompt, compile_grammar(grammar, resident.loaded.tokenizer, end_ids, n_most)


async def _body(request: Request) -> bytes:
    """Read the body. Raises BodyTooLarge as soon as it is too large, which the header may say at once.

    Raises RequestInvalid, for the metrics alone, when the client goes away in the middle of it.
    """
    refusal = BodyTooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes; send less text")
    if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
        raise refusal
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise refusal
    except ClientDisconnect:
        raise RequestInvalid("The connection ended before the body did") from None
    return bytes(body)


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type=_JSON)
