"""Python's statements that hold no others -> `review.ir`. Pure."""

from collections.abc import Callable, Iterable, Iterator

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assign,
    Call,
    Evaluate,
    Expression,
    If,
    Leave,
    Name,
    Not,
    Return,
    Span,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.python_expressions import Expressions
from lsp_server.review.lowering.python_signatures import dotted, type_name
from lsp_server.review.lowering.walk import named, span_of

_NEVER_RETURN = frozenset({"exit", "quit", "sys.exit", "os._exit", "os.abort", "abort", "flask.abort", "bottle.abort"})


class SimpleStatements:
    """Lowers simple statements; `simple` tells which, by the type of their nodes."""

    def __init__(self) -> None:
        self.expressions = Expressions()
        self.simple: dict[str, Callable[[tree_sitter.Node], Iterable[Statement]]] = {
            "expression_statement": self._expression_statement,
            "return_statement": self._return,
            "raise_statement": self._leave,
            "break_statement": self._leave,
            "continue_statement": self._leave,
            "assert_statement": self._assert,
            "delete_statement": self._delete,
            "print_statement": self._print,
            "exec_statement": self._exec,
        }

    def _expression_statement(self, node: tree_sitter.Node) -> Iterator[Statement]:
        inner = named(node)
        if len(inner) != 1:  # `a, b` without brackets
            for child in inner:
                yield Evaluate(span_of(child), self.expressions.lower(child))
            return
        child = inner[0]
        match child.type:
            case "assignment":
                yield from self._assignment(child)
            case "augmented_assignment":
                target, value = self.expressions.field(child, "left"), self.expressions.field(child, "right")
                yield Assign(span_of(child), target, value, is_augmented=True)
            case "yield":
                yield from self._yield(child)
            case "string" | "ellipsis":
                pass
            case _:
                yield Evaluate(span_of(child), self.expressions.lower(child))
                if child.type == "call" and dotted(child.children[0]) in _NEVER_RETURN:
                    yield Leave(span_of(child))

    def _assignment(self, node: tree_sitter.Node) -> Iterator[Statement]:
        right = node.child_by_field_name("right")
        target = self.expressions.field(node, "left")
        value: Expression = Unknown(span_of(node))
        if right is not None and right.type == "yield":
            yield from self._yield(right)
        elif right is not None:
            value = self.expressions.lower(right)
        yield Assign(span_of(node), target, value, type_name=type_name(node.child_by_field_name("type")))

    def _yield(self, node: tree_sitter.Node) -> Iterator[Statement]:
        """Lower `yield` as a return that may happen here: the function goes on."""
        inner = named(node)
        if inner:
            handed_out = Return(span_of(node), self.expressions.lower(inner[0]))
            yield If(span_of(node), Unknown(span_of(node)), (handed_out,))

    def _return(self, node: tree_sitter.Node) -> Iterator[Statement]:
        inner = named(node)
        yield Return(span_of(node), self.expressions.lower(inner[0]) if inner else None)

    def _leave(self, node: tree_sitter.Node) -> Iterator[Statement]:
        inner = named(node)
        yield Leave(span_of(node), self.expressions.lower(inner[0]) if inner else None)

    def _assert(self, node: tree_sitter.Node) -> Iterator[Statement]:
        inner = named(node)
        test = self.expressions.test(inner[0]) if inner else None
        if test is not None:
            message = self.expressions.lower(inner[1]) if len(inner) > 1 else None
            yield If(span_of(node), Not(test.span, test), (Leave(span_of(node), message),))

    def _delete(self, node: tree_sitter.Node) -> Iterator[Statement]:
        yield Evaluate(span_of(node), Unknown(span_of(node), tuple(map(self.expressions.lower, named(node)))))

    def _print(self, node: tree_sitter.Node) -> Iterator[Statement]:
        yield self._statement_call(node, "print", [child for child in named(node) if child.type != "chevron"])

    def _exec(self, node: tree_sitter.Node) -> Iterator[Statement]:
        yield self._statement_call(node, "exec", named(node))

    def _statement_call(self, node: tree_sitter.Node, name: str, operands: list[tree_sitter.Node]) -> Statement:
        """Return the call of what Python 2 writes as a statement."""
        callee = Name(Span(node.start_byte, node.start_byte + len(name)), name)
        arguments = tuple(Argument(self.expressions.lower(each)) for each in operands)
        return Evaluate(span_of(node), Call(span_of(node), callee, arguments))
