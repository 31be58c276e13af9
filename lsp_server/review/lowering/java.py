"""Java's syntax tree -> `review.ir`. Pure. What is like in other languages with braces is in `braces`."""

from collections.abc import Iterator, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Assign,
    Attribute,
    Block,
    Call,
    Choice,
    Class,
    Comparison,
    Constant,
    Evaluate,
    Expression,
    Import,
    Loop,
    Name,
    Parameter,
    Program,
    Return,
    Statement,
    Try,
    Unknown,
)
from lsp_server.review.lowering.braces import Braces, Case, Statements, nothing
from lsp_server.review.lowering.braces_expressions import Node, text_of
from lsp_server.review.lowering.walk import Hollow, named, span_of, whole

_NUMBERS = ("decimal_integer_literal", "hex_integer_literal", "octal_integer_literal", "binary_integer_literal")
_FLOATS = ("decimal_floating_point_literal", "hex_floating_point_literal")
_TYPES = (
    *("class_declaration", "interface_declaration", "enum_declaration", "record_declaration"),
    "annotation_type_declaration",
)
_BODIES = ("class_body", "interface_body", "enum_body", "enum_body_declarations", "constructor_body")


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    package = next((text_of(named(child)[-1]) for child in root.children if child.type == "package_declaration"), "")
    return whole(_Java(), root, source, language_id, hollow, package)


class _Java(Braces):
    """Lowers one file."""

    def __init__(self) -> None:
        super().__init__()
        self.table |= {
            "this": self.name,
            "super": self.name,
            "type_identifier": self.name,
            "scoped_identifier": self._scoped,
            "scoped_type_identifier": self._scoped,
            "generic_type": lambda node: self.lower(named(node)[0]),
            "null_literal": lambda node: Constant(span_of(node), None),
            "string_literal": self.string,
            "character_literal": lambda node: Constant(span_of(node), text_of(node).strip("'")),
            "method_invocation": self._invocation,
            "object_creation_expression": self._creation,
            "field_access": lambda node: self.member(node, "object", "field"),
            "array_access": lambda node: self.element(
                node, node.child_by_field_name("array"), node.child_by_field_name("index")
            ),
            "array_initializer": self.items,
            "array_creation_expression": self._array,
            "lambda_expression": self._lambda,
            "instanceof_expression": self._instanceof,
            "class_literal": lambda node: Constant(span_of(node), text_of(node)),
            "method_reference": self._reference,
            "switch_expression": self._switch_value,
        }
        self.table |= dict.fromkeys((*_NUMBERS, *_FLOATS), self.number)
        self.statement_table |= {
            "import_declaration": self._import,
            "local_variable_declaration": self._declaration,
            "field_declaration": self._declaration,
            "constant_declaration": self._declaration,
            "method_declaration": self._method,
            "constructor_declaration": self._method,
            "compact_constructor_declaration": self._method,
            "static_initializer": lambda node: self.block(named(node)),
            "explicit_constructor_invocation": lambda node: self._constructor_call(node),
            "enhanced_for_statement": self._for_each,
            "try_with_resources_statement": self._try_with,
            "switch_expression": self._switch,
            "synchronized_statement": lambda node: self.body(node, "body"),
            "assert_statement": nothing,
        }
        self.statement_table |= dict.fromkeys(_TYPES, self._class)
        self.statement_table |= dict.fromkeys(_BODIES, lambda node: self.block(named(node)))

    # Expressions.

    def _scoped(self, node: Node) -> Expression:
        parts = [child for child in named(node) if child.type != "marker_annotation"]
        value = self.lower(parts[0])
        return Attribute(span_of(node), value, text_of(parts[-1])) if len(parts) > 1 else value

    def _invocation(self, node: Node) -> Expression:
        name = node.child_by_field_name("name")
        receiver = node.child_by_field_name("object")
        if receiver is None:
            return self.call(node, Name(span_of(name) if name is not None else span_of(node), text_of(name)))
        span = span_of(receiver)._replace(end=name.end_byte if name is not None else receiver.end_byte)
        return self.call(node, Attribute(span, self.lower(receiver), text_of(name)))

    def _creation(self, node: Node) -> Expression:
        """Lower `new C(...)`; the methods of an anonymous class's body are closures handed to it."""
        made = self.call(node, self.field(node, "type"), is_new=True)
        body = next((child for child in named(node) if child.type == "class_body"), None)
        if body is not None and isinstance(made, Call):
            self.block([body])
        return made

    def _array(self, node: Node) -> Expression:
        values = node.child_by_field_name("value")
        return self.lower(values) if values is not None else self.unknown(node)

    def _lambda(self, node: Node) -> Expression:
        body = node.child_by_field_name("body")
        parameters = self._parameters(node.child_by_field_name("parameters"))
        if body is None:
            return Unknown(span_of(node))
        statements: Statements = (
            self.block([body]) if body.type == "block" else (Return(span_of(body), self.lower(body)),)
        )
        return self.closure(node, parameters, statements)

    def _instanceof(self, node: Node) -> Expression:
        return Comparison(span_of(node), "instanceof", self.field(node, "left"), self.field(node, "right", "pattern"))

    def _reference(self, node: Node) -> Expression:
        parts = named(node)
        base = self.lower(parts[0]) if parts else Unknown(span_of(node))
        return Attribute(span_of(node), base, text_of(parts[-1])) if len(parts) > 1 else base

    def _switch_value(self, node: Node) -> Expression:
        """Lower `switch` as a value: one of what its arrows give."""
        results: list[Expression] = []
        for rule in (child for child in _cases(node) if child.type == "switch_rule"):
            last = named(rule)[-1]
            given = (
                last if last.type != "block" else next((c for c in last.children if c.type == "yield_statement"), None)
            )
            if given is not None and named(given):
                results.append(self.lower(named(given)[0]))
        return Choice(span_of(node), tuple(results)) if results else self.unknown(node)

    # Statements.

    def _import(self, node: Node) -> Iterator[Statement]:
        path = next((text_of(child) for child in named(node) if child.type in ("scoped_identifier", "identifier")), "")
        takes_all = any(child.type == "asterisk" for child in node.children)
        name = "*" if takes_all else path.rpartition(".")[2]
        yield Import(span_of(node), name, path)

    def _declaration(self, node: Node) -> Iterator[Statement]:
        kind = _type_name(node.child_by_field_name("type"))
        for declarator in node.children_by_field_name("declarator"):
            value = self.field(declarator, "value")
            yield Assign(span_of(declarator), self.field(declarator, "name"), value, type_name=kind)

    def _method(self, node: Node) -> Iterator[Statement]:
        parameters = self._parameters(node.child_by_field_name("parameters"))
        yield from self.function(node, node.child_by_field_name("name"), parameters, self._annotations(node))

    def _constructor_call(self, node: Node) -> Iterator[Statement]:
        yield Evaluate(span_of(node), self.call(node, self.field(node, "constructor")))

    def _class(self, node: Node) -> Iterator[Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None:
            return
        inherited = [
            child for field in ("superclass", "interfaces") if (child := node.child_by_field_name(field)) is not None
        ]
        bases = tuple(base for child in inherited for each in named(child) for base in _type_names(each))
        statements = self.block(body.children) if body is not None else ()
        yield Class(span_of(node), text_of(name), span_of(name), bases, statements, tuple(self._annotations(node)))

    def _annotations(self, node: Node) -> list[Expression]:
        modifiers = next((child for child in node.children if child.type == "modifiers"), None)
        if modifiers is None:
            return []
        found = [child for child in named(modifiers) if child.type in ("annotation", "marker_annotation")]
        return [self._annotation(each) for each in found]

    def _annotation(self, node: Node) -> Expression:
        name = self.field(node, "name")
        return self.call(node, name) if node.child_by_field_name("arguments") is not None else name

    def _parameters(self, node: Node | None) -> list[Parameter]:
        if node is None:
            return []
        if node.type == "identifier":
            return [Parameter(text_of(node))]
        return [self._parameter(child) for child in named(node)]

    def _parameter(self, node: Node) -> Parameter:
        declared = next((child for child in named(node) if child.type == "variable_declarator"), node)
        name = declared.child_by_field_name("name") or declared
        kind = node.child_by_field_name("type") or next((c for c in named(node) if c.type.endswith("type")), None)
        modifiers = next((child for child in node.children if child.type == "modifiers"), None)
        marks = [child for child in named(modifiers) if "annotation" in child.type] if modifiers is not None else []
        decorators = tuple(text_of(mark.child_by_field_name("name")) for mark in marks)
        is_rest = node.type == "spread_parameter"
        return Parameter(text_of(name), _type_name(kind), decorators=decorators, is_rest=is_rest)

    def _for_each(self, node: Node) -> Iterator[Statement]:
        yield Loop(span_of(node), self.field(node, "name"), self.field(node, "value"), None, self.body(node, "body"))

    def _try_with(self, node: Node) -> Iterator[Statement]:
        opened: list[Statement] = []
        resources = node.child_by_field_name("resources")
        for resource in named(resources) if resources is not None else []:
            if resource.child_by_field_name("name") is not None:
                kind = _type_name(resource.child_by_field_name("type"))
                target, value = self.field(resource, "name"), self.field(resource, "value")
                opened.append(Assign(span_of(resource), target, value, type_name=kind))
        for statement in self._try(node):
            if isinstance(statement, Try):
                yield Try(statement.span, (*opened, *statement.body), statement.handlers, statement.final)

    def handler(self, node: Node) -> Statements:
        """Lower a `catch` with its variable."""
        parameter = next((child for child in named(node) if child.type == "catch_formal_parameter"), None)
        name = parameter.child_by_field_name("name") if parameter is not None else None
        return self.caught(node, name, self.body(node, "body"))

    def _switch(self, node: Node) -> Iterator[Statement]:
        subject = self.test(node.child_by_field_name("condition"))
        yield Block(span_of(node), tuple(self.chain(node, subject, [self._case(case) for case in _cases(node)])))

    def _case(self, node: Node) -> Case:
        labels = [child for child in named(node) if child.type == "switch_label"]
        values = [self.lower(value) for label in labels for value in named(label)]
        rest = [child for child in named(node) if child.type not in ("switch_label", "break_statement")]
        return values or None, self.block(rest)


def _cases(node: Node) -> Sequence[Node]:
    body = node.child_by_field_name("body")
    return named(body) if body is not None else []


def _type_name(node: Node | None) -> str | None:
    """Return the dotted name of a type without generics; an array's is that of its elements."""
    return next(iter(_type_names(node)), None)


def _type_names(node: Node | None) -> Iterator[str]:
    if node is None:
        return
    match node.type:
        case "generic_type" | "annotated_type":
            yield from _type_names(named(node)[0])
        case "array_type":
            yield from _type_names(node.child_by_field_name("element"))
        case "type_list":
            for child in named(node):
                yield from _type_names(child)
        case _:
            yield text_of(node)
