"""Routes to look at the worker and to steer it: /health, /metrics and /control.

Invariants: looking never waits for the model; nothing here changes which models are configured.
"""

import os
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inference import WIRE_VERSION, __version__
from inference.care import Cause
from inference.errors import RequestInvalid
from inference.grammars import KINDS
from inference.prompts import fim_template
from inference.residents import Resident

if TYPE_CHECKING:
    from inference.app import Worker

_MAX_BODY_BYTES = 4096


class PauseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /control/pause`. for_s: in seconds; None until resumed."""

    for_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


def routes() -> list[Route]:
    """List the routes."""
    return [
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/control/stop", stop, methods=["POST"]),
        Route("/control/pause", pause, methods=["POST"]),
        Route("/control/resume", resume, methods=["POST"]),
    ]


async def health(request: Request) -> Response:
    """Say how the worker is. Always 200: that it answers is the point."""
    worker: Worker = request.app.state.worker
    engine = worker.engine
    # In this order: whoever is told that it is ready is told of what.
    state, residents = engine.state, engine.residents
    body: dict[str, Any] = {
        "status": state.status,
        "progress": state.progress,
        "message": state.message,
        "version": __version__,
        "wire": WIRE_VERSION,
        "pid": os.getpid(),
        "device": residents.device.kind if residents else "",
        "device_name": residents.device.name if residents else "",
        "blas": residents.blas if residents else "",
        "uptime_s": round(engine.clock() - worker.started_s, 3),
        "active": engine.n_active,
        "queued": engine.n_queued,
        "paused": worker.caretaker.paused,
        "memory": _memory(worker),
        "models": [_model(model, state.status) for model in (residents.models if residents else ())],
    }
    return _json(body)


async def metrics(request: Request) -> Response:
    """Give the counters to Prometheus."""
    worker: Worker = request.app.state.worker
    causes = worker.caretaker.causes
    gauges = {
        "hearthline_active": worker.engine.n_active,
        "hearthline_queued": worker.engine.n_queued,
        "hearthline_prompt_cache_bytes": worker.engine.prompt_cache_bytes,
        "hearthline_memory_bytes": worker.caretaker.care.used_bytes,
        "hearthline_uptime_seconds": worker.engine.clock() - worker.started_s,
    }
    gauges |= {f'hearthline_paused{{cause="{cause}"}}': cause in causes for cause in Cause}
    return Response(worker.metrics.render(gauges), media_type="text/plain; version=0.0.4")


async def stop(request: Request) -> Response:
    """Let the worker finish nothing and exit."""
    worker: Worker = request.app.state.worker
    worker.stop()
    return _json({"status": "stopping"})


async def pause(request: Request) -> Response:
    """Let background work wait, for a time or until `resume`. Raises RequestInvalid."""
    worker: Worker = request.app.state.worker
    worker.caretaker.pause(_parse_pause(await _small_body(request)).for_s)
    return _json({"paused": worker.caretaker.paused})


async def resume(request: Request) -> Response:
    """Take a pause back; what the machine asks for stays."""
    worker: Worker = request.app.state.worker
    worker.caretaker.resume()
    return _json({"paused": worker.caretaker.paused})


def _model(model: Resident, status: str) -> dict[str, Any]:
    template = model.loaded.tokenizer.chat_template
    return {
        "name": model.name,
        "roles": sorted(model.roles),
        "state": model.state if status == "ready" else status,
        "n_context": model.n_context,
        "fim": fim_template(model) is not None,
        "dtype": model.loaded.dtype,
        "adapter": model.loaded.adapter.sha256 if model.loaded.adapter else None,
        "constraints": KINDS,
        "thinks": template is not None and template.can_think,
        "prefill_chunk_tokens": model.chunks.brief,
        "prefill_tokens_per_s": model.prefill_tokens_per_s,
        "decode_tokens_per_s": model.decode_tokens_per_s,
    }


def _memory(worker: "Worker") -> dict[str, Any] | None:
    """Shape what the worker takes and may take; None while no device is known."""
    care, limits = worker.caretaker.care, worker.caretaker.limits
    if limits is None:
        return None
    return {
        "used_bytes": care.used_bytes,
        "soft_bytes": limits.soft_bytes,
        "ceiling_bytes": limits.hard_bytes,
        "level": care.level.name.lower(),
    }


def _parse_pause(body: bytes) -> PauseRequest:
    try:
        return msgspec.json.decode(body, type=PauseRequest) if body.strip() else PauseRequest()
    except (ValueError, RecursionError) as error:
        raise RequestInvalid(f'The body must be empty or like {{"for_s": 60}}: {error}', "for_s") from error


async def _small_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise RequestInvalid(f"The body is larger than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
