"""What a bench answers: figures, goals, and which goals were missed."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

Operator = Literal[">=", "<=", "=="]


@dataclass(frozen=True, slots=True)
class Options:
    """How a bench was asked to run.

    data: folder of the data that others made. build_llama: build that peer. n: how many, where a bench can be told.
    resume: file with what was measured before, to go on from. engine_url: a server that holds the model.
    """

    quick: bool = False
    model: str | None = None
    build_llama: bool = False
    data: Path = Path("../shared/data")
    n: int | None = None
    resume: Path | None = None
    engine_url: str | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must reach."""

    op: Operator
    value: float

    def met_by(self, figure: float) -> bool:
        """Tell whether `figure` reaches the goal."""
        if self.op == ">=":
            return figure >= self.value
        if self.op == "<=":
            return figure <= self.value
        return figure == self.value


@dataclass(slots=True)
class Report:
    """Figures by key; keys are words with their unit. A figure that could not be measured is left out."""

    bench: str
    goals: Mapping[str, Goal]
    figures: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def missed(self) -> list[str]:
        """Return the goals that were not reached, those without a figure included."""
        return [key for key, goal in self.goals.items() if not self._reached(key, goal)]

    def _reached(self, key: str, goal: Goal) -> bool:
        return key in self.figures and goal.met_by(self.figures[key])

    def to_json(self) -> str:
        """Return the report as one line."""
        return json.dumps(
            {
                "bench": self.bench,
                "commit": _commit(),
                "machine": _machine(),
                "figures": self.figures,
                "goals": {key: {"op": goal.op, "value": goal.value} for key, goal in self.goals.items()},
                "missed": self.missed(),
                "notes": self.notes,
            }
        )

    def show(self, console: Console) -> None:
        """Print the report as a table."""
        table = Table(title=f"{self.bench} · {_machine()} · {_commit()}", title_justify="left")
        table.add_column("figure")
        table.add_column("measured", justify="right")
        table.add_column("goal")
        for key in [*self.figures, *(key for key in self.goals if key not in self.figures)]:
            goal = self.goals.get(key)
            measured = f"{self.figures[key]:.4g}" if key in self.figures else "not measured"
            mark = "" if goal is None else f"{goal.op} {goal.value:g} {'✓' if self._reached(key, goal) else '✗ missed'}"
            table.add_row(key, measured, mark)
        console.print(table)
        for key, note in self.notes.items():
            console.print(f"{key}: {note}")


def _commit() -> str:
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


def _machine() -> str:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory_gb:.0f} GB"
