"""Python's syntax tree -> the form of programs that the taint engine reads (`review.ir`). Pure.

Owns the statements that hold others, functions and classes. Invariants: any tree lowers, broken ones too; inside a
syntax error the functions, statements and expressions that can be told are kept, and the functions marked as broken.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import tree_sitter

from lsp_server.grammars import grammar_of
from lsp_server.review.ir import (
    Assign,
    Assigned,
    Block,
    Call,
    Class,
    Collection,
    Evaluate,
    Expression,
    Function,
    If,
    Loop,
    Name,
    Program,
    Span,
    Statement,
    Try,
    Unknown,
)
from lsp_server.review.lowering.python_imports import imports, imports_from
from lsp_server.review.lowering.python_match import case_test
from lsp_server.review.lowering.python_recovery import definitions
from lsp_server.review.lowering.python_signatures import parameters_of, text_of, type_name
from lsp_server.review.lowering.python_statements import SimpleStatements
from lsp_server.review.lowering.walk import MAX_DEPTH, Hollow, named, span_of

_MAX_ELIFS = 50
"""Branches beyond it stand one behind the other, not one inside the other."""

Statements = tuple[Statement, ...]


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    statements = _Statements(hollow)
    grammar = grammar_of("python")
    roots = list(definitions(source, grammar)) if root.has_error and grammar is not None else []
    body = _one_class_each(statement for each in roots or [root] for statement in statements.block(each.children))
    functions = sorted(statements.functions, key=lambda function: function.span)
    return Program(language_id, source, body, root.has_error, functions=tuple(functions))


class _Statements(SimpleStatements):
    """Lowers the statements of one file."""

    def __init__(self, hollow: Hollow) -> None:
        super().__init__()
        self._hollow = hollow
        self._depth = 0
        self._by_type: dict[str, Callable[[tree_sitter.Node], Iterable[Statement]]] = {
            **self.simple,
            "if_statement": self._if,
            "while_statement": self._while,
            "for_statement": self._for,
            "try_statement": self._try,
            "with_statement": self._with,
            "match_statement": self._match,
            "function_definition": self._function,
            "class_definition": self._class,
            "decorated_definition": self._decorated,
            "import_statement": imports,
            "import_from_statement": imports_from,
            "block": lambda node: self.block(node.children),
        }

    @property
    def functions(self) -> list[Function]:
        return self.expressions.functions

    def block(self, nodes: Sequence[tree_sitter.Node]) -> Statements:
        """Lower statements in their order; those nested too deep are left out."""
        if self._depth >= MAX_DEPTH:
            return ()
        self._depth += 1
        try:
            return tuple(statement for node in nodes for statement in self._statement(node))
        finally:
            self._depth -= 1

    def _statement(self, node: tree_sitter.Node) -> Iterable[Statement]:
        if node.type == "ERROR":
            return self._recovered(node.children)
        lower = self._by_type.get(node.type)
        return lower(node) if lower is not None else ()

    def _body(self, node: tree_sitter.Node | None) -> Statements:
        return self.block(node.children) if node is not None else ()

    def _field(self, node: tree_sitter.Node, name: str) -> Statements:
        return self._body(node.child_by_field_name(name))

    def _else(self, node: tree_sitter.Node, kind: str = "else_clause") -> Statements:
        """Return the statements of `else` or `finally`."""
        clause = next((child for child in node.children if child.type == kind), None)
        blocks = [child for child in clause.children if child.type == "block"] if clause is not None else []
        return self._body(blocks[-1]) if blocks else ()

    def _recovered(self, nodes: Sequence[tree_sitter.Node]) -> Iterator[Statement]:
        """Yield what can be told of the pieces of a syntax error; a header takes what stands further right."""
        at = 0
        while at < len(nodes):
            node = nodes[at]
            at += 1
            if node.type in {"def", "class"} and at < len(nodes) and nodes[at].type == "identifier":
                end = at
                while end < len(nodes) and _stands_in(nodes[end], node):
                    end += 1
                yield self._headless(node, nodes[at:end])
                at = end
            elif node.type in self._by_type or node.type == "ERROR":
                yield from self._statement(node)
            elif node.is_named and node.type not in {"comment", "identifier", "string_content"}:
                yield Evaluate(span_of(node), self.expressions.lower(node))

    def _headless(self, keyword: tree_sitter.Node, nodes: Sequence[tree_sitter.Node]) -> Statement:
        """Return the function or class of a `def` or `class` whose pieces, its name first, are `nodes`."""
        name, rest = nodes[0], nodes[1:]
        span = Span(keyword.start_byte, nodes[-1].end_byte)
        if keyword.type == "class":
            return Class(span, text_of(name), span_of(name), (), tuple(self._recovered(rest)))
        parameters = next((node for node in rest if node.type == "parameters"), None)
        lowered = parameters_of(parameters, self.expressions.lower)
        body = tuple(self._recovered([node for node in rest if node.type != "parameters"]))
        function = Function(span, text_of(name), span_of(name), lowered, body, is_broken=True)
        self.functions.append(function)
        return function

    def _if(self, node: tree_sitter.Node) -> Iterator[Statement]:
        otherwise = self._else(node)
        branches = [node, *(child for child in node.children if child.type == "elif_clause")]
        tests = [self.expressions.test(branch.child_by_field_name("condition")) for branch in branches]
        blocks = [self._field(branch, "consequence") for branch in branches]
        for number in range(len(branches) - 1, -1, -1):
            branch, test = branches[number], tests[number] or Unknown(span_of(branches[number]))
            end = branch.end_byte if number else node.end_byte
            if number < _MAX_ELIFS:
                otherwise = (If(Span(branch.start_byte, end), test, blocks[number], otherwise),)
            else:
                otherwise = (If(Span(branch.start_byte, end), test, blocks[number]), *otherwise)
        yield from otherwise

    def _while(self, node: tree_sitter.Node) -> Iterator[Statement]:
        test = self.expressions.test(node.child_by_field_name("condition"))
        yield Loop(span_of(node), None, None, test, self._field(node, "body"))
        yield from self._else(node)

    def _for(self, node: tree_sitter.Node) -> Iterator[Statement]:
        target, iterable = self.expressions.field(node, "left"), self.expressions.field(node, "right")
        yield Loop(span_of(node), target, iterable, None, self._field(node, "body"))
        yield from self._else(node)

    def _try(self, node: tree_sitter.Node) -> Iterator[Statement]:
        body = self._field(node, "body") + self._else(node)
        handlers = tuple(self._handler(child) for child in node.children if child.type == "except_clause")
        yield Try(span_of(node), body, handlers, self._else(node, "finally_clause"))

    def _handler(self, node: tree_sitter.Node) -> Statements:
        """Lower an `except`; its variable is what a call of `except` gives, whatever classes it names."""
        body = self.block(node.children)
        alias = next((child.child_by_field_name("alias") for child in named(node) if child.type == "as_pattern"), None)
        if alias is None:
            return body
        span = span_of(alias)
        return (Assign(span, self.expressions.lower(alias), Call(span, Name(span, "except"))), *body)

    def _with(self, node: tree_sitter.Node) -> Iterator[Statement]:
        clauses = [child for child in named(node) if child.type == "with_clause"]
        statements: list[Statement] = []
        for item in (item for clause in clauses for item in named(clause)):
            statements += _entered(self.expressions.field(item, "value"))
        yield Block(span_of(node), (*statements, *self._field(node, "body")))

    def _match(self, node: tree_sitter.Node) -> Iterator[Statement]:
        subjects = [self.expressions.lower(child) for child in node.children_by_field_name("subject")]
        subject = (
            subjects[0] if len(subjects) == 1 else Collection(span_of(node), tuple((None, each) for each in subjects))
        )
        body = node.child_by_field_name("body")
        clauses = [child for child in body.children if child.type == "case_clause"] if body is not None else []
        otherwise: Statements = ()
        for number in range(len(clauses) - 1, -1, -1):
            clause = clauses[number]
            test, takes_all = case_test(clause, subject, self.expressions)
            block = self._field(clause, "consequence")
            if takes_all:
                otherwise = (Evaluate(span_of(clause), test), *block)
            elif number < _MAX_ELIFS:
                otherwise = (If(span_of(clause), test, block, otherwise),)
            else:
                otherwise = (If(span_of(clause), test, block), *otherwise)
        yield from otherwise

    def _function(self, node: tree_sitter.Node, decorators: tuple[Expression, ...] = ()) -> Iterator[Statement]:
        name = node.child_by_field_name("name")
        if name is None:
            return
        whole = node.parent if decorators and node.parent is not None else node
        parameters = parameters_of(node.child_by_field_name("parameters"), self.expressions.lower)
        block = node.child_by_field_name("body")
        is_hollow = block is not None and block.start_byte in self._hollow
        body = () if is_hollow else self._body(block)
        is_broken = whole.has_error or block is None or not node.children[-1].child_count
        function = Function(span_of(whole), text_of(name), span_of(name), parameters, body, decorators, is_broken)
        self.functions.append(function)
        yield function

    def _class(self, node: tree_sitter.Node, decorators: tuple[Expression, ...] = ()) -> Iterator[Statement]:
        name = node.child_by_field_name("name")
        if name is None:
            return
        whole = node.parent if decorators and node.parent is not None else node
        bases = node.child_by_field_name("superclasses")
        named_bases = tuple(base for child in named(bases) if (base := type_name(child))) if bases is not None else ()
        yield Class(span_of(whole), text_of(name), span_of(name), named_bases, self._field(node, "body"), decorators)

    def _decorated(self, node: tree_sitter.Node) -> Iterator[Statement]:
        decorators = tuple(
            self.expressions.lower(inner[0])
            for child in node.children
            if child.type == "decorator" and (inner := named(child))
        )
        definition = node.child_by_field_name("definition")
        if definition is not None:
            define = self._function if definition.type == "function_definition" else self._class
            yield from define(definition, decorators)


def _one_class_each(statements: Iterable[Statement]) -> Statements:
    """Put the classes with the same header, of which each has one method, together."""
    together: list[Statement] = []
    for statement in statements:
        last = together[-1] if together else None
        if isinstance(last, Class) and isinstance(statement, Class) and last.name_span == statement.name_span:
            span = Span(last.span.start, statement.span.end)
            together[-1] = dataclasses.replace(last, span=span, body=last.body + statement.body)
        else:
            together.append(statement)
    return tuple(together)


def _stands_in(node: tree_sitter.Node, header: tree_sitter.Node) -> bool:
    """Whether `node` is indented more than the line that `header` begins, or stands on it."""
    return node.start_point.row == header.start_point.row or node.start_point.column > header.start_point.column


def _entered(value: Expression) -> list[Statement]:
    """Return the statements of a `with` item: what it enters is bound to its alias."""
    match value:
        case Assigned(span=span, target=target, value=inner):
            return [Assign(span, target, inner)]
        case Collection(entries=entries):  # `with (a as b, c as d)`
            return [statement for _, each in entries for statement in _entered(each)]
    return [Evaluate(value.span, value)]
