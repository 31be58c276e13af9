"""Imports and exports of JavaScript and TypeScript -> `review.ir`. Pure.

Invariant: a name that stands for a module, or for a part of one, is an Import wherever it is bound.
"""

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_recovery import Recovery
from lsp_server.review.lowering.javascript_terms import (
    FUNCTION_VALUES,
    children_of,
    module_path,
    span_of,
    string_value,
    text_of,
)


class Modules(Recovery):
    """Adds imports and exports."""

    def imports_of(self, node: tree_sitter.Node, target: ir.Expression, value: ir.Expression) -> list[ir.Statement]:
        """Return what a declaration of (parts of) a required module imports; nothing for another value."""
        attributes: list[str] = []
        while isinstance(value, ir.Attribute):
            attributes.append(value.name)
            value = value.base
        required = self.modules.get(value.name) if isinstance(value, ir.Name) else None
        if required is None:
            return []
        path = ".".join([required.path, *reversed(attributes)])
        if isinstance(target, ir.Name):
            return [ir.Import(span_of(node), target.name, path)]
        if not isinstance(target, ir.Collection):
            return []
        return [
            ir.Import(part.span, part.name, f"{path}.{key.value!s}")
            for key, part in target.entries
            if isinstance(part, ir.Name) and isinstance(key, ir.Constant)
        ]

    def imports(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower an `import`."""
        source = node.child_by_field_name("source")
        clauses = [child for child in node.children if child.type in {"import_clause", "import_require_clause"}]
        found: list[ir.Statement] = []
        for clause in clauses:
            module = source or clause.child_by_field_name("source")
            path = module_path(string_value(module)) if module is not None else ""
            for child in children_of(clause):
                if child.type == "identifier":
                    found.append(ir.Import(span_of(child), text_of(child), path))
                elif child.type == "namespace_import":
                    found.append(ir.Import(span_of(child), text_of(next(iter(children_of(child)), None)), path))
                elif child.type == "named_imports":
                    found += [
                        _imported(specifier, path)
                        for specifier in children_of(child)
                        if specifier.type == "import_specifier"
                    ]
        return found

    def export(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower an `export`: what it declares."""
        declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
        if declaration is not None:
            return self.statement(declaration)
        if value is None:
            return []
        if value.type in FUNCTION_VALUES:
            return [self.function(value, "default")]
        if value.type == "class":
            return [self.class_of(value, "default")]
        target = ir.Attribute(span_of(node), ir.Name(span_of(node), "exports"), "default")
        return [ir.Assign(span_of(node), target, self.expression(value))]


def _imported(specifier: tree_sitter.Node, path: str) -> ir.Statement:
    name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
    imported = text_of(name)
    return ir.Import(
        span_of(specifier), text_of(alias or name), path if imported == "default" else f"{path}.{imported}"
    )
