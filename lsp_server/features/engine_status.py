"""What the engine tells of itself -> what the person is told."""

from lsp_server.engine.events import EngineEvent, EngineState, OnEvent
from lsp_server.errors import EngineError
from lsp_server.session import Session
from lsp_server.status import Reason, Severity, State, Status

_REPORTED = {
    EngineState.STARTING: (State.STARTING, None),
    EngineState.LOADING: (State.LOADING, Reason.MODEL_LOADING),
    EngineState.READY: (State.READY, None),
    EngineState.DIED: (State.STARTING, Reason.ENGINE_UNAVAILABLE),
    EngineState.CRASH_LOOP: (State.PROBLEM, Reason.ENGINE_UNAVAILABLE),
    EngineState.MISSING: (State.PROBLEM, Reason.MODEL_MISSING),
}
_SHOWN = {EngineState.CRASH_LOOP: Severity.ERROR, EngineState.MISSING: Severity.WARNING}


def follow(status: Status) -> OnEvent:
    """Return what an engine tells its events to."""

    def on_event(event: EngineEvent) -> None:
        state, reason = _REPORTED[event.state]
        status.report(state, reason, message=event.message, model=event.model, progress=event.progress)
        if event.state in _SHOWN:
            status.say_once(f"{event.state} {event.model}", event.message, _SHOWN[event.state])
        elif event.state is EngineState.READY:
            for shown in _SHOWN:
                status.forget(f"{shown} {event.model}")

    return on_event


async def warm_up(session: Session) -> None:
    """Have the engine ready before the first keystroke asks for it; say how it went."""
    status, settings, engine = session.status, session.settings.completion, session.engine
    if not settings.enabled:
        status.report(State.OFF, Reason.OFF)
        return
    try:
        await engine.warm_up()
        known = await engine.capabilities()
    except EngineError as error:
        if engine is session.engine:
            status.report(State.PROBLEM, Reason.of_error(error), message=str(error), model=settings.model)
    else:
        if engine is session.engine:
            status.report(State.READY, model=known.completion_model)
