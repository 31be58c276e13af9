"""What a function is made of, as its syntax tells: the steps of its body, and what in it acts on the outside.

Pure. Invariants: every step and every mark is a place of the text with its very words; steps do not overlap and stand
in the text's order. What is said here is a fact of the text, if not all of them: a name that is called says little.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import tree_sitter

from lsp_server.context.subject import node_at

MOST_STEPS = 8
_MOST_MARKS = 24
_MOST_NODES = 20_000
"""Of a function that is larger, which is data more likely than code, the beginning is looked through."""
_LONG_LINES = 4
"""A statement of more lines is told in parts, if there is room for more steps."""

_BLOCK = re.compile(r"block$|body|compound_statement|statement_list|declaration_list|_clause$")
_NO_STEP = re.compile(r"comment|^empty_statement$|^[{}();]$")
_ASSIGNED = re.compile(r"assignment|update_expression|inc_statement|dec_statement")
_DECLARED = re.compile(r"assignment|declaration|declarator|let_|for_|range_clause|as_pattern")
_MEMBER = re.compile(
    r"^(?:attribute|subscript|.*(?:member|selector|index|field|access|navigation|subscript|pointer)_?\w*|"
    r"(?:instance|class|global)_variable)$"
)
_CALL = re.compile(r"^(?:call|.*call_expression|.*invocation(?:_expression)?|new_expression)$")
_RAISES = re.compile(r"^(?:raise|throw)_(?:statement|expression)$")
_RAISED = re.compile(r"(?:raise|throw)\s+(?:new\s+)?([\w.:\\]+)")
_PANICS = frozenset({"panic", "raise", "todo", "unimplemented", "unreachable", "abort"})
_BASE = re.compile(r"[\w$@]+")

_OUTSIDE = re.compile(
    r"(?:^|\.|::|->)(?:open|read_text|read_bytes|write_text|write_bytes|write|writeFile\w*|readFile\w*|unlink|rename|"
    r"mkdir|makedirs|rmtree|rmdir|chmod|e?F?[Pp]rint\w*|puts|echo|execute|executemany|commit|sendall|"
    r"urlopen|fetch|urlretrieve|system|popen|Popen|exec|spawn|sleep|exit)!?$"
    r"|^(?:subprocess|os|shutil|requests|httpx|socket|fs|http|https|console|log|logger|logging|_log|ioutil|sqlite3)\."
)
_NOT_OUTSIDE = re.compile(r"^os\.(?:path|fspath|fsencode|fsdecode|getpid)\b")


class Step(NamedTuple):
    """A part of a body. Lines are 0-based and inclusive; text: these lines."""

    first_line: int
    last_line: int
    text: str


class Acts(StrEnum):
    """How something acts on the outside of its function."""

    RAISES = "raises"
    CHANGES = "changes"
    CALLS = "calls"


class Mark(NamedTuple):
    """Something that acts on the outside. what: the error, the member that is changed, the call. line: 0-based."""

    acts: Acts
    what: str
    line: int


class Anatomy(NamedTuple):
    """The steps of a function, and what in it acts on the outside."""

    steps: tuple[Step, ...] = ()
    marks: tuple[Mark, ...] = ()


def anatomy_at(language_id: str, text: str, first_line: int, last_line: int) -> Anatomy:
    """Return the anatomy of the subject at these lines; an empty one where there is none, and of a class."""
    node = node_at(language_id, text, first_line, last_line)
    if node is None:
        return Anatomy()
    lines = text.split("\n")
    steps = [Step(first, last, "\n".join(lines[first : last + 1])) for first, last in _steps(_body_of(node))]
    return Anatomy(tuple(steps), tuple(_marks(node))[:_MOST_MARKS])


def _body_of(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the body of a definition, or of the function that it gives a name to."""
    waiting = [node]
    for each in waiting:  # grows
        body = each.child_by_field_name("body")
        if body is not None:
            return body
        waiting += [child for child in each.named_children if "comment" not in child.type]
        if len(waiting) > _MOST_MARKS:
            break
    return None


def _steps(body: tree_sitter.Node | None) -> list[tuple[int, int]]:
    """Return the lines of each step: the statements, the longest in parts, or several together if they are many."""
    units = _statements(body) if body is not None else []
    units = units[1:] if units and _is_text(units[0]) else units
    spans = [(each.start_point.row, each.end_point.row, each) for each in units]
    while spans and len(spans) < MOST_STEPS:
        longest = max(spans, key=lambda span: span[1] - span[0])
        parts = _parts(longest[2]) if longest[1] - longest[0] >= _LONG_LINES else []
        if not parts or len(spans) - 1 + len(parts) > MOST_STEPS:
            break
        at = spans.index(longest)
        spans[at : at + 1] = parts
    return _together(_apart((first, last) for first, last, _ in spans))


def _statements(block: tree_sitter.Node) -> list[tree_sitter.Node]:
    found = [child for child in block.named_children if not _NO_STEP.search(child.type)]
    if len(found) == 1 and re.search(r"block$|statement_list", found[0].type):
        return _statements(found[0])
    return found


def _is_text(statement: tree_sitter.Node) -> bool:
    """Tell whether a statement is a docstring."""
    return statement.type == "expression_statement" and [each.type for each in statement.children] == ["string"]


def _parts(statement: tree_sitter.Node) -> list[tuple[int, int, tree_sitter.Node]]:
    """Return the head of a statement and what is in its blocks; nothing if it has none."""
    blocks = [child for child in _inner(statement) if _BLOCK.search(child.type)]
    if not blocks or blocks[0].start_point.row == statement.end_point.row:
        return []
    inside = [each for block in blocks for each in _statements(block)]
    first = inside[0].start_point.row if inside else statement.start_point.row
    if first <= statement.start_point.row or len(inside) < 2:
        return []
    head = (statement.start_point.row, first - 1, statement)
    return [head, *((each.start_point.row, each.end_point.row, each) for each in inside)]


def _inner(statement: tree_sitter.Node) -> list[tree_sitter.Node]:
    only = statement.named_children
    return _inner(only[0]) if statement.type == "expression_statement" and len(only) == 1 else only


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return `spans` as whole lines that none shares with another."""
    apart: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if apart and first <= apart[-1][1]:
            if last > apart[-1][1]:
                apart[-1] = apart[-1][0], last
        else:
            apart.append((first, last))
    return apart


def _together(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most MOST_STEPS of them, neighbours as one, the shortest first."""
    n_each = max(1, len(spans) // (4 * MOST_STEPS))
    spans = [(spans[at][0], spans[at : at + n_each][-1][1]) for at in range(0, len(spans), n_each)]
    while len(spans) > MOST_STEPS:
        at = min(range(len(spans) - 1), key=lambda number: spans[number + 1][1] - spans[number][0])
        spans[at : at + 2] = [(spans[at][0], spans[at + 1][1])]
    return spans


def _marks(node: tree_sitter.Node) -> Iterator[Mark]:
    nodes = list(islice(_walk(node), _MOST_NODES))
    own = set(_own_names(nodes))
    seen: set[Mark] = set()
    for each in nodes:
        mark = _mark(each, own)
        if mark is not None and mark not in seen:
            seen.add(mark)
            yield mark


def _mark(node: tree_sitter.Node, own: set[str]) -> Mark | None:
    line = node.start_point.row
    if _RAISES.match(node.type):
        match = _RAISED.match(_words(node))
        return Mark(Acts.RAISES, match[1] if match else "", line)
    if (_CALL.match(node.type) or node.type == "macro_invocation") and (called := _called(node)) not in own:
        if called.removesuffix("!") in _PANICS:
            raised = re.match(r"raise\s*\(?\s*([\w:]+)", _words(node))
            return Mark(Acts.RAISES, raised[1] if raised else called, line)
        if _OUTSIDE.search(called) and not _NOT_OUTSIDE.match(called) and "\n" not in called:
            return Mark(Acts.CALLS, called, line)
    if _ASSIGNED.search(node.type) and (changed := _changed(node, own)):
        return Mark(Acts.CHANGES, changed, line)
    return None


def _called(call: tree_sitter.Node) -> str:
    """Return what is called, as it is written."""
    arguments = call.child_by_field_name("arguments")
    if arguments is None:
        return _words(call).partition("(")[0].strip()
    return (call.text or b"")[: arguments.start_byte - call.start_byte].decode(errors="replace").strip()


def _changed(node: tree_sitter.Node, own: set[str]) -> str:
    """Return what of something that others hold too an assignment changes; empty if it is the function's own."""
    target = node.child_by_field_name("left") or node.named_child(0)
    if target is not None and target.type == "expression_list":
        target = target.named_child(0)
    words = _words(target)
    base = _BASE.search(words)
    if target is None or not _MEMBER.match(target.type) or base is None or base[0] in own or "\n" in words:
        return ""
    return words.partition("[")[0].lstrip("*")


def _own_names(nodes: Iterable[tree_sitter.Node]) -> Iterator[str]:
    """Give the names that a function gives a value to, and those of functions in it: they are likely its own."""
    for each in nodes:
        if "function" in each.type and (name := each.child_by_field_name("name")) is not None:
            yield _words(name)
        if not _DECLARED.search(each.type) or "parameter" in each.type or each.type == "augmented_assignment":
            continue
        for field in ("left", "name", "pattern", "declarator"):
            target = each.child_by_field_name(field)
            if target is not None:
                targets = target.named_children if target.type == "expression_list" else [target]
                yield from (
                    name for one in targets if not _MEMBER.match(one.type) for name in _BASE.findall(_words(one))
                )


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += reversed(each.named_children)


def _words(node: tree_sitter.Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""
