"""Composition root of the language server: the only place where features are registered."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from pygls.lsp.server import LanguageServer

from inference import paths
from lsp_server import __version__
from lsp_server.engine import Engine, build_engine
from lsp_server.engine.pending import PendingEngine
from lsp_server.features import (
    commands,
    completion,
    configuration,
    control,
    documenting,
    documents,
    engine_status,
    fixing,
    hover,
    indexing,
    inline_completion,
    lifecycle,
    review_actions,
    test_fixing,
    testing,
)
from lsp_server.features.code_actions import CodeActions
from lsp_server.features.diagnostics import Diagnostics
from lsp_server.features.explaining import Explaining
from lsp_server.features.feedback import FeedbackWatch
from lsp_server.features.finding import Finder
from lsp_server.features.indexing import Indexing
from lsp_server.features.judging import Judging
from lsp_server.features.prompts import Prompts
from lsp_server.features.reviewing import Result, Reviewing
from lsp_server.features.running import Running
from lsp_server.features.streams import Streams
from lsp_server.features.suggester import Suggester
from lsp_server.features.testing_background import Preparing
from lsp_server.features.testing_trust import Trust
from lsp_server.features.window import Window
from lsp_server.features.workspace_review import WorkspaceReview
from lsp_server.feedback.store import FeedbackStore, feedback_path
from lsp_server.logs import Logs, place_of
from lsp_server.session import Session
from lsp_server.settings import Settings
from lsp_server.status import Status
from lsp_server.transport.connection import Connection
from lsp_server.transport.dispatch import Dispatcher
from lsp_server.transport.messages import wire_converter
from lsp_server.transport.stdio import claim_stdio

EXIT_S = 1.5
"""From the moment the end is certain, the process lives at most so long, whatever still runs in it."""

_CLOSE_S = 0.5

_GC_THRESHOLDS = 20_000, 20, 20
"""Objects made and not yet gone before the young are looked through, and how often before the older ones are."""

_log = logging.getLogger(__name__)


class HearthlineServer(LanguageServer):
    """A language server and the one session it serves.

    on_editor: told the editor's process id. on_log_level: told the level of the settings. on_ready: told when the
    engine has become ready, or the index has followed the files.
    """

    protocol: Dispatcher
    session: Session

    def __init__(self, engine: Engine | None) -> None:
        super().__init__("hearthline", __version__, protocol_cls=Dispatcher, converter_factory=wire_converter)
        self.on_editor: Callable[[int], None] = lambda _: None
        self.on_log_level: Callable[[str], None] = lambda _: None
        self.on_ready: Callable[[], None] = lambda: None
        self.window = Window(self)
        status = Status(self.window)
        self._engine_is_given = engine is not None
        self._on_event = engine_status.follow(status)
        self.session = Session(status, engine or PendingEngine())
        self.indexing = Indexing(self)
        self.reviewing = Reviewing(self)
        self.diagnostics = Diagnostics(self)
        self.judging = Judging(self)
        self.workspace_review = WorkspaceReview(self, self.diagnostics)
        self.code_actions = CodeActions(self)
        self.running = Running(self)
        self.streams = Streams(self)
        self.trust = Trust(self)
        self.preparing = Preparing(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_closing: list[Callable[[], None]] = []

    def use_settings(self, settings: Settings) -> None:
        """Let `settings` hold from now on; where they ask for another engine, the old one is let go."""
        old, self.session.settings = self.session.settings, settings
        self.on_log_level(settings.log_level)
        same = (old.engine, old.worker, old.completion.model) == (
            settings.engine,
            settings.worker,
            settings.completion.model,
        )
        if not (same or self._engine_is_given or self._waits_for_settings):
            self.spawn(self.session.engine.close())
            self.session.engine = build_engine(settings, self._on_event)
        self.indexing.follow()
        self.reviewing.follow()

    def begin_engine(self) -> None:
        """Ask the engine of the settings from now on: they are those of the person."""
        if self._waits_for_settings:
            self.session.engine = build_engine(self.session.settings, self._on_event)

    @property
    def _waits_for_settings(self) -> bool:
        return isinstance(self.session.engine, PendingEngine)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else; a failure goes to the log."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def on_closing(self, call: Callable[[], None]) -> None:
        """Have `call` made at the end, before the engine is let go; it may wait for a disk for a moment."""
        self._on_closing.append(call)

    async def close(self) -> None:
        """Let go of everything; waits half a second at most for each."""
        for call in self._on_closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(call), _CLOSE_S)
        for task in self._tasks:
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(
                asyncio.gather(self.session.engine.close(), self.indexing.close(), self.reviewing.close()), _CLOSE_S
            )

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """Log what pygls could not do; the person hears from `Status` alone."""
        _log.error("%s: %s", source.__name__, place_of(error))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work beside the requests failed: %s", place_of(error))


def create_server(engine: Engine | None = None) -> HearthlineServer:
    """Return a server with every feature registered. engine: in place of the one that the settings ask for."""
    server = HearthlineServer(engine)
    watch = FeedbackWatch(server.session, FeedbackStore(feedback_path()))
    server.on_closing(watch.close)
    finder = Finder(server.session)
    prompts = Prompts(server.session, finder)
    suggester = Suggester(server.session, watch.answered, prompts=prompts)

    def opened(uri: str) -> None:
        finder.note_opened(uri)
        prompts.open(uri)
        server.workspace_review.note_opened(uri)
        server.reviewing.note_opened(uri)
        server.preparing.note_opened(uri)

    def changed(uri: str) -> None:
        watch.changed(uri)
        server.indexing.note_edited(uri)
        server.judging.forget(uri)
        server.reviewing.note_changed(uri)
        server.preparing.note_changed()

    def closed(uri: str) -> None:
        server.judging.forget(uri)
        server.preparing.note_closed(uri)
        server.reviewing.note_closed(uri)
        server.diagnostics.close(uri)
        server.indexing.note_closed(uri)
        server.streams.note_closed(uri)
        suggester.forget(uri)
        prompts.close(uri)
        finder.note_closed(uri)
        watch.settle(uri)

    def ready() -> None:
        finder.note_indexed()
        for uri in server.session.documents:
            prompts.open(uri)

    server.on_ready = ready

    def reviewed(result: Result) -> None:
        server.diagnostics.show(result)
        server.judging.note(result)

    server.reviewing.on_result = reviewed

    lifecycle.register(server)
    configuration.register(server)
    documents.register(server, on_open=opened, on_edit=finder.note_edit, on_change=changed, on_close=closed)
    indexing.register(server)
    inline_completion.register(server, suggester)
    completion.register(server, suggester)
    server.diagnostics.register()
    fixing.register(server)  # its actions stand before those that quiet a finding
    review_actions.register(server)
    test_fixing.register(server)
    documenting.register(server)
    server.workspace_review.register()
    control.register(server, suggester, prompts)
    server.streams.register()
    explaining = Explaining(server, finder.label)
    explaining.register()
    hover.register(server, explaining)
    testing.register(server)
    server.preparing.register()
    server.code_actions.register()
    commands.register(server)
    return server


def serve_stdio(server: HearthlineServer) -> int:
    """Serve the client at stdin and stdout until the end; return the exit code."""
    logs = Logs(paths.log_dir())
    connection = Connection(server.protocol, *claim_stdio(), on_ending=lambda: last_resort.start())
    last_resort = _LastResort(connection)
    server.on_editor = connection.parent_watch.also_watch
    server.on_log_level = logs.set_level

    # What the imports made lives as long as the process. Left to the collector, going through it stops everything for
    # 30 to 50 ms each time that a large message has made many objects.
    gc.freeze()
    # A list of lines is new at each key, and the collector goes through all of it: the less often the better.
    gc.set_threshold(*_GC_THRESHOLDS)

    async def serve() -> int:
        try:
            return await connection.serve()
        finally:
            await server.close()

    try:
        return asyncio.run(serve())
    finally:
        logs.close()


def main() -> int:
    """Serve one editor window over stdin and stdout; return the exit code."""
    return serve_stdio(create_server())


class _LastResort:
    """Ends the process when the orderly end takes too long: a handler that does not let go, a stuck thread."""

    def __init__(self, connection: Connection) -> None:
        self._timer = threading.Timer(EXIT_S, lambda: os._exit(connection.exit_code))
        self._timer.daemon = True
        self._started = threading.Lock()

    def start(self) -> None:
        """Begin to count, once."""
        if self._started.acquire(blocking=False):
            self._timer.start()
