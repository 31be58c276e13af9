"""Who shows a pull's progress: a bar on a terminal, now and then a line elsewhere. Both are `Reporter`s."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inference.models.progress import Stage

# A line for each quarter of a stage: enough to see life in a log, too few to drown it.
_LINES_PER_STAGE = 4


class TerminalReporter:
    """One bar per stage. A context manager: the terminal is put right at the end, whatever happened."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>11}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._tasks: dict[Stage, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Move the bar of `stage`."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage.value, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def note(self, text: str) -> None:
        """Print `text` above the bars."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LineReporter:
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage: Stage | None = None
        self._quarters = 0

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Print a line when another quarter of `stage` is done."""
        quarters = _LINES_PER_STAGE * done // max(total, 1)
        if stage != self._stage:
            self._stage, self._quarters = stage, -1
        if quarters > self._quarters:
            self._quarters = quarters
            share = 100 * quarters // _LINES_PER_STAGE
            self.note(f"{stage.value} {share:3d} % of {size_text(total)}")

    def note(self, text: str) -> None:
        """Print `text` as it is."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def size_text(n_bytes: int) -> str:
    """Write a size as people read it, in decimal units."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 10**9 else f"{n_bytes / 1e6:.0f} MB"
