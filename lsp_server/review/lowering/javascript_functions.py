"""Functions and classes of JavaScript and TypeScript -> `review.ir`. Pure.

Invariant: every function lowered is in `functions` once, whatever it stands in.
"""

import re
from dataclasses import replace
from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_expressions import Expressions
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of, type_name
from lsp_server.review.lowering.walk import NONE_HOLLOW, Hollow

_MOST_LEVELS = 6
_AT_TOP = frozenset(
    {"program", "variable_declarator", "export_statement", "lexical_declaration", "variable_declaration"}
)
_BETWEEN = frozenset({
    "export_statement", "assignment_expression", "class_body", "class_declaration", "class", "pair", "object",
    "variable_declarator", "lexical_declaration", "variable_declaration", "program",
})  # fmt: skip
_EXPORTS = re.compile(r"(?:module\.)?exports\b")
_EXPORTED_NAMES = re.compile(
    rb"(?:module\.exports|exports\.\w+|exports\.default|export default|export)\s*=?\s*(?:new\s+)?(\w+|\{[^{}]*\})"
)

EXPORTED: Final = "exported"
"""What decorates the parameters of functions that other files can call."""


class Functions(Expressions):
    """Adds functions, their parameters, and classes to the expressions.

    exported: names of functions and classes that other files can call by the module's exports.
    """

    exported: frozenset[str] = frozenset()
    hollow: Hollow = NONE_HOLLOW

    def block(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        """Lower the statements of the block `node`, or the one statement that stands for a block."""
        raise NotImplementedError

    def function(
        self, node: tree_sitter.Node, name: str = "", name_node: tree_sitter.Node | None = None
    ) -> ir.Function:
        """Lower the function or method `node`. Its own name goes before `name`, that of what it is assigned to."""
        own = name_node or node.child_by_field_name("name")
        prologue: list[ir.Statement] = []
        parameters = self._parameters(node, prologue)
        if self._is_exported(node, text_of(own)):
            parameters = tuple(replace(each, decorators=(*each.decorators, EXPORTED)) for each in parameters)
        body = node.child_by_field_name("body")
        if body is not None and body.start_byte in self.hollow:
            statements: tuple[ir.Statement, ...] = ()
        elif body is not None and body.type != "statement_block":
            statements = self._returned(body)
        else:
            statements = self.block(body)
        lowered = ir.Function(
            span_of(node),
            (text_of(own).strip("\"'") if own is not None else "") or name,
            span_of(own) if own is not None else ir.Span(node.start_byte, node.start_byte),
            parameters,
            (*prologue, *statements),
            self.decorators(node),
            node.has_error,
        )
        self.functions.append(lowered)
        return lowered

    def _is_exported(self, node: tree_sitter.Node, name: str) -> bool:
        """Tell whether other files can call the function `node`: it, its object or its class is exported."""
        for _ in range(_MOST_LEVELS):
            if name and name in self.exported and node.parent is not None and node.parent.type in _AT_TOP:
                return True
            parent = node.parent
            if parent is None or parent.type not in _BETWEEN:
                return False
            if parent.type == "export_statement":
                return True
            if parent.type == "assignment_expression":
                return _EXPORTS.match(text_of(parent.child_by_field_name("left"))) is not None
            node = parent
            name = text_of(node.child_by_field_name("name"))
        return False

    def _returned(self, body: tree_sitter.Node) -> tuple[ir.Statement, ...]:
        """Lower the body of an arrow function without braces: what classes it needs, then its value."""
        outer, self.pending = self.pending, []
        value = ir.Return(span_of(body), self.expression(body))
        needed, self.pending = self.pending, outer
        return (*needed, value)

    def _parameters(self, node: tree_sitter.Node, prologue: list[ir.Statement]) -> tuple[ir.Parameter, ...]:
        single = node.child_by_field_name("parameter")
        if single is not None:
            return (ir.Parameter(text_of(single)),)
        listed = node.child_by_field_name("parameters")
        return self.listed_parameters(listed, prologue) if listed is not None else ()

    def listed_parameters(self, node: tree_sitter.Node, prologue: list[ir.Statement]) -> tuple[ir.Parameter, ...]:
        """Lower the parameters between parentheses; what they need at run time goes to `prologue`."""
        inner = children_of(node)
        found = [self._parameter(child, index, prologue) for index, child in enumerate(inner)]
        return tuple(parameter for parameter in found if parameter.name != "this")

    def _parameter(self, node: tree_sitter.Node, index: int, prologue: list[ir.Statement]) -> ir.Parameter:
        """Lower one parameter.

        The defaults inside its pattern, and the field that TypeScript makes of it, go to `prologue`.
        """
        target, default, declared = node, None, None
        decorators: tuple[str, ...] = ()
        if node.type in {"required_parameter", "optional_parameter"}:
            target = node.child_by_field_name("pattern") or node
            default, declared = node.child_by_field_name("value"), type_name(node.child_by_field_name("type"))
            decorators = tuple(_decorator_name(child) for child in node.children_by_field_name("decorator"))
        elif node.type == "assignment_pattern":
            target, default = node.child_by_field_name("left") or node, node.child_by_field_name("right")
        is_rest = target.type == "rest_pattern"
        if is_rest and (inner := children_of(target)):
            target = inner[0]
        value = self.expression(default) if default is not None else None
        if target.type in {"object_pattern", "array_pattern"}:
            prologue += self.defaults(target)
            return ir.Parameter(f"{{{index}}}", declared, value, decorators, is_rest, self.pattern(target))
        if any(child.type in {"accessibility_modifier", "readonly", "override_modifier"} for child in node.children):
            field = ir.Attribute(span_of(target), ir.Name(span_of(target), "this"), text_of(target))
            prologue.append(
                ir.Assign(span_of(node), field, ir.Name(span_of(target), text_of(target)), type_name=declared)
            )
        return ir.Parameter(text_of(target), declared, value, decorators, is_rest)

    def decorators(self, node: tree_sitter.Node) -> tuple[ir.Expression, ...]:
        """Lower the decorators of `node`.

        Those of a method stand before it in the class, those of a class may stand before its `export`.
        """
        found = [child for child in node.children if child.type == "decorator"]
        before = node.prev_named_sibling if node.type == "method_definition" else None
        while before is not None and before.type in {"decorator", "comment"}:
            found += [before] if before.type == "decorator" else []
            before = before.prev_named_sibling
        if node.parent is not None and node.parent.type == "export_statement":
            found += [child for child in node.parent.children if child.type == "decorator"]
        return tuple(self.expression(inner[0]) for child in found if (inner := children_of(child)))

    def class_of(self, node: tree_sitter.Node, name: str = "") -> ir.Class:
        """Lower the class `node`; one without any name gets one made up of where it stands."""
        own = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        members = [
            member for child in (children_of(body) if body is not None else []) for member in self._member_of(child)
        ]
        return ir.Class(
            span_of(node),
            text_of(own) or name or f"class@{node.start_byte}",
            span_of(own) if own is not None else ir.Span(node.start_byte, node.start_byte),
            _bases(node),
            tuple(members),
            self.decorators(node),
        )

    def _member_of(self, node: tree_sitter.Node) -> list[ir.Statement]:
        match node.type:
            case "method_definition":
                method = self.function(node)
                return [*self._fields_of_parameters(node), method] if method.name == "constructor" else [method]
            case "field_definition" | "public_field_definition":
                return [self._field(node)]
            case "class_static_block":
                return [ir.Block(span_of(node), self.block(node.child_by_field_name("body")))]
        return []

    def _field(self, node: tree_sitter.Node) -> ir.Statement:
        """Lower a field; one that holds a function is a method."""
        name = node.child_by_field_name("property") or node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        if value is not None and value.type in {"arrow_function", "function_expression"}:
            return self.function(value, name_node=name)
        target = ir.Name(span_of(name or node), text_of(name))
        declared = type_name(node.child_by_field_name("type"))
        return ir.Assign(
            span_of(node),
            target,
            self.expression(value) if value is not None else ir.Unknown(span_of(node)),
            type_name=declared,
        )

    def _fields_of_parameters(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Return the fields that a constructor's parameters with `private`, `public` or `readonly` declare."""
        listed = node.child_by_field_name("parameters")
        fields: list[ir.Statement] = []
        for child in children_of(listed) if listed is not None else []:
            pattern = child.child_by_field_name("pattern")
            if pattern is not None and any(
                each.type in {"accessibility_modifier", "readonly", "override_modifier"} for each in child.children
            ):
                target = ir.Name(span_of(pattern), text_of(pattern))
                declared = type_name(child.child_by_field_name("type"))
                fields.append(ir.Assign(span_of(child), target, ir.Unknown(span_of(child)), type_name=declared))
        return fields


def _bases(node: tree_sitter.Node) -> tuple[str, ...]:
    """Return what the class extends, and what it implements, dotted."""
    bases: list[str] = []
    for heritage in node.children:
        if heritage.type != "class_heritage":
            continue
        for clause in children_of(heritage):
            if clause.type in {"extends_clause", "implements_clause"}:
                bases += [name for child in children_of(clause) if (name := type_name(child))]
            elif name := type_name(clause):
                bases.append(name)
    return tuple(bases)


def _decorator_name(node: tree_sitter.Node) -> str:
    inner = children_of(node)
    callee = inner[0].child_by_field_name("function") if inner and inner[0].type == "call_expression" else None
    return "".join(text_of(callee or (inner[0] if inner else None)).split())


def exported_names(source: bytes) -> frozenset[str]:
    """Return the names that `module.exports = f`, `exports.f = f`, `export {f}` and `export default f` let out."""
    found: set[str] = set()
    for match in _EXPORTED_NAMES.finditer(source):
        found.update(re.findall(r"[A-Za-z_$][\w$]*", match[1].decode("utf-8", "replace")))
    return frozenset(found)
