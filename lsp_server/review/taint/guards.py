"""What is known after a test, in the branch where it holds and in the one where it does not.

Invariant: a test makes values cleaner, never dirtier, and touches no variable that it does not speak of.
"""

from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.rule_forms import Guard, positions
from lsp_server.review.rulebook import Ruled
from lsp_server.review.taint.frames import Frame, join_variables
from lsp_server.review.taint.functions import FunctionInfo
from lsp_server.review.taint.matching import Site, holds
from lsp_server.review.taint.members import key_of, member
from lsp_server.review.taint.sources import counted
from lsp_server.review.taint.values import CLEAN, Value

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_MOST_OPERANDS = 8  # of an `or` whose ways are told apart
_EQUAL = frozenset({"==", "is"})
_UNEQUAL = frozenset({"!=", "is not"})


def refine(walk: "Walk", test: ir.Expression, does_hold: bool, frame: Frame) -> None:
    """Take up in `frame` that `test` came out true, or false."""
    match test:
        case ir.Not(operand=operand):
            refine(walk, operand, not does_hold, frame)
        case ir.Both(operands=operands) | ir.Either(operands=operands):
            if isinstance(test, ir.Both) == does_hold:
                for operand in operands:
                    refine(walk, operand, does_hold, frame)
            else:
                _one_of(walk, operands[:_MOST_OPERANDS], does_hold, frame)
        case ir.Comparison():
            _compared(walk, test, does_hold, frame)
        case ir.Call():
            _called(walk, test, does_hold, frame)
        case ir.Assigned(target=target):
            refine(walk, target, does_hold, frame)
        case ir.Name(name=name) if name in frame.tests:
            made = frame.tests.pop(name)  # not to be read again on the way: `a = not a`
            refine(walk, made, does_hold, frame)
            frame.tests[name] = made
        case ir.Name() | ir.Attribute() | ir.Item() if not does_hold:  # it is empty
            cleanse(walk, test, None, frame)
            _cleanse_by_path(walk, test, frame)


def _one_of(walk: "Walk", operands: tuple[ir.Expression, ...], does_hold: bool, frame: Frame) -> None:
    """Take up that at least one operand came out so, the others before it not."""
    before, states = frame.branch(), []
    for operand in operands:
        frame.variables = dict(before)
        refine(walk, operand, does_hold, frame)
        states.append(frame.variables)
    frame.variables = join_variables(states, frame.parent) if states else before


def _compared(walk: "Walk", test: ir.Comparison, does_hold: bool, frame: Frame) -> None:
    operator = test.operator
    if operator in (_EQUAL if does_hold else _UNEQUAL):
        for tested, other in ((test.left, test.right), (test.right, test.left)):
            if is_trusted(_peek(walk, other, frame)):
                cleanse(walk, tested, None, frame)
                _cleanse_by_path(walk, tested, frame)
                return
    elif operator == ("in" if does_hold else "not in"):
        values = _peek(walk, test.right, frame)
        if not values.taints:
            cleanse(walk, test.left, None, frame)
            _cleanse_by_path(walk, test.left, frame)


def is_trusted(value: Value) -> bool:
    """Tell whether being equal to `value` makes a value harmless: it is a constant."""
    return value.constants is not None


def _peek(walk: "Walk", expression: ir.Expression, frame: Frame) -> Value:
    """Return what `expression` is, without telling the rules of what stands in it: they were told."""
    match expression:
        case ir.Constant(value=value):
            return Value(constants=(value,))
        case ir.Name(name=name):
            return frame.find(name) or Value(paths=(name,))
        case ir.Attribute(base=base, name=name):
            return member(walk, _peek(walk, base, frame), name, expression.span)
        case ir.Item(base=base, key=key):
            return _peek(walk, base, frame).element(key_of(_peek(walk, key, frame)))
        case ir.Regex(pattern=pattern, flags=flags):
            return Value(paths=("RegExp()", f"RegExp({flags})"), constants=(pattern,))
        case _:
            with walk.silently():
                return walk.evaluate(expression, frame)


def _called(walk: "Walk", test: ir.Call, does_hold: bool, frame: Frame) -> None:
    """Take up that a call came out true or false, if a rule calls it a guard."""
    callee = test.callee
    receiver = callee.base if isinstance(callee, ir.Attribute) else None
    receiver_value = _peek(walk, receiver, frame) if receiver is not None else CLEAN
    name = callee.name if isinstance(callee, (ir.Attribute, ir.Name)) else ""
    target = member(walk, receiver_value, name, callee.span) if receiver is not None else _peek(walk, callee, frame)
    found = [ruled for path in target.paths for ruled in walk.rules.guards.find(path)]
    tests = [info for info in target.callables if isinstance(info, FunctionInfo)]
    if not found and not tests:
        return
    values = tuple(_peek(walk, argument.value, frame) for argument in test.arguments)
    for info in tests:
        _tested(walk, info, test.arguments, values, does_hold, frame)
    site = Site(test.span, target.paths, name, receiver, receiver_value, test.arguments, values)
    for ruled in found:
        guard: Guard = ruled.rule
        if guard.holds == does_hold and holds(guard.where, site):
            _cleanse_arguments(walk, ruled, site, frame)


def _tested(
    walk: "Walk",
    info: FunctionInfo,
    arguments: tuple[ir.Argument, ...],
    values: tuple[Value, ...],
    does_hold: bool,
    frame: Frame,
) -> None:
    """Take up that a function of the file came out true or false which does nothing but return a test."""
    body = info.function.body
    if info in walk.testing or len(body) != 1 or not isinstance(body[0], ir.Return) or body[0].value is None:
        return
    inside = Frame({}, info.frame, info)
    handed = list(zip(counted(info.function, info.owner), arguments, values, strict=False))
    for parameter, _, value in handed:
        inside.variables[parameter.name] = value
    walk.testing.add(info)
    refine(walk, body[0].value, does_hold, inside)
    walk.testing.discard(info)
    for parameter, argument, value in handed:
        known = inside.variables[parameter.name]
        if known is not value:
            _refine_place(walk, argument.value, known, frame)


def _cleanse_arguments(walk: "Walk", ruled: Ruled, site: Site, frame: Frame) -> None:
    plain = [argument.value for argument in site.arguments if argument.name is None]
    for position in positions(ruled.rule.argument):
        if position == "receiver":
            expressions = [site.receiver] if site.receiver is not None else []
        elif isinstance(position, int):
            expressions = plain[position : position + 1 or None]
        else:
            expressions = [each.value for each in site.arguments if position in ("any", each.name)]
        for expression in map(_innermost, expressions):
            cleanse(walk, expression, ruled.family.id if ruled.family is not None else None, frame)


def _innermost(tested: ir.Expression) -> ir.Expression:
    """Return what a chain of functions of one argument is computed from: after `abspath(path)` the `path` itself."""
    while isinstance(tested, ir.Call) and len(tested.arguments) == 1:
        tested = tested.arguments[0].value
    return tested


def cleanse(walk: "Walk", tested: ir.Expression, family: str | None, frame: Frame) -> None:
    """Let the place that `tested` reads be harmless for `family`, or for all when it is None.

    A method without arguments counts as what it is called on: `name.lower() in NAMES`.
    """
    while isinstance(tested, ir.Call) and not tested.arguments and isinstance(tested.callee, ir.Attribute):
        tested = tested.callee.base
    if isinstance(tested, ir.Assigned):
        tested = tested.target
    value = _peek(walk, tested, frame)
    if value.taints:
        _refine_place(walk, tested, value.cleaned(family), frame)


def _refine_place(walk: "Walk", place: ir.Expression, value: Value, frame: Frame) -> None:
    """Let `place` hold `value` in this branch; what is bound around the function stays as it is for others."""
    match place:
        case ir.Name(name=name):
            frame.variables[name] = value
        case ir.Attribute(base=base, name=name):
            _refine_place(walk, base, _peek(walk, base, frame).with_element(name, value), frame)
        case ir.Item(base=base, key=key):
            constant = key_of(_peek(walk, key, frame))
            if constant is not None:
                _refine_place(walk, base, _peek(walk, base, frame).with_element(constant, value), frame)


def _cleanse_by_path(walk: "Walk", tested: ir.Expression, frame: Frame) -> None:
    """Let everything be harmless that `tested`, if a rule says what comparing it is worth, was computed from."""
    if not walk.rules.compare_guards:
        return
    value = _peek(walk, tested, frame)
    families = [ruled.family for path in value.paths for ruled in walk.rules.compare_guards.find(path)]
    origins = {(id(taint.source), taint.span) for taint in value.taints}
    for family in families if origins else ():
        for name, known in list(frame.variables.items()):
            if any((id(taint.source), taint.span) in origins for taint in known.taints):
                frame.variables[name] = known.cleaned(family.id if family is not None else None)
