"""The review process as its parent sees it: started when it is first needed, started again when it dies.

Invariants: one request is under way at a time, in the order they came; every request is answered or raises; a text that
has the process compute for LIMIT_S or gives no answer in WAIT_S, or kills it twice, is answered as skipped, and its
document is left out for a while. On the event loop only.
"""

import asyncio
import logging
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from lsp_server.errors import HearthlineError
from lsp_server.review_process.messages import (
    GREETING,
    LIMIT_S,
    Answer,
    FindIgnores,
    FindSubject,
    Forget,
    HoldProject,
    ReadDocumented,
    Request,
    Reviewed,
    ReviewFile,
    ReviewText,
    TryEdit,
)

# -P: a folder named `lsp_server` in the current directory is not ours.
COMMAND = (sys.executable, "-P", "-m", "lsp_server.review_process.child")
WAIT_S = 10.0
"""So long an answer is waited for: on a busy machine, LIMIT_S of computing may take that."""
LEFT_OUT_S = 60.0
"""So long a document that broke the process is left out: it is typed in, and each try costs time and a start."""
_START_S = 30.0
_LONGEST_WAIT_S = 30.0
_PATIENCE_S = 1.0
"""Whoever asks waits so long for the next start; if it is further off they are told at once."""

_A = TypeVar("_A", bound=Answer)
_log = logging.getLogger(__name__)


class ReviewUnavailable(HearthlineError):
    """The review process cannot be started."""


class ReviewClosed(HearthlineError):
    """`close` was called, or whoever asked wants no answer any more."""


class _Died(Exception):
    """The process ended, or gave no answer in time. limit_s: which it went beyond, None where it broke down."""

    def __init__(self, limit_s: float | None) -> None:
        super().__init__()
        self.limit_s = limit_s


class ReviewProcess:
    """Reviews in a process of its own. clock: seconds, monotonic."""

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._wait_s = wait_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._is_closed = False
        self._n_deaths = 0  # in a row
        self._not_before = 0.0
        self._left_out: dict[str, tuple[float, str]] = {}
        self._held: dict[str, HoldProject] = {}
        self._answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def ask(self, request: Request, kind: type[_A], is_wanted: Callable[[], bool] = lambda: True) -> _A:
        """Return the answer, of the `kind` that the request has.

        is_wanted: looked at when it is this request's turn. Raises ReviewUnavailable, ReviewClosed. Whoever is
        cancelled leaves at once; the answer is read nevertheless, or it would be taken for the next one.
        """
        if isinstance(request, HoldProject):
            self._held[request.path] = request
        asking = asyncio.ensure_future(self._ask_in_turn(request, is_wanted))
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to look
        answer = await asyncio.shield(asking)
        if isinstance(answer, kind):
            return answer
        words = answer.skipped if isinstance(answer, Reviewed) else "it answered something else"
        raise ReviewUnavailable(f"the review process failed: {words}")

    async def rest(self) -> None:
        """End the process until it is needed again."""
        async with self._turn:
            await self._end()

    async def close(self) -> None:
        """End the process; whoever waits gets ReviewClosed."""
        self._is_closed = True
        await self._end()

    async def _ask_in_turn(self, request: Request, is_wanted: Callable[[], bool]) -> Answer:
        async with self._turn:
            for is_last in (False, True):
                await self._wait_for_start()
                if self._is_closed or not is_wanted():
                    raise ReviewClosed("nobody waits for the review any more")
                if (why := self._why_left_out(request)) is not None:
                    return Reviewed(skipped=why, is_left_out=True)
                try:
                    answer = await self._exchange(await self._running(), request)
                except _Died as died:
                    await self._note_death()
                    if self._is_closed:
                        raise ReviewClosed("the review has ended") from None
                    if died.limit_s is not None or is_last:
                        return self._leave_out(request, died.limit_s)
                else:
                    self._n_deaths = 0
                    return answer
        raise AssertionError  # the second death is an answer

    async def _wait_for_start(self) -> None:
        wait_s = max(0.0, self._not_before - self._clock())
        if wait_s > _PATIENCE_S:
            words = f"the security review cannot run now: its process died {self._n_deaths} times in a row"
            raise ReviewUnavailable(f"{words}; it is started again in {wait_s:.0f} s")
        await asyncio.sleep(wait_s)

    async def _exchange(self, process: Process, request: Request) -> Answer:
        try:
            body = msgspec.msgpack.encode(request)
            process.stdin.write(len(body).to_bytes(4, "big") + body)  # type: ignore[union-attr] # asked for as a pipe
            answer = self._answers.decode(await asyncio.wait_for(_frame(process), self._wait_s))
        except TimeoutError:
            raise _Died(self._wait_s) from None
        except asyncio.IncompleteReadError as error:
            raise _Died(LIMIT_S if await process.wait() == -signal.SIGPROF else None) from error
        except (OSError, msgspec.DecodeError) as error:
            raise _Died(None) from error
        for trouble in answer.troubles if isinstance(answer, Reviewed) else ():
            _log.warning("%s", trouble)
        return answer

    async def _running(self) -> Process:
        """Return the process, started if none runs. Raises ReviewUnavailable."""
        if self._process is not None:
            return self._process
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/"
            )
            if await asyncio.wait_for(_frame(self._process), _START_S) == GREETING:
                for held in self._held.values():
                    await self._exchange(self._process, held)
                return self._process
            reason = "it answers something else"
        except TimeoutError:
            reason = f"no answer within {_START_S:g} s"
        except asyncio.IncompleteReadError:
            reason = "it ended at once"
        except OSError as error:
            reason = str(error)
        await self._note_death()
        if self._is_closed:
            raise ReviewClosed("the review has ended")
        raise ReviewUnavailable(f"the security review cannot run: its process cannot be started ({reason})")

    async def _note_death(self) -> None:
        await self._end()
        self._n_deaths += 1
        if self._n_deaths > 1:  # the first may be an accident
            self._not_before = self._clock() + min(_LONGEST_WAIT_S, 0.5 * 2.0 ** min(self._n_deaths - 2, 10))

    def _why_left_out(self, request: Request) -> str | None:
        if isinstance(request, Forget):  # closed: when it is opened again it may be tried again
            self._left_out.pop(request.uri, None)
        until, why = self._left_out.get(_name(request), (0.0, ""))
        return why if self._clock() < until else None

    def _leave_out(self, request: Request, limit_s: float | None) -> Reviewed:
        why = "the review broke down at it" if limit_s is None else f"the review took longer than {limit_s:g} s"
        _log.warning("a file is left out of the review for %g s: %s", LEFT_OUT_S, why)
        self._left_out[_name(request)] = self._clock() + LEFT_OUT_S, why
        return Reviewed(skipped=why, is_left_out=True)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        process.stdin.close()  # type: ignore[union-attr] # asked for as a pipe
        await process.wait()


async def _frame(process: Process) -> bytes:
    stream = process.stdout
    assert stream is not None  # noqa: S101 - asked for as a pipe
    return await stream.readexactly(int.from_bytes(await stream.readexactly(4), "big"))


def _name(request: Request) -> str:
    """Return what is left out when `request` breaks the process."""
    match request:
        case ReviewText(uri=name) | ReviewFile(path=name):
            return name
        case FindIgnores(path=path):
            return f"ignores in {path}"
        case FindSubject(uri=uri):
            return f"subjects in {uri}"
        case TryEdit(uri=uri) | ReadDocumented(uri=uri):
            return f"edits of {uri}"
        case _:
            return str(request)
