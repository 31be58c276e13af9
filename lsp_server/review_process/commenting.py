"""Whether what would be written as a comment is one, as the language's grammar sees it. A parse or two for each answer.

Invariant: an edit is offered only if the text afterwards has a comment where it should have one, and no syntax error
that was not there before.
"""

from collections.abc import Iterable

import tree_sitter

from lsp_server.grammars import grammar_of
from lsp_server.review.ignoring import Candidate, Edit


def first_comment(candidates: Iterable[Candidate], text: str, language_id: str) -> Edit | None:
    r"""Return the first of `candidates` that makes a comment of what it adds to `text`. Its lines end in `\n`."""
    grammar = grammar_of(language_id)
    if grammar is None:  # nothing to ask: the language's usual comment is as good as any
        return next((candidate.edit for candidate in candidates), None)
    parser = tree_sitter.Parser(grammar)
    was_broken = parser.parse(text.encode()).root_node.has_error
    for candidate in candidates:
        changed = _applied(text, candidate.edit)
        root = parser.parse(changed.encode()).root_node
        if (was_broken or not root.has_error) and _is_comment(root, changed, candidate.comment_line):
            return candidate.edit
    return None


def _applied(text: str, edit: Edit) -> str:
    lines = text.split("\n")
    line = lines[edit.line]
    lines[edit.line] = line[: edit.column] + edit.text.replace("\r\n", "\n") + line[edit.end_column :]
    return "\n".join(lines)


def _is_comment(root: tree_sitter.Node, text: str, number: int) -> bool:
    lines = text.split("\n")
    column = lines[number].index("hearthline:")
    at = len("\n".join([*lines[:number], lines[number][:column]]).encode())
    node = root.descendant_for_byte_range(at, at + 1)
    return node is not None and "comment" in node.type
