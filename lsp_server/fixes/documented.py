"""What the documentation of a function or class must know of it, read off its syntax tree. Pure; one parse a call.

Invariant: parameters, result and exceptions are those of the code; the place is one where the language looks for
documentation, and holds that which stands there already, if any does, and no code.
"""

import re
from collections.abc import Iterator

import msgspec
import tree_sitter

from lsp_server.context.symbols import Defined, defined_in, name_of
from lsp_server.grammars import grammar_of
from lsp_server.review.finding import Place

LANGUAGES = frozenset(
    {"python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "java", "rust", "csharp"}
)
"""Those whose documentation can be written."""

_WRAPPERS = frozenset(
    {"decorated_definition", "export_statement", "lexical_declaration", "variable_declaration", "type_declaration"}
)
_BEFORE = frozenset({"attribute_item", "decorator"})
_NESTED = re.compile(r"function|lambda|arrow|closure|class|method_def|method_decl")
_RETURNS, _YIELDS, _RAISES = "return_statement", "yield", re.compile(r"(?:raise|throw)_(?:statement|expression)")
_NO_RESULT = re.compile(
    r":?\s*(?:None|NoReturn|Never|void|never|undefined|Task|ValueTask|Promise<\s*(?:void|never)\s*>)"
)
_ONE_LINE = re.compile(r"\s*(?:///|//(?!\s*(?:go:|#|nolint|eslint|@ts-)))")
_AROUND_NAMES = frozenset({"typed_parameter", "rest_pattern", "spread_parameter", "variable_declarator"})
_SELF = frozenset({"self", "cls"})


class Documented(msgspec.Struct, frozen=True):
    r"""A function or class.

    parameters: with Python's stars. types: of each, as the code has it, "" where it has none. errors: what it raises
    itself, or throws. place: where its documentation goes, over what stands there. indentation: of each line of it.
    is_above: it stands above the code, else in it. code: the lines of the definition, between `\n`. result_type: as
    the code has it, "" where it does not say.
    """

    name: str
    is_function: bool
    parameters: tuple[str, ...]
    types: tuple[str, ...]
    has_result: bool
    yields: bool
    errors: tuple[str, ...]
    place: Place
    indentation: str
    is_above: bool
    code: str
    result_type: str = ""


def read_documented(text: str, language_id: str, first_line: int, last_line: int) -> Documented | None:
    r"""Return the innermost function or class around the lines, or the first that begins in them; None for none.

    text: its lines end in `\n`. None as well where it does not parse, and where there is no room for documentation.
    """
    grammar = grammar_of(language_id) if language_id in LANGUAGES else None
    if grammar is None:
        return None
    root = tree_sitter.Parser(grammar).parse(text.encode("utf-8", "replace")).root_node
    found = [
        (defined, *_rows(_outer(defined.node)))
        for defined in defined_in(root, language_id)
        if defined.role in ("function", "class") and defined.kind != "impl"
    ]
    around = [each for each in found if each[1] <= first_line and last_line <= each[2]]
    inside = [each for each in found if first_line <= each[1] <= last_line]
    chosen = min(around, key=lambda each: each[2] - each[1]) if around else next(iter(inside), None)
    if chosen is None or chosen[0].node.has_error:
        return None
    return _documented(chosen[0], text.split("\n"), language_id)


def _documented(defined: Defined, lines: list[str], language_id: str) -> Documented | None:
    name = name_of(defined)
    node, outer = defined.node, _outer(defined.node)
    first, last = _first_row(outer), _rows(outer)[1]
    is_above = language_id != "python"
    place = _place_above(first, lines, language_id) if is_above else _place_inside(node, lines)
    if name is None or place is None:
        return None
    is_function = defined.role == "function"
    core = _core(node)
    inner = list(_inside(core)) if is_function else []
    parameters = list(_parameters(core, language_id)) if is_function else []
    at = lines[place.line]
    return Documented(
        _words(name),
        is_function,
        tuple(name for name, _ in parameters),
        tuple(kind for _, kind in parameters),
        is_function and _has_result(core, inner),
        any(each.type == _YIELDS for each in inner),
        tuple(dict.fromkeys(_errors(core, inner))),
        place,
        at[: len(at) - len(at.lstrip())],
        is_above,
        "\n".join(lines[first : last + 1]),
        _result_type(core) if is_function else "",
    )


def _place_inside(node: tree_sitter.Node, lines: list[str]) -> Place | None:
    """Return the place of a docstring: of the one there is, or in front of the first statement of the body."""
    body = node.child_by_field_name("body")
    if body is None or not body.named_children:
        return None
    statement = body.named_children[0]
    row = statement.start_point.row
    before = lines[row].encode()[: statement.start_point.column]
    if before.strip():  # on the line of the head
        return None
    strings = statement.named_children if statement.type == "expression_statement" else []
    if len(strings) == 1 and _is_docstring(strings[0]):
        end = strings[0].end_point
        return Place(row, len(before), end.row, len(lines[end.row].encode()[: end.column].decode()))
    comments = [each.start_point for each in node.children if each.type == "comment"]
    first = min([row, *(point.row for point in comments if point.column == len(before))])  # a docstring comes first
    return Place(first, len(before), first, len(before))


def _is_docstring(string: tree_sitter.Node) -> bool:
    return string.type == "concatenated_string" or (string.type == "string" and _words(string)[0] not in "fFbB")


def _place_above(first: int, lines: list[str], language_id: str) -> Place:
    """Return the place of a comment above the line `first`: of the one that documents it, or in front of the line."""
    column = len(lines[first]) - len(lines[first].lstrip())
    begin = first
    if language_id in ("go", "rust", "csharp"):
        while begin > 0 and (match := _ONE_LINE.match(lines[begin - 1])) is not None:
            if language_id != "go" and not match[0].endswith("///"):
                break
            begin -= 1
    elif first > 0 and lines[first - 1].rstrip().endswith("*/"):
        begin = first - 1
        while begin > 0 and "/*" not in lines[begin]:
            begin -= 1
        if not lines[begin].lstrip().startswith("/**"):
            begin = first
    if begin == first:
        return Place(first, column, first, column)
    return Place(begin, len(lines[begin]) - len(lines[begin].lstrip()), first - 1, len(lines[first - 1]))


def _parameters(core: tree_sitter.Node, language_id: str) -> Iterator[tuple[str, str]]:
    """Give name and type of each parameter that has a name."""
    listed = core.child_by_field_name("parameters")
    single = core.child_by_field_name("parameter")
    nodes = listed.named_children if listed is not None else [single] if single is not None else []
    for number, node in enumerate(nodes):
        name = _parameter(node)
        if name is None or (language_id == "python" and number == 0 and name in _SELF):
            continue
        kind = node.child_by_field_name("type")
        yield name, _words(kind).lstrip(": ") if kind is not None else ""


def _parameter(node: tree_sitter.Node) -> str | None:
    """Return what a parameter is called; None for one that is taken apart, and for what is none."""
    if node.type == "identifier":
        return _words(node)
    for field in ("name", "pattern", "left"):
        if (inner := node.child_by_field_name(field)) is not None:
            return _parameter(inner)
    stars = {"list_splat_pattern": "*", "dictionary_splat_pattern": "**"}.get(node.type)
    wraps = stars is not None or node.type in (
        "typed_parameter",
        "rest_pattern",
        "spread_parameter",
        "variable_declarator",
    )
    if not wraps:
        return None
    name = next(filter(None, map(_parameter, node.named_children)), None)
    return f"{stars or ''}{name}" if name else None


def _result_type(core: tree_sitter.Node) -> str:
    declared = next(filter(None, map(core.child_by_field_name, ("return_type", "result", "returns", "type"))), None)
    return " ".join(_words(declared).lstrip(": ").split()) if declared is not None else ""


def _has_result(core: tree_sitter.Node, inner: list[tree_sitter.Node]) -> bool:
    if declared := _result_type(core):
        return not _NO_RESULT.fullmatch(declared)
    body = core.child_by_field_name("body")
    if core.type == "arrow_function" and body is not None and body.type != "statement_block":
        return True
    return any(each.type == _RETURNS and each.named_child_count > 0 for each in inner)


def _errors(core: tree_sitter.Node, inner: list[tree_sitter.Node]) -> Iterator[str]:
    for node in (*core.named_children, *inner):
        if node.type == "throws":
            yield from map(_words, node.named_children)
        elif _RAISES.fullmatch(node.type) and node.named_children:  # what is caught may be raised again without a name
            raised = node.named_children[0]
            fields = ("function", "constructor", "type")
            made = next(filter(None, map(raised.child_by_field_name, fields)), raised)
            name = _words(made)
            if re.fullmatch(r"(?:\w+\.)*[A-Z]\w*", name):
                yield name


def _core(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return what has parameters: the definition, or the function that a name is given to."""
    value = node.child_by_field_name("value")
    return value if value is not None and _NESTED.search(value.type) else node


def _inside(core: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Give all nodes of the body, none of functions and classes in it."""
    body = core.child_by_field_name("body")
    stack = [body] if body is not None else []
    while stack:
        node = stack.pop()
        yield node
        stack += [child for child in reversed(node.named_children) if not _NESTED.search(child.type)]


def _outer(node: tree_sitter.Node) -> tree_sitter.Node:
    while (parent := node.parent) is not None and parent.type in _WRAPPERS:
        if sum(each.type == node.type for each in parent.named_children) > 1:
            break
        node = parent
    return node


def _first_row(outer: tree_sitter.Node) -> int:
    first, before = outer.start_point.row, outer.prev_named_sibling
    while before is not None and before.type in _BEFORE:
        first, before = before.start_point.row, before.prev_named_sibling
    return first


def _rows(node: tree_sitter.Node) -> tuple[int, int]:
    ends_before = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return _first_row(node), node.end_point.row - ends_before


def _words(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode(errors="replace")
