"""What calling a function of the file does: walked through once, in terms of its parameters, applied at each call.

Invariant: a function is walked through once, and once more when it turns out later that it is called from outside; one
that is being walked through, or lies too deep, counts as clean.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.taint.assignments import assign
from lsp_server.review.taint.definitions import parameters
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import CONSTRUCTORS, ClassInfo, FunctionInfo
from lsp_server.review.taint.sources import counted
from lsp_server.review.taint.values import (
    NOTHING,
    Symbol,
    Taint,
    Trace,
    Value,
    join,
    then,
    union_taints,
)

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_DEEPEST_CALL = 50  # levels at which a function is still walked through where it is called; later it gets its turn

Given = dict[int, Value]


def walk_function(walk: "Walk", info: FunctionInfo, given: Given | None = None) -> None:
    """Walk through `info`'s function unless that was done. given: what is known of its parameters."""
    if info.is_walked:
        return
    if info.is_walking or walk.depth > _DEEPEST_CALL:
        walk.note_met_again(info)
        return
    info.is_walking = True
    outer = walk.turn_to(info.record)
    function = info.function
    variables = parameters(walk, info, given or {})
    frame = Frame(variables, info.frame, info, symbol=info.symbol, handlers=tuple(each.name for each in info.handlers))
    for parameter in function.parameters:
        if parameter.pattern is not None:
            assign(walk, parameter.pattern, variables[parameter.name], parameter.pattern, frame)
    walk.run_body(function.body, frame)
    if frame.returned is not NOTHING:
        info.result = frame.returned
    walk.turn_to(outer)
    info.is_walking = False
    info.is_walked = True


def walk_class(walk: "Walk", info: ClassInfo) -> None:
    """Walk through the methods of a class, first those that make its instances: they fill the fields."""
    for name in (*CONSTRUCTORS, info.declaration.name):
        if name in info.methods:
            walk_function(walk, info.methods[name])
    for method in info.methods.values():
        walk_function(walk, method)


def call_function(
    walk: "Walk", info: FunctionInfo, arguments: Sequence[ir.Argument], values: Sequence[Value], span: ir.Span
) -> Value:
    """Return what calling `info` at `span` gives, and report what the arguments reach inside."""
    given = by_parameter(info, arguments, values)
    if not info.function.name and not info.is_walked and not info.is_walking:
        walk.is_entangled = walk.is_entangled or info.record is not walk.record
        walk_function(walk, info, given)  # a function that is called where it stands
        return info.result
    walk_function(walk, info)
    return _applied(walk, info, given, span)


def call_with(walk: "Walk", info: FunctionInfo, values: tuple[Value, ...], span: ir.Span) -> Value:
    """Return what a function that was handed over gives when it is called with `values`."""
    arguments = tuple(ir.Argument(ir.Unknown(span)) for _ in values)
    return call_function(walk, info, arguments, values, span)


def by_parameter(info: FunctionInfo, arguments: Sequence[ir.Argument], values: Sequence[Value]) -> Given:
    """Return the values by the parameter they are handed to, as rules count parameters."""
    parameters_here = counted(info.function, info.owner)
    names = {parameter.name: index for index, parameter in enumerate(parameters_here)}
    given: Given = {}
    position = 0
    for argument, value in zip(arguments, values, strict=True):
        if argument.is_spread:
            for index in range(position, len(parameters_here)):
                given[index] = join(given.get(index, NOTHING), value.element(parameters_here[index].name))
        elif argument.name is not None:
            index = names.get(argument.name, -1)
            given[index] = join(given.get(index, NOTHING), value)
        else:
            is_rest = position >= len(parameters_here) or parameters_here[position].is_rest
            index = min(position, len(parameters_here) - 1)
            given[index] = join(given.get(index, NOTHING), value) if is_rest else value
            position += 1
    return given


def by_symbol(info: FunctionInfo, given: Given) -> dict[Symbol, tuple[Taint, ...]]:
    """Return the taints of what is `given` by what stands for it inside."""
    skipped = len(info.symbols) - len(counted(info.function, info.owner))
    return {
        info.symbols[index + skipped]: value.taints for index, value in given.items() if index >= 0 and value.taints
    }


def _applied(walk: "Walk", info: FunctionInfo, given: Given, span: ir.Span) -> Value:
    taints_by_symbol = by_symbol(info, given)
    words = f"handed to `{info.function.name}`" if info.function.name else "handed to a function"
    for hit in tuple(info.reached) if taints_by_symbol else ():
        if hit.taint is not None and isinstance(hit.taint.source, Symbol):
            for taint in taints_by_symbol.get(hit.taint.source, ()):
                walk.step()
                walk.report(hit._replace(taint=woven(taint, hit.taint, span, words)))
    return substituted(info.result, info, taints_by_symbol, span, words)


def substituted(
    value: Value, info: FunctionInfo, given: dict[Symbol, tuple[Taint, ...]], span: ir.Span, words: str
) -> Value:
    """Return `value` with the arguments' taints in place of those of the parameters."""
    if not value.taints:
        return value
    taints: tuple[Taint, ...] = ()
    for taint in value.taints:
        if isinstance(taint.source, Symbol) and taint.source.owner is info:
            handed = tuple(woven(each, taint, span, words) for each in given.get(taint.source, ()))
            taints = union_taints(taints, handed)
        else:
            taints = union_taints(taints, (taint,))
    elements = value.elements and {
        key: substituted(each, info, given, span, words) for key, each in value.elements.items()
    }
    return value._replace(taints=taints, elements=elements)


def woven(outer: Taint, inner: Taint, span: ir.Span, words: str) -> Taint:
    """Return `outer` after it went the way of `inner`, a parameter's taint, through a call at `span`."""
    steps: list[Trace] = []
    step: Trace | None = inner.trace
    while step is not None and step.before is not None:
        steps.append(step)
        step = step.before
    trace = then(outer.trace, span, words)
    for each in reversed(steps):
        trace = then(trace, each.span, each.words, each.path)
    return outer._replace(trace=trace, clean_for=outer.clean_for | inner.clean_for)
