"""Where outside data comes in: by what a value is, by what it is called, by what calls its function."""

from functools import lru_cache
from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.rule_forms import Handler, Source, positions
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.values import Taint, Value, then, union_taints

if TYPE_CHECKING:
    from lsp_server.review.taint.functions import ClassInfo
    from lsp_server.review.taint.walk import Walk

_RECEIVERS = frozenset({"self", "cls", "this"})


def from_paths(walk: "Walk", value: Value, span: ir.Span) -> Value:
    """Return `value`, tainted if one of its API paths is a source, unless it comes from outside anyway."""
    if any(isinstance(taint.source, Source) and taint.source.kind != "library" for taint in value.taints):
        return value
    for path in value.paths:
        for source in walk.rules.sources.find(path):
            return _tainted(value, source, span)
    return value


def from_names(walk: "Walk", value: Value, name: str, span: ir.Span) -> Value:
    """Return `value`, tainted if what is called `name` is a source. Constants and functions are none."""
    names = walk.rules.source_names
    if not names or value.constants is not None or value.callables:
        return value
    for source in names.find(name.lower()):
        if not any(taint.source is source for taint in value.taints):
            return _tainted(value, source, span)
    return value


def from_outside(source: Source, span: ir.Span) -> Taint:
    """Return the taint of what comes from `source` at `span`."""
    return Taint(source, span, then(None, span, f"{source.label} comes in here"))


def _tainted(value: Value, source: Source, span: ir.Span) -> Value:
    return value._replace(taints=union_taints(value.taints, (from_outside(source, span),)))


def handlers_of(
    walk: "Walk", function: ir.Function, decorators: tuple[Value, ...], owner: "ClassInfo | None"
) -> tuple[Handler, ...]:
    """Return what `function` is called as from outside: by its decorators, its class and its parameters' names."""
    found: list[Handler] = []
    for path in (path for decorator in decorators for path in decorator.paths):
        found += walk.rules.handler_decorators.find(path)
        found += walk.rules.handler_decorators.find(path.removesuffix("()"))
    if owner is not None:
        for path in owner.paths:
            found += [
                handler
                for handler in walk.rules.handler_bases.find(path)
                if function.name in (handler.method or (function.name,))
            ]
    names = tuple(parameter.name for parameter in counted(function, owner))
    found += walk.rules.handler_names.get(names[0], ()) if names else ()
    return tuple(dict.fromkeys(each for each in found if names[: len(each.parameters)] == each.parameters))


def counted(function: ir.Function, owner: "ClassInfo | None") -> tuple[ir.Parameter, ...]:
    """Return the parameters as rules count them: without the receiver."""
    parameters = function.parameters
    if owner is not None and parameters and parameters[0].name in _RECEIVERS:
        return parameters[1:]
    return parameters


def outside_of(handler: Handler, index: int, parameter: ir.Parameter) -> Source | None:
    """Return the source that `handler` makes of its parameter at `index`, None where it makes none."""
    if parameter.type_name in handler.but_types:
        return None
    for position in positions(handler.tainted):
        if position in ("any", parameter.name) or (position == index and not isinstance(position, str)):
            return source_of(handler)
    return None


@lru_cache(maxsize=1024)
def source_of(handler: Handler) -> Source:
    """Return the one source that stands for all of `handler`'s parameters."""
    return Source(label=handler.label, kind=handler.kind)


def type_of(handler: Handler, index: int, parameter: ir.Parameter) -> str | None:
    """Return the API path that `handler` gives its parameter at `index`."""
    for each in handler.types:
        if each.parameter in (index, parameter.name):
            return each.path
    return None


def by_decorator(walk: "Walk", parameter: ir.Parameter, frame: Frame) -> Source | None:
    """Return the source that an annotation of `parameter` makes of it."""
    for name in parameter.decorators:
        for path in type_paths(walk, name, frame):
            for handler in walk.rules.handler_decorators.find(path):
                if handler.parameter_decorator:
                    return source_of(handler)
    return None


def type_paths(walk: "Walk", name: str, frame: Frame) -> tuple[str, ...]:
    """Return the API paths of what is declared as `name`, dotted."""
    first, _, rest = name.partition(".")
    value = frame.find(first)
    if value is None:
        return (name, *(f"{package}.{name}" for package in walk.wildcards))
    return tuple(f"{path}.{rest}" if rest else path for path in value.paths)
