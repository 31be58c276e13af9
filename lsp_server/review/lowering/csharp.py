"""C#'s syntax tree -> `review.ir`. Pure. What is like in other languages with braces is in `braces`."""

from collections.abc import Iterator

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assign,
    Attribute,
    Block,
    Call,
    Choice,
    Class,
    Collection,
    Comparison,
    Constant,
    Expression,
    Import,
    Join,
    Loop,
    Name,
    Parameter,
    Program,
    Return,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.braces import Braces, Case, Statements, nothing
from lsp_server.review.lowering.braces_expressions import Node, text_of
from lsp_server.review.lowering.walk import Hollow, named, span_of, whole

_TYPES = ("class_declaration", "struct_declaration", "interface_declaration", "record_declaration")
_METHODS = ("method_declaration", "constructor_declaration", "local_function_statement", "operator_declaration")


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    space = next((child for child in root.children if "namespace_declaration" in child.type), None)
    package = text_of(space.child_by_field_name("name")) if space is not None else ""
    return whole(_CSharp(), root, source, language_id, hollow, package)


class _CSharp(Braces):
    """Lowers one file."""

    def __init__(self) -> None:
        super().__init__()
        self.table |= dict.fromkeys(
            ("this", "base", "predefined_type", "this_expression", "base_expression"), self.name
        )
        self.table |= dict.fromkeys(("integer_literal", "real_literal"), self.number)
        self.table |= dict.fromkeys(("await_expression", "checked_expression", "ref_expression"), self.inner)
        self.table |= dict.fromkeys(("prefix_unary_expression",), self.unary)
        self.table |= dict.fromkeys(
            ("object_creation_expression", "implicit_object_creation_expression"), self._creation
        )
        self.table |= dict.fromkeys(("array_creation_expression", "implicit_array_creation_expression"), self._array)
        self.table |= dict.fromkeys(("lambda_expression", "anonymous_method_expression"), self._lambda)
        self.table |= {
            "generic_name": lambda node: self.lower(named(node)[0]),
            "qualified_name": self._qualified,
            "null_literal": lambda node: Constant(span_of(node), None),
            "boolean_literal": lambda node: Constant(span_of(node), text_of(node) == "true"),
            "string_literal": self.string,
            "raw_string_literal": self.string,
            "verbatim_string_literal": lambda node: Constant(span_of(node), text_of(node)[2:-1].replace('""', '"')),
            "character_literal": lambda node: Constant(span_of(node), text_of(node).strip("'")),
            "interpolated_string_expression": self._interpolated,
            "postfix_unary_expression": self._postfix,
            "invocation_expression": lambda node: self.call(node, self.field(node, "function")),
            "member_access_expression": self._member,
            "conditional_access_expression": self._conditional_access,
            "element_access_expression": self._element,
            "initializer_expression": self._initializers,
            "collection_expression": self.items,
            "tuple_expression": self._tuple,
            "argument": lambda node: self.argument(node).value,
            "declaration_expression": lambda node: self.field(node, "name"),
            "is_pattern_expression": self._is,
            "as_expression": lambda node: self.field(node, "left"),
            "switch_expression": self._switch_value,
            "constant_pattern": self.inner,
            "typeof_expression": lambda node: Constant(span_of(node), text_of(node)),
            "query_expression": self.unknown,
        }
        self.statement_table |= dict.fromkeys(_TYPES, self._class)
        self.statement_table |= dict.fromkeys(_METHODS, self._method)
        self.statement_table |= dict.fromkeys(("namespace_declaration", "enum_declaration"), self._namespace)
        self.statement_table |= {
            "file_scoped_namespace_declaration": self._namespace,
            "declaration_list": lambda node: self.block(named(node)),
            "using_directive": self._using,
            "local_declaration_statement": self._declaration,
            "field_declaration": self._declaration,
            "variable_declaration": self._variables,
            "property_declaration": self._property,
            "using_statement": self._using_statement,
            "lock_statement": lambda node: self.block(named(node)[1:]),
            "foreach_statement": self._for_each,
            "switch_statement": self._switch,
            "checked_statement": lambda node: self.block(named(node)),
            "unsafe_statement": lambda node: self.block(named(node)),
            "empty_statement": nothing,
            "global_statement": lambda node: self.block(named(node)),
        }

    # Expressions.

    def _qualified(self, node: Node) -> Expression:
        return self.member(node, "qualifier", "name")

    def _interpolated(self, node: Node) -> Expression:
        parts: list[Expression] = []
        for child in named(node):
            if child.type == "interpolation":
                inner = [
                    each
                    for each in named(child)
                    if each.type not in ("interpolation_brace", "interpolation_format_clause")
                ]
                parts += [self.lower(inner[0])] if inner else []
            elif child.type == "string_content":
                parts.append(Constant(span_of(child), text_of(child)))
        return Join(span_of(node), tuple(parts))

    def _postfix(self, node: Node) -> Expression:
        """Lower `x!`, which is x, and `x++`."""
        return self.inner(node) if text_of(node).endswith("!") else self.arithmetic(node)

    def _member(self, node: Node) -> Expression:
        name = node.child_by_field_name("name")
        bare = named(name)[0] if name is not None and name.type == "generic_name" else name
        return Attribute(span_of(node), self.field(node, "expression"), text_of(bare))

    def _conditional_access(self, node: Node) -> Expression:
        """Lower `a?.b` and `a?[i]`."""
        base = self.field(node, "condition")
        bound = named(node)[-1]
        if bound.type == "member_binding_expression":
            return Attribute(span_of(node), base, text_of(bound.child_by_field_name("name")))
        if bound.type == "invocation_expression":
            function = bound.child_by_field_name("function")
            name = text_of(function).lstrip("?.").partition("(")[0]
            return self.call(bound, Attribute(span_of(node), base, name))
        return Unknown(span_of(node), (base, self.lower(bound)))

    def _element(self, node: Node) -> Expression:
        subscript = node.child_by_field_name("subscript")
        keys = named(subscript) if subscript is not None else []
        return self.element(node, node.child_by_field_name("expression"), keys[0] if keys else None)

    def argument(self, node: Node) -> Argument:
        """Lower one argument, with its name if it has one."""
        if node.type != "argument":
            return Argument(self.lower(node))
        name = node.child_by_field_name("name")
        values = [child for child in named(node) if child != name]
        value = self.lower(values[-1]) if values else Unknown(span_of(node))
        return Argument(value, text_of(name) if name is not None else None)

    def _creation(self, node: Node) -> Expression:
        """Lower `new T(...) { A = x }`: what the braces set are keyword arguments, or elements."""
        made = self.call(node, self.field(node, "type"), is_new=True)
        initializer = node.child_by_field_name("initializer")
        if initializer is None or not isinstance(made, Call):
            return made
        values = self.lower(initializer)
        if not isinstance(values, Collection):
            return made
        if any(key is None for key, _ in values.entries) or not values.entries:
            return Collection(span_of(node), values.entries)
        given = tuple(Argument(value, str(key.value)) for key, value in values.entries if isinstance(key, Constant))
        return Call(made.span, made.callee, (*made.arguments, *given), is_new=True)

    def _array(self, node: Node) -> Expression:
        initializer = next((child for child in named(node) if child.type == "initializer_expression"), None)
        return self.lower(initializer) if initializer is not None else self.unknown(node)

    def _initializers(self, node: Node) -> Expression:
        entries: list[tuple[Expression | None, Expression]] = []
        for child in named(node):
            if child.type == "assignment_expression":
                left = child.child_by_field_name("left")
                key = self._key(left) if left is not None else None
                entries.append((key, self.field(child, "right")))
            elif child.type == "initializer_expression" and len(named(child)) == 2:
                key_node, value = named(child)
                entries.append((self.lower(key_node), self.lower(value)))
            else:
                entries.append((None, self.lower(child)))
        return Collection(span_of(node), tuple(entries))

    def _key(self, node: Node) -> Expression:
        if node.type == "element_binding_expression" and named(node):
            return self.lower(named(node)[0])
        return Constant(span_of(node), text_of(node))

    def _tuple(self, node: Node) -> Expression:
        return Collection(span_of(node), tuple((None, self.argument(child).value) for child in named(node)))

    def _is(self, node: Node) -> Expression:
        pattern = node.child_by_field_name("pattern")
        if pattern is not None and pattern.type == "constant_pattern":
            return Comparison(span_of(node), "==", self.field(node, "expression"), self.lower(pattern))
        return Comparison(span_of(node), "is", self.field(node, "expression"), Unknown(span_of(node)))

    def _lambda(self, node: Node) -> Expression:
        body = node.child_by_field_name("body") or (named(node)[-1] if named(node) else None)
        if body is None:
            return Unknown(span_of(node))
        is_block = body.type == "block"
        statements: Statements = self.block([body]) if is_block else (Return(span_of(body), self.lower(body)),)
        return self.closure(node, self._parameters(node.child_by_field_name("parameters")), statements)

    def _switch_value(self, node: Node) -> Expression:
        arms = [child for child in named(node) if child.type == "switch_expression_arm"]
        return Choice(span_of(node), tuple(self.lower(named(arm)[-1]) for arm in arms))

    # Statements.

    def _namespace(self, node: Node) -> Statements:
        body = node.child_by_field_name("body")
        return self.block(named(body)) if body is not None and node.type != "enum_declaration" else ()

    def _using(self, node: Node) -> Iterator[Statement]:
        """Lower `using A.B;`: every name of that namespace is meant, and `using X = A.B;`."""
        alias = node.child_by_field_name("name")
        path = text_of(named(node)[-1]) if named(node) else ""
        yield Import(span_of(node), text_of(alias) if alias is not None else "*", path)

    def _declaration(self, node: Node) -> Iterator[Statement]:
        for child in named(node):
            if child.type == "variable_declaration":
                yield from self._variables(child)

    def _variables(self, node: Node) -> Iterator[Statement]:
        kind = _type_name(node.child_by_field_name("type"))
        for declarator in (child for child in named(node) if child.type == "variable_declarator"):
            target = named(declarator)[0]
            values = [child for child in named(declarator)[1:] if child.type != "bracketed_argument_list"]
            value = self.lower(values[-1]) if values else Unknown(span_of(declarator))
            yield Assign(span_of(declarator), self._target(target), value, type_name=kind)

    def _target(self, node: Node) -> Expression:
        if node.type == "tuple_pattern":
            return Collection(span_of(node), tuple((None, self.lower(child)) for child in named(node)))
        return self.lower(node)

    def _property(self, node: Node) -> Iterator[Statement]:
        """Lower a property as a field; one that is computed as a method without parameters."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        kind = _type_name(node.child_by_field_name("type"))
        given = named(value)[0] if value is not None and value.type == "arrow_expression_clause" else value
        yield Assign(
            span_of(node),
            Name(span_of(name), text_of(name)),
            self.lower(given) if given is not None else Unknown(span_of(node)),
            type_name=kind,
        )

    def _class(self, node: Node) -> Iterator[Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None:
            return
        listed = next((child for child in named(node) if child.type == "base_list"), None)
        bases = tuple(kind for child in named(listed) if (kind := _type_name(child))) if listed is not None else ()
        statements = self.block(named(body)) if body is not None else ()
        yield Class(span_of(node), text_of(name), span_of(name), bases, statements, tuple(self._attributes(node)))

    def _method(self, node: Node) -> Iterator[Statement]:
        parameters = self._parameters(node.child_by_field_name("parameters"))
        yield from self.function(node, node.child_by_field_name("name"), parameters, self._attributes(node))

    def body(self, node: Node, *names: str) -> Statements:
        """Lower a body; one that is an expression is what is returned."""
        child = node.child_by_field_name("body") if "body" in names else None
        if child is not None and child.type == "arrow_expression_clause" and named(child):
            inner = named(child)[0]
            return (Return(span_of(inner), self.lower(inner)),)
        return super().body(node, *names)

    def _attributes(self, node: Node) -> list[Expression]:
        found = [each for child in node.children if child.type == "attribute_list" for each in named(child)]
        return [self._attribute(each) for each in found if each.type == "attribute"]

    def _attribute(self, node: Node) -> Expression:
        name = self.field(node, "name")
        arguments = next((child for child in named(node) if child.type == "attribute_argument_list"), None)
        if arguments is None:
            return name
        values = tuple(Argument(self.lower(named(each)[-1])) for each in named(arguments) if named(each))
        return Call(span_of(node), name, values)

    def _parameters(self, node: Node | None) -> list[Parameter]:
        if node is None:
            return []
        if node.type in ("implicit_parameter", "identifier"):
            return [Parameter(text_of(node))]
        parameters = [
            self._parameter(child) for child in named(node) if child.type in ("parameter", "implicit_parameter")
        ]
        rest = node.child_by_field_name("name")
        return [*parameters, Parameter(text_of(rest), is_rest=True)] if rest is not None else parameters

    def _parameter(self, node: Node) -> Parameter:
        name = node.child_by_field_name("name") or node
        lists = [child for child in node.children if child.type == "attribute_list"]
        decorators = tuple(text_of(each.child_by_field_name("name")) for child in lists for each in named(child))
        return Parameter(text_of(name), _type_name(node.child_by_field_name("type")), decorators=decorators)

    def _using_statement(self, node: Node) -> Iterator[Statement]:
        yield Block(span_of(node), self.block(named(node)))

    def _for_each(self, node: Node) -> Iterator[Statement]:
        yield Loop(span_of(node), self.field(node, "left"), self.field(node, "right"), None, self.body(node, "body"))

    def handler(self, node: Node) -> Statements:
        """Lower a `catch` with its variable."""
        declared = next((child for child in named(node) if child.type == "catch_declaration"), None)
        name = declared.child_by_field_name("name") if declared is not None else None
        return self.caught(node, name, self.body(node, "body"))

    def _switch(self, node: Node) -> Iterator[Statement]:
        body = node.child_by_field_name("body")
        cases = [self._case(each) for each in named(body) if each.type == "switch_section"] if body is not None else []
        yield from self.chain(node, self.field(node, "value"), cases)

    def _case(self, node: Node) -> Case:
        patterns = [child for child in named(node) if child.type.endswith("_pattern")]
        is_default = any(child.type == "default" for child in node.children)
        rest = [child for child in named(node) if child not in patterns and child.type != "break_statement"]
        return None if is_default else [self.lower(pattern) for pattern in patterns], self.block(rest)


def _type_name(node: Node | None) -> str | None:
    """Return the dotted name of a type without generics; None for `var`."""
    while node is not None:
        match node.type:
            case "implicit_type":
                return None
            case "generic_name" | "primary_constructor_base_type":
                node = named(node)[0]
            case "nullable_type" | "array_type":
                node = node.child_by_field_name("type") or named(node)[0]
            case _:
                return text_of(node)
    return None
