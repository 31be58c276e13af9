"""Asking the rules about a call, or what stands for one: its arguments, which conditions hold, what was met.

Invariant: a rule's positions, names, `any` and `receiver` are read here and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from lsp_server.review.api_paths import compile_pattern, spread_braces
from lsp_server.review.ir import Argument, Collection, Constant, Expression, Span
from lsp_server.review.rule_forms import COLLECTION_SHAPES, Condition, Position, Sink, positions
from lsp_server.review.rule_forms import Constant as Literal
from lsp_server.review.rulebook import Ruled
from lsp_server.review.taint.values import ANY, CLEAN, Taint, Value
from lsp_server.review.text_shapes import is_shaped, judging_steps_of


@dataclass(slots=True, eq=False)
class Site:
    """A call with what is known of all that takes part in it.

    paths: of the callee. callee: how it is written, for messages. receiver: what the method is called on. values: of
    `arguments`, in their order.
    """

    span: Span
    paths: tuple[str, ...]
    callee: str = ""
    receiver: Expression | None = None
    receiver_value: Value = CLEAN
    arguments: tuple[Argument, ...] = ()
    values: tuple[Value, ...] = ()

    def at(self, position: Position) -> Iterator[tuple[Span, Value]]:
        """Yield the places and values of what stands at `position`; nothing where it is not given."""
        if position == "receiver":
            if self.receiver is not None:
                yield self.receiver.span, self.receiver_value
        elif isinstance(position, str) and position.startswith("receiver."):
            if self.receiver is not None and (self.receiver_value.elements or {}).get(position[9:]) is not None:
                yield self.receiver.span, self.receiver_value.element(position[9:])
        elif position == "any":
            yield from ((argument.value.span, value) for argument, value in self._given())
        elif isinstance(position, int):
            yield from self._positional(position)
        else:
            yield from self._named(position)

    def first(self, where: Position | tuple[Position, ...]) -> tuple[Span, Value] | None:
        """Return the first of the positions that is given."""
        return next((found for position in positions(where) for found in self.at(position)), None)

    def _given(self) -> Iterator[tuple[Argument, Value]]:
        return zip(self.arguments, self.values, strict=True)

    def _positional(self, position: int) -> Iterator[tuple[Span, Value]]:
        given = [each for each in self._given() if each[0].name is None]
        for index, (argument, value) in enumerate(given):
            if argument.is_spread and (index <= position or position < 0):
                yield argument.value.span, value.element(position - index if position >= 0 else ANY)
                return
        if -len(given) <= position < len(given):
            argument, value = given[position]
            yield argument.value.span, value

    def _named(self, name: str) -> Iterator[tuple[Span, Value]]:
        for argument, value in self._given():
            if argument.name == name:
                yield argument.value.span, value
            elif argument.name is None and value.elements and name in value.elements:
                yield _entry_span(argument.value, name), value.elements[name]


def _entry_span(expression: Expression, name: str) -> Span:
    """Return where the entry `name` stands, if `expression` is written out."""
    if isinstance(expression, Collection):
        for key, value in expression.entries:
            if isinstance(key, Constant) and key.value == name:
                return value.span
    return expression.span


def holds(where: tuple[Condition, ...], site: Site) -> bool:
    """Tell whether all conditions hold of `site`."""
    return all(_holds(condition, site) != condition.negated for condition in where)


def told_by(where: tuple[Condition, ...], site: Site) -> Span:
    """Return the place to report for a dangerous call: the option by name that makes it so, or all of the call."""
    for condition in where:
        by_name = [
            each
            for each in positions(condition.argument)
            if isinstance(each, str) and each.partition(".")[0] not in _NO_NAMES
        ]
        found = site.first(tuple(by_name)) if by_name and not condition.absent and not condition.negated else None
        if found is not None and site.span.start <= found[0].start and found[0].end <= site.span.end:
            return found[0]
    return site.span


_NO_NAMES = frozenset({"receiver", "any", "value", "key"})


def _holds(condition: Condition, site: Site) -> bool:
    found = site.first(condition.argument)
    if condition.absent or found is None:
        return condition.absent and found is None and not _hides(site)
    value = found[1]
    if condition.element is not None:
        if value.elements is None or condition.element not in value.elements:
            return False
        value = value.elements[condition.element]
    tests = (
        condition.is_ is None or _is_one_of(value, condition.is_),
        condition.is_not is None or _is_none_of(value, condition.is_not),
        condition.matches is None or any(_matches(condition.matches, each) for each in value.constants or ()),
        condition.begins is None or _compiled(condition.begins).match(value.beginning) is not None,
        condition.path is None or any(has_path(path, condition.path) for path in value.paths),
        not condition.constant or value.constants is not None,
        not condition.tainted or bool(value.taints),
        condition.shape is None or _has_shape(condition.shape, value),
    )
    return all(tests)


def _has_shape(shape: str, value: Value) -> bool:
    """Tell whether `value` is written out in that way, by position or by name, or is a constant text of that shape."""
    if shape in COLLECTION_SHAPES:
        is_record = any(isinstance(key, str) for key in value.elements or ())
        return value.elements is not None and is_record == (shape == "record")
    texts = (each.decode("latin-1") if isinstance(each, bytes) else each for each in value.constants or ())
    return any(isinstance(each, str) and is_shaped(shape, each) for each in texts)


def judging_steps(where: Iterable[Condition], site: Site) -> int:
    """Return how many steps it takes to ask for the shapes of constants that `where` names: patterns take long."""
    shaped = [each for each in where if each.shape is not None and each.shape not in COLLECTION_SHAPES]
    found = [argument for each in shaped if (argument := site.first(each.argument)) is not None]
    return sum(judging_steps_of(text) for _, value in found for text in value.constants or () if isinstance(text, str))


def _hides(site: Site) -> bool:
    """Tell whether arguments are handed over that cannot be seen (`**options`)."""
    return any(
        argument.is_spread and value.elements is None
        for argument, value in zip(site.arguments, site.values, strict=True)
    )


def _is_one_of(value: Value, wanted: Literal | tuple[Literal, ...]) -> bool:
    return any(_equals(each, one) for each in value.constants or () for one in _several(wanted))


def _is_none_of(value: Value, wanted: Literal | tuple[Literal, ...]) -> bool:
    return value.constants is not None and not _is_one_of(value, wanted)


def _equals(left: object, right: Literal) -> bool:
    if isinstance(left, bytes):
        left = left.decode("utf-8", "replace")
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _several(wanted: Literal | tuple[Literal, ...]) -> tuple[Literal, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)


def _matches(pattern: str, constant: object) -> bool:
    if isinstance(constant, bytes):
        constant = constant.decode("utf-8", "replace")
    return isinstance(constant, str) and _compiled(pattern).search(constant[:2000]) is not None


def has_path(path: str, patterns: str | tuple[str, ...]) -> bool:
    """Tell whether one of `patterns` matches `path`."""
    wanted = patterns if isinstance(patterns, tuple) else (patterns,)
    return any(compiled.fullmatch(path) for pattern in wanted for compiled in _compiled_paths(pattern))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@lru_cache(maxsize=4096)
def _compiled_paths(pattern: str) -> tuple[re.Pattern[str], ...]:
    return tuple(compile_pattern(each) for each in spread_braces(pattern))


def flows(ruled: Ruled, site: Site, where: tuple[Position, ...]) -> Iterator[tuple[Span, Taint]]:
    """Yield where in `site`, among the positions `where`, outside data gets that `ruled`, a sink, keeps out."""
    sink: Sink = ruled.rule
    family = ruled.family.id if ruled.family is not None else ""
    for position in where:
        for span, value in site.at(position):
            if value.taints and holds(sink.where, site):
                yield from ((span, taint) for taint in value.taints if concerns(sink, family, taint))


def concerns(sink: Sink, family: str, taint: Taint) -> bool:
    """Tell whether `sink` asks for this kind of data, and it was not made harmless for the family."""
    if family in taint.clean_for:
        return False
    kind = getattr(taint.source, "kind", None)  # a Symbol has none: its kind is known where the function is called
    return kind is None or kind in sink.kinds
