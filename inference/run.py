"""A job from its first step to its last: the sequence it grows, the text it has said and the time it took.

Used by the engine's thread alone. Invariant: between steps the sequence is one that others can go on from, so that a
run may be left after any of them.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.jobs import Finished, FinishReason, Job
from inference.kv_cache import CachedTokens, can_copy, is_plain
from inference.kv_memory import joined_tokens
from inference.prefill_chunks import Chunks
from inference.residents import Resident
from inference.speculation import NO_DRAFT, Drafter, Experience
from inference.text_stream import TextStream

if TYPE_CHECKING:
    from inference.batch import Batch
    from inference.generation import Decoded, Steps
    from inference.sampling import Chooser
    from inference.suffix_reuse import Move

# Joining and parting copies KV: what guesses promise must differ by so much from what decoding together gives.
_MARGIN_TO_PART = 1.2
_MARGIN_TO_STAY_ALONE = 0.9
_MAX_BRIEF_COST = 1.5


@dataclass(eq=False, slots=True)
class Run:
    """A job that steps. Times in seconds, of steps that it had a part in; counts in tokens.

    lane: see `settle`; None while the prompt is computed. batch: of those it decodes together with, which all have that
    lane.
    """

    job: Job
    resident: Resident
    sequence: CachedTokens
    choose: "Chooser"
    steps: "Steps"
    chunks: Chunks
    drafter: Drafter | None
    text: TextStream
    move: "Move | None"
    n_cached: int
    queue_s: float
    n_decoded: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    lane: Hashable = None
    batch: "Batch | None" = None

    def step(self, clock: Callable[[], float], *, is_brief: bool) -> FinishReason | None:
        """Compute one step alone, emit what is ready; tell whether and why the job is done.

        is_brief: prefill less, and guess only as much as hardly lengthens the step: someone may soon wait for its end.
        """
        self.leave_batch()
        self.chunks.is_brief = is_brief
        if self.drafter is not None:
            self.drafter.max_cost = _MAX_BRIEF_COST if is_brief else math.inf
        began_s = clock()
        made = next(self.steps)
        return self.take(made, clock() - began_s)

    def land(self, clock: Callable[[], float]) -> FinishReason | None:
        """Do as `step`, and leave nothing ahead of it."""
        began_s = clock()
        made = self.steps.send(True)
        return self.take(made, clock() - began_s)

    def settle(self, n_alike: int) -> Hashable:
        """Choose with whom to decode: return what jobs of one class share that do so together, or the job itself.

        Together are those of like length, since all are padded to the longest; alone is who is better off by guessing,
        and who is held to a grammar, whose masks depend on the token before.
        n_alike: jobs of its class and model that decode, with this one.
        """
        lane: Hashable = self.job
        margin = _MARGIN_TO_STAY_ALONE if self.lane == self.job else _MARGIN_TO_PART
        is_better_alone = self.drafter is not None and self.drafter.beats(n_alike, margin)
        is_free = self.job.constraint is None and not is_better_alone
        if is_free and can_copy(self.sequence.kv_cache):
            lane = self.resident.name, joined_tokens(len(self.sequence.tokens))
        if lane != self.lane:
            self.leave_batch()
            self.lane = lane
        return lane

    def leave_batch(self) -> None:
        """Take the KV cache back from those that this job decodes together with, if it does."""
        if self.batch is not None:
            self.batch.leave(self.sequence)
            self.batch = None

    def take(self, made: "Sequence[Decoded]", took_s: float) -> FinishReason | None:
        """Take in what a step of `took_s` made, emit what is ready; tell whether and why the job is done.

        What a step made beyond the end of the answer is dropped.
        """
        if self.n_decoded == 0:
            self.prefill_s += took_s
        else:
            self.decode_s += took_s
        reasons = (self._emit_token(decoded) for decoded in made)
        return next((reason for reason in reasons if reason is not None), None)

    def finish(self, reason: FinishReason) -> Finished:
        """Emit what of the text was held back, leave the answer to later guesses, and sum up."""
        self.leave_batch()
        if self.drafter is not None:
            self.drafter.finish(self.n_decoded)
        piece = self.text.finish()
        if piece is not None:
            self.job.emit(piece)
        if self.resident.suffixes is not None:
            self.resident.suffixes.finish(self.job, self.sequence, self.move)
        times = self.queue_s, self.prefill_s, self.decode_s
        guesses = (self.drafter.n_drafted, self.drafter.n_accepted) if self.drafter else ()
        return Finished(reason, len(self.job.prompt), self.n_cached, self.n_decoded, *times, *guesses)

    def _emit_token(self, decoded: "Decoded") -> FinishReason | None:
        if self.job.max_tokens == 0:  # the prompt is computed, which is all that was wanted
            return FinishReason.LENGTH
        self.n_decoded += 1
        is_visible = decoded.token in self.job.visible_ids
        if decoded.token in self.job.stop_ids or (self.resident.is_control(decoded.token) and not is_visible):
            return FinishReason.STOP
        piece = self.text.push(decoded.token, decoded.logprob)
        if piece is not None:
            self.job.emit(piece)
        if self.text.was_stopped or decoded.is_last:
            return FinishReason.STOP
        is_full = len(self.job.prompt) + self.n_decoded >= self.resident.n_context
        return FinishReason.LENGTH if is_full or self.n_decoded >= self.job.max_tokens else None


def step_together(runs: Sequence[Run], clock: Callable[[], float]) -> list[FinishReason | None]:
    """Compute one step of `runs`, which have decoded, have one model and all who are in a batch with one of them.

    A run that is a step ahead of what was read takes that step by itself first. Returns what `Run.step` does, of each.
    """
    from inference.batch import Batch, Member

    ahead = next((run for run in runs if run.sequence.n_cached == len(run.sequence.tokens)), None)
    if ahead is not None:
        return [run.land(clock) if run is ahead else None for run in runs]
    batch = next((run.batch for run in runs if run.batch is not None), None) or Batch(runs[0].resident.loaded.model)
    began_s = clock()
    made = batch.step([Member(run.sequence, run.choose, len(run.job.prompt)) for run in runs])
    took_s = clock() - began_s
    reasons = []
    for run, decoded in zip(runs, made, strict=True):
        run.batch = batch
        if run.drafter is not None:
            run.drafter.learn(NO_DRAFT, [decoded.token])
            run.drafter.learn_step(len(runs), took_s)
            run.drafter.draft()  # for its gain alone
        reasons.append(run.take([decoded], took_s))
    return reasons


def begin(job: Job, resident: Resident, sequence: CachedTokens, experience: Experience, now_s: float) -> Run:
    """Make `job` ready for its first step at `now_s`. sequence: its prompt, with what of it is cached."""
    from inference.generation import generate
    from inference.sampling import make_chooser

    loaded, chunks, run_ahead = resident.loaded, Chunks(resident.chunks), resident.run_ahead
    chooser = make_chooser(job.sampling, job.wants_logprobs)
    drafter = None
    if resident.speculates and is_plain(sequence.kv_cache):
        n_most = min(job.max_tokens, resident.n_context - len(job.prompt))
        drafter = Drafter(experience, job.prompt, job.goes_on_at, n_most)
    steps = generate(
        loaded.model,
        sequence,
        chooser,
        chunks,
        run_ahead=run_ahead,
        drafter=drafter,
        constraint=job.constraint,
    )
    suffixes = resident.suffixes
    move = suffixes.find(job, sequence) if suffixes else None
    if suffixes and move:
        steps = suffixes.steps(move, loaded.model, sequence, chunks, steps)
    return Run(
        job=job,
        resident=resident,
        sequence=sequence,
        choose=chooser,
        steps=steps,
        chunks=chunks,
        drafter=drafter,
        text=TextStream(loaded.tokenizer.stream_decoder(), job.stop_strings),
        move=move,
        n_cached=sequence.n_cached + (move.n if move else 0),
        queue_s=now_s - job.arrived_s,
    )
