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


def is_same_program(before: str, after: str, language_id: str, line: int) -> bool:
    """Tell whether two texts, the same up to `line`, are one program but for comments and docstrings."""
    first, second = _parsed(before, language_id), _parsed(after, language_id)
    if first is None or second is None:
        return False
    old, new = _statements(first), _statements(second)
    if [node.type for node in old] != [node.type for node in new]:
        return False
    changed = next((index for index, node in enumerate(old) if node.end_point.row >= line), len(old) - 1)
    return all(list(_code(a)) == list(_code(b)) for a, b in zip(old[changed:][:1], new[changed:][:1], strict=True))


def _statements(root: tree_sitter.Node) -> list[tree_sitter.Node]:
    return [node for node in root.named_children if not _is_said(node)]


def _code(top: tree_sitter.Node) -> Iterator[tuple[int, str, bytes]]:
    """Give depth, kind and, of leaves, text of each node, without what is said to people."""
    stack = [(top, 0)]
    while stack:
        node, depth = stack.pop()
        if _is_said(node):
            continue
        yield depth, node.type, (node.text or b"") if node.child_count == 0 else b""
        stack += [(child, depth + 1) for child in reversed(node.children)]


def _is_said(node: tree_sitter.Node) -> bool:
    """Tell whether `node` is a comment or a statement that is a text alone."""
    if "comment" in node.type:
        return True
    return node.type == "expression_statement" and [child.type for child in node.named_children] == ["string"]


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
