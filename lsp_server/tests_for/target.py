"""What is to be tested, as one value: the function, the file around it, and what is known of its tests. Pure.

Invariant: a target is made from one snapshot of one document; whatever runs, runs against that text and no later one.
"""

from dataclasses import dataclass
from pathlib import Path

from lsp_server.context.subject import Subject


@dataclass(frozen=True, slots=True)
class Target:
    r"""A function, method or class to be tested.

    path and test_path: of its file, and of the file its tests belong in, relative to `workspace`, with `/` in them; the
    latter may not exist yet. text: the whole file, its lines end in `\n`. existing: the text of the test file, None
    where there is none. examples: tests of the project that show how it writes them, the most telling first.
    """

    subject: Subject
    workspace: Path
    path: str
    text: str
    test_path: str
    existing: str | None = None
    examples: tuple[str, ...] = ()
