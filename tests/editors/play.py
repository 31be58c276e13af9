"""Plays: steps that a driver inside of an editor runs, and what it saw.

A step is an object with one key, what the driver shall do or wait for, and maybe a `deadline_ms` of its own.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLAY_TIMEOUT_S = 120.0

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """One step of a play: whether its condition was met, what was there in the end, and after how many milliseconds."""

    step: Step
    ok: bool
    seen: Any
    ms: float


def unmet(results: Sequence[Result]) -> list[Result]:
    """Return the step that was not met, if there is one."""
    return [result for result in results if not result.ok]


def play(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    home: Path,
    steps: Sequence[Step],
    deadline_s: float,
) -> list[Result]:
    """Run an editor whose driver plays `steps` until one fails, and return their results.

    folder: where it is started; home: where the play and the report are put. The driver finds both by $HEARTHLINE_PLAY.
    """
    written, report = home / "play.json", home / "report.json"
    report.unlink(missing_ok=True)
    written.write_text(json.dumps({"steps": list(steps), "deadline_ms": deadline_s * 1000, "report": str(report)}))
    done = subprocess.run(
        command,
        env=dict(environment) | {"HEARTHLINE_PLAY": str(written)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PLAY_TIMEOUT_S,
        check=False,
    )
    if not report.exists():
        raise AssertionError(f"the editor ended without a report:\n{done.stdout}{done.stderr}")
    results = json.loads(report.read_text())
    return [Result(step, **result) for step, result in zip(steps, results, strict=False)]
