"""From the socket to the end: uvicorn on the event loop, the engine on its thread, and the reasons to leave."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Generator
from functools import partial

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from inference import singleton
from inference.app import Worker, make_app
from inference.caretaker import Caretaker
from inference.engine import Engine
from inference.errors import ModelMissing, ModelTooLarge, ModelUnknown
from inference.metrics import Metrics
from inference.residents import load_residents
from inference.sensors import this_machine
from inference.serve import Ending, ExitCode, ServeOptions

# How long a worker that failed goes on saying why on /health, for those who wait there.
_LINGER_S = 1.0
# How long connections may take to take the end of their answers.
_CLOSE_S = 0.4
# An idle connection costs nothing, and one that is closed just as its owner uses it costs a request.
_KEEP_ALIVE_S = 3600

logger = logging.getLogger(__name__)


async def run_server(listener: socket.socket, options: ServeOptions) -> Ending:
    """Serve at `listener` until a signal, a request to stop, idleness or a failure; return which."""
    loop = asyncio.get_running_loop()
    leaving: asyncio.Future[Ending] = loop.create_future()

    def leave(ending: Ending) -> None:
        if not leaving.done():
            leaving.set_result(ending)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave, Ending(ExitCode.DONE, f"stopped by {number.name}"))

    def engine_ended(broke: Exception | None) -> None:
        if broke is not None:
            loop.call_soon_threadsafe(leave, _failure(broke, was_loaded=engine.residents is not None))

    metrics = Metrics()
    load = partial(
        load_residents,
        options.model,
        options.assistant_model,
        options.n_context,
        reuses_suffixes=options.reuses_suffixes,
        speculates=options.speculates,
        memory_gb=options.memory_gb,
        adapter=options.adapter,
        assistant_adapter=options.assistant_adapter,
    )
    engine = Engine(load, metrics, engine_ended)
    caretaker = Caretaker(
        engine,
        this_machine(),
        options.memory_gb,
        options.idle_unload_s,
        works_on_battery=options.background_on_battery,
    )
    worker = Worker(engine, caretaker, metrics, stop=partial(leave, Ending(ExitCode.DONE, "stopped by request")))
    server = _Server(_configure(worker))
    engine.start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    idling = asyncio.create_task(_leave_when_idle(worker, options.idle_exit_s, leave))
    caring = asyncio.create_task(caretaker.run())
    ending = await leaving

    logger.info("leaving: %s", ending.message)
    idling.cancel()
    caring.cancel()
    if ending.code != ExitCode.DONE:
        await asyncio.sleep(_LINGER_S)
    engine.stop()
    worker.end_answers()
    server.should_exit = True
    await serving
    return ending


def _configure(worker: Worker) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(worker),
        http=OwnUserProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_CLOSE_S,  # type: ignore[arg-type]  # declared int, used as seconds
    )


def _failure(broke: Exception, *, was_loaded: bool) -> Ending:
    if was_loaded:
        return Ending(ExitCode.ENGINE_FAILED, f"the engine broke: {type(broke).__name__}: {broke}")
    if isinstance(broke, ModelMissing | ModelUnknown):
        return Ending(ExitCode.MODEL_MISSING, str(broke))
    if isinstance(broke, ModelTooLarge):
        return Ending(ExitCode.LOAD_FAILED, str(broke))
    return Ending(ExitCode.LOAD_FAILED, f"the model could not be loaded: {broke}")


async def _leave_when_idle(worker: Worker, limit_s: float, leave: Callable[[Ending], None]) -> None:
    """Leave once no work has come for `limit_s`; looking at /health or /metrics is no work, loading is."""
    while True:
        await asyncio.sleep(min(limit_s / 10, 10.0))
        engine = worker.engine
        if engine.state.status == "loading" or engine.n_active or engine.n_queued:
            worker.last_request_s = engine.clock()
        elif engine.clock() - worker.last_request_s >= limit_s:
            leave(Ending(ExitCode.DONE, f"idle for {limit_s:g} s"))


class _Server(uvicorn.Server):
    """Leaves the signals to the loop: uvicorn's own handlers would raise them again at the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class OwnUserProtocol(H11Protocol):
    """HTTP for this user alone. The folder's mode keeps others out already; this holds where a mode is overruled."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Drop strangers."""
        super().connection_made(transport)
        if not singleton.is_own(transport.get_extra_info("socket")):
            logger.warning("dropped a connection of another user")
            transport.abort()
