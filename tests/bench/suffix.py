"""The suffix moved along while someone types, against computing it anew: right answers, and time per keystroke.

One process and one model, with the worker's own caches. Quality: the suffix is computed when the last lines in front of
the hole are not there yet, as many of five as the bound of what may be stale lets be; then it is moved to where the
hole is. Both ways answer from the same exact prefix. Speed: a line typed into the middle of a file, a request at every
pause.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inference.models import store
from inference.models.catalogue import DEFAULT_MODEL
from tests.bench import texts
from tests.bench.holes import PUBLIC_PLACE, Hole, first_line, read_holes, spread
from tests.bench.report import Goal, Options, Report

GOALS = {
    "pass_difference_points": Goal(">=", -1.0),
    "keystroke_speedup_128": Goal(">=", 2.0),
}
_N_HOLES = 200
_N_SUFFIX_TOKENS = (64, 128)
_N_LINES_LATER = 5
_MAX_TOKENS = 48
_CHUNK_TOKENS = 64
_FILE_FUNCTIONS = 10
_KEYSTROKES_BETWEEN_PAUSES = 4
_LINE = "    totals = {name: sum(amounts) for name, amounts in sorted(groups.items())}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request. first_s: to the first token. n_moved: tokens of the suffix that were moved."""

    text: str
    first_s: float
    n_moved: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One hole, filled in both ways."""

    name: str
    is_same: bool
    exact_passes: bool
    moved_passes: bool


class Typist:
    """Asks one model, as the worker's engine would run it for one editor."""

    def __init__(self, loaded: Any) -> None:
        from inference.prompt_cache import PromptCache
        from inference.speculation import Experience
        from inference.suffix_reuse import SuffixBlocks

        self.loaded = loaded
        self._experience = Experience()
        self._cache = PromptCache(loaded, 2**29)
        self._blocks = SuffixBlocks(loaded.model)

    def ask(self, prefix: str, suffix: str, max_tokens: int, *, moves: bool) -> Answer:
        """Fill in one line between `prefix` and `suffix`. moves: the suffix may be moved."""
        from inference.generation import generate
        from inference.jobs import Job, Sampling
        from inference.prefill_chunks import Chunks
        from inference.sampling import make_chooser
        from inference.scheduler import Priority
        from inference.speculation import Drafter

        prompt = self._prompt(prefix, suffix)
        priority = Priority.INTERACTIVE if moves else Priority.FOREGROUND
        job = Job("", "", prompt.ids, max_tokens, lambda _: None, 0.0, priority, goes_on_at=prompt.goes_on_at)
        began = time.perf_counter()
        sequence = self._cache.take([*job.prompt], prompt.cuts)
        move = self._blocks.find(job, sequence)
        chooser = make_chooser(Sampling(), wants_logprob=False)
        drafter = Drafter(self._experience, job.prompt, job.goes_on_at, max_tokens)
        chunks = Chunks.of(_CHUNK_TOKENS)
        steps = generate(self.loaded.model, sequence, chooser, chunks, run_ahead=False, drafter=drafter)
        if move is not None:
            steps = self._blocks.steps(move, self.loaded.model, sequence, chunks, steps)
        tokens: list[int] = []
        first_s = 0.0
        ends = prompt.stop_ids | self.loaded.eos_ids
        while len(tokens) < max_tokens and not ends.intersection(tokens):
            tokens += [decoded.token for decoded in next(steps)]
            first_s = first_s or (time.perf_counter() - began if tokens else 0.0)
            if "\n" in self.loaded.tokenizer.decode(tokens).lstrip("\n"):
                break
        self._blocks.finish(job, sequence, move)
        self._cache.put(sequence)
        drafter.finish(len(tokens))
        text = self.loaded.tokenizer.decode([token for token in tokens if token not in ends])
        return Answer(text, first_s, 0 if move is None else move.n)

    def earlier(self, prefix: str) -> str:
        """Take from `prefix` as many of its last lines as a moved suffix need not have seen."""
        from inference.suffix_reuse import MAX_STALE_TOKENS

        lines = prefix.rstrip("\n").splitlines(keepends=True)
        starts = ["".join(lines[:-n]) for n in range(_N_LINES_LATER, 0, -1)]
        n_all = len(self.loaded.tokenizer.encode(prefix))
        n_least = n_all - MAX_STALE_TOKENS + 2
        return next((start for start in starts if len(self.loaded.tokenizer.encode(start)) >= n_least), starts[-1])

    def _prompt(self, prefix: str, suffix: str) -> Any:
        from inference import fim_templates
        from inference.fim_families import TEMPLATES

        hole = fim_templates.Hole(prefix, suffix)
        return fim_templates.build_fim_prompt(hole, TEMPLATES[self.loaded.family], self.loaded.tokenizer, 4096)


def run(options: Options) -> Report:
    """Measure with the default model, or another that fills in the middle with the suffix behind the prefix."""
    loaded = load(options.model or DEFAULT_MODEL)
    report = Report("suffix", GOALS)
    holes = choose_holes(options, loaded.tokenizer)
    if holes:
        report_quality(report, [judge(Typist(loaded), hole) for hole in holes])
    else:
        report.notes["pass_difference_points"] = f"not measured: no holes in {options.data}; get them: {PUBLIC_PLACE}"
    for n_suffix in (128,) if options.quick else _N_SUFFIX_TOKENS:
        measure_keystrokes(report, loaded, n_suffix)
    return report


def load(model: str) -> Any:
    """Load `model` as the worker does."""
    from inference.blas import load_fast_blas

    load_fast_blas()
    from inference.cpu_model import accelerate
    from inference.device import describe_device
    from inference.models.load import load_model

    loaded = load_model(store.checkpoint_dir(model))
    if describe_device().kind == "cpu":
        accelerate(loaded.model)
    return loaded


def choose_holes(options: Options, tokenizer: Any) -> list[Hole]:
    """Choose holes, evenly, among those whose suffix is long enough to be moved."""
    from inference.suffix_reuse import MIN_TOKENS

    holes = [hole for hole in read_holes(options.data) if len(tokenizer.encode(hole.suffix)) >= MIN_TOKENS]
    return spread(holes, 6 if options.quick else _N_HOLES)


def judge(typist: Typist, hole: Hole) -> Verdict:
    """Fill in `hole` both ways."""
    typist.ask(typist.earlier(hole.prefix), hole.suffix, 1, moves=False)
    moved = typist.ask(hole.prefix, hole.suffix, _MAX_TOKENS, moves=True)
    exact = typist.ask(hole.prefix, hole.suffix, _MAX_TOKENS, moves=False)
    middles = first_line(exact.text), first_line(moved.text)
    passes = {middle: hole.passes(middle) for middle in {*middles}}
    verdict = Verdict(hole.name, middles[0] == middles[1], passes[middles[0]], passes[middles[1]])
    sys.stderr.write(f"{verdict} ({moved.n_moved} tokens moved)\n")
    sys.stderr.flush()
    return verdict


def report_quality(report: Report, verdicts: Sequence[Verdict]) -> None:
    """Fill in how often both ways were right."""
    n = len(verdicts)
    exact, moved = sum(each.exact_passes for each in verdicts), sum(each.moved_passes for each in verdicts)
    report.figures["holes"] = n
    report.figures["exact_pass_pct"] = 100 * exact / n
    report.figures["moved_pass_pct"] = 100 * moved / n
    report.figures["pass_difference_points"] = 100 * (moved - exact) / n
    report.figures["same_answer_pct"] = 100 * sum(each.is_same for each in verdicts) / n


def measure_keystrokes(report: Report, loaded: Any, n_suffix: int) -> None:
    """Fill in the time to the first token at each pause of a typed line, in front of `n_suffix` tokens."""
    typists = {False: Typist(loaded), True: Typist(loaded)}
    times: dict[bool, list[float]] = {False: [], True: []}
    tokenizer = loaded.tokenizer
    for prefix, behind in texts.type_line(texts.write_module(3, _FILE_FUNCTIONS), _LINE, _KEYSTROKES_BETWEEN_PAUSES):
        suffix = tokenizer.decode(tokenizer.encode(behind)[:n_suffix])
        for moves, typist in typists.items():
            times[moves].append(typist.ask(prefix, suffix, 1, moves=moves).first_s)
    exact, moved = (1e3 * statistics.median(times[moves][1:]) for moves in (False, True))
    report.figures[f"keystroke_exact_{n_suffix}_ms"] = exact
    report.figures[f"keystroke_moved_{n_suffix}_ms"] = moved
    report.figures[f"keystroke_speedup_{n_suffix}"] = exact / moved
