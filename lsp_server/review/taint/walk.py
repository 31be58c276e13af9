"""The walk through a program: the file first, then its functions and classes, each once; what it met is in `records`.

Invariants: what a record holds depends on nothing but what `review.dirty` says; a walk takes at most `MOST_STEPS`
steps whatever the program, and goes at most `MOST_DEPTH` levels deep; where it was cut short `is_cut` says so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from lsp_server.review import ir
from lsp_server.review.rule_forms import positions
from lsp_server.review.rulebook import LanguageRules, Ruled
from lsp_server.review.taint.expressions import EVALUATORS
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import ClassInfo, FunctionInfo, Hit
from lsp_server.review.taint.imports import function_in
from lsp_server.review.taint.matching import Site, concerns, flows, has_path, holds, judging_steps, told_by
from lsp_server.review.taint.records import Record
from lsp_server.review.taint.statements import EXECUTORS
from lsp_server.review.taint.summaries import walk_class, walk_function
from lsp_server.review.taint.values import CLEAN, Symbol, Taint, Value

MOST_STEPS = 12_000
"""Expressions and statements read in a file: some 200 ms at most, enough for thousands of lines of a person's code."""

MOST_DEPTH = 100
"""Levels of expressions, statements and calls inside each other; the interpreter allows about twice that."""

_MOST_REACHED = 64  # hits kept for a function's parameters

_MOST_OTHERS = 8  # files of the workspace that a walk looks into
_MOST_HOPS = 2  # files between the call and what it leads to


class Imported(NamedTuple):
    """What an API path names in another file of the workspace. name: there; path: of the file, for people."""

    program: ir.Program
    name: str
    path: str


Resolve = Callable[[str], Imported | None]
"""API path of what is imported -> where it is in the workspace; None when it is not there."""


class TooMuch(Exception):
    """The program takes more steps than a walk may."""


class Walk:
    """One walk through `program` with `rules`; `run` does it.

    only: tells by where a statement of the file begins whether its functions are walked through; None: all are.
    """

    def __init__(
        self,
        program: ir.Program,
        rules: LanguageRules,
        resolve: Resolve | None = None,
        hops: int = _MOST_HOPS,
        only: Callable[[int], bool] | None = None,
    ) -> None:
        self.program = program
        self.rules = rules
        self.language = rules.language
        self.resolve = resolve if hops > 0 else None
        self.others: dict[str, Walk] = {}  # other files by their path
        self.file = Frame({})
        self._hops = hops
        self.records: list[Record] = []
        self.record = Record(0)
        self.imported: set[str] = set()
        self.wildcards: list[str] = []  # packages of which everything is imported
        self.testing: set[FunctionInfo] = set()  # whose outcome is being told apart right now
        self.infos: dict[ir.Function, FunctionInfo] = {}
        self.is_cut = False
        self.is_entangled = False  # what was met depends on the order in which functions were walked through
        self.depth = 0
        self._only = only
        self._steps = 0
        self._n_told = 0  # of the steps, those that a record has
        self._is_silent = False

    def run(self) -> tuple[Hit, ...]:
        """Walk through the program; return what was met, in the order of its places."""
        try:
            self._run_file()
        except TooMuch:
            self.is_cut = True
        self.turn_to(self.record)
        return hits_of(self.records)

    def _run_file(self) -> None:
        self.records = [Record(statement.span.start) for statement in self.program.body]
        told = list(zip(self.program.body, self.records, strict=True))
        for statement, record in told:
            if isinstance(statement, ir.Function) and not statement.decorators:
                self.turn_to(record)
                EXECUTORS[ir.Function](self, statement, self.file)
        for statement, record in told:
            self.turn_to(record)
            self.execute((statement,), self.file)
        self.finish(self.file)

    def turn_to(self, record: Record) -> Record:
        """Let what is met from now on belong to `record`; return the one before."""
        before, self.record = self.record, record
        before.n_steps += self._steps - self._n_told
        self._n_told = self._steps
        return before

    def evaluate(self, expression: ir.Expression, frame: Frame) -> Value:
        """Return what is known of the value of `expression`, and take up what it does to variables."""
        self.step()
        if self.depth >= MOST_DEPTH:
            self.is_cut = True
            return CLEAN
        self.depth += 1
        try:
            return EVALUATORS[type(expression)](self, expression, frame)
        finally:
            self.depth -= 1

    def execute(self, body: Sequence[ir.Statement], frame: Frame) -> bool:
        """Take up what the statements do; return whether what stands behind them is reached."""
        if self.depth >= MOST_DEPTH:
            self.is_cut = True
            return True
        self.depth += 1
        goes_on = True
        try:
            for statement in body:
                self.step()
                goes_on = EXECUTORS[type(statement)](self, statement, frame) and goes_on
        finally:
            self.depth -= 1
        return goes_on

    def run_body(self, body: Sequence[ir.Statement], frame: Frame) -> None:
        """Take up what the body of a function does, whose functions can be called before they stand there."""
        for statement in body:
            if isinstance(statement, ir.Function) and not statement.decorators:
                EXECUTORS[ir.Function](self, statement, frame)
        self.execute(body, frame)
        self.finish(frame)

    def finish(self, frame: Frame) -> None:
        """Walk through the functions and classes that `frame` defined, now that all of its variables are known."""
        for pending in frame.pending:
            if frame is self.file and self._only is not None and not self._only(pending.record.start):
                continue
            if isinstance(pending, ClassInfo):
                walk_class(self, pending)
            else:
                walk_function(self, pending)

    def meet(self, site: Site, frame: Frame) -> None:
        """Report the sinks and dangerous calls that `site` is."""
        self.record.used_paths.update(site.paths)
        for path in site.paths:
            for ruled in self.rules.sinks.find(path):
                self.report_flows(ruled, site, frame, positions(ruled.rule.argument))
            for ruled in self.rules.dangerous.find(path):
                self.step(judging_steps(ruled.rule.where, site))
                if holds(ruled.rule.where, site):
                    self.report(Hit(ruled, told_by(ruled.rule.where, site), frame.symbol, site.callee))

    def asks(self, path: str) -> bool:
        """Tell whether any rule speaks of `path`, what is asked as if it were a call."""
        return bool(self.rules.sinks.find(path) or self.rules.dangerous.find(path))

    def meet_set(self, site: Site, frame: Frame) -> None:
        """Report the sinks and dangerous settings that an assignment to `site`'s paths is."""
        for path in site.paths:
            for ruled in self.rules.set_sinks.find(path):
                self.report_flows(ruled, site, frame, ("value",))
            for ruled in self.rules.set_dangerous.find(path):
                if holds(ruled.rule.where, site):
                    self.report(Hit(ruled, site.span, frame.symbol, site.callee))

    def report_flows(self, ruled: Ruled, site: Site, frame: Frame, where: tuple[int | str, ...]) -> None:
        """Report what gets to the positions `where` of `site`, a sink."""
        for span, taint in flows(ruled, site, where):
            self.report(Hit(ruled, span, frame.symbol, site.callee, taint))

    def report(self, hit: Hit) -> None:
        """Take up a hit; of several at a place the one with the shortest way stays.

        One that depends on a parameter belongs to the function: it counts where that is called with outside data.
        """
        if self._is_silent:
            return
        taint = hit.taint
        if taint is not None and isinstance(taint.source, Symbol):
            self._reach(taint.source, taint, hit)
            return
        if taint is not None and not concerns(hit.ruled.rule, hit.ruled.family.id if hit.ruled.family else "", taint):
            return
        self.record.add((id(hit.ruled.family), hit.span, hit.path), hit)

    def note_written(self, frame: Frame, holder: Frame | None, name: str) -> None:
        """Take up that what runs in `frame` changes `name`, which `holder` binds."""
        if holder is self.file:
            (self.record.bound if frame is self.file else self.record.written).add(name)
        elif holder is not None and holder.owner is not None and holder.function is None and holder is not frame:
            self.record.written.add(holder.owner.declaration.name)

    def note_changed(self, info: FunctionInfo | ClassInfo) -> None:
        """Take up that what is known of `info` changes by what another function does."""
        name = info.function.name if isinstance(info, FunctionInfo) else info.declaration.name
        if name or info.record is self.record:
            self.record.written.add(name)
        else:
            self.is_entangled = True

    def note_met_again(self, info: FunctionInfo) -> None:
        """Take up that `info` was not walked through where it was called: that is under way, or it is too deep here."""
        if not info.is_walking:
            self.is_entangled = True
        self.record.is_cyclic = info.record.is_cyclic = True

    def imported_function(self, path: str) -> tuple[FunctionInfo, str] | None:
        """Return the function of another file that `path` names, and that file's path; None when there is none."""
        if self.resolve is None or "()" in path or not any(path.startswith(each) for each in self.imported):
            return None
        found = self.resolve(path)
        if found is None:
            return None
        other = self.others.get(found.path)
        if other is None:
            if len(self.others) >= _MOST_OTHERS:
                return None
            other = self.others[found.path] = Walk(found.program, self.rules, self.resolve, self._hops - 1)
            other.run()
        info = function_in(other.file, found.name)
        return (info, found.path) if info is not None else None

    @contextmanager
    def silently(self) -> Iterator[None]:
        """Report nothing meanwhile: what is evaluated was told to the rules before."""
        was_silent, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = was_silent

    def step(self, n: int = 1) -> None:
        """Count `n` steps. Raises TooMuch when there were too many."""
        self._steps += n
        if self._steps > MOST_STEPS:
            raise TooMuch

    def _reach(self, symbol: Symbol, taint: Taint, hit: Hit) -> None:
        """Add `hit` to those of the function whose parameter `symbol` stands for."""
        info = symbol.owner
        if not isinstance(info, FunctionInfo):
            return
        if info.record is not self.record:
            self.note_changed(info)
        if len(info.reached) >= _MOST_REACHED:
            return
        for known in info.reached:
            if known.span == hit.span and known.ruled is hit.ruled and known.taint and known.taint.source is symbol:
                return
        info.reached.append(hit._replace(taint=taint))


def hits_of(records: Iterable[Record]) -> tuple[Hit, ...]:
    """Return the hits of all `records`, in the order of their places, without those that the file excuses."""
    together = Record(0)
    for record in records:
        together.used_paths |= record.used_paths
        for key, hit in record.hits.items():
            together.add(key, hit)
    hits = [hit for hit in together.hits.values() if not _is_excused(hit.ruled, together.used_paths)]
    return tuple(sorted(hits, key=lambda hit: (hit.span, hit.ruled.family.id if hit.ruled.family is not None else "")))


def _is_excused(ruled: Ruled, used_paths: Iterable[str]) -> bool:
    """Tell whether the file uses what makes `ruled` silent."""
    return bool(ruled.rule.unless) and any(has_path(path, ruled.rule.unless) for path in used_paths)
