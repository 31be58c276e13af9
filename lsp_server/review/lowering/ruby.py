"""Ruby's syntax tree -> `review.ir`. Pure.

Owns statements; expressions are in `ruby_expressions`. Invariant: any tree lowers, broken ones too. A method returns
its last statement; a block handed to a call is its last argument.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Assign,
    Assigned,
    Block,
    Class,
    Collection,
    Comparison,
    Either,
    Evaluate,
    Expression,
    Function,
    If,
    Leave,
    Loop,
    Not,
    Parameter,
    Program,
    Return,
    Statement,
    Try,
    Unknown,
)
from lsp_server.review.lowering.braces_expressions import Node, text_of
from lsp_server.review.lowering.ruby_expressions import RubyExpressions
from lsp_server.review.lowering.walk import MAX_DEPTH, Hollow, named, span_of, whole

Statements = tuple[Statement, ...]
_BODIES = ("body_statement", "block_body", "then", "do", "else", "begin_block", "parenthesized_statements", "program")
_MAX_CASES = 40


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    return whole(_Ruby(), root, source, language_id, hollow)


class _Ruby(RubyExpressions):
    """Lowers one file."""

    def __init__(self) -> None:
        super().__init__()
        self.statement_table: dict[str, Callable[[Node], Iterable[Statement]]] = {
            "method": self._method,
            "singleton_method": self._method,
            "class": self._class,
            "module": self._class,
            "singleton_class": lambda node: self._body(node.child_by_field_name("body")),
            "assignment": self._assignment,
            "operator_assignment": self._assignment,
            "return": self._return,
            "break": self._leave,
            "next": self._leave,
            "redo": self._leave,
            "retry": self._leave,
            "if": self._if,
            "elsif": self._if,
            "unless": self._if,
            "if_modifier": self._if,
            "unless_modifier": self._if,
            "while": self._while,
            "until": self._while,
            "while_modifier": self._while,
            "until_modifier": self._while,
            "for": self._for,
            "case": self._case,
            "begin": self._begin,
            "ERROR": lambda node: self.block(node.children),
        }
        self.statement_table |= dict.fromkeys(_BODIES, self._statements_of)

    def block(self, nodes: Sequence[Node]) -> Statements:
        """Lower statements in their order; those nested too deep are left out."""
        if self.depth >= MAX_DEPTH:
            return ()
        self.depth += 1
        try:
            return tuple(statement for node in nodes if node.is_named for statement in self._statement(node))
        finally:
            self.depth -= 1

    def _statement(self, node: Node) -> Iterable[Statement]:
        if node.type in ("comment", "heredoc_body", "empty_statement", "uninterpreted"):
            return ()
        lower = self.statement_table.get(node.type)
        return lower(node) if lower is not None else self._evaluate(node)

    def _statements_of(self, node: Node) -> Statements:
        return self._body(node)

    def _evaluate(self, node: Node) -> Iterator[Statement]:
        yield Evaluate(span_of(node), self.lower(node))
        if node.type == "call" and node.child_by_field_name("receiver") is None:
            method = text_of(node.child_by_field_name("method"))
            if method in ("raise", "exit", "abort", "fail"):
                yield Leave(span_of(node))

    def _body(self, node: Node | None) -> Statements:
        """Lower a body; with `rescue` or `ensure` in it, it is a Try."""
        if node is None:
            return ()
        if node.type not in (*_BODIES, "block", "do_block", "begin"):
            return self.block([node])
        rescues = [child for child in named(node) if child.type == "rescue"]
        finals = [child for child in named(node) if child.type == "ensure"]
        rest = [child for child in named(node) if child not in rescues and child not in finals]
        body = self.block(rest)
        if not (rescues or finals):
            return body
        handlers = tuple(self._rescue(rescue) for rescue in rescues)
        final = self.block(named(finals[0])) if finals else ()
        return (Try(span_of(node), body, handlers, final),)

    def _rescue(self, node: Node) -> Statements:
        variable, body = node.child_by_field_name("variable"), self._body(node.child_by_field_name("body"))
        if variable is None or not named(variable):
            return body
        name = named(variable)[0]
        bound = Assign(span_of(name), self.lower(name), Unknown(span_of(node)), type_name="Exception")
        return (bound, *body)

    def returning(self, node: Node | None) -> Statements:
        """Lower the body of a method or block: its last expression is what it returns."""
        body = self._body(node)
        if body and isinstance(last := body[-1], Evaluate):
            return (*body[:-1], Return(last.span, last.value))
        return body

    def _method(self, node: Node) -> Iterator[Statement]:
        name = node.child_by_field_name("name")
        if name is None:
            return
        function = Function(
            span_of(node),
            text_of(name),
            span_of(name),
            tuple(self.parameters(node.child_by_field_name("parameters"))),
            self.returning(node.child_by_field_name("body")),
            is_broken=node.has_error,
        )
        self.functions.append(function)
        yield function

    def parameters(self, node: Node | None) -> Iterator[Parameter]:
        """Yield the parameters of a method or block."""
        for child in named(node) if node is not None else []:
            if child.type == "identifier":
                yield Parameter(text_of(child))
                continue
            name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
            if name is not None:
                default = self.lower(value) if value is not None else None
                yield Parameter(text_of(name), default=default, is_rest="splat" in child.type)
            elif child.type == "destructured_parameter":
                targets = tuple((None, self.lower(each)) for each in named(child))
                yield Parameter(f"#{child.start_byte}", pattern=Collection(span_of(child), targets))

    def _class(self, node: Node) -> Iterator[Statement]:
        name = node.child_by_field_name("name")
        superclass = node.child_by_field_name("superclass")
        if name is None:
            return
        bases = tuple(text_of(each).replace("::", ".") for each in named(superclass)) if superclass is not None else ()
        body = self._body(node.child_by_field_name("body"))
        yield Class(span_of(node), text_of(name).replace("::", "."), span_of(name), bases, body)

    def _assignment(self, node: Node) -> Iterator[Statement]:
        assigned = self.lower(node)
        if isinstance(assigned, Assigned):
            yield Assign(span_of(node), assigned.target, assigned.value)

    def _return(self, node: Node) -> Iterator[Statement]:
        inner = named(node)
        values = named(inner[0]) if inner and inner[0].type == "argument_list" else inner
        yield Return(span_of(node), self.lower(values[0]) if values else None)

    def _leave(self, node: Node) -> Iterator[Statement]:
        yield Leave(span_of(node))

    def _if(self, node: Node) -> Iterator[Statement]:
        test = self.test(node.child_by_field_name("condition"))
        if node.type.startswith("unless"):
            test = Not(test.span, test)
        body = self._body(node.child_by_field_name("consequence") or node.child_by_field_name("body"))
        yield If(span_of(node), test, body, self._body(node.child_by_field_name("alternative")))

    def _while(self, node: Node) -> Iterator[Statement]:
        test = self.test(node.child_by_field_name("condition"))
        if node.type.startswith("until"):
            test = Not(test.span, test)
        yield Loop(span_of(node), None, None, test, self._body(node.child_by_field_name("body")))

    def _for(self, node: Node) -> Iterator[Statement]:
        value = node.child_by_field_name("value")
        iterable = self.lower(named(value)[0]) if value is not None and named(value) else None
        body = self._body(node.child_by_field_name("body"))
        yield Loop(span_of(node), self.field(node, "pattern"), iterable, None, body)

    def _case(self, node: Node) -> Iterator[Statement]:
        value = node.child_by_field_name("value")
        subject = self.lower(value) if value is not None else None
        otherwise = next((self._body(child) for child in named(node) if child.type == "else"), ())
        whens = [child for child in named(node) if child.type == "when"][:_MAX_CASES]
        for when in reversed(whens):
            tests = tuple(self._matches(subject, each) for each in when.children_by_field_name("pattern"))
            test = tests[0] if len(tests) == 1 else Either(span_of(when), tests)
            otherwise = (If(span_of(when), test, self._body(when.child_by_field_name("body")), otherwise),)
        yield from otherwise

    def _matches(self, subject: Expression | None, node: Node) -> Expression:
        pattern = self.lower(named(node)[0] if node.type == "pattern" and named(node) else node)
        return pattern if subject is None else Comparison(span_of(node), "==", subject, pattern)

    def _begin(self, node: Node) -> Iterator[Statement]:
        yield Block(span_of(node), self._body(node))

    def closure_of(self, node: Node) -> Function:
        """Return a block or lambda as a function without name."""
        body = node.child_by_field_name("body")
        if body is not None and body.type in ("block", "do_block"):  # a lambda's
            body = body.child_by_field_name("body")
        parameters = tuple(self.parameters(node.child_by_field_name("parameters")))
        function = Function(
            span_of(node),
            "",
            span_of(node)._replace(end=node.start_byte),
            parameters,
            self.returning(body),
            is_broken=node.has_error,
        )
        self.functions.append(function)
        return function
