"""Functions that are handed to a call: what they are called with, as far as it is known."""

from typing import TYPE_CHECKING

from lsp_server.review.rule_forms import Handler
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import FunctionInfo
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.summaries import call_with, walk_function
from lsp_server.review.taint.values import ANY, CLEAN, NOTHING, Value, join

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_ON_THE_WHOLE = frozenset({"then", "tap", "finally", "let", "also"})
"""Methods that call a function with what they are called on."""

_ON_EACH = frozenset({
    "map", "forEach", "filter", "find", "findIndex", "some", "every", "flatMap", "sort", "replace", "replaceAll",
    "each", "collect", "select", "reject", "flat_map", "each_with_index", "stream", "mapValues", "ifPresent", "Select",
    "Where",
})  # fmt: skip
"""Methods that call a function with each element of what they are called on."""

_FOLDING = frozenset({"reduce", "reduceRight", "inject", "fold"})
"""Methods whose function takes what came of the elements before, and the element."""

_FUNCTION_FIRST = frozenset({"map", "filter", "sorted", "array_map", "array_filter"})
"""Functions that call one argument with the elements of the others."""

_RETURNING = frozenset(
    {"map", "then", "flatMap", "collect", "flat_map", "reduce", "reduceRight", "array_map", "replace", "Select"}
)
"""Those whose result is made of what the function returns."""


def run(walk: "Walk", site: Site, frame: Frame) -> Value:
    """Walk through the functions among the arguments of `site`; return what the call's result holds of theirs."""
    functions = [each for value in site.values for each in value.callables if isinstance(each, FunctionInfo)]
    if not functions:
        return CLEAN
    handlers = [handler for path in site.paths for handler in walk.rules.handler_calls.find(path)]
    results = NOTHING
    for info in functions:
        if handlers:
            _handle(walk, info, handlers, frame)
        elif (arguments := _arguments(site)) is not None:
            results = join(results, call_with(walk, info, arguments, site.span))
        elif info.frame is frame and not info.function.name:
            walk_function(walk, info)
    if results is NOTHING or site.callee not in _RETURNING:
        return CLEAN
    return (
        results if site.callee in ("then", "reduce", "reduceRight") else Value(results.taints, elements={ANY: results})
    )


def _handle(walk: "Walk", info: FunctionInfo, handlers: list[Handler], frame: Frame) -> None:
    """Let a function count as one that is called from outside; that happens when all around it is defined."""
    names = tuple(parameter.name for parameter in info.function.parameters)
    wanted = [handler for handler in handlers if names[: len(handler.parameters)] == handler.parameters]
    new = tuple(handler for handler in wanted if handler not in info.handlers)
    if new:
        walk.note_changed(info)
        info.handlers = (*info.handlers, *new)
        info.is_walked = False
        frame.pending.append(info)


def _arguments(site: Site) -> tuple[Value, ...] | None:
    """Return what the function is called with; None when that is not known."""
    name, on = site.callee, site.receiver_value
    if site.receiver is None:
        if name not in _FUNCTION_FIRST:
            return None
        return tuple(value.element(ANY) for value in site.values if not value.callables)
    if name in _ON_THE_WHOLE:
        return (on,)
    if name in _ON_EACH:
        return (on.element(ANY),)
    return (CLEAN, on.element(ANY)) if name in _FOLDING else None
