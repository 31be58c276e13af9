"""Elements of JSX -> `review.ir`. Pure.

Invariant: an element is a call of `jsx` with its tag first, its attributes by name, then its children.
"""

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_patterns import Patterns
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of


class Elements(Patterns):
    """Adds elements to the patterns."""

    def jsx(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower an element: a call of `jsx` with the tag, the attributes by name, and the children."""
        tag = node.child_by_field_name("open_tag") or node
        arguments = [self._jsx_tag(tag)]
        for attribute in tag.children_by_field_name("attribute"):
            arguments.append(self._jsx_attribute(attribute))
        for child in children_of(node) if tag is not node else []:
            if child.type in {"jsx_opening_element", "jsx_closing_element"} or (
                child.type == "jsx_text" and not text_of(child).strip()
            ):
                continue
            if child.type in {"jsx_text", "html_character_reference"}:
                arguments.append(ir.Argument(ir.Constant(span_of(child), text_of(child))))
            elif child.type != "jsx_expression" or children_of(child):
                arguments.append(ir.Argument(self.expression(child)))
        return ir.Call(span_of(node), ir.Name(span_of(tag), "jsx"), tuple(arguments))

    def _jsx_tag(self, tag: tree_sitter.Node) -> ir.Argument:
        node = tag.child_by_field_name("name")
        if node is None:
            return ir.Argument(ir.Constant(span_of(tag), ""))
        text = text_of(node)
        is_component = node.type != "jsx_namespace_name" and (text[:1].isupper() or "." in text)
        return ir.Argument(self.expression(node) if is_component else ir.Constant(span_of(node), text))

    def _jsx_attribute(self, node: tree_sitter.Node) -> ir.Argument:
        inner = children_of(node)
        if node.type == "jsx_expression":
            return ir.Argument(self.wrapped(node), is_spread=True)
        value = self.expression(inner[1], text_of(inner[0])) if len(inner) > 1 else ir.Constant(span_of(node), True)
        return ir.Argument(value, text_of(inner[0]) if inner else None)

    def wrapped(self, node: tree_sitter.Node) -> ir.Expression:
        """Lower what `node` stands around: an expression in braces, or behind its type."""
        inner = children_of(node)
        if not inner:
            return ir.Constant(span_of(node), None)
        if inner[-1].type == "spread_element":
            return self.expression(next(iter(children_of(inner[-1])), None))
        return self.expression(inner[-1])  # the first of a type assertion is its type
