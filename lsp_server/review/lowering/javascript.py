"""JavaScript, TypeScript, JSX, and the scripts of HTML pages -> `review.ir`. Pure.

Invariant: every span is one of the file, in a page's scripts too.
"""

import tree_sitter

from lsp_server.grammars import grammar_of
from lsp_server.review import ir
from lsp_server.review.lowering.javascript_functions import exported_names
from lsp_server.review.lowering.javascript_repair import repaired
from lsp_server.review.lowering.javascript_statements import Statements
from lsp_server.review.lowering.javascript_terms import children_of, span_of, text_of
from lsp_server.review.lowering.walk import Hollow

_SCRIPT_TYPES = frozenset({"", "text/javascript", "application/javascript", "module", "text/babel", "text/jsx"})


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> ir.Program:
    """Lower the tree `root` of `source`; of an "html" tree the elements, and the scripts inside it."""
    lowering, is_broken = Statements(), root.has_error
    lowering.hollow = hollow
    if language_id == "html":
        body = _lower_page(lowering, root, source)
    else:
        root = _readable(root, source, language_id)
        lowering.exported = exported_names(source)
        body = list(lowering.block(root))
    functions = sorted(lowering.functions, key=lambda function: function.span.start)
    imports = list(lowering.modules.values())
    return ir.Program(language_id, source, (*imports, *body), is_broken, functions=tuple(functions))


def _readable(root: tree_sitter.Node, source: bytes, language_id: str) -> tree_sitter.Node:
    """Return a tree of `source` in which an open string swallows less than in `root`, where there is one."""
    grammar = grammar_of(language_id)
    if not root.has_error or grammar is None:
        return root
    closed = repaired(source)
    return root if closed == source else tree_sitter.Parser(grammar).parse(closed).root_node


def _lower_page(lowering: Statements, root: tree_sitter.Node, source: bytes) -> list[ir.Statement]:
    """Lower a page: each element a call of `jsx` as it is in JSX, each script parsed where it stands."""
    body: list[ir.Statement] = []
    grammar = grammar_of("javascript")
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type in {"start_tag", "self_closing_tag"}:
            body.append(ir.Evaluate(span_of(node), _element(node)))
        elif node.type == "script_element":
            body.append(ir.Evaluate(span_of(node), _element(node.children[0])))
            raw = next((child for child in node.children if child.type == "raw_text"), None)
            if (
                raw is not None
                and grammar is not None
                and _attributes(node.children[0]).get("type", "").lower() in _SCRIPT_TYPES
            ):
                region = tree_sitter.Range(raw.start_point, raw.end_point, raw.start_byte, raw.end_byte)
                script = tree_sitter.Parser(grammar, included_ranges=[region]).parse(source).root_node
                body += lowering.block(script)
            continue
        pending += reversed(node.named_children)
    return body


def _attributes(tag: tree_sitter.Node) -> dict[str, str]:
    """Return the attributes of an element, without the quotes of their values."""
    found: dict[str, str] = {}
    for child in children_of(tag):
        if child.type == "attribute":
            inner = children_of(child)
            found[text_of(inner[0]) if inner else ""] = text_of(inner[1]).strip("\"'") if len(inner) > 1 else ""
    return found


def _element(tag: tree_sitter.Node) -> ir.Call:
    name = next((child for child in tag.children if child.type == "tag_name"), None)
    arguments = [ir.Argument(ir.Constant(span_of(tag), text_of(name).lower()))]
    for child in children_of(tag):
        if child.type == "attribute" and (inner := children_of(child)):
            value = text_of(inner[1]).strip("\"'") if len(inner) > 1 else ""
            arguments.append(ir.Argument(ir.Constant(span_of(child), value), text_of(inner[0]).lower()))
    return ir.Call(span_of(tag), ir.Name(span_of(name or tag), "jsx"), tuple(arguments))
