"""Python's imports -> Import. Pure.

Invariant: the path of a relative import keeps its dots at the front, so that it is never that of an installed package.
"""

from collections.abc import Iterator

import tree_sitter

from lsp_server.review.ir import Import
from lsp_server.review.lowering.python_signatures import text_of
from lsp_server.review.lowering.walk import span_of


def imports(node: tree_sitter.Node) -> Iterator[Import]:
    """Lower `import a.b, c as d`; without an alias the name is that of the outermost package."""
    for each in node.children_by_field_name("name"):
        path, alias = _imported(each)
        outermost = path.partition(".")[0]
        yield Import(span_of(each), alias or outermost, path if alias else outermost)


def imports_from(node: tree_sitter.Node) -> Iterator[Import]:
    """Lower `from a import b as c`, `from . import *`."""
    module = node.child_by_field_name("module_name")
    path = text_of(module).replace(" ", "") if module is not None else ""
    for each in node.children_by_field_name("name"):
        name, alias = _imported(each)
        yield Import(span_of(each), alias or name, path + name if path.endswith(".") else f"{path}.{name}")
    for each in node.named_children:
        if each.type == "wildcard_import":
            yield Import(span_of(each), "*", path)


def _imported(node: tree_sitter.Node) -> tuple[str, str]:
    """Return the dotted name and the alias ("" without one)."""
    if node.type != "aliased_import":
        return text_of(node).replace(" ", ""), ""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return (text_of(name).replace(" ", "") if name is not None else ""), (text_of(alias) if alias is not None else "")
