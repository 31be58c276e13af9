"""What each form of statement does to what is known of variables.

Invariant: an executor tells whether what stands behind the statement is reached; what is not reached is walked through
all the same.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.taint import guards
from lsp_server.review.taint.assignments import assign, enter_loop
from lsp_server.review.taint.definitions import declared_as, define, define_class
from lsp_server.review.taint.frames import Frame, Variables, is_same_state, join_variables
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.values import Value, join, union, union_taints

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_MOST_PATHS = 4


def _evaluate(walk: "Walk", statement: ir.Evaluate, frame: Frame) -> bool:
    walk.evaluate(statement.value, frame)
    return True


def _assign(walk: "Walk", statement: ir.Assign, frame: Frame) -> bool:
    value = walk.evaluate(statement.value, frame)
    if statement.is_augmented:
        old = walk.evaluate(statement.target, frame)
        value = Value(union_taints(old.taints, value.taints), old.paths, beginning=old.beginning)
    if statement.type_name is not None:
        declared = declared_as(walk, statement.type_name, frame)
        value = value._replace(
            paths=union(declared.paths, value.paths, _MOST_PATHS), callables=value.callables or declared.callables
        )
    assign(walk, statement.target, value, statement.value, frame, statement.is_augmented)
    return True


def _return(walk: "Walk", statement: ir.Return, frame: Frame) -> bool:
    if statement.value is not None:
        value = walk.evaluate(statement.value, frame)
        frame.returned = join(frame.returned, value)
        site = Site(
            statement.value.span, (), "return", arguments=(ir.Argument(statement.value, "value"),), values=(value,)
        )
        for handler in frame.handlers:
            for ruled in walk.rules.return_sinks.get(handler, ()):
                walk.report_flows(ruled, site, frame, ("value",))
    return False


def _leave(walk: "Walk", statement: ir.Leave, frame: Frame) -> bool:
    if statement.value is not None:
        walk.evaluate(statement.value, frame)
    elif frame.exits:
        frame.exits[-1].append(dict(frame.variables))
    return False


def _if(walk: "Walk", statement: ir.If, frame: Frame) -> bool:
    walk.evaluate(statement.test, frame)
    if walk.asks("<test>"):
        _ask_test(walk, statement.test, frame)
    before = frame.branch()
    guards.refine(walk, statement.test, True, frame)
    then_goes_on = walk.execute(statement.then, frame)
    after_then, frame.variables = frame.variables, before
    guards.refine(walk, statement.test, False, frame)
    otherwise_goes_on = walk.execute(statement.otherwise, frame)
    if then_goes_on and otherwise_goes_on:
        frame.variables = join_variables([after_then, frame.variables], frame.parent)
    elif then_goes_on:
        frame.variables = after_then
    return then_goes_on or otherwise_goes_on


def _ask_test(walk: "Walk", test: ir.Expression, frame: Frame) -> None:
    """Tell the rules what a decision depends on: all operands of the test."""
    parts = [each for each in ir.walk(test) if isinstance(each, (ir.Name, ir.Attribute, ir.Item, ir.Call))]
    arguments = tuple(ir.Argument(each) for each in parts[:8])
    values = tuple(walk.evaluate(argument.value, frame) for argument in arguments)
    walk.meet(Site(test.span, ("<test>",), "condition", arguments=arguments, values=values), frame)


def _loop(walk: "Walk", statement: ir.Loop, frame: Frame) -> bool:
    """Walk through the body until nothing new comes of it, twice at most."""
    exits: list[Variables] = []
    frame.exits.append(exits)
    for _ in range(2):
        before = frame.branch()
        enter_loop(walk, statement, frame)
        goes_on = walk.execute(statement.body, frame)
        ends = [frame.variables] if goes_on else []
        frame.variables = join_variables([before, *ends], frame.parent)
        if is_same_state(before, frame.variables):
            break
    frame.exits.pop()
    if statement.test is not None:
        guards.refine(walk, statement.test, False, frame)
    if exits:
        frame.variables = join_variables([frame.variables, *exits[:4]], frame.parent)
    return True


def _try(walk: "Walk", statement: ir.Try, frame: Frame) -> bool:
    before = frame.branch()
    goes_on = walk.execute(statement.body, frame)
    ends = [frame.variables] if goes_on else []
    somewhere = join_variables([before, frame.variables], frame.parent)
    for handler in statement.handlers:
        frame.variables = dict(somewhere)
        if walk.execute(handler, frame):
            ends.append(frame.variables)
    frame.variables = join_variables(ends, frame.parent) if ends else dict(somewhere)
    final_goes_on = walk.execute(statement.final, frame)
    return bool(ends) and final_goes_on


def _block(walk: "Walk", statement: ir.Block, frame: Frame) -> bool:
    return walk.execute(statement.body, frame)


def _import(walk: "Walk", statement: ir.Import, frame: Frame) -> bool:
    if statement.name == "*":
        walk.is_entangled = walk.is_entangled or frame is not walk.file
        walk.wildcards.append(statement.path)
        return True
    walk.imported.add(statement.path)
    walk.record.used_paths.add(statement.path)
    walk.note_written(frame, frame, statement.name)
    frame.variables[statement.name] = Value(paths=(statement.path,))
    return True


def _function(walk: "Walk", statement: ir.Function, frame: Frame) -> bool:
    info = define(walk, statement, frame)
    if info not in frame.pending:
        frame.pending.append(info)
    walk.note_written(frame, frame, statement.name)
    frame.variables[statement.name] = Value(callables=(info,))
    return True


def _class(walk: "Walk", statement: ir.Class, frame: Frame) -> bool:
    info = define_class(walk, statement, frame)
    frame.pending.append(info)
    walk.note_written(frame, frame, statement.name)
    frame.variables[statement.name] = Value(paths=info.paths, callables=(info,))
    return True


EXECUTORS: dict[type[ir.Statement], Callable[..., bool]] = {
    ir.Evaluate: _evaluate,
    ir.Assign: _assign,
    ir.Return: _return,
    ir.Leave: _leave,
    ir.If: _if,
    ir.Loop: _loop,
    ir.Try: _try,
    ir.Block: _block,
    ir.Import: _import,
    ir.Function: _function,
    ir.Class: _class,
}
"""What each form of statement is executed by: `(walk, statement, frame) -> whether what stands behind is reached`."""
