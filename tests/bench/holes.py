"""Holes of one line in functions that come with tests, and whether what was filled in passes them.

The holes are others' work (openai/human-eval-infilling, MIT) and are not part of this project: `--data` says where they
lie. What is run was written by a model: in a process of its own, with bounds on time and memory, in an empty folder.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "completion/HumanEval-SingleLineInfilling.jsonl.gz"
PUBLIC_PLACE = "https://github.com/openai/human-eval-infilling"
_LIMITS = "import resource as r; r.setrlimit(r.RLIMIT_CPU, (6, 6)); r.setrlimit(r.RLIMIT_AS, (2**31, 2**31))\n"
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Hole:
    """A line to fill in. test: what to run behind the whole function; it raises where that is wrong.

    middle: what its author wrote there, with its indentation and line end.
    """

    name: str
    prefix: str
    suffix: str
    test: str
    middle: str = ""

    def is_exact(self, middle: str) -> bool:
        """Tell whether `middle` is what the author wrote, whitespace around it aside."""
        return middle.strip() == self.middle.strip()

    def passes(self, middle: str) -> bool:
        """Tell whether the function with `middle` in it does what it should."""
        program = f"{_LIMITS}{self.prefix}{middle}{self.suffix}{self.test}"
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-I", "-c", program]
            try:
                ended = subprocess.run(
                    command, cwd=folder, env={}, capture_output=True, timeout=_TIMEOUT_S, check=False
                )
            except subprocess.TimeoutExpired:
                return False
        return ended.returncode == 0


def read_holes(data: Path) -> list[Hole]:
    """Read all holes; none where the file is missing."""
    path = data / FILE
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_hole(json.loads(line)) for line in lines]


def spread(holes: Sequence[Hole], n: int) -> list[Hole]:
    """Choose `n` holes at equal distances over all of them, the first one included; all where there are fewer."""
    n = min(n, len(holes))
    return [holes[index * len(holes) // n] for index in range(n)]


def first_line(text: str) -> str:
    """Cut an answer after its first line that is not empty, which is what a hole of one line asks for."""
    body = text.lstrip("\n")
    return text[: len(text) - len(body)] + body.partition("\n")[0] + "\n"


def _hole(task: dict[str, str]) -> Hole:
    test = f"{task['test']}\ncheck({task['entry_point']})\n"
    return Hole(task["task_id"], task["prompt"], task["suffix"], test, task["canonical_solution"])
