"""Several answers at once: what one reading of the weights for all of them is worth.

1, 2 and 4 background answers decode at a time in one worker, by turns: prose, which cannot be guessed, and edit-like
text, which can. Prompts are computed before, and a rate counts from the first piece of text to the last.
"""

import asyncio
import statistics
from collections.abc import Callable
from dataclasses import replace

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from tests.bench import texts
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.report import Goal, Options, Report
from tests.bench.servers import Ask, Hearthline, hearthline
from tests.bench.streams import Answer, complete

GOALS = {"together_4_tokens_per_s_ratio": Goal(">=", 1.5), "together_4_edits_tokens_per_s_ratio": Goal(">=", 0.95)}
_N_DECODED = 96


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    name = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    report = Report("together", GOALS)
    with own_home(find_checkpoint(name)):
        asyncio.run(_measure(report, name, 1 if options.quick else 3))
    return report


async def _measure(report: Report, name: str, n_turns: int) -> None:
    async with hearthline(name) as ours:
        for kind, write, temperature in (("", texts.write_story, 1.0), ("edits_", texts.write_rename, 0.0)):
            rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
            for turn in range(n_turns):
                for n_streams, found in rates.items():
                    found.append(await _rate(ours, write, temperature, 100 * turn + 10 * n_streams, n_streams))
            for n_streams, found in rates.items():
                report.figures[f"together_{n_streams}_{kind}tokens_per_s"] = statistics.median(found)
            report.figures[f"together_4_{kind}tokens_per_s_ratio"] = statistics.median(
                four / one for one, four in zip(rates[1], rates[4], strict=True)
            )


async def _rate(
    ours: Hearthline, write: Callable[[int], str], temperature: float, number: int, n_streams: int
) -> float:
    """Return the tokens a second of `n_streams` answers together. number: of the first text, which must be new."""
    asks = [
        Ask(write(number + index), _N_DECODED, priority="background", temperature=temperature)
        for index in range(n_streams)
    ]
    for ask in asks:
        await complete(ours, replace(ask, max_tokens=1))
    answers: list[Answer] = await asyncio.gather(*(complete(ours, ask) for ask in asks))
    took_s = max(answer.piece_s[-1] for answer in answers) - min(answer.piece_s[0] for answer in answers)
    return sum(answer.counts.n_decoded for answer in answers) / took_s
