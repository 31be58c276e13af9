"""Targets of assignments and keys of properties in JavaScript -> `review.ir`. Pure.

Invariant: a target holds names and where they come from alone; the defaults in it are statements of their own.
"""

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of


class Patterns:
    """Turns patterns into `ir` targets."""

    def expression(self, node: tree_sitter.Node | None, name: str = "") -> ir.Expression:
        """Lower the expression `node`."""
        raise NotImplementedError

    def pattern(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower the target of an assignment; the defaults in it are left out (see `defaults`)."""
        match node.type:
            case "object_pattern" | "object":
                return ir.Collection(span_of(node), tuple(self._pattern_entry(child) for child in children_of(node)))
            case "array_pattern" | "array":
                entries = ((_key_of_index(child, index), self.pattern(child)) for index, child in _elements(node))
                return ir.Collection(span_of(node), tuple(entries))
            case "assignment_pattern" | "object_assignment_pattern" | "assignment_expression":
                left = node.child_by_field_name("left")
                return self.pattern(left) if left is not None else ir.Unknown(span_of(node))
            case "rest_pattern" | "spread_element":
                inner = children_of(node)
                return self.pattern(inner[0]) if inner else ir.Unknown(span_of(node))
        return self.expression(node)

    def defaults(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Return the statements that give the targets of the pattern `node` their defaults."""
        found: list[ir.Statement] = []
        if node.type in {"assignment_pattern", "object_assignment_pattern"}:
            target, value = self.pattern(node), self.expression(node.child_by_field_name("right"))
            missing = ir.Comparison(span_of(node), "==", target, ir.Constant(span_of(node), None))
            if isinstance(target, ir.Name):
                found.append(ir.If(span_of(node), missing, (ir.Assign(span_of(node), target, value),)))
        if node.type in {"object_pattern", "array_pattern", "pair_pattern", "assignment_pattern"}:
            for child in children_of(node):
                if child.type.endswith("pattern"):
                    found += self.defaults(child)
        return found

    def _pattern_entry(self, node: tree_sitter.Node) -> tuple[ir.Expression | None, ir.Expression]:
        if node.type in {"pair_pattern", "pair"}:
            value = node.child_by_field_name("value")
            return self.key(node.child_by_field_name("key")), self.pattern(value) if value is not None else ir.Unknown(
                span_of(node)
            )
        target = self.pattern(node)
        is_rest = node.type in {"rest_pattern", "spread_element"}
        return (
            ir.Constant(span_of(node), target.name) if isinstance(target, ir.Name) and not is_rest else None
        ), target

    def key(self, node: tree_sitter.Node | None) -> ir.Expression:
        """Lower the key of a property: its name as a Constant, or what is computed."""
        if node is None:
            return ir.Unknown(ir.Span(0, 0))
        if node.type == "computed_property_name":
            inner = children_of(node)
            return self.expression(inner[0]) if inner else ir.Unknown(span_of(node))
        if node.type in {"string", "number"}:
            return self.expression(node)
        return ir.Constant(span_of(node), text_of(node))


def _elements(node: tree_sitter.Node) -> list[tuple[int, tree_sitter.Node]]:
    """Return the elements of an array pattern with their indexes; `[, b]` has its first one left out."""
    found, index = [], 0
    for child in node.children:
        if child.type == ",":
            index += 1
        elif child.is_named and child.type != "comment":
            found.append((index, child))
    return found


def _key_of_index(node: tree_sitter.Node, index: int) -> ir.Expression | None:
    return None if node.type in {"rest_pattern", "spread_element"} else ir.Constant(span_of(node), index)
