"""What a walk met in each statement of a file, by itself, so that a later walk can leave out what has not changed.

Owns what one statement of the file is told to have done. Invariant: what is met in a function belongs to the statement
that the function stands in, whoever had it walked through; what a call hands into it belongs to the caller.
"""

from dataclasses import dataclass, field, replace

from lsp_server.review import ir
from lsp_server.review.taint.functions import Hit
from lsp_server.review.taint.values import Taint, Trace, then

HitKey = tuple[int, ir.Span, str | None]
"""Of a hit: its family, its place, and its file where that is another."""


@dataclass(slots=True)
class Record:
    """What a statement of the file did. start: where it begins.

    bound: names of the file that it defines. written: names of the file, functions and classes that its functions
    change. is_cyclic: its functions call others that call them.
    """

    start: int
    hits: dict[HitKey, Hit] = field(default_factory=dict)
    used_paths: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    is_cyclic: bool = False
    n_steps: int = 0

    def add(self, key: HitKey, hit: Hit) -> None:
        """Take up a hit; of several at a place the one with the shortest way stays."""
        known = self.hits.get(key)
        if known is None or is_nearer(hit, known):
            self.hits[key] = hit

    def moved(self, from_: int, n_bytes: int) -> "Record":
        """Return the record after the text from `from_` on has moved on by `n_bytes`."""
        start = self.start + n_bytes if self.start >= from_ else self.start
        hits = {}
        for (family, span, path), hit in self.hits.items():
            place = span if path is not None else moved(span, from_, n_bytes)
            hits[family, place, path] = _moved_hit(hit, place, from_, n_bytes)
        return replace(self, start=start, hits=hits)


def is_nearer(hit: Hit, other: Hit) -> bool:
    """Tell whether `hit` came a shorter way than `other`; of two as long, the one nearer to the file's beginning."""
    length, known = _length(hit), _length(other)
    return length < known or (length == known and _way(hit) < _way(other))


def _length(hit: Hit) -> int:
    return hit.taint.trace.length if hit.taint is not None else 0


def _way(hit: Hit) -> list[tuple[ir.Span, str]]:
    return [(step.span, step.words) for step in _steps(hit.taint)] if hit.taint is not None else []


def _steps(taint: Taint) -> list[Trace]:
    steps: list[Trace] = []
    step: Trace | None = taint.trace
    while step is not None:
        steps.append(step)
        step = step.before
    return steps[::-1]


def _moved_hit(hit: Hit, place: ir.Span, from_: int, n_bytes: int) -> Hit:
    if hit.taint is None:
        return hit._replace(span=place)
    trace: Trace | None = None
    for step in _steps(hit.taint):
        where = step.span if step.path is not None else moved(step.span, from_, n_bytes)
        trace = then(trace, where, step.words, step.path)
    assert trace is not None  # noqa: S101 - a way has a first step
    span = moved(hit.taint.span, from_, n_bytes)
    return hit._replace(span=place, taint=hit.taint._replace(span=span, trace=trace))


def moved(span: ir.Span, from_: int, n_bytes: int) -> ir.Span:
    """Return `span` after the text from `from_` on has moved on by `n_bytes`."""
    return ir.Span(span.start + n_bytes, span.end + n_bytes) if span.start >= from_ else span
