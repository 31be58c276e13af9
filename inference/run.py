"""A job from its first step to its last: the sequence it grows, the text it has said and the time it took.

Used by the engine's thread alone. Invariant: between steps the sequence is one that others can go on from, so that a
run may be left after any of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.jobs import Finished, FinishReason, Job
from inference.kv_cache import CachedTokens, is_plain
from inference.residents import Resident
from inference.speculation import Drafter, Experience
from inference.text_stream import TextStream

if TYPE_CHECKING:
    from inference.generation import Decoded
    from inference.suffix_reuse import Move


@dataclass(eq=False, slots=True)
class Run:
    """A job that steps. Times in seconds, its own steps alone; counts in tokens."""

    job: Job
    resident: Resident
    sequence: CachedTokens
    steps: "Iterator[tuple[Decoded, ...]]"
    drafter: Drafter | None
    text: TextStream
    move: "Move | None"
    n_cached: int
    queue_s: float
    n_decoded: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0

    def step(self, clock: Callable[[], float]) -> FinishReason | None:
        """Compute one step, emit what is ready; tell whether and why the job is done.

        What a step made beyond the end of the answer is dropped.
        """
        began_s = clock()
        made = next(self.steps)
        took_s = clock() - began_s
        if self.n_decoded == 0:
            self.prefill_s += took_s
        else:
            self.decode_s += took_s
        reasons = (self._emit_token(decoded) for decoded in made)
        return next((reason for reason in reasons if reason is not None), None)

    def finish(self, reason: FinishReason) -> Finished:
        """Emit what of the text was held back, leave the answer to later guesses, and sum up."""
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
        if decoded.token in self.job.stop_ids or self.resident.is_control(decoded.token):
            return FinishReason.STOP
        piece = self.text.push(decoded.token, decoded.logprob)
        if piece is not None:
            self.job.emit(piece)
        if self.text.was_stopped:
            return FinishReason.STOP
        is_full = len(self.job.prompt) + self.n_decoded >= self.resident.n_context
        return FinishReason.LENGTH if is_full or self.n_decoded >= self.job.max_tokens else None


def begin(job: Job, resident: Resident, sequence: CachedTokens, experience: Experience, now_s: float) -> Run:
    """Make `job` ready for its first step at `now_s`. sequence: its prompt, with what of it is cached."""
    from inference.generation import generate
    from inference.sampling import make_chooser

    loaded, chunk_tokens, run_ahead = resident.loaded, resident.chunk_tokens, resident.run_ahead
    chooser = make_chooser(job.sampling, job.wants_logprobs)
    drafter = None
    if resident.speculates and is_plain(sequence.kv_cache):
        n_most = min(job.max_tokens, resident.n_context - len(job.prompt))
        drafter = Drafter(experience, job.prompt, job.goes_on_at, n_most)
    steps = generate(loaded.model, sequence, chooser, chunk_tokens, run_ahead=run_ahead, drafter=drafter)
    suffixes = resident.suffixes
    move = suffixes.find(job, sequence) if suffixes else None
    if suffixes and move:
        steps = suffixes.steps(move, loaded.model, sequence, chunk_tokens, steps)
    return Run(
        job=job,
        resident=resident,
        sequence=sequence,
        steps=steps,
        drafter=drafter,
        text=TextStream(loaded.tokenizer.stream_decoder(), job.stop_strings),
        move=move,
        n_cached=sequence.n_cached + (move.n if move else 0),
        queue_s=now_s - job.arrived_s,
    )
