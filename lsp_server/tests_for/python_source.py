"""What the Python of an answer is made of: segments at the margin, trees, the names that are used and bound. Pure.

Invariant: a segment that does not parse takes nothing down but itself.
"""

import builtins
import re
import warnings
from collections.abc import Iterator
from functools import cache

import tree_sitter
import tree_sitter_python

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_CONTINUES = (")", "]", "}", "else", "elif", "except", "finally")
_CLAIM = re.compile(r"self\.assert\w+\(|with (?:pytest\.raises|self\.assertRaises\w*)\(")
_MOST_CUT_LINES = 12


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))


def tree_of(text: str) -> tree_sitter.Node:
    """Return the root of the syntax tree of `text`."""
    return _parser().parse(text.encode(errors="replace")).root_node


def first_child(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the first named child of `node`; None where it has none."""
    return next(iter(node.named_children), None)


def words_of(node: tree_sitter.Node | None) -> str:
    """Return the text of `node`; "" where there is none."""
    return (node.text or b"").decode(errors="replace") if node is not None else ""


def segments(code: str) -> Iterator[str]:
    """Give the statements at the margin of `code`, decorators with what they decorate, comments alone left out."""
    kept: list[str] = []
    for line in code.replace("\t", "    ").split("\n"):
        begins = line[:1] not in ("", " ", "#") and not line.startswith(_CONTINUES)
        is_decorated = bool(kept) and _is_decorator(kept)
        if begins and kept and not is_decorated:
            yield "\n".join(kept).rstrip()
            kept = []
        if line.strip() and not (line.startswith("#") and not kept):
            kept.append(line)
        elif kept:
            kept.append("")
    if kept:
        yield "\n".join(kept).rstrip()


def _is_decorator(lines: list[str]) -> bool:
    """Tell whether nothing but decorators, complete or not, has come so far."""
    return lines[0].startswith("@") and not any(line.startswith(("def ", "class ", "async ")) for line in lines)


def whole(segment: str) -> str | None:
    """Return `segment` if it parses, else as much of its front as does; None where that is little."""
    lines = segment.split("\n")
    for n_cut in range(min(_MOST_CUT_LINES, len(lines) - 1) + 1):
        text = "\n".join(lines[: len(lines) - n_cut]).rstrip()
        if text and not tree_of(text).has_error and is_python(text):
            return text
    return None


def is_python(text: str) -> bool:
    """Tell whether `text` compiles; the grammar lets some pass that does not, as a function without a body."""
    with warnings.catch_warnings(action="ignore"):
        try:
            compile(text, "<test>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return False
    return True


def definition_in(segment: str) -> tree_sitter.Node | None:
    """Return the function or class that `segment` defines, without its decorators."""
    node = first_child(tree_of(segment))
    if node is not None and node.type == "decorated_definition":
        node = node.child_by_field_name("definition")
    return node if node is not None and node.type in ("function_definition", "class_definition") else None


def used_names(text: str) -> set[str]:
    """Return the names that `text` takes from around itself: used in it, and neither bound in it nor built in."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in _walk(tree_of(text)):
        if node.type != "identifier" or _is_member(node):
            continue
        (bound if _is_bound(node) else used).add(words_of(node))
    return used - bound - BUILTINS


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.named_children:
        yield from _walk(child)


def _is_member(node: tree_sitter.Node) -> bool:
    """Tell whether an identifier is the name of an attribute or of a keyword argument."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "attribute":
        return parent.child_by_field_name("attribute") == node
    return parent.type == "keyword_argument" and parent.child_by_field_name("name") == node


_BINDERS = {
    "assignment": "left",
    "named_expression": "name",
    "for_statement": "left",
    "for_in_clause": "left",
    "function_definition": "name",
    "class_definition": "name",
}
_PATTERNS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "as_pattern_target"})
_PARAMETERS = frozenset(
    {"parameters", "lambda_parameters", "typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"}
)


def _is_bound(node: tree_sitter.Node) -> bool:
    child, parent = node, node.parent
    while parent is not None and parent.type in _PATTERNS:
        child, parent = parent, parent.parent
    if parent is None:
        return False
    if parent.type in _PARAMETERS or child.type == "as_pattern_target":
        return True
    if parent.type in ("default_parameter", "typed_default_parameter"):
        return parent.child_by_field_name("name") == child
    if parent.type == "dotted_name" or parent.type == "aliased_import":
        return True  # an import inside of the text
    field = _BINDERS.get(parent.type)
    return field is not None and parent.child_by_field_name(field) == child


def claims_in(text: str) -> tuple[tuple[int, int], ...]:
    """Return the first and last lines of the claims that stand directly in the body of the test `text`, 0-based.

    A claim is an assertion, or a `with` that expects an exception; none shares a line with anything but a comment.
    """
    definition = definition_in(text)
    body = definition.child_by_field_name("body") if definition is not None else None
    if body is None:
        return ()
    every = [(each.start_point.row, each.end_point.row) for each in body.named_children if each.type != "comment"]
    claims = [
        (each.start_point.row, each.end_point.row)
        for each in body.named_children
        if each.type == "assert_statement" or _CLAIM.match(words_of(each))
    ]
    return tuple(claim for claim in claims if sum(first <= claim[1] and claim[0] <= last for first, last in every) == 1)
