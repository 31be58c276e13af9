"""The seam between the pipeline and a test framework: what each must tell, and the values both speak in.

Pure. Invariants: a framework is the only one who knows how its tests are written, run and reported; its command line is
made of its own words, of paths and of nothing that a file or an answer says; the pipeline knows no framework by name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.target import Target

MOST_STANDING = 200
"""Of a file's tests no more are run where they stand."""


@dataclass(frozen=True, slots=True)
class TestCode:
    r"""One test that stands alone.

    name: as the framework reports it, unique in its file. text: its lines, from the margin, decorators in. imports: the
    statements it needs, one each, whole. holder: the line that opens what it must stand in
    (`class TestClamp(unittest.TestCase):`), "" for a test at the file's own level. is_stated: what it expects is what
    the code gave, and nobody else said so.
    """

    __test__: ClassVar[bool] = False  # pytest takes what is called Test for one

    name: str
    text: str
    imports: tuple[str, ...] = ()
    holder: str = ""
    is_stated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer of a model holds. dropped: why parts of it are no tests, in words, one each."""

    tests: tuple[TestCode, ...]
    dropped: tuple[str, ...] = ()


class Verdict(StrEnum):
    """How a test went."""

    PASSED = "passed"
    FAILED = "failed"  # what it claims is not so
    BROKEN = "broken"  # it raised something else, or could not be loaded
    SLOW = "slow"  # it took longer than its time
    SKIPPED = "skipped"
    FORBIDDEN = "forbidden"  # it wrote outside its temporary folder, or reached for the network or another program


@dataclass(frozen=True, slots=True)
class Result:
    """How one test went, once. mutant: which one it met, None for the code as it is.

    words: the error, for the model and for a person. output: what it printed. lines: 0-based, of the target's file,
    that ran in the target; branches: (from, to) pairs of them, -1 for its end. Both are empty where the framework
    cannot measure them.
    """

    test: str
    verdict: Verdict
    mutant: int | None = None
    words: str = ""
    output: str = ""
    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One run: what is written, and what is executed.

    shadow: text by path relative to the workspace: these files stand in the shadow (see `shadow`) instead of the
    workspace's own, or beside them. files: text by path relative to the scratch folder: ours, and job descriptions.
    report: path in the scratch folder of what the run writes; None where it is the output. readable: what besides the
    workspace must be seen: the interpreter, its packages.
    """

    command: tuple[str, ...]
    shadow: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    report: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    wall_s: float = 30.0


class Runs(Protocol):
    """What runs tests that are written."""

    @property
    def most_mutants(self) -> int:
        """How many mutants one run can try; 0 where mutants are not tried."""
        ...

    def trial(
        self, target: Target, tests: Sequence[TestCode], mutants: Sequence[Mutant], scratch: Path, turn: int
    ) -> Trial:
        """Return how `tests` are run: against the code as it is if `mutants` is empty, else against each of these.

        scratch: the folder, absolute, that the run may write; the shadow is in `scratch / "workspace"`, and the run's
        working directory. turn: 0, 1, 2...: another order of tests and other hashes, where the framework has these.
        """
        ...

    def results(self, trial: Trial, report: str, output: str) -> tuple[Result, ...]:
        """Read what a run reported. A test without a result did not get its turn: the run ended before."""
        ...


class Tool(Protocol):
    """A test program as one project has it: which tests a file holds, and what runs them where they stand."""

    @property
    def name(self) -> str:
        """As a person knows it, `pytest`."""
        ...

    @property
    def program(self) -> str:
        """What runs the tests, for a person who has to see to it that it finds what they need."""
        ...

    def names_in(self, text: str) -> tuple[str, ...]:
        """Return the names of the tests in a test file, as they are reported."""
        ...

    def standing(self, changed: Mapping[str, str], budget_s: float) -> Runs:
        """Return what runs tests of a target's test file there, by name, for `budget_s` at most.

        changed: texts by path, relative to the workspace, that stand in place of what lies there.
        """
        ...


class Framework(Tool, Runs, Protocol):
    """A test framework as one project uses it: how its tests are written as well."""

    @property
    def language_id(self) -> str:
        """What its tests are written in."""
        ...

    def rules(self, target: Target) -> str:
        """Return what the prompt says of how tests are written here: a few sentences, and how to import the target."""
        ...

    def bare(self, target: Target) -> TestCode:
        """Return a test that passes once the target's file can be loaded, and claims nothing."""
        ...

    def read(self, answer: str, target: Target, taken: Collection[str]) -> Answer:
        """Return the whole tests in `answer`, Markdown or bare code, cut off or not; no name of `taken` is used."""
        ...

    def claims(self, test: TestCode) -> tuple[tuple[int, int], ...]:
        """Return the lines of `test.text`, first and last, 0-based, of each claim that can be left out by itself."""
        ...

    def tidied(self, test: TestCode, before: TestCode) -> TestCode:
        """Return `test`, which is `before` without some claims, without what only these needed."""
        ...

    def probes(self, test: TestCode, target: Target) -> tuple[TestCode, ...]:
        """Return tests that tell what the target gives where `test` expects a literal."""
        ...

    def stated(self, test: TestCode, target: Target, told: Sequence[Result | None]) -> TestCode | None:
        """Return `test` with what its probes told in place of what it expects; None where none told a literal."""
        ...

    def assembled(self, target: Target, tests: Sequence[TestCode]) -> str:
        """Return the text of a test file with `tests` alone."""
        ...
