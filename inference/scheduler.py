"""Which jobs take the next step. Pure: no tensors, no threads, no clock of its own (times are handed in).

Owns the jobs that have not ended. Invariants: a job that was accepted leaves exactly once, through `submit`
(superseded), `cancel`, `expire` or `finish`; jobs that step together are of one priority; a step out of turn is only
ever given right after one of the most urgent class that waits, so that whoever types waits for one step of a less
urgent class at most.
"""

from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

# A class that could step and was passed over for so long takes one step out of turn: whatever comes, it waits for
# these seconds and four steps at most. A background step takes a share of a second, so that typing loses 5 % to it.
MAX_PASSED_OVER_S = 10.0


class Priority(IntEnum):
    """Who waits for the answer; lower values go first."""

    INTERACTIVE = 0  # a person is typing
    FOREGROUND = 1  # a person asked and waits
    BACKGROUND = 2  # nobody waits


class Job(Protocol):
    """What the scheduler reads of a job, and never changes. deadline_s is on the clock that `expire` is given."""

    def __hash__(self) -> int:
        """Hash by identity."""
        ...

    @property
    def priority(self) -> Priority:
        """Its class."""
        ...

    @property
    def key(self) -> str | None:
        """What a newer job must share to supersede this one."""
        ...

    @property
    def deadline_s(self) -> float | None:
        """When it is no longer wanted."""
        ...


J = TypeVar("J", bound=Job)

_PREFILL = None
"""The lane of the job whose prompt is being computed."""


class QueueFull(Exception):
    """As many jobs of this priority wait as the bound allows."""


class Scheduler(Generic[J]):
    """Jobs by priority, compared by identity.

    Interactive jobs step one at a time, the newest first and until it ends, since a person types in one place at a
    time. In the other classes lanes take turns: one for prompts, the oldest first, and one for each set of jobs that
    decode together. is_background_held: background jobs wait, without ending.
    """

    def __init__(self, max_per_priority: int, max_begun: int) -> None:
        """max_begun: of the jobs of a class, interactive ones aside, so many may have had a step and not ended."""
        self.is_background_held = False
        self._max_per_priority = max_per_priority
        self._max_begun = max_begun
        self._jobs: dict[Priority, list[J]] = {priority: [] for priority in Priority}
        self._lanes: dict[J, Hashable] = {}  # of the jobs that have had a step
        self._rotation: dict[Priority, list[Hashable]] = {priority: [] for priority in Priority}
        self._last: Priority | None = None
        self._passed_over_since_s: dict[Priority, float] = {}

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._jobs.values())

    def submit(self, job: J) -> J | None:
        """Accept `job`; return the job with the same key that it supersedes, which has left.

        Each priority has its own bound, so that a flood of background work never locks a person out.
        Raises QueueFull, changing nothing, when no place is left and none is made by superseding.
        """
        superseded = self._with_key(job.key)
        waiting = self._jobs[job.priority]
        n_staying = len(waiting) - (superseded is not None and superseded.priority == job.priority)
        if n_staying >= self._max_per_priority:
            raise QueueFull
        if superseded is not None:
            self.finish(superseded)
        waiting.append(job)
        return superseded

    def next(self, now_s: float, can_begin: Callable[[J], bool]) -> list[J]:
        """Return the jobs that take the step which begins at `now_s`, together; none when none can.

        can_begin: tells of a job that has had no step whether there is room for it. While one waits for room, nothing
        less urgent begins; what has begun goes on.
        """
        ready = self._ready(can_begin)
        since_s = self._passed_over_since_s
        self._passed_over_since_s = {priority: since_s.get(priority, now_s) for priority in ready}
        self._last = chosen = self._choose(now_s, list(ready))
        if chosen is None:
            return []
        self._passed_over_since_s[chosen] = now_s
        lanes = ready[chosen]
        # Whoever is new goes first, then whose turn is longest ago.
        rotation = [lane for lane in self._rotation[chosen] if lane in lanes]
        lane, *_ = [*(lane for lane in lanes if lane not in rotation), *rotation]
        self._rotation[chosen] = [*(other for other in rotation if other != lane), lane]
        for job in lanes[lane]:
            self._lanes.setdefault(job, _PREFILL)
        return lanes[lane]

    def decode(self, job: J, lane: Hashable) -> None:
        """Let `job`, whose prompt is computed, step with those of its class that have the same lane, which is not None.

        `job` itself is a lane that no other has.
        """
        self._lanes[job] = lane

    def cancel(self, job: J) -> bool:
        """Let `job` leave; False when it had already left, which a late withdrawal finds."""
        waiting = self._jobs[job.priority]
        if not any(other is job for other in waiting):
            return False
        self.finish(job)
        return True

    def expire(self, now_s: float) -> list[J]:
        """Let every job leave whose deadline has passed at `now_s`; return them."""
        late = [job for job in self.jobs() if job.deadline_s is not None and job.deadline_s <= now_s]
        for job in late:
            self.finish(job)
        return late

    def finish(self, job: J) -> None:
        """Let `job`, which must not have left yet, leave."""
        waiting = self._jobs[job.priority]
        del waiting[next(index for index, other in enumerate(waiting) if other is job)]
        self._lanes.pop(job, None)

    def jobs(self) -> list[J]:
        """Return the jobs that have not left, most urgent class first, oldest first within each."""
        return [job for jobs in self._jobs.values() for job in jobs]

    def _choose(self, now_s: float, ready: list[Priority]) -> Priority | None:
        """Choose a class: the most urgent, or the one that was passed over for too long. ready: most urgent first."""
        if not ready:
            return None
        if self._last is ready[0]:
            longest = min(ready[1:], key=self._passed_over_since_s.__getitem__, default=None)
            if longest is not None and now_s - self._passed_over_since_s[longest] >= MAX_PASSED_OVER_S:
                return longest
        return ready[0]

    def _ready(self, can_begin: Callable[[J], bool]) -> dict[Priority, dict[Hashable, list[J]]]:
        """Give the classes that can step, most urgent first, with the lanes in each and the jobs in those."""
        ready: dict[Priority, dict[Hashable, list[J]]] = {}
        has_room = True
        for priority in Priority:
            if priority is Priority.BACKGROUND and self.is_background_held:
                continue
            beginner = self._beginner(priority)
            has_room = has_room and (beginner is None or can_begin(beginner))
            lanes = self._lanes_of(priority, beginner if has_room else None)
            if lanes:
                ready[priority] = lanes
        return ready

    def _beginner(self, priority: Priority) -> J | None:
        """Give the job of a class that would have its first step now."""
        new = [job for job in self._jobs[priority] if job not in self._lanes]
        if priority is Priority.INTERACTIVE:
            return new[-1] if new else None
        begun = [self._lanes[job] for job in self._jobs[priority] if job in self._lanes]
        return new[0] if new and _PREFILL not in begun and len(begun) < self._max_begun else None

    def _lanes_of(self, priority: Priority, beginner: J | None) -> dict[Hashable, list[J]]:
        """Give the jobs of a class by lane: those that have begun, and `beginner`."""
        jobs = [job for job in self._jobs[priority] if job in self._lanes or job is beginner]
        if priority is Priority.INTERACTIVE:
            return {job: [job] for job in jobs[-1:]}
        lanes: dict[Hashable, list[J]] = {}
        for job in jobs:
            lanes.setdefault(self._lanes.get(job, _PREFILL), []).append(job)
        return lanes

    def _with_key(self, key: str | None) -> J | None:
        if key is None:
            return None
        return next((job for job in self.jobs() if job.key == key), None)
