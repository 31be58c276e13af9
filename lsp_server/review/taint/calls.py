"""What a call does: the rules it meets, the functions it runs, and what it is worth.

Invariant: a call of what is not known is clean unless it is a method of what is tainted, or a rule says otherwise.
"""

from typing import TYPE_CHECKING

from lsp_server.review import api_paths, ir
from lsp_server.review.rule_forms import Position, Propagator, positions
from lsp_server.review.taint import callbacks
from lsp_server.review.taint.assignments import put_into
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import ClassInfo, FunctionInfo, Instance
from lsp_server.review.taint.imports import call_imported
from lsp_server.review.taint.matching import Site, holds
from lsp_server.review.taint.members import item_site, key_of, member
from lsp_server.review.taint.sources import from_paths
from lsp_server.review.taint.summaries import call_function, walk_class
from lsp_server.review.taint.values import ANY, CLEAN, Taint, Value, join, join_all, union, union_taints

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_MOST_PATHS = 4
_LOOK_UPS = frozenset({"get", "pop", "fetch"})


def call(walk: "Walk", expression: ir.Call, frame: Frame) -> Value:
    """Return what `expression` is worth, after telling the rules of it."""
    callee = expression.callee
    receiver: ir.Expression | None = None
    receiver_value = CLEAN
    if isinstance(callee, ir.Attribute):
        receiver = callee.base
        receiver_value = walk.evaluate(receiver, frame)
        target = member(walk, receiver_value, callee.name, callee.span)
        written = callee.name
    else:
        target = walk.evaluate(callee, frame)
        written = callee.name if isinstance(callee, ir.Name) else ""
    values = tuple(walk.evaluate(argument.value, frame) for argument in expression.arguments)
    site = Site(
        _place(walk, expression, receiver),
        target.paths,
        written,
        receiver,
        receiver_value,
        expression.arguments,
        values,
    )
    walk.meet(site, frame)
    if isinstance(callee, ir.Item) and walk.asks("<dispatch>"):
        key = walk.evaluate(callee.key, frame)
        walk.meet(item_site("<dispatch>", callee, target, key), frame)
    known = _required(site) or _pattern(site)
    return known if known is not None else _result(walk, expression, site, target, frame)


def _place(walk: "Walk", expression: ir.Call, receiver: ir.Expression | None) -> ir.Span:
    """Return where the call stands; of one in a chain over several lines, from its own method's name on."""
    start, end = expression.span
    if isinstance(expression.callee, ir.Attribute) and receiver is not None:
        name = expression.callee.span.end - len(expression.callee.name.encode())
        if b"\n" in walk.program.source[start:name]:
            return ir.Span(max(start, name), end)
    return expression.span


def _required(site: Site) -> Value | None:
    """Return the module that `require("name")` gives, None when `site` is no such call."""
    if site.paths != ("require",) or len(site.values) != 1:
        return None
    constants = site.values[0].constants
    return Value(paths=(constants[0],)) if constants and isinstance(constants[0], str) else None


def _pattern(site: Site) -> Value | None:
    """Return the regular expression that `RegExp("a", "g")` makes of constants, None when `site` is no such call."""
    if site.paths != ("RegExp",) or not site.values or site.values[0].constants is None:
        return None
    flags = site.values[1].constants if len(site.values) > 1 else ("",)
    path = f"RegExp({flags[0]})" if flags and isinstance(flags[0], str) else "RegExp(g)"
    return Value(paths=("RegExp()", path), constants=site.values[0].constants)


def _result(walk: "Walk", expression: ir.Call, site: Site, target: Value, frame: Frame) -> Value:
    """Return what the call is worth once it was told to the rules."""
    paths = tuple(api_paths.result(path) for path in site.paths)
    walk.record.used_paths.update(paths)
    cleaned_for = _cleaned_for(walk, site)
    from_callbacks = callbacks.run(walk, site, frame)
    if None in cleaned_for:
        return Value(paths=paths)
    value = _of_callables(walk, site, target) or _looked_up(site)
    if value is None:
        value = from_callbacks
        imported = call_imported(walk, site, frame) if walk.resolve is not None else None
        value = join(value, imported) if imported is not None else value
        if site.receiver_value.taints:
            value = _with_taints(value, site.receiver_value.taints)
    for propagator in (each for path in site.paths for each in walk.rules.propagators.find(path)):
        value = _propagated(walk, propagator, site, value, frame)
    value = value._replace(paths=union(paths, value.paths, _MOST_PATHS))
    value = from_paths(walk, value, expression.span)
    if cleaned_for and not value.taints:  # made harmless for one family: what it was made of is still in it
        for each in site.values:
            value = _with_taints(value, each.taints)
    for family in cleaned_for:
        value = value.cleaned(family)
    return value


def _cleaned_for(walk: "Walk", site: Site) -> list[str | None]:
    """Return the families that the call's result is clean for; None among them stands for all."""
    return [
        ruled.family.id if ruled.family is not None else None
        for path in site.paths
        for ruled in walk.rules.sanitizers.find(path)
        if holds(ruled.rule.where, site)
    ]


def _looked_up(site: Site) -> Value | None:
    """Return what a collection whose elements are known has at a constant key, for `get` and its like."""
    if site.callee not in _LOOK_UPS or site.receiver_value.elements is None or not site.values:
        return None
    key = key_of(site.values[0])
    if key is ANY:
        return None
    return join_all((site.receiver_value.element(key), *site.values[1:2]))


def _of_callables(walk: "Walk", site: Site, target: Value) -> Value | None:
    """Return what the functions and classes of the file return that are called; None when there is none."""
    results = []
    for each in target.callables:
        if isinstance(each, FunctionInfo):
            results.append(call_function(walk, each, site.arguments, site.values, site.span))
        elif isinstance(each, ClassInfo):
            results.append(_instance(walk, each, site))
    return join_all(tuple(results)) if results else None


def _instance(walk: "Walk", info: ClassInfo, site: Site) -> Value:
    """Return a new object of `info`, made with the call's arguments."""
    walk_class(walk, info)
    constructor = info.constructor()
    if constructor is not None:
        call_function(walk, constructor, site.arguments, site.values, site.span)
    return Value(paths=tuple(api_paths.result(path) for path in info.paths), callables=(Instance(info),))


def _propagated(walk: "Walk", propagator: Propagator, site: Site, value: Value, frame: Frame) -> Value:
    """Return `value` with what `propagator` says it holds of the arguments; or put that into where it says."""
    taints: tuple[Taint, ...] = ()
    for position in positions(propagator.argument):
        for _, argument in site.at(position):
            taints = union_taints(taints, argument.taints)
    if propagator.constants and (made_of := site.first(propagator.argument)) is not None:
        value = value._replace(constants=made_of[1].constants)
    if not taints:
        return value
    if propagator.into is None:
        return _with_taints(value, taints)
    target = _expression_at(site, propagator.into)
    if target is not None:
        put_into(walk, target, taints, frame)
    return value


def _with_taints(value: Value, taints: tuple[Taint, ...]) -> Value:
    return value._replace(taints=union_taints(value.taints, taints), constants=None)


def _expression_at(site: Site, position: Position) -> ir.Expression | None:
    """Return the expression that stands at `position` of a call."""
    if position == "receiver":
        return site.receiver
    plain = [argument.value for argument in site.arguments if argument.name is None]
    if isinstance(position, int):
        return plain[position] if -len(plain) <= position < len(plain) else None
    return next((argument.value for argument in site.arguments if argument.name == position), None)
