"""What each form of expression is worth. Calls are in `calls`.

Invariant: every operand is evaluated once, in its order, whether or not it decides about the result.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.taint import guards
from lsp_server.review.taint.assignments import assign, enter_loop
from lsp_server.review.taint.calls import call
from lsp_server.review.taint.definitions import define
from lsp_server.review.taint.frames import Frame, join_variables
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.members import item_site, key_of, member
from lsp_server.review.taint.sources import from_names, from_paths
from lsp_server.review.taint.values import (
    ANY,
    CLEAN,
    EMPTY,
    Elements,
    Key,
    Taint,
    Value,
    constant,
    join_all,
    taints_of,
    union_taints,
)

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_MOST_ELEMENTS = 48  # entries of a literal that are told apart: tables of data are longer
_OWN = "\0"  # in what a text begins with, a part that is not known, and not from outside
_LONGEST_CONSTANT = 4000  # code points of a text that is put together of constants


def _unknown(walk: "Walk", expression: ir.Unknown, frame: Frame) -> Value:
    for operand in expression.operands:
        walk.evaluate(operand, frame)
    return CLEAN


def _constant(_walk: "Walk", expression: ir.Constant, _frame: Frame) -> Value:
    return constant(expression.value)


def _regex(walk: "Walk", expression: ir.Regex, frame: Frame) -> Value:
    written = tuple(ir.Argument(ir.Constant(expression.span, text)) for text in (expression.pattern, expression.flags))
    values = (constant(expression.pattern), constant(expression.flags))
    walk.meet(Site(expression.span, ("RegExp",), "RegExp", arguments=written, values=values), frame)
    return Value(paths=("RegExp()", f"RegExp({expression.flags})"), constants=(expression.pattern,))


def _name(walk: "Walk", expression: ir.Name, frame: Frame) -> Value:
    name = expression.name
    value = frame.find(name)
    if value is None:
        value = Value(paths=(name, *(f"{package}.{name}" for package in walk.wildcards[:3])))
        value = from_paths(walk, value, expression.span)
    elif not value.taints and value.paths and value.paths[0] in walk.imported:
        value = from_paths(walk, value, expression.span)
    return from_names(walk, value, name, expression.span)


def _attribute(walk: "Walk", expression: ir.Attribute, frame: Frame) -> Value:
    return member(walk, walk.evaluate(expression.base, frame), expression.name, expression.span)


def _item(walk: "Walk", expression: ir.Item, frame: Frame) -> Value:
    base = walk.evaluate(expression.base, frame)
    key = walk.evaluate(expression.key, frame)
    if walk.asks("<item>"):
        walk.meet(item_site("<item>", expression, base, key), frame)
    value = base.element(key_of(key))
    return from_paths(walk, value, expression.span)


def _join(walk: "Walk", expression: ir.Join, frame: Frame) -> Value:
    taints: tuple[Taint, ...] = ()
    values = [walk.evaluate(part, frame) for part in expression.parts]
    for value in values:
        taints = union_taints(taints, value.taints)
    beginning, is_whole = "", True
    for value in values:
        text = value.constants[0] if value.constants is not None and len(value.constants) == 1 else None
        if len(beginning) > _LONGEST_CONSTANT or (value.taints and not isinstance(text, str)):
            beginning, is_whole = beginning + value.beginning, False
            break
        if not isinstance(text, str):
            text, is_whole = value.beginning + _OWN, False
        beginning += text
    if is_whole and values:
        return constant(beginning)
    value = Value(taints, beginning=beginning) if taints or beginning else CLEAN
    for ruled in walk.rules.sanitizers.find("<text>") if taints else ():
        value = value.cleaned(ruled.family.id if ruled.family is not None else None)
    return value


def _collection(walk: "Walk", expression: ir.Collection, frame: Frame) -> Value:
    elements: Elements = {}
    rest: list[Value] = []
    for index, (key, entry) in enumerate(expression.entries):
        name: Key = index
        if key is not None:
            name = key_of(walk.evaluate(key, frame))
        value = walk.evaluate(entry, frame)
        if index >= _MOST_ELEMENTS or name is ANY:
            rest.append(value)
        else:
            elements[name] = value
    if rest:
        elements[ANY] = join_all(tuple(rest))
    return Value(taints_of(elements), elements=elements) if elements else EMPTY


def _choice(walk: "Walk", expression: ir.Choice, frame: Frame) -> Value:
    if expression.test is None:
        return join_all(tuple(walk.evaluate(option, frame) for option in expression.options))
    walk.evaluate(expression.test, frame)
    before = frame.branch()
    values, states = [], []
    for index, option in enumerate(expression.options):
        frame.variables = dict(before)
        guards.refine(walk, expression.test, index == 0, frame)
        values.append(walk.evaluate(option, frame))
        states.append(frame.variables)
    frame.variables = join_variables(states, frame.parent) if states else before
    return join_all(tuple(values))


def _comparison(walk: "Walk", expression: ir.Comparison, frame: Frame) -> Value:
    values = (walk.evaluate(expression.left, frame), walk.evaluate(expression.right, frame))
    _ask_operator(walk, expression, (expression.left, expression.right), values, frame)
    return CLEAN


def _not(walk: "Walk", expression: ir.Not, frame: Frame) -> Value:
    walk.evaluate(expression.operand, frame)
    return CLEAN


def _both(walk: "Walk", expression: ir.Both | ir.Either, frame: Frame) -> Value:
    """Evaluate the operands of a test, each knowing how those before it came out."""
    before = frame.branch()
    values = []
    for operand in expression.operands:
        values.append(walk.evaluate(operand, frame))
        guards.refine(walk, operand, isinstance(expression, ir.Both), frame)
    frame.variables = join_variables([frame.variables, before], frame.parent)
    return join_all(tuple(values))


def _arithmetic(walk: "Walk", expression: ir.Arithmetic, frame: Frame) -> Value:
    values = tuple(walk.evaluate(operand, frame) for operand in expression.operands)
    _ask_operator(walk, expression, expression.operands, values, frame)
    if walk.language != "c":
        return CLEAN
    return Value(taints_of(dict(enumerate(values))))  # sizes and indices are what C is attacked with


def _ask_operator(
    walk: "Walk",
    expression: ir.Comparison | ir.Arithmetic,
    operands: tuple[ir.Expression, ...],
    values: tuple[Value, ...],
    frame: Frame,
) -> None:
    path = f"<{expression.operator}>"
    if walk.asks(path):
        arguments = tuple(ir.Argument(each) for each in operands)
        walk.meet(Site(expression.span, (path,), expression.operator, arguments=arguments, values=values), frame)


def _assigned(walk: "Walk", expression: ir.Assigned, frame: Frame) -> Value:
    value = walk.evaluate(expression.value, frame)
    assign(walk, expression.target, value, expression.value, frame)
    return value


def _closure(walk: "Walk", expression: ir.Closure, frame: Frame) -> Value:
    info = define(walk, expression.function, frame)
    frame.pending.append(info)
    return Value(callables=(info,))


def _comprehension(walk: "Walk", expression: ir.Comprehension, frame: Frame) -> Value:
    before = frame.branch()
    for loop in expression.loops:
        enter_loop(walk, loop, frame)
    element = walk.evaluate(expression.element, frame)
    frame.variables = before
    if isinstance(expression.element, ir.Collection) and element.elements:
        element = join_all((element, *element.elements.values()))
    return Value(element.taints, elements={ANY: element}) if element is not CLEAN else EMPTY


EVALUATORS: dict[type[ir.Expression], Callable[..., Value]] = {
    ir.Unknown: _unknown,
    ir.Constant: _constant,
    ir.Regex: _regex,
    ir.Name: _name,
    ir.Attribute: _attribute,
    ir.Item: _item,
    ir.Call: call,
    ir.Join: _join,
    ir.Collection: _collection,
    ir.Choice: _choice,
    ir.Comparison: _comparison,
    ir.Not: _not,
    ir.Both: _both,
    ir.Either: _both,
    ir.Arithmetic: _arithmetic,
    ir.Assigned: _assigned,
    ir.Closure: _closure,
    ir.Comprehension: _comprehension,
}
"""What each form of expression is evaluated by: `(walk, expression, frame) -> Value`."""
