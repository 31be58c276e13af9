"""What was met in a file, in bytes -> findings, in lines and code points. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from lsp_server.review import ir
from lsp_server.review.finding import Confidence, Finding, Place, Step, normalise
from lsp_server.review.taint.functions import Hit
from lsp_server.review.taint.values import Trace

_MOST_FINDINGS = 200  # in a file: more is a table of the same
_LONGEST_ANCHOR = 200


class Lines:
    """Where lines begin in UTF-8 source."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._starts = [0]
        position = source.find(b"\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = source.find(b"\n", position + 1)

    def line(self, offset: int) -> int:
        """Return the 0-based line of byte `offset`."""
        return bisect_right(self._starts, offset) - 1

    def text(self, span: ir.Span) -> str:
        """Return the text of `span`."""
        return self._source[span.start : span.end].decode("utf-8", "replace")

    def place(self, span: ir.Span) -> Place:
        """Return `span` in lines and code points."""
        return Place(*self._position(span.start), *self._position(span.end))

    def _position(self, offset: int) -> tuple[int, int]:
        line = self.line(offset)
        return line, len(self._source[self._starts[line] : offset].decode("utf-8", "replace"))


def _one_a_line(hits: Iterable[Hit], lines: Lines) -> list[Hit]:
    """Return one hit for each line and family: the surest, of those the one with the shortest way."""
    best: dict[tuple[int, str], Hit] = {}
    for hit in hits:
        key = (lines.line(hit.span.start), hit.ruled.family.id if hit.ruled.family is not None else "")
        known = best.get(key)
        if known is None or _rank(hit) > _rank(known):
            best[key] = hit
    return sorted(best.values(), key=lambda hit: hit.span)[:_MOST_FINDINGS]


def _rank(hit: Hit) -> tuple[int, int]:
    return (Confidence[hit.ruled.rule.confidence.upper()], -hit.taint.trace.length if hit.taint is not None else 0)


def findings_of(hits: Iterable[Hit], lines: Lines, others: Mapping[str, Lines]) -> Iterator[Finding]:
    """Give the findings of a file, one for each line and family. others: files that ways lead through."""
    counts: dict[tuple[str, str, str], int] = {}
    for hit in _one_a_line(hits, lines):
        family = hit.ruled.family
        if family is None:
            continue
        anchor = normalise(lines.text(hit.span)[:_LONGEST_ANCHOR])
        key = (family.id, hit.symbol, anchor)
        ordinal = counts[key] = counts.get(key, -1) + 1
        place = lines.place(hit.span)
        label = getattr(hit.taint.source, "label", "") if hit.taint is not None else ""
        message = family.message.format(source=label, call=hit.call, name=hit.call)
        yield Finding(
            family.id,
            family.cwe,
            message[:1].upper() + message[1:],
            place,
            Confidence[hit.ruled.rule.confidence.upper()],
            hit.symbol,
            anchor,
            ordinal,
            tuple(_steps(hit, place, lines, others)),
        )


def _steps(hit: Hit, place: Place, lines: Lines, others: Mapping[str, Lines]) -> Iterable[Step]:
    if hit.taint is None:
        return
    ways: list[Trace] = []
    way: Trace | None = hit.taint.trace
    while way is not None:
        ways.append(way)
        way = way.before
    for each in reversed(ways):
        where = lines if each.path is None else others.get(each.path)
        if where is not None:  # steps two files away are left out
            yield Step(where.place(each.span), each.words, each.path)
    yield Step(place, f"used by `{hit.call}` here" if hit.call else "used here")


def named_functions(body: Iterable[ir.Statement], around: str = "") -> Iterable[tuple[ir.Function, str]]:
    """Yield the functions and methods in `body` that have names, with their dotted ones."""
    for statement in body:
        match statement:
            case ir.Function(name=name, body=inner):
                symbol = f"{around}.{name}" if around else name
                yield statement, symbol
                yield from named_functions(inner, symbol)
            case ir.Class(name=name, body=inner):
                yield from named_functions(inner, f"{around}.{name}" if around else name)
            case ir.If(then=then, otherwise=otherwise):
                yield from named_functions((*then, *otherwise), around)
            case ir.Loop(body=inner) | ir.Block(body=inner):
                yield from named_functions(inner, around)
            case ir.Try(body=inner, handlers=handlers, final=final):
                yield from named_functions(
                    (*inner, *(each for handler in handlers for each in handler), *final), around
                )
            case _:
                pass
