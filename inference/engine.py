"""The one thread that touches MLX: read messages, schedule, step.

Owns the models, the running jobs and their KV caches. Invariants: every submitted job gets exactly one last event;
messages (new jobs, withdrawals) are read before every step, so nothing urgent waits for more than one; no job's step
changes another's KV, so each one's tokens are those it would have had alone.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from inference.device import give_back_memory
from inference.errors import EngineFailed, ModelError, NotReady, Overloaded, RequestError, RequestInvalid
from inference.jobs import Failed, Finished, FinishReason, Job
from inference.kv_memory import KvMemory, measure_kv_memory
from inference.metrics import Metrics
from inference.residency import Residency
from inference.residents import Report, Residents
from inference.run import Run, begin, step_together
from inference.scheduler import Priority, QueueFull, Scheduler
from inference.speculation import Experience

_MAX_JOBS_PER_PRIORITY = 32
# Of a class; more would make its steps long for whoever waits behind one.
_MAX_BEGUN_PER_PRIORITY = 8
# For so long after an interactive job another is likely, and the steps of others are kept brief.
TYPING_PAUSE_S = 10.0
# Jobs that may not step, held or without room, are looked at so often for deadlines that have passed.
_WAITING_POLL_S = 0.5
# A single job can be at fault; when this many in a row fail, the device or the weights are, and a new process helps.
_MAX_FAILURES_IN_A_ROW = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine is doing. progress: share of the loading done. message: what is loaded, or why it failed."""

    status: Literal["loading", "ready", "failed", "stopping"]
    progress: float = 0.0
    message: str = ""


class Engine:
    """The engine's thread, as its callers see it: `submit`, `cancel` and `stop` from any thread, `state` to look at."""

    def __init__(
        self,
        load: Callable[[Report], Residents],
        metrics: Metrics,
        on_end: Callable[[Exception | None], None],
        clock: Callable[[], float] = time.monotonic,
        kv_budget_bytes: int | None = None,
    ) -> None:
        """load: runs on the thread, before anything else. on_end: called there last, with what broke, if anything.

        kv_budget_bytes: see `kv_memory`; None takes a share of what the weights leave.
        """
        self.state = EngineState("loading")
        self.residents: Residents | None = None
        self.clock = clock
        self._load = load
        self._metrics = metrics
        self._on_end = on_end
        self._kv_budget_bytes = kv_budget_bytes
        self._inbox: queue.SimpleQueue[Job | Callable[[], None]] = queue.SimpleQueue()
        self._scheduler = Scheduler[Job](_MAX_JOBS_PER_PRIORITY, _MAX_BEGUN_PER_PRIORITY)
        self._residency: Residency
        self._kv_memory = KvMemory(0, {})
        self._experience: dict[str, Experience] = {}
        self._runs: dict[Job, Run] = {}
        self._last_interactive_s = -math.inf
        self._can_step = False
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
        self._inbox.put(partial(self._withdraw, job))

    def hold_background(self, is_held: bool) -> None:
        """Let background jobs wait, those under way too, or go on. None ends by it; their deadlines still pass."""
        self._inbox.put(partial(setattr, self._scheduler, "is_background_held", is_held))

    def shrink_caches(self, n_bytes: int) -> None:
        """Give up at least `n_bytes` of what is kept for later prompts, or all of it, before the next step."""
        self._inbox.put(partial(self._shrink_caches, n_bytes))

    def unload_idle(self, limit_s: float) -> None:
        """Give back the weights of models that had no work for `limit_s`, pinned ones aside.

        The next request for such a model has them read again, and waits.
        """
        if self.residents is not None and not all(model.is_pinned for model in self.residents.models):
            self._inbox.put(partial(self._unload_idle, limit_s))

    def stop(self) -> None:
        """End after the current step; jobs that have not ended fail with NotReady."""
        self._is_stopping = True
        self.state = EngineState("stopping", message="the worker is stopping")
        self._inbox.put(lambda: None)  # which wakes the thread

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
        return self._kv_memory.n_cached_bytes

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
        self._residency = Residency(residents, self.clock)
        self._kv_memory = measure_kv_memory(self._residency, self._kv_budget_bytes)
        self._experience = {name: Experience() for name in residents.by_name}
        self.residents = residents
        self.state = EngineState("ready", 1.0)
        for model in residents.models:
            speeds = model.prefill_tokens_per_s, model.decode_tokens_per_s
            logger.info("%s is ready: %s tokens/s prefill, %s decode", model.name, *speeds)

    def _unload_idle(self, limit_s: float) -> None:
        idle = self._residency.find_idle(limit_s, {job.model for job in self._scheduler.jobs()})
        for name in idle:
            self._residency.unload(name)
            self._kv_memory.forget(name)
            logger.info("%s is unloaded after %g s without work", name, limit_s)
        if idle:
            self.residents = self._residency.residents
            give_back_memory()

    def _report(self, progress: float, message: str) -> None:
        self.state = EngineState("loading", progress, message)

    def _read_messages(self) -> None:
        """Act on everything in the inbox; where no job can step, wait for the first of it."""
        message = self._next_message()
        while message is not None:
            if isinstance(message, Job):
                self._accept(message)
            else:
                message()
            self._can_step = True
            message = self._next_message()

    def _next_message(self) -> Job | Callable[[], None] | None:
        try:
            if self._can_step:
                return self._inbox.get_nowait()
            return self._inbox.get(timeout=_WAITING_POLL_S if len(self._scheduler) else None)
        except queue.Empty:
            return None

    def _withdraw(self, job: Job) -> None:
        if self._scheduler.cancel(job):
            self._end(job, FinishReason.CANCELLED)

    def _shrink_caches(self, n_bytes: int) -> None:
        self._kv_memory.shrink(n_bytes)
        give_back_memory()

    def _accept(self, job: Job) -> None:
        self._residency.use(job.model)
        too_large = self._kv_memory.never_fits(job)
        if too_large is not None:
            self._send(job, Failed(RequestInvalid(too_large, "max_tokens")))
            return
        try:
            superseded = self._scheduler.submit(job)
        except QueueFull:
            retry_after_s = math.ceil(self._mean_job_s)
            words = f"{_MAX_JOBS_PER_PRIORITY} {job.priority.name.lower()} requests wait already; try again later"
            self._send(job, Failed(Overloaded(words, retry_after_s)))
            return
        if superseded is not None:
            self._end(superseded, FinishReason.CANCELLED)
        if job.priority is Priority.INTERACTIVE:
            self._last_interactive_s = self.clock()

    def _turn(self) -> None:
        """Schedule, step, emit."""
        for late in self._scheduler.expire(self.clock()):
            self._end(late, FinishReason.DEADLINE)
        jobs = self._scheduler.next(self.clock(), self._kv_memory.has_room)
        self._can_step = bool(jobs)
        if jobs and self._is_ready(jobs[0].model):
            self._step(jobs)

    def _is_ready(self, name: str) -> bool:
        """Tell whether the model is in memory; where it is not, read a little more of it."""
        if self._residency.is_ready(name):
            return True
        try:
            self._residency.read_on(name)
        except ModelError as error:
            logger.error("%s cannot be read again: %s", name, error)
            for job in self._scheduler.jobs():
                if job.model == name:
                    self._scheduler.finish(job)
                    self._send(job, Failed(NotReady(str(error))))
        self.residents = self._residency.residents
        return False

    def _step(self, jobs: list[Job]) -> None:
        """Compute one step of `jobs` together; end those that are done."""
        try:
            runs = [self._runs.get(job) or self._begin(job) for job in jobs]
            if len(runs) > 1:
                reasons = step_together(runs, self.clock)
            else:
                reasons = [runs[0].step(self.clock, is_brief=self._is_brief(jobs[0]))]
        except RequestInvalid as error:  # a grammar led where nothing may follow: no fault of the model's
            self._lose(jobs, error)
            return
        except Exception as error:
            self._fail(jobs, error)
            return
        self._n_failures_in_a_row = 0
        for run, reason in zip(runs, reasons, strict=True):
            if reason is not None:
                self._scheduler.finish(run.job)
                self._end(run.job, reason)
            elif run.n_decoded:
                self._scheduler.decode(run.job, run.settle(self._n_alike(run)))

    def _is_brief(self, job: Job) -> bool:
        is_typed_in = self.clock() - self._last_interactive_s < TYPING_PAUSE_S
        return is_typed_in and job.priority is not Priority.INTERACTIVE

    def _n_alike(self, run: Run) -> int:
        return sum(
            each.n_decoded > 0 and each.resident is run.resident and each.job.priority is run.job.priority
            for each in self._runs.values()
        )

    def _begin(self, job: Job) -> Run:
        now_s = self.clock()
        sequence = self._kv_memory.begin(job)
        run = begin(job, self._residency.residents.by_name[job.model], sequence, self._experience[job.model], now_s)
        self._runs[job] = run
        return run

    def _end(self, job: Job, reason: FinishReason) -> None:
        """End a job that the scheduler has let go, keeping its KV cache for the next prompt."""
        self._residency.use(job.model)
        run = self._runs.pop(job, None)
        if run is None:
            self._send(job, Finished(reason, len(job.prompt), queue_s=self.clock() - job.arrived_s))
            return
        finished = run.finish(reason)
        self._kv_memory.end(job, run.sequence)
        self._mean_job_s += 0.1 * (run.prefill_s + run.decode_s - self._mean_job_s)
        self._send(job, finished)

    def _fail(self, jobs: list[Job], error: Exception) -> None:
        """End jobs whose step broke."""
        logger.error("a step failed: %s: %s", type(error).__name__, error)
        words = f"the model broke on this request ({type(error).__name__}: {error}); try it again"
        self._lose(jobs, EngineFailed(words))
        self._n_failures_in_a_row += 1
        if self._n_failures_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            raise error

    def _lose(self, jobs: list[Job], error: RequestError) -> None:
        """End jobs with `error`. Their KV caches may be half-written and go with them."""
        for job in jobs:
            self._scheduler.finish(job)
            self._runs.pop(job, None)
            self._kv_memory.end(job, None)
            self._send(job, Failed(error))

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
