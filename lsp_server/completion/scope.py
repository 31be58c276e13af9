"""What the cursor stands in: code, a comment, a string, a text of several lines, brackets that something closes.

By the grammar where there is one: a stand-in for what will be written is put at the cursor, since a tree has no node
for a place where nothing stands. Elsewhere, and where the line around the cursor does not parse, by the line itself.
"""

import re
from enum import Enum, auto
from functools import lru_cache
from itertools import islice

from tree_sitter import Node

from lsp_server.completion.place import Place
from lsp_server.completion.syntax import ends_by_colon, open_string, strip_comment
from lsp_server.completion.tree import TextTree, ancestors, tree_with

_STAND_IN = "x0"
_QUOTED = re.compile(rb"[A-Za-z@$#]{0,3}[\"'`]")
_TEXT_LANGUAGES = frozenset({"python", "starlark"})
_TRIPLE = re.compile(r'"""|\'\'\'')
_STRING = re.compile(r"string|quote|char_literal")
_HEADER = re.compile(r"\s*(?:if|elif|while|match|case)\b\s*\S")
_CONDITIONAL = re.compile(r"(?:if|while|switch|for|do|match|case)_")
_BLOCK = re.compile(r"block|body|compound_statement|declaration_list|do_group|statement_list")
_FIELDS = re.compile(r"interface_body|field_declaration_list|object_type|enum_body|enum_variant_list|enumerator_list")
_WITHOUT_MEANING = frozenset({"{", "}", "comment", "line_comment", "block_comment"})


class Scope(Enum):
    """What the cursor stands in."""

    CODE = auto()
    COMMENT = auto()
    STRING = auto()
    DOCSTRING = auto()  # prose of several lines that is a statement of its own
    BRACKETS = auto()  # round ones that are closed behind the cursor: arguments, parameters, a condition
    CONDITION = auto()  # of a header that has no brackets around it


ONE_LINE = frozenset({Scope.COMMENT, Scope.STRING, Scope.CONDITION})
"""Where what is begun ends with its line."""


@lru_cache(maxsize=8)
def scope_at(place: Place) -> Scope:
    """Tell what the cursor stands in."""
    if begun_text(place) is not None:
        return Scope.DOCSTRING
    tree = tree_with(place, _STAND_IN)
    node = None if tree is None else tree.root.descendant_for_byte_range(tree.start, tree.end)
    if tree is not None and node is not None:
        scope = _by_tree(tree, node)
        if scope is not Scope.CODE or not _is_broken(node):
            return scope
    return _by_line(place)


@lru_cache(maxsize=8)
def begun_text(place: Place) -> str | None:
    """Return what would end the text of several lines that is begun at the cursor and that nothing ends yet."""
    if place.language_id in _TEXT_LANGUAGES:
        quote = _open_quote("\n".join((*place.above, place.before)))
        return quote if quote and not _open_quote("\n".join((place.after, *place.below))) else None
    if place.before.lstrip().startswith("/*") and "*/" not in place.before + place.after:
        below = "\n".join(place.below)
        opener, closer = below.find("/*"), below.find("*/")
        return None if 0 <= closer < (opener if opener >= 0 else len(below)) else "*/"
    return None


@lru_cache(maxsize=8)
def is_empty_body(place: Place) -> bool:
    """Tell whether the cursor stands in a block that holds nothing yet but comments and a docstring."""
    tree = tree_with(place, _STAND_IN)
    if tree is None:
        return False
    node = tree.root.descendant_for_byte_range(tree.start, tree.end)
    block = next((each for each in ancestors(node) if _BLOCK.search(each.type)), None)
    if block is None or block.parent is None or _FIELDS.search(block.type):
        return False
    others = [each for each in block.children if each.type not in _WITHOUT_MEANING and not _is_stand_in(each, tree)]
    return all(_is_docstring(each) for each in others)


@lru_cache(maxsize=8)
def is_among_fields(place: Place) -> bool:
    """Tell whether the cursor stands among the members of a type that holds data and no code."""
    tree = tree_with(place, "" if place.before[-1:].isalnum() else _STAND_IN)
    if tree is None:
        return False
    node = tree.root.descendant_for_byte_range(max(0, tree.start - 1), tree.end)
    around = list(islice(ancestors(node), 5))
    return any(_FIELDS.search(each.type) for each in around) and not any("function" in each.type for each in around)


def _is_stand_in(node: Node, tree: TextTree) -> bool:
    return node.start_byte == tree.start and tree.end <= node.end_byte


def _is_docstring(node: Node) -> bool:
    return node.type == "expression_statement" and node.child_count == 1 and node.children[0].type == "string"


def _by_tree(tree: TextTree, leaf: Node) -> Scope:
    """Tell by what `leaf`, the stand-in, is in, from the inside out: what comes first decides."""
    for node in ancestors(leaf):
        parent = node.parent
        if "interpolation" in node.type or "substitution" in node.type:
            return Scope.CODE
        if "comment" in node.type:
            return Scope.COMMENT
        if _STRING.search(node.type) and node.start_byte < tree.start and _QUOTED.match(tree.source, node.start_byte):
            is_statement = parent is not None and parent.type == "expression_statement" and parent.child_count == 1
            return Scope.DOCSTRING if is_statement else Scope.STRING
        if _BLOCK.search(node.type):
            return Scope.CODE
        is_grouping = node.type == "parenthesized_expression" and not (parent and _CONDITIONAL.match(parent.type))
        if not is_grouping and _is_closed_round(node, tree):
            return Scope.BRACKETS
    return Scope.CODE


def _is_closed_round(node: Node, tree: TextTree) -> bool:
    """Tell whether `node` begins with a round bracket in front of the cursor and ends with one behind it."""
    children = node.children
    if len(children) < 2:
        return False
    first, last = children[0], children[-1]
    is_pair = first.type == "(" and last.type == ")" and not last.is_missing and not first.is_missing
    return is_pair and first.end_byte <= tree.start and tree.end <= last.start_byte


def _is_broken(leaf: Node) -> bool:
    """Tell whether the tree makes no sense of the line around `leaf`."""
    row = leaf.start_point.row
    return any(node.is_error or node.has_error for node in ancestors(leaf) if node.start_point.row >= row)


def _by_line(place: Place) -> Scope:
    before = place.before
    if strip_comment(before, place.language_id) != before:
        return Scope.COMMENT
    if open_string(before, place.language_id) is not None:
        return Scope.STRING
    if ends_by_colon(place.language_id) and _HEADER.match(before) and not before.rstrip().endswith(":"):
        return Scope.CONDITION
    return Scope.CODE


def _open_quote(text: str) -> str:
    """Return the triple quote that `text` ends inside of, each ending what one of its kind began; empty for none."""
    inside = ""
    for match in _TRIPLE.finditer(text):
        if not inside:
            inside = match.group()
        elif match.group() == inside:
            inside = ""
    return inside
