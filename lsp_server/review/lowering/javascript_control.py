"""Branches and loops of JavaScript -> `review.ir`. Pure.

Invariant: blocks keep their order; a `break` of a `switch` is the end of one of the Ifs it becomes.
"""

from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_modules import Modules
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of

_MAX_CHAIN: Final = 24  # cases of a switch that become nested Ifs


class Control(Modules):
    """Adds branches and loops."""

    in_switch = False

    def effects(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        """Lower an expression that stands for its effect."""
        raise NotImplementedError

    def break_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `break`; that of a `switch` goes on behind it, as the Ifs do that it becomes."""
        return [] if self.in_switch and node.child_by_field_name("label") is None else [ir.Leave(span_of(node))]

    def if_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `if`."""
        test = self.test(node.child_by_field_name("condition"))
        then = self.block(node.child_by_field_name("consequence"))
        alternative = node.child_by_field_name("alternative")
        otherwise = (
            [lowered for child in children_of(alternative) for lowered in self.block(child)]
            if alternative is not None
            else []
        )
        return [ir.If(span_of(node), test, then, tuple(otherwise))]

    def loop_body(self, node: tree_sitter.Node) -> tuple[ir.Statement, ...]:
        """Lower the body of a loop; a `break` in it is not one of the `switch` around it."""
        outer, self.in_switch = self.in_switch, False
        body = self.block(node.child_by_field_name("body"))
        self.in_switch = outer
        return body

    def while_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `while` and `do`."""
        test = self.test(node.child_by_field_name("condition"))
        return [ir.Loop(span_of(node), None, None, test, self.loop_body(node))]

    def for_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """`for (start; test; step)`: the start before the loop, the step at the end of its body."""
        start = node.child_by_field_name("initializer")
        before = self.statement(start) if start is not None and start.is_named else []
        condition, increment = node.child_by_field_name("condition"), node.child_by_field_name("increment")
        test = (
            self.test(condition) if condition is not None and condition.type not in {"empty_statement", ";"} else None
        )
        step = self.effects(increment)
        loop = ir.Loop(span_of(node), None, None, test, (*self.loop_body(node), *step))
        return [ir.Block(span_of(node), (*before, loop))] if before else [loop]

    def for_in(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """`for (x of xs)`; `for (key in value)` goes through what `Object.keys` returns."""
        left = node.child_by_field_name("left")
        target = self.pattern(left) if left is not None else None
        iterable = self.expression(node.child_by_field_name("right"))
        if text_of(node.child_by_field_name("operator")) == "in":
            keys = ir.Attribute(iterable.span, ir.Name(iterable.span, "Object"), "keys")
            iterable = ir.Call(iterable.span, keys, (ir.Argument(iterable),))
        defaults = self.defaults(left) if left is not None else []
        return [ir.Loop(span_of(node), target, iterable, None, (*defaults, *self.loop_body(node)))]

    def try_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `try`."""
        handler, final = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
        handlers: list[tuple[ir.Statement, ...]] = []
        if handler is not None:
            caught = handler.child_by_field_name("parameter")
            bound = (
                [ir.Assign(span_of(caught), self.pattern(caught), ir.Unknown(span_of(caught)))]
                if caught is not None
                else []
            )
            handlers.append((*bound, *self.block(handler.child_by_field_name("body"))))
        last = self.block(final.child_by_field_name("body")) if final is not None else ()
        return [ir.Try(span_of(node), self.block(node.child_by_field_name("body")), tuple(handlers), last)]

    def switch(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower a `switch` to a chain of Ifs; cases that share a block are one.

        Of more than `_MAX_CHAIN` cases the Ifs stand one after the other.
        """
        subject, body = self.expression(node.child_by_field_name("value")), node.child_by_field_name("body")
        outer, self.in_switch = self.in_switch, True
        tests: list[ir.Expression] = []
        groups: list[tuple[ir.Expression, tuple[ir.Statement, ...]]] = []
        otherwise: tuple[ir.Statement, ...] = ()
        is_default = False
        for case in children_of(body) if body is not None else []:
            value = case.child_by_field_name("value")
            if value is not None:
                tests.append(ir.Comparison(span_of(value), "==", subject, self.expression(value)))
            is_default = is_default or case.type == "switch_default"
            own = case.children_by_field_name("body")
            statements = tuple(lowered for child in own for lowered in self.statement(child))
            if not own:
                continue
            if is_default:
                otherwise = statements
            elif tests:
                groups.append((tests[0] if len(tests) == 1 else ir.Either(tests[0].span, tuple(tests)), statements))
            tests, is_default = [], False
        self.in_switch = outer
        return _chained(span_of(node), groups, otherwise)


def _chained(
    span: ir.Span, groups: list[tuple[ir.Expression, tuple[ir.Statement, ...]]], otherwise: tuple[ir.Statement, ...]
) -> list[ir.Statement]:
    if len(groups) > _MAX_CHAIN:
        flat: list[ir.Statement] = [ir.If(test.span, test, then) for test, then in groups]
        return [*flat, ir.If(span, ir.Unknown(span), otherwise)]
    for test, then in reversed(groups):
        otherwise = (ir.If(ir.Span(test.span.start, span.end), test, then, otherwise),)
    return list(otherwise)
