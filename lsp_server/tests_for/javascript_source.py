"""A test in JavaScript or TypeScript as it is written: its function's body, its claims, what nothing in it needs. Pure.

Invariant: what is left of a test is lines of it, in their order.
"""

import re
from collections.abc import Collection, Iterator, Sequence

import tree_sitter

from lsp_server.tests_for.claims import Claim
from lsp_server.tests_for.merge_text import Source, walk

_CLAIM = re.compile(r"(?:await\s+)?(?:expect|assert)\b")
_DECLARATIONS = ("lexical_declaration", "variable_declaration")
_READ = ("identifier", "shorthand_property_identifier")


def callback_of(call: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the body, in braces, of the function that a call of `test` is given; None where it has none."""
    arguments = call.child_by_field_name("arguments")
    for each in reversed(arguments.named_children if arguments is not None else []):
        body = each.child_by_field_name("body")
        if body is not None and body.type == "statement_block":
            return body
    return None


def body_of(source: Source) -> tree_sitter.Node | None:
    """Return the body of the one test that `source` is."""
    call = next((node.children[0] for node in source.root.children if node.type == "expression_statement"), None)
    return callback_of(call) if call is not None else None


def claims_in(source: Source) -> tuple[Claim, ...]:
    """Return the lines of the claims of a test that stand on lines of their own, at its own level."""
    return tuple((node.start_point.row, node.end_point.row) for node in claiming(source))


def claiming(source: Source) -> Iterator[tree_sitter.Node]:
    """Give the statements that `claims_in` speaks of."""
    body = body_of(source)
    for node in body.named_children if body is not None else ():
        if _CLAIM.match(source.text(node)) and source.indentation(node):
            yield node


def spread(language_id: str, text: str) -> str:
    """Return the test `text` with each statement on a line of its own, if all of it stands on one."""
    if "\n" in text:
        return text
    source = Source(language_id, text)
    body = body_of(source)
    if body is None or not body.named_children:
        return text
    lines = [f"  {source.text(node)}" for node in body.named_children]
    before, after = source.data[: body.start_byte].decode(), source.data[body.end_byte :].decode()
    return "\n".join([f"{before}{{", *lines, f"}}{after}"])


def without_leftovers(language_id: str, text: str, before: str) -> str:
    """Return the test `text`, which was `before`, without what is set for nothing and without lines of comment."""
    was = _read_in(Source(language_id, before))
    while True:
        source = Source(language_id, text)
        lost = was - _read_in(source)
        body = body_of(source)
        gone = [node for node in (body.named_children if body is not None else ()) if _sets_only(source, node, lost)]
        if not gone:
            return _without(text, _comments(source))
        text = _without(text, gone)


def declared(node: tree_sitter.Node) -> Iterator[tuple[tree_sitter.Node, tree_sitter.Node | None]]:
    """Give each name or pattern that the statement `node` declares, with its value."""
    for each in node.children if node.type in _DECLARATIONS else ():
        name = each.child_by_field_name("name") if each.type == "variable_declarator" else None
        if name is not None:
            yield name, each.child_by_field_name("value")


def _read_in(source: Source) -> set[str]:
    """Return the names that are read anywhere."""
    set_here = {
        name.start_byte for node in walk(source.root) for name, _ in declared(node) if name.type == "identifier"
    }
    return {source.text(node) for node in walk(source.root) if node.type in _READ and node.start_byte not in set_here}


def _sets_only(source: Source, node: tree_sitter.Node, names: Collection[str]) -> bool:
    targets = [name for name, _ in declared(node)]
    return bool(targets) and all(each.type == "identifier" and source.text(each) in names for each in targets)


def _comments(source: Source) -> list[tree_sitter.Node]:
    return [node for node in walk(source.root) if node.type == "comment" and source.indentation(node)]


def _without(text: str, nodes: Sequence[tree_sitter.Node]) -> str:
    gone = {row for node in nodes for row in range(node.start_point.row, node.end_point.row + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)
