"""Decoding with guesses against decoding without: text that repeats what stands near, and text that does not.

One process, one model, each task decoded both ways from the same KV cache, so that only decoding differs. What was
learned from one task goes on to the next, as it does in a worker.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.models import store
from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from tests.bench.report import Goal, Options, Report

GOALS = {
    "edit_speedup": Goal(">=", 2.0),
    "ordinary_speedup": Goal(">=", 0.97),
    "different_answers": Goal("==", 0),
}
_SOURCES = Path(__file__).parents[2] / "inference"
_CHUNK_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt to answer. kind: `edit` or `ordinary`. goes_on_at: see Job."""

    kind: str
    prompt: list[int]
    max_tokens: int
    goes_on_at: int | None = None


@dataclass(frozen=True, slots=True)
class Decode:
    """One answer. decode_s: from the end of the first step to the end of the last, in which n_after were made."""

    tokens: list[int]
    n_after: int
    decode_s: float
    n_drafted: int = 0
    n_accepted: int = 0
    longest_step_s: float = 0.0


def run(options: Options) -> Report:
    """Measure with the models of this machine."""
    from inference.kv_cache import CachedTokens
    from inference.models.load import load_model
    from inference.speculation import Experience

    loaded = load_model(store.checkpoint_dir(options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)))
    report = Report("speculation", GOALS)
    experience = Experience()
    both = []
    for task in _tasks(loaded, options.quick):
        sequence = CachedTokens(list(task.prompt), loaded.make_cache())
        plain = _decode(loaded, task, sequence, None)
        sequence.roll_back(len(task.prompt) - 1)
        sequence.tokens = list(task.prompt)
        guessed = _decode(loaded, task, sequence, experience)
        both.append((task, plain, guessed))
        words = f"{task.kind}: {_speed(plain):.1f} -> {_speed(guessed):.1f} tokens/s"
        sys.stderr.write(f"{words}, {guessed.n_accepted} of {guessed.n_drafted} guesses held\n")
        sys.stderr.flush()
    report.figures["different_answers"] = sum(plain.tokens != guessed.tokens for _, plain, guessed in both)
    for kind in ("edit", "ordinary"):
        pairs = [(plain, guessed) for task, plain, guessed in both if task.kind == kind]
        _sum_up(report, kind, pairs)
    report.figures["longest_guessing_step_ms"] = 1e3 * max(guessed.longest_step_s for _, _, guessed in both)
    return report


def _sum_up(report: Report, kind: str, pairs: list[tuple[Decode, Decode]]) -> None:
    plain, guessed = (
        sum(each.n_after for each in side) / sum(each.decode_s for each in side) for side in zip(*pairs, strict=True)
    )
    report.figures[f"{kind}_plain_tokens_per_s"] = plain
    report.figures[f"{kind}_guessing_tokens_per_s"] = guessed
    report.figures[f"{kind}_speedup"] = guessed / plain
    report.figures[f"{kind}_speedup_worst"] = min(_speed(guessed) / _speed(plain) for plain, guessed in pairs)
    report.figures[f"{kind}_speedup_median"] = statistics.median(
        _speed(guessed) / _speed(plain) for plain, guessed in pairs
    )
    report.figures[f"{kind}_drafted_tokens"] = sum(guessed.n_drafted for _, guessed in pairs)
    report.figures[f"{kind}_accepted_tokens"] = sum(guessed.n_accepted for _, guessed in pairs)
    report.figures[f"{kind}_decoded_tokens"] = sum(len(guessed.tokens) for _, guessed in pairs)


def _speed(decode: Decode) -> float:
    return decode.n_after / decode.decode_s if decode.n_after else 1.0


def _decode(loaded: Any, task: Task, sequence: Any, experience: Any) -> Decode:
    from inference.generation import generate
    from inference.jobs import Sampling
    from inference.prefill_chunks import Chunks
    from inference.sampling import make_chooser
    from inference.speculation import Drafter

    drafter = experience and Drafter(experience, task.prompt, task.goes_on_at, task.max_tokens)
    chooser = make_chooser(Sampling(), wants_logprob=False)
    tokens: list[int] = []
    steps_s: list[float] = []
    n_first = 0
    steps = generate(loaded.model, sequence, chooser, Chunks.of(_CHUNK_TOKENS), run_ahead=False, drafter=drafter)
    while len(tokens) < task.max_tokens and not loaded.eos_ids & {*tokens}:
        began = time.perf_counter()
        made = [each.token for each in next(steps)]
        if tokens:
            steps_s.append(time.perf_counter() - began)
        elif made:
            n_first = len(made)
        tokens += made
    end = next((index + 1 for index, token in enumerate(tokens) if token in loaded.eos_ids), len(tokens))
    decode = Decode(tokens[:end], max(0, end - n_first), sum(steps_s) or 1e-9, longest_step_s=max(steps_s, default=0.0))
    if drafter is None:
        return decode
    drafter.finish(end)
    return replace(decode, n_drafted=drafter.n_drafted, n_accepted=drafter.n_accepted)


def _tasks(loaded: Any, quick: bool) -> list[Task]:
    encode: Callable[[str], list[int]] = loaded.tokenizer.encode
    holes = [("scheduler.py", 60), ("metrics.py", 48), ("paths.py", 40), ("text_stream.py", 30), ("singleton.py", 80)]
    holes += [("job_response.py", 60)]
    ordinary = [_hole(loaded, name, line) for name, line in holes[: 3 if quick else None]]
    edits = [_repeat(encode, 60 if quick else 110), _rewrite(loaded, encode, 60 if quick else 150)]
    return [edits[0], *ordinary[:2], edits[1], *ordinary[2:]]


def _rewrite(loaded: Any, encode: Callable[[str], list[int]], max_tokens: int) -> Task:
    """Ask for a file once more with one name changed, and begin the answer with its first line."""
    lines = (_SOURCES / "text_stream.py").read_text().splitlines(keepends=True)
    source = "".join(lines[26:52])
    words = f"Rename the method `push` to `feed`. Answer with the whole file.\n\n```python\n{source}```"
    prompt = loaded.tokenizer.render_chat([{"role": "user", "content": words}]).ids
    return Task("edit", [*prompt, *encode(f"```python\n{lines[26]}")], max_tokens)


def _repeat(encode: Callable[[str], list[int]], max_tokens: int) -> Task:
    """Write a function that differs in a name from the one before it."""
    function = '''def print_mean_table(rows: list[Row], columns: list[str], stream: TextIO) -> None:
    """Print the mean of each column of `rows` as an aligned table."""
    width = max(len(column) for column in columns) + 2
    for column in columns:
        values = [row.value(column) for row in rows if row.has(column)]
        if not values:
            continue
        stream.write(f"{column:<{width}}{statistics.mean(values):10.3f}\\n")
    stream.flush()


'''
    header = function.splitlines(keepends=True)[0].replace("mean", "median")
    return Task("edit", encode(function + header), max_tokens)


def _hole(loaded: Any, file: str, line: int) -> Task:
    """Fill in what stands from the middle of a line on, in a file that the model has not read before."""
    from inference.fim_families import TEMPLATES
    from inference.fim_templates import Hole, build_fim_prompt, build_prefix_prompt

    lines = (_SOURCES / file).read_text().splitlines(keepends=True)
    here = lines[line]
    cut = len(here) // 2
    hole = Hole("".join(lines[max(0, line - 40) : line]) + here[:cut], "".join(lines[line + 2 : line + 12]))
    if loaded.fim:
        prompt = build_fim_prompt(hole, TEMPLATES[loaded.family], loaded.tokenizer, 2048)
    else:
        prompt = build_prefix_prompt(hole, loaded.tokenizer, 2048, 0)
    return Task("ordinary", prompt.ids, 32, prompt.goes_on_at)
