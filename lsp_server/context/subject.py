"""What a place in a file is about, a function or class, as one value: what it is called, where it stands, what it says.

Pure. Invariant: a subject is made of whole lines of the text, its decorators and attributes among them, and parses;
where the text around the place does not, there is no subject.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import tree_sitter

from lsp_server.context.symbols import Defined, defined_in, head_of, name_of
from lsp_server.grammars import grammar_of

_SEPARATORS = {"rust": "::", "cpp": "::", "php": "::", "ruby": "::"}
_CONTAINERS = frozenset({"impl", "module", "namespace", "object"})
"""What has members and a name, and is too large or too little to be a subject."""
_NO_SUBJECTS = _CONTAINERS | {"rule", "constant", "variable"}

_WRAPPERS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
        "template_declaration",
        "type_declaration",
    }
)
"""Nodes around a definition that belong to it, if it is the only one in there."""
_BEFORE = frozenset({"attribute_item", "decorator"})
_COMMENT = re.compile(r"comment$")

# What is a function besides what `symbols` lists: nobody outside can name these, a person at the cursor can.
_JAVASCRIPT_MORE = """
    (pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @function
    (assignment_expression left: (member_expression property: (property_identifier) @name)
        right: [(arrow_function) (function_expression)]) @function
    (call_expression function: [(identifier) (member_expression)] @called
        arguments: (arguments . [(string) (template_string)] @name .
            [(arrow_function) (function_expression)])) @function
"""
_MORE = {
    "javascript": _JAVASCRIPT_MORE + "(field_definition property: (_) @name value: (arrow_function)) @function",
    "typescript": _JAVASCRIPT_MORE + "(public_field_definition name: (_) @name value: (arrow_function)) @function",
}
_MORE |= {"javascriptreact": _MORE["javascript"], "typescriptreact": _MORE["typescript"]}
_TEST_CALL = re.compile(r"(?:it|test)(?:\.\w+)?")

_RECEIVER = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)?\)$")
_TEST_NAMES = {
    "python": re.compile(r"(?:.*\.)?(?:test_?\w*|Test\w*)"),
    "go": re.compile(r"(?:Test|Benchmark|Fuzz|Example)(?![a-z])\w*"),
    "php": re.compile(r"(?:.*::)test\w*"),
    "ruby": re.compile(r"(?:.*::)test_\w*"),
}
_TEST_MARK = re.compile(
    r"@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest)\b|#\[(?:\w+::)*test\b|\[(?:Fact|Theory|Test|TestMethod|TestCase)\b"
)
_MARGIN = re.compile(r"^\s*(?:/\*\*?|\*/|\*|//[/!]?|#+|--+)\s?|\s*\*/\s*$")
_QUOTED = re.compile(r'[rRuU]?("""|\'\'\'|"|\')(.*)\1', re.DOTALL)
_DIRECTIVE = re.compile(r"#!|//go:|# (?:type|noqa|pylint)|#\s*-\*-")


@dataclass(frozen=True, slots=True)
class Subject:
    r"""A function, method or class.

    qualified_name: with what it is a member of in front. Lines are 0-based and inclusive, decorators in; text: these
    lines, with `\n` between them. docstring: its words without quotes and comment marks, None where it has none.
    signature: its head in one line. is_test: a test runner would run it, or what is in it.
    """

    name: str
    qualified_name: str
    kind: str
    language_id: str
    first_line: int
    last_line: int
    text: str
    docstring: str | None
    signature: str
    is_test: bool


class _Candidate(NamedTuple):
    """A definition with the lines that belong to it, and what it is called with what it is a member of."""

    defined: Defined
    name: tree_sitter.Node
    first_line: int
    last_line: int
    path: tuple[str, ...]
    kind: str


def subject_at(language_id: str, text: str, first_line: int, last_line: int) -> Subject | None:
    r"""Return the innermost function or class around the lines, else the first one that begins in them.

    text: its lines end in `\n`. None where there is none, where it does not parse, and where there is no grammar.
    """
    found = _candidate_at(language_id, text, first_line, last_line)
    return _subject(found, language_id, text) if found is not None else None


def node_at(language_id: str, text: str, first_line: int, last_line: int) -> tree_sitter.Node | None:
    """Return the definition that `subject_at` speaks of."""
    found = _candidate_at(language_id, text, first_line, last_line)
    return found.defined.node if found is not None else None


def _candidate_at(language_id: str, text: str, first_line: int, last_line: int) -> _Candidate | None:
    candidates = _candidates(language_id, text)
    around = [each for each in candidates if each.first_line <= first_line and last_line <= each.last_line]
    inside = [each for each in candidates if first_line <= each.first_line <= last_line]
    found = min(around, key=lambda each: each.last_line - each.first_line) if around else next(iter(inside), None)
    return found if found is not None and not found.defined.node.has_error else None


@lru_cache(maxsize=2)
def _candidates(language_id: str, text: str) -> tuple[_Candidate, ...]:
    """Return what may be a subject, in the order of the text, what is around it first."""
    grammar = grammar_of(language_id)
    if grammar is None:
        return ()
    tree = tree_sitter.Parser(grammar).parse(text.encode(errors="replace"))
    found = sorted(
        (*defined_in(tree.root_node, language_id), *_more(tree.root_node, language_id)),
        key=lambda each: (each.node.start_byte, -each.node.end_byte),
    )
    candidates: list[_Candidate] = []
    around: list[tuple[Defined, tuple[str, ...]]] = []
    for each in found:
        while around and around[-1][0].node.end_byte < each.node.end_byte:
            around.pop()
        name = name_of(each) if each.role != "constant" else None
        if name is None:
            continue
        owner = around[-1] if around else None
        path = (*(owner[1] if owner else ()), *_receiver(each.node, name, language_id), _words(name).strip("\"'`"))
        around.append((each, path))
        if each.kind not in _NO_SUBJECTS:
            lines = _lines_of(each.node)
            candidates.append(_Candidate(each, name, *lines, path, _kind(each, owner[0] if owner else None, len(path))))
    return tuple(candidates)


def _more(root: tree_sitter.Node, language_id: str) -> Iterator[Defined]:
    query = _more_query(language_id)
    for _, captures in tree_sitter.QueryCursor(query).matches(root) if query is not None else ():
        called = captures.get("called")
        if called is None or _TEST_CALL.fullmatch(_words(called[0])):
            yield Defined(captures["function"][0], "function", "function", captures["name"][0])


@cache
def _more_query(language_id: str) -> tree_sitter.Query | None:
    grammar, patterns = grammar_of(language_id), _MORE.get(language_id)
    return tree_sitter.Query(grammar, patterns) if grammar and patterns else None


def _kind(defined: Defined, owner: Defined | None, n_parts: int) -> str:
    if defined.role == "class":
        return "class"
    is_member = owner is not None and (owner.role == "class" and owner.kind not in {"module", "namespace"})
    has_receiver = owner is None and n_parts > 1
    return "method" if is_member or has_receiver or defined.kind in {"method", "property"} else "function"


def _receiver(node: tree_sitter.Node, name: tree_sitter.Node, language_id: str) -> tuple[str, ...]:
    """Return what a definition names itself a member of: Go's receiver, C++'s scope."""
    if language_id == "go" and (receiver := node.child_by_field_name("receiver")) is not None:
        match = _RECEIVER.search(_words(receiver))
        return (match[1],) if match else ()
    if language_id == "cpp" and (parent := name.parent) is not None and parent.type == "qualified_identifier":
        scope = _words(parent.child_by_field_name("scope"))
        return tuple(scope.split("::")) if scope else ()
    return ()


def _lines_of(node: tree_sitter.Node) -> tuple[int, int]:
    """Return the first and the last line of a definition with what belongs to it."""
    outer = _outer(node)
    first, last = _rows(outer)
    before = outer.prev_named_sibling
    while before is not None and before.type in _BEFORE:
        first = before.start_point.row
        before = before.prev_named_sibling
    return first, last


def _outer(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the statement that is made of this definition alone, or the definition."""
    while (parent := node.parent) is not None and parent.type in _WRAPPERS:
        others = [each for each in parent.named_children if each.type == node.type]
        if len(others) > 1:
            break
        node = parent
    return node


def _subject(found: _Candidate, language_id: str, text: str) -> Subject:
    node, lines = found.defined.node, text.split("\n")[found.first_line : found.last_line + 1]
    qualified_name = _SEPARATORS.get(language_id, ".").join(found.path)
    head = lines[: max(0, found.name.start_point.row - found.first_line) + 1]
    is_test_call = node.type == "call_expression"
    return Subject(
        name=found.path[-1],
        qualified_name=qualified_name,
        kind=found.kind,
        language_id=language_id,
        first_line=found.first_line,
        last_line=found.last_line,
        text="\n".join(lines),
        docstring=_docstring(node, language_id) or None,
        signature=head_of(text.encode(errors="replace"), node, found.defined.role),
        is_test=is_test_call or _is_test(qualified_name, language_id, "\n".join(head)),
    )


def _is_test(qualified_name: str, language_id: str, head: str) -> bool:
    """Tell by the name and what stands above it. head: the lines up to the name."""
    named = _TEST_NAMES.get(language_id)
    return bool((named and named.fullmatch(qualified_name)) or _TEST_MARK.search(head))


def _docstring(node: tree_sitter.Node, language_id: str) -> str:
    """Return what stands in a definition, or right above it, to say what it is for; empty for nothing."""
    if language_id != "python":
        return _comment_above(_outer(node))
    body = node.child_by_field_name("body")
    first = body.named_child(0) if body is not None else None
    string = first.named_child(0) if first is not None and first.type == "expression_statement" else None
    match = _QUOTED.match(_words(string)) if string is not None and string.type == "string" else None
    return inspect.cleandoc(match[2]).strip() if match else ""


def _comment_above(outer: tree_sitter.Node) -> str:
    found: list[str] = []
    while outer.prev_sibling is None and (parent := outer.parent) is not None and parent.start_byte == outer.start_byte:
        outer = parent  # the first one in a body, in a grammar where comments stand in front of that
    above, row = outer.prev_sibling, outer.start_point.row
    while above is not None and (above.type in _BEFORE or _COMMENT.search(above.type)):
        first, last = _rows(above)
        before = above.prev_sibling
        if row - last > 1 or (before is not None and _rows(before)[1] == first and not _COMMENT.search(before.type)):
            break  # it stands further up, or behind something else
        if above.type not in _BEFORE and not _DIRECTIVE.match(_words(above)):
            found.insert(0, _words(above))
        above, row = before, first
    lines = [_MARGIN.sub("", line) for words in found for line in words.strip().split("\n")]
    return "\n".join(line.rstrip() for line in lines).strip()


def _rows(node: tree_sitter.Node) -> tuple[int, int]:
    """Return the first and the last line of a node: some grammars let it end with the newline behind it."""
    ends_before = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.start_point.row, node.end_point.row - ends_before


def _words(node: tree_sitter.Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""
