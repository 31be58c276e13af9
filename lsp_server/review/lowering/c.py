"""C's and C++'s syntax trees -> `review.ir`. Pure. What is like in other languages with braces is in `braces`.

A declared array is a call of `array` with its size, so that rules can ask how large a target is; `free` and `delete`
are calls. A pointer and what it leads to are one value.
"""

from collections.abc import Iterator, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assign,
    Attribute,
    Call,
    Class,
    Collection,
    Constant,
    Evaluate,
    Expression,
    Import,
    Join,
    Loop,
    Name,
    Parameter,
    Program,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.braces import Braces, Statements, nothing
from lsp_server.review.lowering.braces_expressions import Node, text_of
from lsp_server.review.lowering.walk import Hollow, named, span_of, whole

_DECLARATORS = frozenset(
    {
        *("pointer_declarator", "reference_declarator", "array_declarator", "init_declarator", "function_declarator"),
        *("parenthesized_declarator", "attributed_declarator"),
    }
)
_RECORDS = ("struct_specifier", "class_specifier", "union_specifier")


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    return whole(_C(), root, source, language_id, hollow)


class _C(Braces):
    """Lowers one file."""

    def __init__(self) -> None:
        super().__init__()
        self.table |= {
            "field_identifier": self.name,
            "type_identifier": self.name,
            "namespace_identifier": self.name,
            "this": self.name,
            "qualified_identifier": self._qualified,
            "template_function": lambda node: self.field(node, "name"),
            "template_type": lambda node: self.field(node, "name"),
            "number_literal": self.number,
            "string_literal": self.string,
            "raw_string_literal": self.string,
            "concatenated_string": self._concatenated,
            "char_literal": lambda node: Constant(span_of(node), text_of(node).strip("'")),
            "null": lambda node: Constant(span_of(node), None),
            "nullptr": lambda node: Constant(span_of(node), None),
            "call_expression": lambda node: self.call(node, self.field(node, "function")),
            "field_expression": lambda node: self.member(node, "argument", "field"),
            "subscript_expression": self._subscript,
            "pointer_expression": lambda node: self.field(node, "argument"),
            "sizeof_expression": lambda node: self._keyword(node, "sizeof"),
            "delete_expression": lambda node: self._keyword(node, "delete"),
            "new_expression": self._new,
            "initializer_list": self._initializers,
            "lambda_expression": self._lambda,
            "compound_literal_expression": lambda node: self.field(node, "value"),
            "comma_expression": lambda node: self.field(node, "right"),
            "condition_clause": lambda node: self.test(node),
        }
        self.statement_table |= dict.fromkeys(("declaration", "field_declaration"), self._declaration)
        self.statement_table |= dict.fromkeys(_RECORDS, self._record)
        self.statement_table |= dict.fromkeys(("enum_specifier", "type_definition", "preproc_def"), nothing)
        self.statement_table |= {
            "function_definition": self._function,
            "template_declaration": self._children,
            "linkage_specification": self._children,
            "namespace_definition": self._children,
            "declaration_list": self._children,
            "field_declaration_list": self._children,
            "preproc_if": self._children,
            "preproc_ifdef": self._children,
            "preproc_else": self._children,
            "preproc_elif": self._children,
            "preproc_include": self._include,
            "using_declaration": nothing,
            "for_range_loop": self._for_each,
            "case_statement": self._children,
        }

    # Expressions.

    def _qualified(self, node: Node) -> Expression:
        """Lower `a::b::c`."""
        scope, name = node.child_by_field_name("scope"), node.child_by_field_name("name")
        if name is None:
            return self.unknown(node)
        if scope is None:
            return self.lower(name)
        base, inner = self.lower(scope), self.lower(name)
        parts: list[str] = []
        while isinstance(inner, Attribute):
            parts.append(inner.name)
            inner = inner.base
        first = inner.name if isinstance(inner, Name) else text_of(name)
        value: Expression = Attribute(span_of(node), base, first)
        for part in reversed(parts):
            value = Attribute(span_of(node), value, part)
        return value

    def _concatenated(self, node: Node) -> Expression:
        parts = tuple(self.lower(child) for child in named(node))
        if all(isinstance(part, Constant) for part in parts):
            return Constant(span_of(node), "".join(str(part.value) for part in parts if isinstance(part, Constant)))
        return Join(span_of(node), parts)

    def _subscript(self, node: Node) -> Expression:
        indices = node.child_by_field_name("indices") or node.child_by_field_name("index")
        if indices is not None and indices.type == "subscript_argument_list":
            indices = named(indices)[0] if named(indices) else None
        return self.element(node, node.child_by_field_name("argument"), indices)

    def _keyword(self, node: Node, name: str) -> Expression:
        """Lower an operator that is spelled as a word as a call."""
        operands = tuple(Argument(self.lower(child)) for child in named(node))
        return Call(span_of(node), Name(span_of(node), name), operands)

    def _new(self, node: Node) -> Expression:
        """Lower `new T(...)`; `new T[n]` is a call of `array`."""
        declarator = node.child_by_field_name("declarator")
        if declarator is not None:
            length = self.field(declarator, "length")
            return Call(span_of(node), Name(span_of(node), "array"), (Argument(length),))
        return self.call(node, self.field(node, "type"), is_new=True)

    def _initializers(self, node: Node) -> Expression:
        entries: list[tuple[Expression | None, Expression]] = []
        for child in named(node):
            if child.type == "initializer_pair":
                key = text_of(child.child_by_field_name("designator")).lstrip(".")
                entries.append((Constant(span_of(child), key), self.field(child, "value")))
            else:
                entries.append((None, self.lower(child)))
        return Collection(span_of(node), tuple(entries))

    def _lambda(self, node: Node) -> Expression:
        declarator = node.child_by_field_name("declarator")
        parameters = declarator.child_by_field_name("parameters") if declarator is not None else None
        return self.closure(node, self._parameters(parameters), self.body(node, "body"))

    # Statements.

    def _children(self, node: Node) -> Statements:
        body = node.child_by_field_name("body")
        return self.block(named(body if body is not None else node))

    def _include(self, node: Node) -> Iterator[Statement]:
        path = text_of(node.child_by_field_name("path")).strip('<>"')
        yield Import(span_of(node), path, path)

    def _declaration(self, node: Node) -> Iterator[Statement]:
        kind_node = node.child_by_field_name("type")
        if kind_node is not None and kind_node.type in _RECORDS and kind_node.child_by_field_name("body") is not None:
            yield from self._record(kind_node)
        kind = _type_name(kind_node)
        for declarator in node.children_by_field_name("declarator"):
            name = _declared(declarator)
            if name is None or _is_function(declarator):
                continue
            default = node.child_by_field_name("default_value")
            value = self._initial(declarator, self.lower(default) if default is not None else None)
            yield Assign(span_of(declarator), self.lower(name), value, type_name=kind)

    def _initial(self, declarator: Node, default: Expression | None) -> Expression:
        """Return what a declared variable holds at first: its initial value, or an array of its size."""
        value = declarator.child_by_field_name("value") if declarator.type == "init_declarator" else None
        if value is not None and value.type != "argument_list":
            return self.lower(value)
        if value is not None:
            return Call(span_of(value), Name(span_of(value), "construct"), self.arguments(value))
        if default is not None:
            return default
        array = declarator
        while array.type in ("pointer_declarator", "parenthesized_declarator") and named(array):
            array = named(array)[-1]
        if array.type == "array_declarator":
            size = array.child_by_field_name("size")
            arguments = (Argument(self.lower(size)),) if size is not None else ()
            return Call(span_of(array), Name(span_of(array), "array"), arguments)
        return Unknown(span_of(declarator))

    def _function(self, node: Node) -> Iterator[Statement]:
        declarator = node.child_by_field_name("declarator")
        while declarator is not None and declarator.type != "function_declarator":
            declarator = _inside(declarator)
        if declarator is None:
            return
        name = declarator.child_by_field_name("declarator")
        while name is not None and name.type == "qualified_identifier":
            name = name.child_by_field_name("name")
        parameters = self._parameters(declarator.child_by_field_name("parameters"))
        yield from self.function(node, name, parameters)

    def _parameters(self, node: Node | None) -> list[Parameter]:
        parameters = []
        for child in named(node) if node is not None else []:
            if child.type.endswith("parameter_declaration"):
                declarator = child.child_by_field_name("declarator")
                name = _declared(declarator) if declarator is not None else None
                parameters.append(Parameter(text_of(name), _type_name(child.child_by_field_name("type"))))
        return parameters

    def _record(self, node: Node) -> Iterator[Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return
        clause = next((child for child in named(node) if child.type == "base_class_clause"), None)
        bases = [text_of(child) for child in named(clause) if child.type != "access_specifier"] if clause else []
        yield Class(span_of(node), text_of(name), span_of(name), tuple(bases), self.block(named(body)))

    def _for_each(self, node: Node) -> Iterator[Statement]:
        declarator = node.child_by_field_name("declarator")
        name = _declared(declarator) if declarator is not None else None
        target = self.lower(name) if name is not None else None
        yield Loop(span_of(node), target, self.field(node, "right"), None, self.body(node, "body"))

    def handler(self, node: Node) -> Statements:
        """Lower a `catch` with its variable."""
        parameters = self._parameters(node.child_by_field_name("parameters"))
        body = self.body(node, "body")
        if not parameters or not parameters[0].name:
            return body
        span = span_of(node)
        return (Assign(span, Name(span, parameters[0].name), Unknown(span), type_name="Exception"), *body)

    def evaluated(self, node: Node) -> Iterator[Statement]:
        """Yield an expression as a statement; of `a, b` each."""
        if node.type == "comma_expression":
            for side in ("left", "right"):
                child = node.child_by_field_name(side)
                if child is not None:
                    yield from self.evaluated(child)
        elif node.type == "delete_expression":
            yield Evaluate(span_of(node), self.lower(node))
        else:
            yield from super().evaluated(node)


def _declared(declarator: Node) -> Node | None:
    """Return the name that `declarator` declares."""
    node: Node | None = declarator
    while node is not None and node.type in _DECLARATORS:
        inner = node.child_by_field_name("declarator")
        node = (
            inner if inner is not None else next((c for c in reversed(named(node)) if "qualifier" not in c.type), None)
        )
    return node


def _inside(declarator: Node) -> Node | None:
    """Return the declarator inside `declarator`."""
    children = named(declarator)
    return declarator.child_by_field_name("declarator") or (children[-1] if children else None)


def _is_function(declarator: Node) -> bool:
    """Tell whether `declarator` declares a function, not a pointer to one."""
    node: Node | None = declarator
    while node is not None and node.type in ("pointer_declarator", "reference_declarator"):
        node = _inside(node)
    return node is not None and node.type == "function_declarator"


def _type_name(node: Node | None) -> str | None:
    """Return the dotted name of a type, without `struct` and template arguments."""
    if node is None:
        return None
    if node.type in _RECORDS or node.type == "enum_specifier":
        node = node.child_by_field_name("name")
    return ".".join(_words(text_of(node).partition("<")[0].split("::"))) if node is not None else None


def _words(parts: Sequence[str]) -> list[str]:
    return [part.strip() for part in parts if part.strip()]
