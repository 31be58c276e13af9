"""What the runner is told, and what it tells: a JSON file, and one JSON object a line."""

from __future__ import annotations

import json
from typing import Any


class Job:
    """What to run; `python.py` writes it.

    tests: file by name. source: the target's file, lines 1-based. mutants: texts of that file, each with its changed
    line. test_s and mutant_test_s: CPU of one test. budget_s: of all. temporary: the folder tests may write to.
    """

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            said: dict[str, Any] = json.load(file)
        self.uses_pytest: bool = said["uses_pytest"]
        self.root: str = said["root"]
        self.paths: list[str] = said["paths"]
        self.tests: dict[str, str] = said["tests"]
        self.source: str = said["source"]
        self.first_line: int = said["first_line"]
        self.last_line: int = said["last_line"]
        self.mutants: list[str] = said["mutants"]
        self.mutant_lines: list[int] = said["mutant_lines"]
        self.test_s: float = said["test_s"]
        self.mutant_test_s: float = said["mutant_test_s"]
        self.budget_s: float = said["budget_s"]
        self.temporary: str = said["temporary"]
        self.report: str = said["report"]


class Report:
    """Where it is told how tests went; each line is on disk before the next test begins."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115  # for as long as the process is

    def write(self, told: dict[str, Any]) -> None:
        """Tell how one test went."""
        self._file.write(json.dumps(told) + "\n")
        self._file.flush()
