"""The one thread that touches MLX: read messages, schedule, step.

Owns the models, the running jobs and their KV caches. Invariants: every submitted job gets exactly one last event;
messages (new jobs, withdrawals) are read before every step, so nothing urgent waits for more than one; jobs that take
turns never share a KV cache, so each one's tokens are those it would have had alone.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.errors import EngineFailed, NotReady, Overloaded, RequestError
from inference.jobs import Failed, Finished, FinishReason, Job
from inference.metrics import Metrics
from inference.prompt_cache import PromptCache
from inference.residents import Report, Resident, Residents
from inference.run import Run, begin
from inference.scheduler import QueueFull, Scheduler
from inference.speculation import Experience

_MAX_JOBS_PER_PRIORITY = 32
_MAX_PROMPT_CACHE_BYTES = 512 * 2**20
# A single job can be at fault; when this many in a row fail, the device or the weights are, and a new process helps.
_MAX_FAILURES_IN_A_ROW = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine is doing. progress: share of the loading done. message: what is loaded, or why it failed."""

    status: Literal["loading", "ready", "failed", "stopping"]
    progress: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Withdrawal:
    job: Job


class Engine:
    """The engine's thread, as its callers see it: `submit`, `cancel` and `stop` from any thread, `state` to look at."""

    def __init__(
        self,
        load: Callable[[Report], Residents],
        metrics: Metrics,
        on_end: Callable[[Exception | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """load: runs on the thread, before anything else. on_end: called there last, with what broke, if anything."""
        self.state = EngineState("loading")
        self.residents: Residents | None = None
        self.clock = clock
        self._load = load
        self._metrics = metrics
        self._on_end = on_end
        self._inbox: queue.SimpleQueue[Job | _Withdrawal | None] = queue.SimpleQueue()
        self._scheduler = Scheduler[Job](_MAX_JOBS_PER_PRIORITY)
        self._by_name: dict[str, Resident] = {}
        self._prompt_caches: dict[str, PromptCache] = {}
        self._experience: dict[str, Experience] = {}
        self._runs: dict[Job, Run] = {}
        self._n_failures_in_a_row = 0
        self._mean_job_s = 1.0
        self._is_stopping = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)

    # Called from any thread.

    def start(self) -> None:
        """Start the thread, which begins to load."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Hand over `job`, whose events then come through its `emit`."""
        self._inbox.put(job)
        if self._has_ended:
            self._refuse_inbox()

    def cancel(self, job: Job) -> None:
        """Withdraw `job`, before its next step. One that has ended stays ended."""
        self._inbox.put(_Withdrawal(job))

    def stop(self) -> None:
        """End after the current step; jobs that have not ended fail with NotReady."""
        self._is_stopping = True
        self.state = EngineState("stopping", message="the worker is stopping")
        self._inbox.put(None)

    @property
    def n_active(self) -> int:
        """Jobs that have had a step and have not ended."""
        return len(self._runs)

    @property
    def n_queued(self) -> int:
        """Jobs that wait for their first step."""
        return max(0, len(self._scheduler) - len(self._runs)) + self._inbox.qsize()

    @property
    def prompt_cache_bytes(self) -> int:
        """Bytes of KV kept for later prompts."""
        return sum(cache.n_bytes for cache in list(self._prompt_caches.values()))

    # The thread.

    def _main(self) -> None:
        broke: Exception | None = None
        try:
            self._load_models()
            while not self._is_stopping:
                self._read_messages()
                self._turn()
        except Exception as error:
            logger.exception("the engine ended")
            broke = error
            self.state = EngineState("failed", message=str(error))
        self._end_everything()
        self._on_end(broke)

    def _load_models(self) -> None:
        residents = self._load(self._report)
        self._by_name = residents.by_name
        self._prompt_caches = {
            name: PromptCache(model.loaded, _MAX_PROMPT_CACHE_BYTES) for name, model in residents.by_name.items()
        }
        self._experience = {name: Experience() for name in residents.by_name}
        self.residents = residents
        self.state = EngineState("ready", 1.0)
        for model in residents.models:
            speeds = model.prefill_tokens_per_s, model.decode_tokens_per_s
            logger.info("%s is ready: %s tokens/s prefill, %s decode", model.name, *speeds)

    def _report(self, progress: float, message: str) -> None:
        self.state = EngineState("loading", progress, message)

    def _read_messages(self) -> None:
        """Act on everything in the inbox; with nothing else to do, wait for the first of it."""
        wait = len(self._scheduler) == 0
        while wait or not self._inbox.empty():
            message = self._inbox.get()
            wait = False
            if isinstance(message, Job):
                self._accept(message)
            elif isinstance(message, _Withdrawal) and self._scheduler.cancel(message.job):
                self._end(message.job, FinishReason.CANCELLED)

    def _accept(self, job: Job) -> None:
        try:
            superseded = self._scheduler.submit(job)
        except QueueFull:
            retry_after_s = math.ceil(self._mean_job_s)
            words = f"{_MAX_JOBS_PER_PRIORITY} {job.priority.name.lower()} requests wait already; try again later"
            self._send(job, Failed(Overloaded(words, retry_after_s)))
            return
        if superseded is not None:
            self._end(superseded, FinishReason.CANCELLED)

    def _turn(self) -> None:
        """Schedule, step, emit."""
        for late in self._scheduler.expire(self.clock()):
            self._end(late, FinishReason.DEADLINE)
        job = self._scheduler.next()
        if job is None:
            return
        try:
            reason = self._step(job)
        except Exception as error:
            self._scheduler.finish(job)
            self._fail(job, error)
            return
        self._n_failures_in_a_row = 0
        if reason is not None:
            self._scheduler.finish(job)
            self._end(job, reason)

    def _step(self, job: Job) -> FinishReason | None:
        run = self._runs.get(job) or self._begin(job)
        return run.step(self.clock)

    def _begin(self, job: Job) -> Run:
        now_s = self.clock()
        sequence = self._prompt_caches[job.model].take([*job.prompt], job.cuts)
        run = begin(job, self._by_name[job.model], sequence, self._experience[job.model], now_s)
        self._runs[job] = run
        return run

    def _end(self, job: Job, reason: FinishReason) -> None:
        """End a job that the scheduler has let go, keeping its KV cache for the next prompt."""
        run = self._runs.pop(job, None)
        if run is None:
            self._send(job, Finished(reason, len(job.prompt), queue_s=self.clock() - job.arrived_s))
            return
        self._prompt_caches[job.model].put(run.sequence)
        self._mean_job_s += 0.1 * (run.prefill_s + run.decode_s - self._mean_job_s)
        self._send(job, run.finish(reason))

    def _fail(self, job: Job, error: Exception) -> None:
        """End a job that broke. Its KV cache may be half-written and goes with it."""
        logger.error("a request failed: %s: %s", type(error).__name__, error)
        self._runs.pop(job, None)
        words = f"the model broke on this request ({type(error).__name__}: {error}); try it again"
        self._send(job, Failed(EngineFailed(words)))
        self._n_failures_in_a_row += 1
        if self._n_failures_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            raise error

    def _send(self, job: Job, end: Finished | Failed) -> None:
        self._metrics.count_end(job, end)
        job.emit(end)

    def _end_everything(self) -> None:
        self._has_ended = True
        for job in self._scheduler.jobs():
            self._scheduler.finish(job)
            self._send(job, Failed(self._refusal()))
        self._refuse_inbox()

    def _refuse_inbox(self) -> None:
        """Fail the jobs that came too late. On any thread: a message is taken by one of them only."""
        while True:
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(message, Job):
                self._send(message, Failed(self._refusal()))

    def _refusal(self) -> RequestError:
        return NotReady(self.state.message)
