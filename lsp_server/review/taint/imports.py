"""Calling functions of other files of the workspace: what they do, told where they are called.

Invariant: another file is walked through once for each walk, and its own findings are not reported here; what outside
data reaches in it is reported at the call, with the way on into that file.
"""

from typing import TYPE_CHECKING

from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import FunctionInfo, Hit
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.summaries import by_parameter, by_symbol, substituted, woven
from lsp_server.review.taint.values import Symbol, Taint, Trace, Value, then

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk


def call_imported(walk: "Walk", site: Site, frame: Frame) -> Value | None:
    """Return what the function of another file gives that `site` calls; None when it calls none that is known."""
    for path in site.paths:
        found = walk.imported_function(path)
        if found is not None:
            return _called(walk, *found, site, frame)
    return None


def _called(walk: "Walk", info: FunctionInfo, file: str, site: Site, frame: Frame) -> Value:
    given = by_symbol(info, by_parameter(info, site.arguments, site.values))
    words = f"handed to `{info.function.name}`"
    for hit in info.reached if given else ():
        if hit.taint is None or not isinstance(hit.taint.source, Symbol):
            continue
        for taint in given.get(hit.taint.source, ()):
            walk.step()
            way = woven(taint, _elsewhere(hit.taint, file), site.span, words)
            way = way.through(hit.span, f"used by `{hit.call}`" if hit.call else "used here", hit.path or file)
            walk.report(Hit(hit.ruled, site.span, frame.symbol, site.callee, way))
    result = info.result._replace(callables=(), taints=tuple(_elsewhere(taint, file) for taint in info.result.taints))
    return substituted(result._replace(elements=None), info, given, site.span, words)


def _elsewhere(taint: Taint, file: str) -> Taint:
    """Return `taint`, that of a walk through `file`, for a walk through another."""
    steps: list[Trace] = []
    step: Trace | None = taint.trace
    while step is not None:
        steps.append(step)
        step = step.before
    trace = then(None, steps[-1].span, steps[-1].words, steps[-1].path or file)
    for each in reversed(steps[:-1]):
        trace = then(trace, each.span, each.words, each.path or file)
    return taint._replace(trace=trace)


def function_in(frame: Frame, name: str) -> FunctionInfo | None:
    """Return the function that the file of `frame` calls `name`."""
    value = frame.variables.get(name)
    callables = value.callables if value is not None else ()
    return next((each for each in callables if isinstance(each, FunctionInfo)), None)
