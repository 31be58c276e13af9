"""Literals of JavaScript that hold expressions: objects, arrays, templates -> `review.ir`. Pure.

Invariant: entries and pieces keep their order; what is spread has no key.
"""

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_jsx import Elements
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of, unescape


class Literals(Elements):
    """Adds objects, arrays and templates to elements and patterns."""

    def function(
        self, node: tree_sitter.Node, name: str = "", name_node: tree_sitter.Node | None = None
    ) -> ir.Function:
        """Lower the function `node`."""
        raise NotImplementedError

    def template(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower a template: text built of its pieces."""
        parts: list[ir.Expression] = []
        for child in children_of(node):
            if child.type == "template_substitution":
                parts.append(self.expression(next(iter(children_of(child)), None)))
                continue
            piece = ir.Constant(span_of(child), unescape(text_of(child)))
            last = parts[-1] if parts else None
            if isinstance(last, ir.Constant) and isinstance(last.value, str) and last.span.end == piece.span.start:
                parts[-1] = ir.Constant(ir.Span(last.span.start, piece.span.end), last.value + str(piece.value))
            else:
                parts.append(piece)
        if not parts:
            return ir.Constant(span_of(node), "")
        if len(parts) == 1 and isinstance(parts[0], ir.Constant):
            return ir.Constant(span_of(node), parts[0].value)
        return ir.Join(span_of(node), tuple(parts))

    def tagged(self, node: tree_sitter.Node, tag: ir.Expression, template: tree_sitter.Node) -> ir.Expression:
        """Lower a call of `tag`: it is handed the literal pieces as one array, then what stands between them."""
        text = self.template(template)
        if (
            isinstance(tag, ir.Attribute)
            and tag.name == "raw"
            and isinstance(tag.base, ir.Name)
            and tag.base.name == "String"
        ):
            return text
        parts = text.parts if isinstance(text, ir.Join) else (text,)
        pieces = ir.Collection(text.span, tuple((None, part) for part in parts if isinstance(part, ir.Constant)))
        values = (pieces, *(part for part in parts if not isinstance(part, ir.Constant)))
        return ir.Call(span_of(node), tag, tuple(ir.Argument(value) for value in values))

    def object(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower an object literal; its methods are functions."""
        entries: list[tuple[ir.Expression | None, ir.Expression]] = []
        for child in children_of(node):
            match child.type:
                case "pair":
                    key = self.key(child.child_by_field_name("key"))
                    name = key.value if isinstance(key, ir.Constant) and isinstance(key.value, str) else ""
                    entries.append((key, self.expression(child.child_by_field_name("value"), name)))
                case "shorthand_property_identifier":
                    entries.append((ir.Constant(span_of(child), text_of(child)), self.expression(child)))
                case "method_definition":
                    key = self.key(child.child_by_field_name("name"))
                    name = key.value if isinstance(key, ir.Constant) and isinstance(key.value, str) else ""
                    entries.append((key, ir.Closure(span_of(child), self.function(child, name))))
                case _:
                    entries.append((None, self.spread_value(child)))
        return ir.Collection(span_of(node), tuple(entries))

    def array(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower an array literal."""
        return ir.Collection(span_of(node), tuple((None, self.spread_value(child)) for child in children_of(node)))

    def spread_value(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower an element or argument, `...x` as x."""
        return self.expression(next(iter(children_of(node)), None) if node.type == "spread_element" else node)
