"""A line typed into the middle of a file, and a request at every pause: what is computed again, and the time it takes.

Both servers get the same tokens. `mlx_lm.server` knows no suffix, so its prompt carries the control tokens of
fill-in-the-middle as text; a model without them gets the prefix alone, as the worker does by itself.
"""

import statistics

from inference.fim_families import TEMPLATES, Part
from inference.models.catalogue import CATALOGUE
from tests.bench import texts
from tests.bench.report import Report
from tests.bench.servers import Ask, Hearthline, MlxLm
from tests.bench.streams import Answer, complete

_LINE = "    totals = {name: sum(amounts) for name, amounts in sorted(groups.items())}"
_FILE_FUNCTIONS = 8
_KEYSTROKES_BETWEEN_PAUSES = 4


async def measure_keystrokes(report: Report, ours: Hearthline, peer: MlxLm, model: str, n_pauses: int) -> None:
    """Fill in tokens and times per pause; the first request, which meets nothing cached, is left out."""
    text = texts.write_module(2, _FILE_FUNCTIONS)
    states = list(texts.type_line(text, _LINE, _KEYSTROKES_BETWEEN_PAUSES))[: n_pauses + 1]
    mine: list[Answer] = []
    theirs: list[Answer] = []
    for prefix, suffix in states:
        mine.append(await complete(ours, Ask(prefix, 4, suffix, key="typed")))
        theirs.append(await complete(peer, Ask(_fim_text(model, prefix, suffix), 4)))
    _report(report, "", mine[1:])
    _report(report, "mlx_lm_", theirs[1:])
    lengths = mine[-1].counts.n_prompt, theirs[-1].counts.n_prompt
    report.notes["keystroke_ms"] = f"{len(states) - 1} pauses; the last prompt has {lengths[0]} and {lengths[1]} tokens"


def _fim_text(model: str, prefix: str, suffix: str) -> str:
    spec = CATALOGUE.get(model)
    template = TEMPLATES.get(spec.family) if spec is not None and spec.fim else None
    if template is None:
        return prefix
    texts = {Part.PREFIX: prefix, Part.SUFFIX: suffix}
    return "".join(part if isinstance(part, str) else texts.get(part, "") for part in template.parts)


def _report(report: Report, prefix: str, answers: list[Answer]) -> None:
    recomputed = [answer.counts.n_prompt - answer.counts.n_cached for answer in answers]
    report.figures[f"{prefix}keystroke_recomputed_tokens"] = statistics.median(recomputed)
    report.figures[f"{prefix}keystroke_recomputed_tokens_worst"] = max(recomputed)
    report.figures[f"{prefix}keystroke_ms"] = 1e3 * statistics.median(answer.answered_s for answer in answers)
