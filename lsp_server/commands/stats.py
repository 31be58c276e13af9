"""`hearthline stats`: what became of the suggestions, from the figures that this machine keeps."""

import sqlite3
import time
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from lsp_server.commands.terminal import answers, fail, write_json
from lsp_server.feedback.figures import Day, Figures, sum_up
from lsp_server.feedback.records import Fate, Outcome, Request
from lsp_server.feedback.store import feedback_path, read

_DAY_S = 86_400
_BARS = " ▁▂▃▄▅▆▇█"
_MOST_LANGUAGES = 8


def run(days: int, *, as_json: bool) -> int:
    """Sum up the last `days` days; return the exit code."""
    path = feedback_path()
    since = int(time.time()) - days * _DAY_S
    try:
        figures = sum_up(read(path, Request, since), read(path, Fate, since))
    except (sqlite3.Error, OSError) as error:
        return fail(f"the figures in {path} cannot be read ({error}); remove the file to begin anew")
    if as_json:
        write_json({"days": days, "path": str(path), **asdict(figures)})
    else:
        _show(answers(), figures, days)
    return 0


def _show(console: Console, figures: Figures, days: int) -> None:
    if not figures.n_requests:
        console.print(f"Nothing was recorded in the last {days} days: suggestions in an editor are what is counted.")
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("suggestions shown", f"{figures.n_shown}")
    for outcome in Outcome:
        n = figures.outcomes[outcome]
        table.add_row(f"  {outcome}", f"{n}  {_percent(n / figures.n_shown if figures.n_shown else None)}")
    table.add_row("still there after 30 s", f"{_percent(figures.kept_share)} of those taken")
    table.add_row("characters not typed", f"{figures.n_chars_taken}")
    table.add_row("answered without the engine", _percent(figures.engine_free_share))
    table.add_row("wait, median and worst of 20", f"{figures.latency_ms_p50:.0f} ms, {figures.latency_ms_p95:.0f} ms")
    console.print(table)
    if figures.days:
        console.print(f"\nshown and taken by day, {_date(figures.days[0])} to {_date(figures.days[-1])} (UTC)")
        console.print(_bars([day.n_shown for day in figures.days]))
        console.print(_bars([day.n_taken for day in figures.days], max(day.n_shown for day in figures.days)))
    if figures.languages:
        console.print()
        for language in figures.languages[:_MOST_LANGUAGES]:
            console.print(
                f"{language.name or 'unknown':16} {language.n_shown:6} shown, {_percent(language.taken_share)} taken"
            )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _date(day: Day) -> str:
    return datetime.fromtimestamp(day.day * _DAY_S, UTC).date().isoformat()


def _bars(values: list[int], highest: int | None = None) -> str:
    """Draw `values` as a row of bars; anything above nothing is seen."""
    highest = highest or max(values) or 1
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // highest)] for value in values)
