"""Reviewing a document again after an edit: the functions that it touches anew, the others as they were found. Pure.

Invariant: a review that goes by an earlier one is the same as one that does not; where that is not certain the whole
file is walked through.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.dirty import Deeds, Ties, deeds_of
from lsp_server.review.finding import Review, Scope
from lsp_server.review.hits import Lines, findings_of, named_functions
from lsp_server.review.lowering import lower, parse
from lsp_server.review.rulebook import LanguageRules
from lsp_server.review.taint.records import Record, moved
from lsp_server.review.taint.walk import MOST_STEPS, Resolve, Walk, hits_of
from lsp_server.review.units import Edit, Unit, edit_between, edited, unit_at, units_after, units_of

_MOST_NODES = 60_000  # of a syntax tree; a line has about ten, and reading one takes a microsecond
_CUT = "too much in it to be followed to the end"

LANGUAGES = frozenset({"python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "c", "cpp"})
"""In which functions stand in a file as such. Where a file is a class there is nothing to leave out."""

Function = tuple[str, ir.Span, bool]
"""Of the file: dotted name, place, whether it does not parse."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a document's last review. records: None where a next one cannot go by it."""

    language_id: str
    source: bytes
    tree: tree_sitter.Tree
    records: Sequence[Record] | None
    functions: Sequence[Function]
    units: Sequence[Unit] | None = None


class Dirty(NamedTuple):
    """What an edit changes. units: as they are now; number: of the one it lies in.

    numbers: of those that are dirty; needed: of those whose functions may run when dirty ones are walked through.
    records, deeds: of before, where they stand now.
    """

    units: Sequence[Unit]
    number: int
    numbers: set[int]
    needed: set[int]
    records: Sequence[Record]
    deeds: Sequence[Deeds]


Reviewed = tuple[Review, Kept | None]


def review(
    source: bytes, language_id: str, rules: LanguageRules, kept: Kept | None = None, resolve: Resolve | None = None
) -> Reviewed:
    """Return the review of `source`, UTF-8, and what the next one of the document may go by.

    kept: of its last one. resolve: API path -> what a workspace file has there; nothing goes by a review with it.
    """
    if kept is None or kept.language_id != language_id or resolve is not None:
        return _whole(source, language_id, rules, parse(source, language_id), resolve)
    edit, tree = parse_again(kept, source)
    if tree is not None and not tree.root_node.has_error:
        return _after(kept, edit, tree, source, rules) or _whole(source, language_id, rules, tree, None)
    # What the parser makes of a text with errors depends on what it had parsed before. Once it parses again, the edit
    # that led there from the last one without errors lies in one function more often than not.
    return _whole(source, language_id, rules, parse(source, language_id), None)[0], kept


def parse_again(kept: Kept, source: bytes) -> tuple[Edit, tree_sitter.Tree | None]:
    """Return how the text that is `kept` became `source`, and the tree of that; what they share is not parsed again."""
    edit = edit_between(kept.source, source)
    return edit, parse(source, kept.language_id, edited(kept.tree, kept.source, edit, source))


def find_dirty(kept: Kept, edit: Edit, tree: tree_sitter.Tree, source: bytes) -> Dirty | None:
    """Return what `edit`, which led to `tree`, that of `source`, makes dirty; None where that may be the whole file."""
    if kept.records is None or kept.language_id not in LANGUAGES or tree.root_node.descendant_count > _MOST_NODES:
        return None
    before = kept.units or units_of(kept.tree.root_node, kept.source)
    found = units_after(before, kept.tree.root_node, edit, tree.root_node, source)
    if found is None:
        return None
    units, number = found
    records = [record.moved(edit.old_end, edit.n_added) for record in kept.records]
    deeds = deeds_of(units, records)
    ties = Ties(units, deeds)
    numbers = ties.dirty_after(number)
    return Dirty(units, number, numbers, ties.needed_for(numbers), records, deeds)


def _whole(
    source: bytes, language_id: str, rules: LanguageRules, tree: tree_sitter.Tree | None, resolve: Resolve | None
) -> Reviewed:
    if tree is not None and tree.root_node.descendant_count > _MOST_NODES:
        return Review((), (), "too large: more than a person writes in a file"), None
    program = lower(source, language_id, tree) if tree is not None else None
    if program is None or tree is None:
        return Review((), (), f"no grammar for {language_id}"), None
    walk = Walk(program, rules, resolve)
    hits = walk.run()
    lines = Lines(source)
    others = {path: Lines(other.program.source) for path, other in walk.others.items()}
    functions = _functions(program)
    findings = tuple(findings_of(hits, lines, others))
    review = Review(findings, _scopes(functions, lines), _CUT if walk.is_cut else "", program.is_broken)
    is_ground = not (program.is_broken or walk.is_cut or walk.is_entangled or resolve is not None)
    return review, Kept(language_id, source, tree, walk.records if is_ground else None, functions)


def _after(kept: Kept, edit: Edit, tree: tree_sitter.Tree, source: bytes, rules: LanguageRules) -> Reviewed | None:
    """Return the review after `edit`, by what is `kept`; None where the whole file must be walked through."""
    found = find_dirty(kept, edit, tree, source)
    if found is None:
        return None
    units, dirty = found.units, found.numbers
    walk = _walk(found, tree, source, kept.language_id, rules)
    if walk is None or walk.is_cut or walk.is_entangled:
        return None
    is_dirty = _telling(units, dirty)
    if Ties(units, _both(found.deeds, deeds_of(units, walk.records), dirty)).dirty_after(found.number) - dirty:
        return None  # what stands there now has to do with more than what stood there before
    records = [record for record in found.records if not is_dirty(record.start)]
    records = sorted(
        [*records, *(record for record in walk.records if is_dirty(record.start))], key=lambda each: each.start
    )
    if sum(record.n_steps for record in records) > MOST_STEPS:
        return None
    lines = Lines(source)
    functions = _functions_after(kept.functions, _functions(walk.program), edit, units, dirty)
    review = Review(tuple(findings_of(hits_of(records), lines, {})), _scopes(functions, lines))
    return review, Kept(kept.language_id, source, tree, records, functions, units)


def _walk(found: Dirty, tree: tree_sitter.Tree, source: bytes, language_id: str, rules: LanguageRules) -> Walk | None:
    """Walk through the functions that are dirty; lower those that may run meanwhile, and of others their heads."""
    others = (unit for number, unit in enumerate(found.units) if number not in found.needed)
    hollow = frozenset(body.start for unit in others for body in unit.bodies)
    program = lower(source, language_id, tree, hollow)
    if program is None:
        return None
    walk = Walk(program, rules, only=_telling(found.units, found.numbers))
    walk.run()
    return walk


def _telling(units: Sequence[Unit], dirty: set[int]) -> Callable[[int], bool]:
    """Return what tells whether the statement that begins at an offset is one of `dirty`."""
    return lambda start: unit_at(units, start) in dirty


def _both(deeds: Sequence[Deeds], now: Sequence[Deeds], dirty: set[int]) -> list[Deeds]:
    """Return what each statement did before, and those of `dirty` do now as well."""
    return [
        Deeds(before.names | after.names, before.written | after.written, before.is_cyclic or after.is_cyclic)
        if number in dirty
        else before
        for number, (before, after) in enumerate(zip(deeds, now, strict=True))
    ]


def _functions(program: ir.Program) -> list[Function]:
    found = [(symbol, function.span, function.is_broken) for function, symbol in named_functions(program.body)]
    return sorted(found, key=lambda each: (each[1].start, -each[1].end))


def _functions_after(
    kept: Iterable[Function], now: Iterable[Function], edit: Edit, units: Sequence[Unit], dirty: set[int]
) -> list[Function]:
    """Return the functions of the file: of the statements `dirty` as they are now, of the others as they were."""
    is_dirty = _telling(units, dirty)
    old = [(symbol, moved(span, edit.old_end, edit.n_added), is_broken) for symbol, span, is_broken in kept]
    found = [each for each in old if not is_dirty(each[1].start)] + [each for each in now if is_dirty(each[1].start)]
    return sorted(found, key=lambda each: (each[1].start, -each[1].end))


def _scopes(functions: Iterable[Function], lines: Lines) -> tuple[Scope, ...]:
    return tuple(Scope(symbol, lines.place(span), is_broken) for symbol, span, is_broken in functions)
