"""Which job takes the next step. Pure: no tensors, no threads, no clock of its own (times are handed in).

Owns the jobs that have not ended. Invariants: a job that was accepted leaves exactly once, through `submit`
(superseded), `cancel`, `expire` or `finish`; `next` never returns a job while one of a higher priority waits.
"""

from enum import IntEnum
from typing import Generic, Protocol, TypeVar


class Priority(IntEnum):
    """Who waits for the answer; lower values go first."""

    INTERACTIVE = 0  # a person is typing
    FOREGROUND = 1  # a person asked and waits
    BACKGROUND = 2  # nobody waits


class Job(Protocol):
    """What the scheduler reads of a job, and never changes. deadline_s is on the clock that `expire` is given."""

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


class QueueFull(Exception):
    """As many jobs of this priority wait as the bound allows."""


class Scheduler(Generic[J]):
    """Jobs by priority.

    One job steps at a time and runs on until it ends or a more urgent one arrives. Among interactive jobs the newest
    goes first, since a person types in one place at a time; in the other classes the oldest, so that each has its turn.
    """

    def __init__(self, max_per_priority: int) -> None:
        self._max_per_priority = max_per_priority
        self._jobs: dict[Priority, list[J]] = {priority: [] for priority in Priority}

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

    def next(self) -> J | None:
        """Return the job that takes the next step, or None when there is none."""
        for priority, jobs in self._jobs.items():
            if jobs:
                return jobs[-1] if priority is Priority.INTERACTIVE else jobs[0]
        return None

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

    def jobs(self) -> list[J]:
        """Return the jobs that have not left, most urgent class first, oldest first within each."""
        return [job for jobs in self._jobs.values() for job in jobs]

    def _with_key(self, key: str | None) -> J | None:
        if key is None:
            return None
        return next((job for job in self.jobs() if job.key == key), None)
