"""What does not parse in a text, and what stays of a program without its words for people. Pure; one parse a call.

Whoever calls this is no event loop: a parse holds the interpreter lock.
"""

from collections.abc import Iterator

import tree_sitter

from lsp_server.grammars import grammar_of


def flawed_lines(text: str, language_id: str) -> list[int] | None:
    """Return the line of each syntax error in `text`, ascending; None where the language has no grammar."""
    root = _parsed(text, language_id)
    return None if root is None else sorted(node.start_point.row for node in _flaws(root))


def _flaws(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            stack += node.children


def _parsed(text: str, language_id: str) -> tree_sitter.Node | None:
    grammar = grammar_of(language_id)
    if grammar is None:
        return None
    return tree_sitter.Parser(grammar).parse(text.encode("utf-8", "replace")).root_node
