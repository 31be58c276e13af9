"""Statements of JavaScript and TypeScript -> `review.ir`. Pure.

Invariant: statements keep their order; what has no effect at run time (types, interfaces, ambient declarations) leaves
no trace; a part that cannot be parsed is lowered as far as it can be.
"""

from collections.abc import Callable
from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_control import Control
from lsp_server.review.lowering.javascript_expressions import name_of_target
from lsp_server.review.lowering.javascript_terms import (
    FUNCTION_VALUES,
    children_of,
    content_type,
    span_of,
    text_of,
    type_name,
)

_MAX_DEPTH: Final = 110
_NOTHING: Final = frozenset({
    "comment", "html_comment", "empty_statement", "debugger_statement", "interface_declaration", "function_signature",
    "type_alias_declaration", "ambient_declaration", "hash_bang_line", "import_alias",
})  # fmt: skip


class Statements(Control):
    """Turns statement nodes into `ir` statements."""

    def __init__(self) -> None:
        super().__init__()
        self._statements: dict[str, Callable[[tree_sitter.Node], list[ir.Statement]]] = {
            "abstract_class_declaration": lambda node: [self.class_of(node)],
            "break_statement": self.break_of,
            "class_declaration": lambda node: [self.class_of(node)],
            "continue_statement": lambda node: [ir.Leave(span_of(node))],
            "do_statement": self.while_of,
            "enum_declaration": self._enum,
            "export_statement": self.export,
            "expression_statement": self._expression_statement,
            "for_in_statement": self.for_in,
            "for_statement": self.for_of,
            "function_declaration": lambda node: [self.function(node)],
            "generator_function_declaration": lambda node: [self.function(node)],
            "if_statement": self.if_of,
            "import_statement": self.imports,
            "internal_module": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "labeled_statement": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "lexical_declaration": self._declaration,
            "module": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "return_statement": self._return,
            "statement_block": lambda node: self._block_statement(node, node),
            "switch_statement": self.switch,
            "throw_statement": lambda node: [ir.Leave(span_of(node), self._only(node))],
            "try_statement": self.try_of,
            "using_declaration": self._declaration,
            "variable_declaration": self._declaration,
            "while_statement": self.while_of,
            "with_statement": lambda node: [
                ir.Evaluate(span_of(node), self.expression(node.child_by_field_name("object"))),
                *self._block_statement(node, node.child_by_field_name("body")),
            ],
        }

    def block(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        """Lower the statements of the block `node`, or the one statement that stands for a block."""
        if node is None:
            return ()
        if node.has_error and any(child.type == "ERROR" for child in node.children):
            return tuple(self.recovered(node))
        if node.type in {"statement_block", "program"}:
            return tuple(lowered for child in node.named_children for lowered in self.statement(child))
        return tuple(self.statement(node))

    def function(
        self, node: tree_sitter.Node, name: str = "", name_node: tree_sitter.Node | None = None
    ) -> ir.Function:
        """Lower a function; a `break` inside it is not one of the `switch` around it."""
        outer, self.in_switch = self.in_switch, False
        try:
            return super().function(node, name, name_node)
        finally:
            self.in_switch = outer

    def statement(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `node`; the statements that its expressions need come before it."""
        if node.type in _NOTHING:
            return []
        if self._depth >= _MAX_DEPTH:
            return [ir.Evaluate(span_of(node), ir.Unknown(span_of(node)))]
        outer, self.pending = self.pending, []
        self._depth += 1
        try:
            reader = self._statements.get(node.type)
            lowered = reader(node) if reader is not None else self._other(node)
            return [*self.pending, *lowered]
        finally:
            self._depth -= 1
            self.pending = outer

    def _other(self, node: tree_sitter.Node) -> list[ir.Statement]:
        if node.type == "ERROR":
            return self.recovered(node)
        return [ir.Evaluate(span_of(node), self.expression(node))]

    def _only(self, node: tree_sitter.Node) -> ir.Expression | None:
        inner = children_of(node)
        return self.expression(inner[0]) if inner else None

    def _block_statement(self, node: tree_sitter.Node, body: tree_sitter.Node | None) -> list[ir.Statement]:
        return [ir.Block(span_of(node), self.block(body))]

    def _return(self, node: tree_sitter.Node) -> list[ir.Statement]:
        return [ir.Return(span_of(node), self._only(node))]

    def _expression_statement(self, node: tree_sitter.Node) -> list[ir.Statement]:
        found: list[ir.Statement] = []
        for child in children_of(node):
            found += self.statement(child) if child.type == "internal_module" else self._effect(child)
        return found

    def _effect(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower an expression that stands for its effect: what it decides are Ifs, what it assigns are Assigns."""
        while node.type in {"parenthesized_expression", "await_expression"} and (inner := children_of(node)):
            node = inner[0]
        match node.type:
            case "assignment_expression":
                return self._assign(node)
            case "augmented_assignment_expression":
                target = self.expression(node.child_by_field_name("left"))
                if text_of(node.child_by_field_name("operator")) == "+=":
                    value = self.expression(node.child_by_field_name("right"))
                    return [ir.Assign(span_of(node), target, value, is_augmented=True)]
                return [ir.Assign(span_of(node), target, self.augmented_value(node, target))]
            case "sequence_expression" if self._depth < _MAX_DEPTH:
                return [lowered for child in children_of(node) for lowered in self._effect(child)]
            case "binary_expression" if (
                text_of(node.child_by_field_name("operator")) in {"&&", "||"} and self._depth < _MAX_DEPTH
            ):
                return self._short_circuit(node)
            case "ternary_expression":
                test = self.test(node.child_by_field_name("condition"))
                branches = [self.effects(node.child_by_field_name(field)) for field in ("consequence", "alternative")]
                return [ir.If(span_of(node), test, *branches)]
        value = self.expression(node)
        return [ir.Evaluate(span_of(node), value), *content_type(value)]

    def effects(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        """Lower an expression that stands for its effect."""
        self._depth += 1
        try:
            return tuple(self._effect(node)) if node is not None and self._depth < _MAX_DEPTH else ()
        finally:
            self._depth -= 1

    def _short_circuit(self, node: tree_sitter.Node) -> list[ir.Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        test = self.test(left)
        if text_of(node.child_by_field_name("operator")) == "||":
            test = ir.Not(test.span, test)
        return [ir.If(span_of(node), test, self.effects(right))]

    def _assign(self, node: tree_sitter.Node) -> list[ir.Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return [ir.Evaluate(span_of(node), self.expression(right))]
        target = self.pattern(left)
        if right.type == "class":
            return self._named_class(right, target)
        value = self.expression(right, name_of_target(target))
        listener = _listener(span_of(node), target, value)
        return [listener] if listener is not None else [ir.Assign(span_of(node), target, value), *self.defaults(left)]

    def _named_class(self, node: tree_sitter.Node, target: ir.Expression) -> list[ir.Statement]:
        """Lower `target = class {}`; a class with a name of its own is known by both."""
        lowered = self.class_of(node, name_of_target(target))
        if isinstance(target, ir.Name) and target.name == lowered.name:
            return [lowered]
        return [lowered, ir.Assign(target.span, target, ir.Name(lowered.name_span, lowered.name))]

    def _declaration(self, node: tree_sitter.Node) -> list[ir.Statement]:
        return [
            lowered
            for child in children_of(node)
            if child.type == "variable_declarator"
            for lowered in self._declarator(child)
        ]

    def _declarator(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `name = value`: a function is a Function of that name, a required module an Import."""
        left, right = node.child_by_field_name("name"), node.child_by_field_name("value")
        if left is None:
            return []
        declared = type_name(node.child_by_field_name("type"))
        if left.type == "identifier" and right is not None:
            if right.type in FUNCTION_VALUES:
                return [self.function(right, name_node=left)]
            if right.type == "class":
                return self._named_class(right, ir.Name(span_of(left), text_of(left)))
        target = self.pattern(left)
        if right is None:
            return [ir.Assign(span_of(node), target, ir.Constant(span_of(node), None), type_name=declared)]
        value = self.expression(right, name_of_target(target))
        if imports := self.imports_of(node, target, value):
            return [*imports, *self.defaults(left)]
        return [ir.Assign(span_of(node), target, value, type_name=declared), *self.defaults(left)]

    def _enum(self, node: tree_sitter.Node) -> list[ir.Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        entries: list[tuple[ir.Expression | None, ir.Expression]] = []
        for child in children_of(body) if body is not None else []:
            key, value = child.child_by_field_name("name"), child.child_by_field_name("value")
            text = ir.Constant(span_of(child), text_of(key or child).strip("\"'"))
            entries.append((text, self.expression(value) if value is not None else text))
        return [
            ir.Assign(
                span_of(node),
                ir.Name(span_of(name or node), text_of(name)),
                ir.Collection(span_of(node), tuple(entries)),
            )
        ]


def _listener(span: ir.Span, target: ir.Expression, value: ir.Expression) -> ir.Statement | None:
    """Return `x.onmessage = function` as `x.addEventListener("message", function)`; None for another assignment."""
    if not isinstance(value, ir.Closure) or not isinstance(target, ir.Attribute | ir.Name):
        return None
    if not target.name.startswith("on") or not target.name.islower() or len(target.name) < 4:
        return None
    event = ir.Argument(ir.Constant(target.span, target.name[2:]))
    base = target.base if isinstance(target, ir.Attribute) else ir.Name(target.span, "window")
    callee = ir.Attribute(target.span, base, "addEventListener")
    return ir.Evaluate(span, ir.Call(span, callee, (event, ir.Argument(value))))
