"""The schedule: order, supersession, deadlines, bounds, and that every job ends exactly once."""

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from inference.scheduler import Priority, QueueFull, Scheduler

INTERACTIVE, FOREGROUND, BACKGROUND = Priority


@dataclass(eq=False)
class Job:
    priority: Priority = FOREGROUND
    key: str | None = None
    deadline_s: float | None = None


def test_an_interactive_job_takes_the_very_next_step() -> None:
    scheduler = Scheduler[Job](8)
    background = Job(BACKGROUND)
    scheduler.submit(background)
    assert scheduler.next() is background
    interactive = Job(INTERACTIVE)
    scheduler.submit(interactive)
    assert scheduler.next() is interactive
    scheduler.finish(interactive)
    assert scheduler.next() is background


def test_foreground_jobs_run_in_the_order_they_came() -> None:
    scheduler = Scheduler[Job](8)
    first, second = Job(), Job()
    scheduler.submit(first)
    scheduler.submit(second)
    assert scheduler.next() is first
    scheduler.finish(first)
    assert scheduler.next() is second


def test_the_newest_interactive_job_goes_first() -> None:
    scheduler = Scheduler[Job](8)
    older, newer = Job(INTERACTIVE), Job(INTERACTIVE)
    scheduler.submit(older)
    scheduler.submit(newer)
    assert scheduler.next() is newer
    scheduler.finish(newer)
    assert scheduler.next() is older


def test_a_newer_job_supersedes_the_older_of_the_same_key() -> None:
    scheduler = Scheduler[Job](8)
    older, other, newer = Job(key="a"), Job(key="b"), Job(INTERACTIVE, key="a")
    assert scheduler.submit(older) is None
    assert scheduler.submit(other) is None
    assert scheduler.submit(newer) is older
    assert scheduler.jobs() == [newer, other]


def test_jobs_without_a_key_never_supersede_each_other() -> None:
    scheduler = Scheduler[Job](8)
    assert scheduler.submit(Job()) is None
    assert scheduler.submit(Job()) is None
    assert len(scheduler) == 2


def test_a_full_class_refuses_and_leaves_the_others_open() -> None:
    scheduler = Scheduler[Job](1)
    waiting = Job(BACKGROUND, key="a")
    scheduler.submit(waiting)
    with pytest.raises(QueueFull):
        scheduler.submit(Job(BACKGROUND, key="b"))
    assert scheduler.jobs() == [waiting]
    scheduler.submit(Job(INTERACTIVE))
    assert scheduler.submit(Job(BACKGROUND, key="a")) is waiting


def test_a_refused_job_supersedes_nothing() -> None:
    scheduler = Scheduler[Job](1)
    same_key, full = Job(FOREGROUND, key="a"), Job(BACKGROUND)
    scheduler.submit(same_key)
    scheduler.submit(full)
    with pytest.raises(QueueFull):
        scheduler.submit(Job(BACKGROUND, key="a"))
    assert scheduler.jobs() == [same_key, full]


def test_deadlines_pass_at_their_time_and_not_before() -> None:
    scheduler = Scheduler[Job](8)
    job, patient = Job(deadline_s=5.0), Job()
    scheduler.submit(job)
    scheduler.submit(patient)
    assert scheduler.expire(4.9) == []
    assert scheduler.expire(5.0) == [job]
    assert scheduler.expire(99.0) == []
    assert scheduler.jobs() == [patient]


def test_a_late_cancel_changes_nothing() -> None:
    scheduler = Scheduler[Job](8)
    job = Job()
    scheduler.submit(job)
    assert scheduler.cancel(job)
    assert not scheduler.cancel(job)


class EveryJobEndsOnce(RuleBasedStateMachine):
    """Any order of events: accepted jobs end exactly once, and the most urgent class steps first."""

    accepted = Bundle("accepted")

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler[Job](3)
        self.now_s = 0.0
        self.alive: list[Job] = []

    def _end(self, job: Job) -> None:
        assert any(other is job for other in self.alive), "ended twice, or never accepted"
        self.alive = [other for other in self.alive if other is not job]

    @rule(
        target=accepted,
        priority=st.sampled_from(Priority),
        key=st.sampled_from([None, "a", "b"]),
        patience_s=st.none() | st.floats(0, 5),
    )
    def submit(self, priority: Priority, key: str | None, patience_s: float | None) -> Job:
        job = Job(priority, key, None if patience_s is None else self.now_s + patience_s)
        same_class = [other for other in self.alive if other.priority is priority]
        try:
            superseded = self.scheduler.submit(job)
        except QueueFull:
            assert len(same_class) == 3
            return job
        self.alive.append(job)
        if superseded is not None:
            assert superseded.key == key is not None
            self._end(superseded)
        return job

    @rule(job=consumes(accepted))
    def cancel(self, job: Job) -> None:
        if self.scheduler.cancel(job):
            self._end(job)
        else:
            assert all(other is not job for other in self.alive)

    @rule(passed_s=st.floats(0, 3))
    def expire(self, passed_s: float) -> None:
        self.now_s += passed_s
        for job in self.scheduler.expire(self.now_s):
            self._end(job)

    @rule()
    def step_and_finish(self) -> None:
        job = self.scheduler.next()
        if job is not None:
            self.scheduler.finish(job)
            self._end(job)

    @invariant()
    def the_most_urgent_class_steps(self) -> None:
        job = self.scheduler.next()
        assert (job is None) == (not self.alive)
        if job is not None:
            assert job.priority is min(other.priority for other in self.alive)

    @invariant()
    def keys_are_unique(self) -> None:
        keys = [job.key for job in self.scheduler.jobs() if job.key is not None]
        assert len(keys) == len(set(keys))

    def teardown(self) -> None:
        for _ in range(len(self.alive)):
            self.step_and_finish()
        assert self.alive == []
        assert self.scheduler.next() is None


TestEveryJobEndsOnce = EveryJobEndsOnce.TestCase
