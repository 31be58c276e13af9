"""The schedule: order, supersession, deadlines, bounds, and that every job ends exactly once."""

from collections.abc import Hashable
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from inference.scheduler import MAX_PASSED_OVER_S, Priority, QueueFull, Scheduler

INTERACTIVE, FOREGROUND, BACKGROUND = Priority
N_BEGUN = 2
MAX_STEP_S = 3.0


def has_room(_: object) -> bool:
    return True


def step(scheduler: "Scheduler[Job]", now_s: float = 0.0) -> "list[Job]":
    return scheduler.next(now_s, has_room)


def begin(scheduler: "Scheduler[Job]", job: "Job", lane: Hashable) -> None:
    """Submit `job` and step until its prompt is computed."""
    scheduler.submit(job)
    while step(scheduler) != [job]:
        pass
    scheduler.decode(job, lane)


@dataclass(eq=False)
class Job:
    priority: Priority = FOREGROUND
    key: str | None = None
    deadline_s: float | None = None


def test_an_interactive_job_takes_the_very_next_step() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    background = Job(BACKGROUND)
    scheduler.submit(background)
    assert step(scheduler) == [background]
    interactive = Job(INTERACTIVE)
    scheduler.submit(interactive)
    assert step(scheduler) == [interactive]
    scheduler.finish(interactive)
    assert step(scheduler) == [background]


def test_prompts_are_computed_in_the_order_they_came() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    first, second = Job(), Job()
    scheduler.submit(first)
    scheduler.submit(second)
    assert [step(scheduler), step(scheduler)] == [[first], [first]]
    scheduler.finish(first)
    assert step(scheduler) == [second]


def test_the_newest_interactive_job_goes_first_and_alone() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    older, newer = Job(INTERACTIVE), Job(INTERACTIVE)
    scheduler.submit(older)
    assert step(scheduler) == [older]
    scheduler.decode(older, "together")
    scheduler.submit(newer)
    assert step(scheduler) == [newer]
    scheduler.decode(newer, "together")
    assert step(scheduler) == [newer]
    scheduler.finish(newer)
    assert step(scheduler) == [older]


def test_jobs_that_decode_step_together_and_take_turns_with_a_prompt() -> None:
    scheduler = Scheduler[Job](8, 4)
    first, second, alone, long = Job(), Job(), Job(), Job()
    for job, lane in ((first, "together"), (second, "together"), (alone, alone)):
        begin(scheduler, job, lane)
    scheduler.submit(long)
    turns = [step(scheduler) for _ in range(6)]
    assert turns[3:] == turns[:3]
    assert sorted(map(len, turns[:3])) == [1, 1, 2]
    assert [first, second] in turns
    assert [long] in turns


def test_no_more_begin_than_may_be_held_at_once() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    jobs = [Job(BACKGROUND) for _ in range(3)]
    for job in jobs[:2]:
        begin(scheduler, job, "together")
    scheduler.submit(jobs[2])
    assert [step(scheduler) for _ in range(3)] == [jobs[:2]] * 3
    scheduler.finish(jobs[0])
    assert [jobs[2]] in [step(scheduler), step(scheduler)]


def test_while_a_job_waits_for_room_nothing_less_urgent_begins() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    running, large, small = Job(BACKGROUND), Job(FOREGROUND), Job(BACKGROUND)
    scheduler.submit(running)
    assert step(scheduler) == [running]
    scheduler.decode(running, "together")
    scheduler.submit(large)
    scheduler.submit(small)
    for _ in range(3):
        assert scheduler.next(0.0, lambda job: job is not large) == [running]
    assert step(scheduler) == [large]


def test_held_background_jobs_wait_without_ending() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    begun, new, foreground = Job(BACKGROUND, deadline_s=5.0), Job(BACKGROUND), Job()
    scheduler.submit(begun)
    assert step(scheduler) == [begun]
    scheduler.submit(new)
    scheduler.is_background_held = True
    assert step(scheduler) == []
    scheduler.submit(foreground)
    assert step(scheduler, 100.0) == [foreground]
    assert step(scheduler, 200.0) == [foreground], "what is held is not passed over"
    assert scheduler.expire(5.0) == [begun]
    scheduler.finish(foreground)
    scheduler.is_background_held = False
    assert step(scheduler, 200.0) == [new]


def test_who_was_passed_over_for_too_long_steps_out_of_turn_once() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    interactive, background = Job(INTERACTIVE), Job(BACKGROUND)
    scheduler.submit(background)
    assert step(scheduler, 0.0) == [background]
    scheduler.submit(interactive)
    turns = [step(scheduler, now_s) for now_s in (1.0, 9.9, 10.0, 10.1, 19.9, 20.0, 20.1)]
    assert turns == [
        [interactive],
        [interactive],
        [background],
        [interactive],
        [interactive],
        [background],
        [interactive],
    ]


def test_a_new_interactive_job_never_waits_for_two_steps_of_others() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    foreground, background, interactive = Job(), Job(BACKGROUND), Job(INTERACTIVE)
    scheduler.submit(foreground)
    scheduler.submit(background)
    assert step(scheduler, 0.0) == [foreground]
    assert step(scheduler, 10.0) == [background]
    scheduler.submit(interactive)
    assert step(scheduler, 25.0) == [interactive], "a second step out of turn came first"


def test_a_newer_job_supersedes_the_older_of_the_same_key() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    older, other, newer = Job(key="a"), Job(key="b"), Job(INTERACTIVE, key="a")
    assert scheduler.submit(older) is None
    assert scheduler.submit(other) is None
    assert scheduler.submit(newer) is older
    assert scheduler.jobs() == [newer, other]


def test_jobs_without_a_key_never_supersede_each_other() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    assert scheduler.submit(Job()) is None
    assert scheduler.submit(Job()) is None
    assert len(scheduler) == 2


def test_a_full_class_refuses_and_leaves_the_others_open() -> None:
    scheduler = Scheduler[Job](1, N_BEGUN)
    waiting = Job(BACKGROUND, key="a")
    scheduler.submit(waiting)
    with pytest.raises(QueueFull):
        scheduler.submit(Job(BACKGROUND, key="b"))
    assert scheduler.jobs() == [waiting]
    scheduler.submit(Job(INTERACTIVE))
    assert scheduler.submit(Job(BACKGROUND, key="a")) is waiting


def test_a_refused_job_supersedes_nothing() -> None:
    scheduler = Scheduler[Job](1, N_BEGUN)
    same_key, full = Job(FOREGROUND, key="a"), Job(BACKGROUND)
    scheduler.submit(same_key)
    scheduler.submit(full)
    with pytest.raises(QueueFull):
        scheduler.submit(Job(BACKGROUND, key="a"))
    assert scheduler.jobs() == [same_key, full]


def test_deadlines_pass_at_their_time_and_not_before() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    job, patient = Job(deadline_s=5.0), Job()
    scheduler.submit(job)
    scheduler.submit(patient)
    assert scheduler.expire(4.9) == []
    assert scheduler.expire(5.0) == [job]
    assert scheduler.expire(99.0) == []
    assert scheduler.jobs() == [patient]


def test_a_late_cancel_changes_nothing() -> None:
    scheduler = Scheduler[Job](8, N_BEGUN)
    job = Job()
    scheduler.submit(job)
    assert scheduler.cancel(job)
    assert not scheduler.cancel(job)


class EveryJobEndsOnce(RuleBasedStateMachine):
    """Any order of events: accepted jobs end once, whoever types is first, and nobody is passed over for ever."""

    accepted = Bundle("accepted")

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler[Job](3, N_BEGUN)
        self.now_s = 0.0
        self.alive: list[Job] = []
        self.begun: set[Job] = set()
        self.decoding: set[Job] = set()
        self.is_held = False
        self.last: Priority | None = None
        self.ready_since_s: dict[Priority, float] = {}

    def _end(self, job: Job) -> None:
        assert any(other is job for other in self.alive), "ended twice, or never accepted"
        self.alive = [other for other in self.alive if other is not job]
        self.begun.discard(job)
        self.decoding.discard(job)

    def _may_step(self, priority: Priority) -> bool:
        return any(job.priority is priority for job in self.alive) and not (priority is BACKGROUND and self.is_held)

    @rule(
        target=accepted,
        priority=st.sampled_from(Priority),
        key=st.sampled_from([None, "a", "b"]),
        patience_s=st.none() | st.floats(0, 50),
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

    @rule(is_held=st.booleans())
    def hold(self, is_held: bool) -> None:
        self.scheduler.is_background_held = self.is_held = is_held

    @rule(
        took_s=st.floats(0, MAX_STEP_S),
        has_room=st.booleans(),
        lane=st.sampled_from([None, "x", "y", "own"]),
        n_ending=st.integers(0, 2),
    )
    def step(self, took_s: float, has_room: bool, lane: str | None, n_ending: int) -> None:
        """Take a step that lasts `took_s`; the prompts in it may be done after it, and some of its jobs end."""
        stepping = self.scheduler.next(self.now_s, lambda _: has_room)
        self._check(stepping, has_room)
        self.begun.update(stepping)
        self.now_s += took_s
        for job in stepping:
            if job not in self.decoding and lane is not None:
                self.decoding.add(job)
                self.scheduler.decode(job, job if lane == "own" else lane)
        for job in stepping[:n_ending]:
            self.scheduler.finish(job)
            self._end(job)
        for late in self.scheduler.expire(self.now_s):
            self._end(late)

    @rule(n=st.integers(1, 20), took_s=st.floats(1, MAX_STEP_S))
    def flood(self, n: int, took_s: float) -> None:
        """Take many steps of which none ends a job."""
        for _ in range(n):
            self.step(took_s, True, "x", 0)

    @rule(n=st.integers(1, 20))
    def flood_of_short_jobs(self, n: int) -> None:
        """Take many steps, before each of which a new interactive job arrives and after which it ends."""
        for _ in range(n):
            self.submit(INTERACTIVE, None, None)
            self.step(2.0, True, None, 1)

    def _check(self, stepping: list[Job], has_room: bool) -> None:
        waiting = [priority for priority in Priority if self._may_step(priority)]
        self.ready_since_s = {p: self.ready_since_s.get(p, self.now_s) for p in waiting}
        if not stepping:
            assert not has_room or not waiting
            self.last = None
            self.ready_since_s = {}
            return
        priority = stepping[0].priority
        assert all(any(job is other for other in self.alive) for job in stepping)
        assert {job.priority for job in stepping} == {priority}
        assert has_room or self.begun.issuperset(stepping), "began without room"
        assert len(stepping) == 1 or self.decoding.issuperset(stepping), "only decoding jobs step together"
        if priority is not INTERACTIVE:
            n_begun = sum(job.priority is priority for job in self.begun.union(stepping))
            assert n_begun <= N_BEGUN
        if has_room:
            assert priority is waiting[0] or self.last is waiting[0], "two steps out of turn in a row"
            self.ready_since_s[priority] = self.now_s
            for other, since_s in self.ready_since_s.items():
                assert self.now_s - since_s <= MAX_PASSED_OVER_S + 4 * MAX_STEP_S, f"{other.name} starves"
        else:
            self.ready_since_s = {}
        self.last = priority

    @invariant()
    def keys_are_unique(self) -> None:
        keys = [job.key for job in self.scheduler.jobs() if job.key is not None]
        assert len(keys) == len(set(keys))

    @invariant()
    def the_scheduler_has_who_is_alive(self) -> None:
        assert sorted(map(id, self.scheduler.jobs())) == sorted(map(id, self.alive))

    def teardown(self) -> None:
        self.scheduler.is_background_held = self.is_held = False
        while self.alive:
            for job in self.scheduler.next(self.now_s, lambda _: True):
                self.scheduler.finish(job)
                self._end(job)
        assert self.scheduler.next(self.now_s, lambda _: True) == []


TestEveryJobEndsOnce = EveryJobEndsOnce.TestCase
