"""Statements of the languages that write blocks in braces -> `review.ir`. Pure.

Owns branches, loops, `switch`, `try` and the recovery from syntax errors, as these languages share them; names of nodes
that differ are asked from the language. Invariant: any tree lowers, broken ones too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from lsp_server.review.ir import (
    Assign,
    Assigned,
    Block,
    Comparison,
    Either,
    Evaluate,
    Expression,
    Function,
    If,
    Leave,
    Loop,
    Parameter,
    Return,
    Statement,
    Try,
    Unknown,
)
from lsp_server.review.lowering.braces_expressions import Expressions, Node, text_of
from lsp_server.review.lowering.walk import MAX_DEPTH, named, span_of

Statements = tuple[Statement, ...]
Case = tuple[Sequence[Expression] | None, Statements]
"""Of a `switch`: the values it is for, None for the default, and what is done."""

_MAX_CASES = 40
"""Cases beyond it stand one behind the other, not one inside the other."""


class Braces(Expressions):
    """Lowers one file. `statement_table` says how nodes of each type are lowered; languages add their own."""

    def __init__(self) -> None:
        super().__init__()
        self.statement_table: dict[str, Callable[[Node], Iterable[Statement]]] = {
            "block": lambda node: self.block(node.children),
            "compound_statement": lambda node: self.block(node.children),
            "expression_statement": self._expression_statement,
            "return_statement": self._return,
            "yield_statement": self._yield,
            "throw_statement": self._leave,
            "break_statement": self._leave,
            "continue_statement": self._leave,
            "goto_statement": self._leave,
            "if_statement": self._if,
            "else_clause": self._else,
            "while_statement": self._while,
            "do_statement": self._do,
            "for_statement": self._for,
            "try_statement": self._try,
            "switch_statement": self._switch,
            "labeled_statement": lambda node: self.block(node.children),
            "ERROR": lambda node: self.block(node.children),
        }

    def block(self, nodes: Sequence[Node]) -> Statements:
        """Lower statements in their order; those nested too deep are left out."""
        if self.depth >= MAX_DEPTH:
            return ()
        self.depth += 1
        try:
            return tuple(statement for node in nodes for statement in self.statement(node))
        finally:
            self.depth -= 1

    def statement(self, node: Node) -> Iterable[Statement]:
        """Lower one statement; an expression where a statement is expected is evaluated."""
        lower = self.statement_table.get(node.type)
        if lower is not None:
            return lower(node)
        return (
            (Evaluate(span_of(node), self.lower(node)),)
            if node.type in self.table and node.type != "identifier"
            else ()
        )

    def body(self, node: Node, *names: str) -> Statements:
        """Lower the first of the children `names` that is there, a block or a single statement."""
        child = next((child for name in names if (child := node.child_by_field_name(name)) is not None), None)
        return self.block([child]) if child is not None else ()

    def function(
        self,
        node: Node,
        name: Node | None,
        parameters: Sequence[Parameter],
        decorators: Sequence[Expression] = (),
        first: Statements = (),
    ) -> Iterator[Statement]:
        """Yield the function that `node` defines. first: what its body does before what is written there."""
        if name is None:
            return
        body = node.child_by_field_name("body")
        is_hollow = body is not None and body.start_byte in self.hollow
        function = Function(
            span_of(node),
            text_of(name),
            span_of(name),
            tuple(parameters),
            () if is_hollow else (*first, *self.body(node, "body")),
            tuple(decorators),
            is_broken=node.has_error,
        )
        self.functions.append(function)
        yield function

    def chain(self, node: Node, subject: Expression, cases: Sequence[Case]) -> Iterator[Statement]:
        """Yield a `switch` as a chain of branches."""
        otherwise: Statements = next((body for values, body in cases if values is None), ())
        tested = [(values, body) for values, body in cases if values is not None]
        for number in range(len(tested) - 1, -1, -1):
            values, body = tested[number]
            tests = tuple(Comparison(value.span, "==", subject, value) for value in values)
            test = tests[0] if len(tests) == 1 else Either(span_of(node), tests)
            if number < _MAX_CASES:
                otherwise = (If(span_of(node), test, body, otherwise),)
            else:
                otherwise = (If(span_of(node), test, body), *otherwise)
        yield Evaluate(subject.span, subject)
        yield from otherwise

    def _switch(self, node: Node) -> Iterator[Statement]:
        body = node.child_by_field_name("body")
        inner = named(body) if body is not None else []
        cases = [self._case(child) for child in inner if child.type in ("case_statement", "default_statement")]
        yield from self.chain(node, self.test(node.child_by_field_name("condition")), cases)

    def _case(self, node: Node) -> Case:
        value = node.child_by_field_name("value")
        rest = [child for child in named(node) if child != value and child.type != "break_statement"]
        return [self.lower(value)] if value is not None else None, self.block(rest)

    def _expression_statement(self, node: Node) -> Iterator[Statement]:
        for child in named(node):
            yield from self.evaluated(child)

    def evaluated(self, node: Node) -> Iterator[Statement]:
        """Yield an expression as a statement; an assignment as such."""
        value = self.lower(node)
        if isinstance(value, Assigned):
            is_augmented = self.operator(node) not in ("=", ":=", "")
            right = self.field(node, "right") if is_augmented else value.value
            yield Assign(span_of(node), value.target, right, is_augmented)
        else:
            yield Evaluate(span_of(node), value)

    def _return(self, node: Node) -> Iterator[Statement]:
        inner = named(node)
        yield Return(span_of(node), self.lower(inner[0]) if inner else None)

    def _yield(self, node: Node) -> Iterator[Statement]:
        inner = named(node)
        if inner:
            yield If(span_of(node), Unknown(span_of(node)), (Return(span_of(node), self.lower(inner[0])),))

    def _leave(self, node: Node) -> Iterator[Statement]:
        inner = named(node)
        yield Leave(span_of(node), self.lower(inner[0]) if inner and node.type == "throw_statement" else None)

    def _if(self, node: Node) -> Iterator[Statement]:
        begun = node.child_by_field_name("initializer")
        if begun is not None:
            yield from self.statement(begun)
        test = self.test(node.child_by_field_name("condition"))
        yield If(span_of(node), test, self.body(node, "consequence", "body"), self.body(node, "alternative"))

    def _else(self, node: Node) -> Statements:
        return self.block(named(node))

    def _while(self, node: Node) -> Iterator[Statement]:
        yield Loop(span_of(node), None, None, self.test(node.child_by_field_name("condition")), self.body(node, "body"))

    def _do(self, node: Node) -> Iterator[Statement]:
        body = self.body(node, "body")
        yield Block(span_of(node), body)
        yield Loop(span_of(node), None, None, self.test(node.child_by_field_name("condition")), body)

    def _for(self, node: Node) -> Iterator[Statement]:
        for name in ("init", "initializer", "initialize"):
            for child in node.children_by_field_name(name):
                yield from self.statement(child) if child.type in self.statement_table else self.evaluated(child)
        updates = tuple(each for child in node.children_by_field_name("update") for each in self.evaluated(child))
        condition = node.child_by_field_name("condition")
        test = self.test(condition) if condition is not None else None
        yield Loop(span_of(node), None, None, test, (*self.body(node, "body"), *updates))

    def _try(self, node: Node) -> Iterator[Statement]:
        clauses = [child for child in node.children if child.type == "catch_clause"]
        final = next((child for child in node.children if child.type == "finally_clause"), None)
        handlers = tuple(self.handler(clause) for clause in clauses)
        yield Try(
            span_of(node), self.body(node, "body"), handlers, self.block(named(final)) if final is not None else ()
        )

    def handler(self, node: Node) -> Statements:
        """Lower a `catch`; languages bind its variable."""
        return self.body(node, "body")

    def caught(self, node: Node, name: Node | None, body: Statements) -> Statements:
        """Return the handler `body` with its variable, an exception, bound in front."""
        if name is None:
            return body
        span = span_of(name)
        return (Assign(span, self.lower(name), Unknown(span_of(node)), type_name="Exception"), *body)


def nothing(_: Node) -> Statements:
    """Lower what neither moves data nor branches."""
    return ()
