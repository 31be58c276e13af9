"""Text -> findings: parse, lower, walk, and turn what was met into findings. Pure.

Invariant: a review never raises, whatever the text, and takes bounded time; where a file was not looked at, or not to
its end, `skipped` says why, in words.
"""

import gc
import logging
import traceback
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from lsp_server.review import ir
from lsp_server.review.finding import Confidence, Finding, Place, Step, normalise
from lsp_server.review.lowering import lower, parse
from lsp_server.review.rulebook import LanguageRules, Rulebook
from lsp_server.review.taint.functions import Hit
from lsp_server.review.taint.values import Trace
from lsp_server.review.taint.walk import Resolve, Walk

LARGEST_BYTES = 512 * 1024
"""Larger files are tables or bundles, and parsing them would hold everything up."""

_LONGEST_AVERAGE_LINE = 300  # code points: longer ones on average are minified
_FEW_LINES = 20  # below which the average says nothing
_HEAD_BYTES = 8192  # where a binary file shows its NUL
_MOST_CACHED = 256  # reviews; a window has fewer documents open
_MOST_FINDINGS = 200  # in a file: more is a table of the same
_MOST_NODES = 60_000  # of a syntax tree; a line has about ten, and reading one takes a microsecond
_LONGEST_ANCHOR = 200
_CUT = "too much in it to be followed to the end"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """A function of the file. symbol: its dotted name. is_broken: it does not parse right now."""

    symbol: str
    place: Place
    is_broken: bool


@dataclass(frozen=True, slots=True)
class Review:
    """What a file's review gave. skipped: why it was not looked at, or not to its end; "" when it was."""

    findings: tuple[Finding, ...]
    scopes: tuple[Scope, ...]
    skipped: str = ""
    is_broken: bool = False

    @property
    def is_looked_at(self) -> bool:
        """Whether anything was read: a file that was left before its end has findings too."""
        return not self.skipped or bool(self.findings or self.scopes)


class Reviewer:
    """Reviews files with one rulebook, and remembers what it found in the last texts."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._known: OrderedDict[bytes, Review] = OrderedDict()

    def review(self, text: str, language_id: str, path: str | None = None, resolve: Resolve | None = None) -> Review:
        """Return the review of `text`. path: for the log alone. resolve: API path -> what a workspace file has there.

        With `resolve` nothing is remembered: other files change too.
        """
        rules = self.rulebook.for_language(language_id)
        if rules is None:
            return Review((), (), f"no rules for {language_id}")
        reason = not_looked_at(text)
        if reason:
            return Review((), (), reason)
        source = text.encode("utf-8", "replace")
        key = sha256(language_id.encode() + b"\0" + source).digest()
        if resolve is None and (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        try:
            with _no_collection():
                review = _review(source, language_id, rules, resolve)
        except RecursionError:
            review = Review((), (), "nested too deeply")
        except Exception as error:  # a fault of ours must not take the editor's other findings along
            where = traceback.extract_tb(error.__traceback__)[-1]  # not its text: that may quote the source
            _log.error("the review of %s failed: %s in %s", path or "a file", type(error).__name__, where.name)
            review = Review((), (), "the review failed; the log says where")
        if resolve is None:
            self._known[key] = review
            if len(self._known) > _MOST_CACHED:
                self._known.popitem(last=False)
        return review


def not_looked_at(text: str) -> str:
    """Return why `text` is not reviewed, in words; "" when it is."""
    if "\0" in text[:_HEAD_BYTES]:
        return "binary"
    if len(text) > LARGEST_BYTES:
        return f"larger than {LARGEST_BYTES // 1024} KB"
    n_lines = text.count("\n") + 1
    if len(text) / n_lines > _LONGEST_AVERAGE_LINE and len(text) > _FEW_LINES * _LONGEST_AVERAGE_LINE:
        return "minified"
    return ""


def _review(source: bytes, language_id: str, rules: LanguageRules, resolve: Resolve | None) -> Review:
    tree = parse(source, language_id)
    if tree is not None and tree.root_node.descendant_count > _MOST_NODES:
        return Review((), (), "too large: more than a person writes in a file")
    program = lower(source, language_id, tree) if tree is not None else None
    if program is None:
        return Review((), (), f"no grammar for {language_id}")
    return review_program(program, rules, resolve)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest meanwhile: it looks through all of a program again and again, for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def review_program(program: ir.Program, rules: LanguageRules, resolve: Resolve | None = None) -> Review:
    """Return the review of a program."""
    walk = Walk(program, rules, resolve)
    hits = walk.run()
    lines = _Lines(program.source)
    others = {path: _Lines(other.program.source) for path, other in walk.others.items()}
    findings = tuple(_findings(program, _one_a_line(hits, lines), lines, others))
    scopes = tuple(_scopes(program, lines))
    return Review(findings, scopes, _CUT if walk.is_cut else "", program.is_broken)


class _Lines:
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

    def place(self, span: ir.Span) -> Place:
        """Return `span` in lines and code points."""
        return Place(*self._position(span.start), *self._position(span.end))

    def _position(self, offset: int) -> tuple[int, int]:
        line = self.line(offset)
        return line, len(self._source[self._starts[line] : offset].decode("utf-8", "replace"))


def _one_a_line(hits: Iterable[Hit], lines: _Lines) -> list[Hit]:
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


def _findings(program: ir.Program, hits: Iterable[Hit], lines: _Lines, others: dict[str, _Lines]) -> Iterable[Finding]:
    counts: dict[tuple[str, str, str], int] = {}
    for hit in hits:
        family = hit.ruled.family
        if family is None:
            continue
        anchor = normalise(program.text(hit.span)[:_LONGEST_ANCHOR])
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


def _steps(hit: Hit, place: Place, lines: _Lines, others: dict[str, _Lines]) -> Iterable[Step]:
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


def _scopes(program: ir.Program, lines: _Lines) -> Iterable[Scope]:
    """Yield the functions with names, each under that of what it stands in."""
    for function, symbol in named_functions(program.body):
        yield Scope(symbol, lines.place(function.span), function.is_broken)


def named_functions(body: Iterable[ir.Statement], around: str = "") -> Iterable[tuple[ir.Function, str]]:
    """Yield the functions and methods in `body` with their dotted names, those around others first."""
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
