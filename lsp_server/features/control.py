"""hearthline.pause, .resume, .stats, .showLog: what a person steers and looks at from their editor's status bar.

Invariant: while a window is paused, no engine is asked for its ghost text, neither for the person nor ahead of them.
"""

import asyncio
import sqlite3
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from inference import paths
from lsp_server import convert
from lsp_server.errors import HearthlineError
from lsp_server.features import engine_status
from lsp_server.features.prompts import Prompts
from lsp_server.features.suggester import Suggester
from lsp_server.feedback.figures import sum_up
from lsp_server.feedback.records import Fate, Request
from lsp_server.feedback.store import feedback_path, read
from lsp_server.logs import log_path

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

PAUSE = "hearthline.pause"
RESUME = "hearthline.resume"
STATS = "hearthline.stats"
SHOW_LOG = "hearthline.showLog"

_STATS_DAYS = 30
_DAY_S = 86_400


def register(server: "HearthlineServer", suggester: Suggester, prompts: Prompts) -> None:
    """Register the commands; they take no arguments."""
    session = server.session

    @server.command(PAUSE)
    async def pause() -> None:
        session.status.pause(is_paused=True)
        for uri in session.documents:
            suggester.forget(uri)
            prompts.close(uri)

    @server.command(RESUME)
    async def resume() -> None:
        session.status.pause(is_paused=False)
        server.spawn(_wake(server))

    @server.command(STATS)
    async def stats() -> dict[str, Any]:
        return await asyncio.to_thread(_figures)

    @server.command(SHOW_LOG)
    async def show_log() -> None:
        if not session.capabilities.show_document:
            raise HearthlineError(f"this editor cannot be asked to open a file; the log is {log_path(paths.log_dir())}")
        params = types.ShowDocumentParams(convert.uri_of(str(log_path(paths.log_dir()))), take_focus=True)
        await server.protocol.send_request_async(types.WINDOW_SHOW_DOCUMENT, params)


async def _wake(server: "HearthlineServer") -> None:
    """Have ready what was let go: the worker may have left, and nothing was computed ahead meanwhile."""
    await engine_status.warm_up(server.session)
    server.on_ready()


def _figures() -> dict[str, Any]:
    """Return the figures of the last `n_days` days. Blocking."""
    path = feedback_path()
    since = int(time.time()) - _STATS_DAYS * _DAY_S
    try:
        figures = sum_up(read(path, Request, since), read(path, Fate, since))
    except (sqlite3.Error, OSError) as error:
        raise HearthlineError(
            f"the figures in {path} cannot be read ({error}); remove the file to begin anew"
        ) from error
    return {"n_days": _STATS_DAYS, **asdict(figures)}
