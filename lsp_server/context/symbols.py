"""The definitions in a syntax tree: which node types are one, what they are called, where they stand. Pure.

Invariant: what stands inside a function is no symbol of the file: nobody outside can name it.
"""

from collections.abc import Collection
from functools import cache
from typing import NamedTuple

import tree_sitter

from lsp_server.grammars import grammar_of

_SIGNATURE_CHARS = 240
_DOTTED = ("dot_index_expression", "method_index_expression", "user_type")
"""Nodes that are a name with what it belongs to in front of it."""

_ROLES = ("function", "class", "constant")


class Symbol(NamedTuple):
    """A definition. line: 0-based, of its name. signature: its head in one line, without the body."""

    name: str
    kind: str
    line: int
    signature: str


class Defined(NamedTuple):
    """A node that defines something. role: function, class or constant; captured: its name, where a pattern tells."""

    node: tree_sitter.Node
    role: str
    kind: str
    captured: tree_sitter.Node | None


class Outline(NamedTuple):
    """What a tree says of a file. borders: 0-based lines where definitions begin, ascending.

    is_broken: the text does not parse as a whole, so that symbols may be missing.
    """

    symbols: list[Symbol]
    borders: list[int]
    is_broken: bool


_C = {
    "(function_definition) @function": "function",
    "(struct_specifier body: (_)) @class": "struct",
    "(union_specifier body: (_)) @class": "union",
    "(enum_specifier body: (_)) @class": "enum",
    "(type_definition) @class": "type",
    "(translation_unit (declaration declarator: (function_declarator)) @function)": "function",
    "(preproc_function_def) @function": "macro",
    "(preproc_def) @constant": "macro",
}
_JAVASCRIPT = {
    "(function_declaration) @function": "function",
    "(generator_function_declaration) @function": "function",
    "(class_declaration) @class": "class",
    "(method_definition) @function": "method",
    "(variable_declarator value: [(arrow_function) (function_expression)]) @function": "function",
    "(program (lexical_declaration (variable_declarator name: (identifier)) @constant))": "constant",
    "(program (export_statement (lexical_declaration (variable_declarator name: (identifier)) @constant)))": "constant",
}
_TYPESCRIPT = _JAVASCRIPT | {
    "(abstract_class_declaration) @class": "class",
    "(interface_declaration) @class": "interface",
    "(type_alias_declaration) @class": "type",
    "(enum_declaration) @class": "enum",
    "(internal_module) @class": "namespace",
    "(function_signature) @function": "function",
    "(method_signature) @function": "method",
    "(abstract_method_signature) @function": "method",
}
# Language identifier -> {query pattern: kind}. A pattern captures the node as @function, whose inside is private, as
# @class, whose inside is looked into, or as @constant.
_DEFINITIONS: dict[str, dict[str, str]] = {
    "c": _C,
    "cpp": _C
    | {
        "(class_specifier body: (_)) @class": "class",
        "(namespace_definition) @class": "namespace",
        "(alias_declaration) @class": "type",
        "(concept_definition) @class": "type",
    },
    "csharp": {
        "(class_declaration) @class": "class",
        "(interface_declaration) @class": "interface",
        "(struct_declaration) @class": "struct",
        "(record_declaration) @class": "class",
        "(enum_declaration) @class": "enum",
        "(delegate_declaration) @function": "function",
        "(method_declaration) @function": "method",
        "(constructor_declaration) @function": "method",
        "(property_declaration) @function": "property",
    },
    "css": {"(stylesheet (rule_set (selectors) @name) @class)": "rule"},
    "go": {
        "(function_declaration) @function": "function",
        "(method_declaration) @function": "method",
        "(type_spec) @class": "type",
        "(type_alias) @class": "type",
        "(source_file (const_declaration (const_spec) @constant))": "constant",
        "(source_file (var_declaration (var_spec) @constant))": "variable",
    },
    "java": {
        "(class_declaration) @class": "class",
        "(interface_declaration) @class": "interface",
        "(enum_declaration) @class": "enum",
        "(record_declaration) @class": "class",
        "(annotation_type_declaration) @class": "interface",
        "(method_declaration) @function": "method",
        "(constructor_declaration) @function": "method",
    },
    "javascript": _JAVASCRIPT,
    "javascriptreact": _JAVASCRIPT,
    "kotlin": {
        "(class_declaration) @class": "class",
        "(object_declaration) @class": "object",
        "(function_declaration) @function": "function",
        "(type_alias type: (identifier) @name) @class": "type",
    },
    "lua": {
        "(function_declaration) @function": "function",
        "(assignment_statement (variable_list name: (_) @name) (expression_list value: (function_definition))) "
        "@function": "function",
    },
    "php": {
        "(function_definition) @function": "function",
        "(class_declaration) @class": "class",
        "(interface_declaration) @class": "interface",
        "(trait_declaration) @class": "trait",
        "(enum_declaration) @class": "enum",
        "(method_declaration) @function": "method",
        "(const_element (name) @name) @constant": "constant",
    },
    "python": {
        "(function_definition) @function": "function",
        "(class_definition) @class": "class",
        "(module (expression_statement (assignment left: (identifier) @name) @constant))": "constant",
    },
    "ruby": {
        "(method) @function": "method",
        "(singleton_method) @function": "method",
        "(class) @class": "class",
        "(module) @class": "module",
        "(assignment left: (constant) @name) @constant": "constant",
    },
    "rust": {
        "(function_item) @function": "function",
        "(function_signature_item) @function": "function",
        "(struct_item) @class": "struct",
        "(union_item) @class": "union",
        "(enum_item) @class": "enum",
        "(trait_item) @class": "trait",
        "(impl_item type: (_) @name) @class": "impl",
        "(mod_item) @class": "module",
        "(type_item) @class": "type",
        "(macro_definition) @function": "macro",
        "(const_item) @constant": "constant",
        "(static_item) @constant": "variable",
    },
    "shellscript": {"(function_definition) @function": "function"},
    "swift": {
        "(class_declaration) @class": "class",
        "(protocol_declaration) @class": "protocol",
        "(function_declaration) @function": "function",
        "(protocol_function_declaration) @function": "function",
        "(typealias_declaration) @class": "type",
    },
    "typescript": _TYPESCRIPT,
    "typescriptreact": _TYPESCRIPT,
}

_PYTHON_DEFINITIONS = frozenset({"function_definition", "class_definition"})
_STATEMENTS_WITHOUT = {
    "python": frozenset({"function_definition", "expression_statement", "import_statement", "import_from_statement"})
}
"""Where definitions lie no deeper than the statements one comes to without entering these."""


def outline(tree: tree_sitter.Tree, text: bytes, language_id: str) -> Outline:
    """Return the definitions in `tree`, which is of `text`, UTF-8."""
    root = tree.root_node
    if _query(language_id) is None:
        return Outline([], [], root.has_error)
    depth = None
    if language_id in _STATEMENTS_WITHOUT and not root.has_error:
        depth = _depth_of_definitions(root, _STATEMENTS_WITHOUT[language_id])
    found = defined_in(root, language_id, depth)
    symbols: list[Symbol] = []
    borders: list[int] = []
    private_until = 0
    last = None
    for defined in found:
        node, role, kind, _ = defined
        if node.start_byte < private_until or node.id == last:
            continue
        last = node.id
        if role == "function":
            private_until = node.end_byte
        if role != "constant":
            borders.append(node.start_point.row)
        name = name_of(defined)
        if name is not None and kind != "impl":
            symbols.append(Symbol(_words(name.text), kind, name.start_point.row, head_of(text, node, role)))
    return Outline(symbols, borders, root.has_error)


def defined_in(root: tree_sitter.Node, language_id: str, depth: int | None = None) -> list[Defined]:
    """Return every definition below `root`, those in functions too, in the order of the text, outer ones first.

    depth: how deep below the root is looked; None: everywhere. Some nodes come twice, by different roles.
    """
    query = _query(language_id)
    if query is None:
        return []
    kinds = list(_DEFINITIONS[language_id].values())
    cursor = tree_sitter.QueryCursor(query)
    if depth is not None:
        cursor.set_max_start_depth(depth)
    found = [
        Defined(node, role, kinds[pattern], next(iter(captures.get("name", ())), None))
        for pattern, captures in cursor.matches(root)
        for role in _ROLES
        for node in captures.get(role, ())
    ]
    found.sort(key=lambda each: (each.node.start_byte, -each.node.end_byte, _ROLES.index(each.role)))
    return found


def _depth_of_definitions(root: tree_sitter.Node, without: Collection[str]) -> int:
    """Return how deep those lie that stand in no other; looking no deeper saves half the time of looking.

    without: types of statements that hold no definition.
    """
    deepest = 0
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        for child in node.named_children:
            kind = child.type
            if kind in _PYTHON_DEFINITIONS:
                deepest = max(deepest, depth + 1)
            if kind not in without:
                waiting.append((child, depth + 1))
    return deepest


@cache
def _query(language_id: str) -> tree_sitter.Query | None:
    grammar, patterns = grammar_of(language_id), _DEFINITIONS.get(language_id)
    return tree_sitter.Query(grammar, "\n".join(patterns)) if grammar and patterns else None


def name_of(defined: Defined) -> tree_sitter.Node | None:
    """Return what a definition is called: its name, or what the innermost of its declarators declares."""
    if defined.captured is not None:
        return _last_part(defined.captured)
    node = defined.node
    while True:
        inner = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        if inner is None:
            return None
        if inner.child_count == 0 or inner.type in _DOTTED:
            return _last_part(inner)
        node = inner


def _last_part(name: tree_sitter.Node) -> tree_sitter.Node | None:
    return name.named_child(name.named_child_count - 1) if name.type in _DOTTED else name


def head_of(text: bytes, node: tree_sitter.Node, role: str) -> str:
    """Return the head of a definition in one line; of a constant, its first line."""
    body = node.child_by_field_name("body")
    end = body.start_byte if body is not None else node.end_byte
    head = text[node.start_byte : min(end, node.start_byte + 4 * _SIGNATURE_CHARS)]
    if role == "constant" or body is None:
        head = head.partition(b"\n")[0]
    return " ".join(_words(head).split()).removesuffix("{").rstrip()[:_SIGNATURE_CHARS]


def _words(text: bytes | None) -> str:
    return (text or b"").decode(errors="ignore")
