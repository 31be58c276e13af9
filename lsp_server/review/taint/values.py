"""What is known of a value: whence it comes from outside, its API paths, constants, elements and functions. Pure.

Invariant: values never change and are bounded in every direction (taints, paths, constants, elements, depth), so that
joining them in loops comes to an end.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lsp_server.review import api_paths
from lsp_server.review.ir import Span
from lsp_server.review.rule_forms import Constant, Source

if TYPE_CHECKING:
    from lsp_server.review.taint.functions import Callable

_MAX_TAINTS = 6
_MAX_PATHS = 4
_MAX_CONSTANTS = 8
_MAX_ELEMENTS = 48
_MAX_DEPTH = 4

ANY = None
"""The key of the element that stands for all whose keys are not known."""


class Trace(NamedTuple):
    """The way of a taint, last step first. path: of another file, None for the reviewed one."""

    before: "Trace | None"
    span: Span
    words: str
    length: int
    path: str | None = None


def then(before: Trace | None, span: Span, words: str, path: str | None = None) -> Trace:
    """Return the way `before` with one more step."""
    return Trace(before, span, words, before.length + 1 if before is not None else 1, path)


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """Whatever a function's parameter will be: `index` counts its parameters from 0."""

    owner: object
    index: int


class Taint(NamedTuple):
    """A value, or part of it, comes from `source` at `span`. clean_for: the families, by id, it is harmless for."""

    source: Source | Symbol
    span: Span
    trace: Trace
    clean_for: frozenset[str] = frozenset()

    @property
    def identity(self) -> tuple[int, Span, frozenset[str]]:
        """What makes two taints the same, whatever their way."""
        return (id(self.source), self.span, self.clean_for)

    def cleaned(self, family: str) -> "Taint":
        """Return the taint, harmless for `family`."""
        return self._replace(clean_for=self.clean_for | {family})

    def through(self, span: Span, words: str, path: str | None = None) -> "Taint":
        """Return the taint with one more step of its way."""
        return self._replace(trace=then(self.trace, span, words, path))


Key = Constant | None
Elements = dict[Key, "Value"]


class Value(NamedTuple):
    """What is known of a value.

    taints: of all of it, elements too. constants: it is one of these; None: not known. elements: None where it is
    opaque, and then they are as tainted as it is itself. beginning: of its text, as far as that is known.
    """

    taints: tuple[Taint, ...] = ()
    paths: tuple[str, ...] = ()
    constants: tuple[Constant | bytes | None, ...] | None = None
    elements: Elements | None = None
    callables: "tuple[Callable, ...]" = ()
    beginning: str = ""

    def element(self, key: Key) -> "Value":
        """Return what is at `key`, a constant key or ANY."""
        paths = tuple(_element_path(path, key) for path in self.paths or (api_paths.ANYTHING,))
        if self.elements is None:
            return Value(self.taints, paths)
        if key is ANY:
            found = join_all(tuple(self.elements.values()))
        else:
            found = self.elements.get(key) or self.elements.get(ANY) or CLEAN
        return found._replace(paths=union(found.paths, paths, _MAX_PATHS))

    def with_element(self, key: Key, value: "Value") -> "Value":
        """Return the value after `value` was put at `key`; at ANY it may be one of several."""
        elements = dict(self.elements) if self.elements is not None else self._opaque_elements()
        if key is ANY or (key not in elements and len(elements) >= _MAX_ELEMENTS):
            old = elements.get(ANY)
            elements[ANY] = join(old, value) if old is not None else value
        else:
            elements[key] = value
        if depth_of(elements) > _MAX_DEPTH:
            return self._replace(taints=union_taints(self.taints, value.taints), elements=None)
        return self._replace(taints=taints_of(elements), elements=elements, constants=None)

    def through(self, span: Span, words: str) -> "Value":
        """Return the value with one more step in the way of its taints."""
        if not self.taints:
            return self
        return self._replace(taints=tuple(taint.through(span, words) for taint in self.taints))

    def cleaned(self, family: str | None) -> "Value":
        """Return the value, harmless for `family`, or for all when it is None."""
        if not self.taints:
            return self
        elements = self.elements and {key: each.cleaned(family) for key, each in self.elements.items()}
        taints = () if family is None else tuple(taint.cleaned(family) for taint in self.taints)
        return self._replace(taints=taints, elements=elements)

    def _joined(self, taints: tuple[Taint, ...]) -> "Value":
        return self._replace(taints=union_taints(self.taints, taints), constants=None)

    def _opaque_elements(self) -> Elements:
        return {ANY: Value(self.taints)} if self.taints else {}


CLEAN = Value()
UNKNOWN = Value(paths=(api_paths.ANYTHING,))
EMPTY = Value(elements={})


def constant(value: Constant | bytes | None) -> Value:
    """Return a known constant."""
    return Value(constants=(value,), beginning=value if isinstance(value, str) else "")


def join(left: Value, right: Value) -> Value:
    """Return what is either `left` or `right`."""
    if left is right or right is NOTHING:
        return left
    if left is NOTHING:
        return right
    constants = None
    if left.constants is not None and right.constants is not None:
        constants = tuple(dict.fromkeys((*left.constants, *right.constants)))
        constants = constants if len(constants) <= _MAX_CONSTANTS else None
    callables = left.callables
    if right.callables and right.callables is not callables:
        callables = tuple(dict.fromkeys((*callables, *right.callables)))[:_MAX_PATHS]
    return Value(
        union_taints(left.taints, right.taints),
        union(left.paths, right.paths, _MAX_PATHS),
        constants,
        _join_elements(left, right),
        callables,
        left.beginning if left.beginning == right.beginning else "",
    )


NOTHING = Value(paths=("",))
"""No value at all: the neutral element of `join`."""


def join_all(values: tuple[Value, ...]) -> Value:
    """Return what is any of `values`; CLEAN when there is none."""
    joined = NOTHING
    for value in values:
        joined = join(joined, value)
    return joined if joined is not NOTHING else CLEAN


def union(left: tuple[str, ...], right: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Return the texts of both, each once, `most` at most."""
    if not right or left is right or left == right:
        return left
    return tuple(dict.fromkeys((*left, *right)))[:most] if left else right


def union_taints(left: tuple[Taint, ...], right: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """Return the taints of both; of two that are the same the one with the shorter way."""
    if not right or left is right:
        return left
    if not left:
        return right
    best = {taint.identity: taint for taint in left}
    for taint in right:
        known = best.get(taint.identity)
        if known is None or taint.trace.length < known.trace.length:
            best[taint.identity] = taint
    return tuple(best.values())[:_MAX_TAINTS]


def taints_of(elements: Elements) -> tuple[Taint, ...]:
    """Return the taints of all `elements`."""
    taints: tuple[Taint, ...] = ()
    for value in elements.values():
        if value.taints:
            taints = union_taints(taints, value.taints)
    return taints


def depth_of(elements: Elements) -> int:
    """Return how deep `elements` are nested, counted no further than matters."""
    deepest, level = 0, [elements]
    while level and deepest <= _MAX_DEPTH:
        deepest += 1
        level = [value.elements for each in level for value in each.values() if value.elements]
    return deepest


def is_same(left: Value, right: Value) -> bool:
    """Tell whether nothing new is known of `right` after `left`."""
    return left is right or (
        left.paths == right.paths
        and left.callables == right.callables
        and left.constants == right.constants
        and len(left.taints) == len(right.taints)
        and {taint.identity for taint in left.taints} == {taint.identity for taint in right.taints}
        and (left.elements is None) == (right.elements is None)
        and (left.elements or {}).keys() == (right.elements or {}).keys()
    )


def _join_elements(left: Value, right: Value) -> Elements | None:
    if left.elements is None and right.elements is None:
        return None
    if left.elements is None or right.elements is None:
        known, opaque = (left, right) if right.elements is None else (right, left)
        if not opaque.taints:
            return known.elements
        return None  # whatever is read of it may be what the opaque one holds
    joined = dict(left.elements)
    for key, value in right.elements.items():
        mine = joined.get(key)
        joined[key] = value if mine is None else join(mine, value)
    return joined if len(joined) <= _MAX_ELEMENTS else {ANY: join_all(tuple(joined.values()))}


def _element_path(path: str, key: Key) -> str:
    # JavaScript's names may hold `$`, Ruby's methods end in `?` or `!`.
    if isinstance(key, str) and key.replace("$", "_").rstrip("?!").isidentifier():
        return api_paths.attribute(path, key)
    return api_paths.element(path)
