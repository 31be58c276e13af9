"""Small changes to a function that a good test should notice, by tables of node types. Pure.

Invariants: a mutant parses, differs from the code, and has as many lines, so that a line means the same in both. What
is no behaviour (docstrings, annotations, decorators, defaults, logging, messages of errors) is left as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter

from lsp_server.context.subject import Subject
from lsp_server.grammars import grammar_of


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. start and end: code points of the target's file; line: 0-based; new: what stands there for `old`."""

    start: int
    end: int
    line: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return `text`, the whole file, with this change."""
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True, slots=True)
class _Table:
    """What a language's nodes are called.

    operators: token -> tokens instead of it, in nodes of the types `binary`. conditions: node type -> field that holds
    one; negated: how it is written the other way round. numbers, strings: types of literals; truths: how booleans are
    written, each with its contrary. returned: what is returned instead of a value, "" for no such change. removed:
    types of statements that can go; nothing: what stands there then. skipped: nodes in which nothing is changed, though
    one may go as a whole.
    """

    binary: frozenset[str]
    operators: dict[str, tuple[str, ...]]
    conditions: dict[str, str]
    negated: str
    numbers: frozenset[str]
    strings: frozenset[str]
    truths: dict[str, str]
    returned: str
    removed: frozenset[str]
    nothing: str
    skipped: frozenset[str]


_OPERATORS = {
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
    "/": ("*",),
    "%": ("*",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "+=": ("-=",),
    "-=": ("+=",),
    "*=": ("+=",),
    "<<": (">>",),
    ">>": ("<<",),
    "&": ("|",),
    "|": ("&",),
    "^": ("&",),
}
_BRACES = _OPERATORS | {"&&": ("||",), "||": ("&&",), "++": ("--",), "--": ("++",)}
_PYTHON = _Table(
    binary=frozenset({"binary_operator", "comparison_operator", "boolean_operator", "augmented_assignment"}),
    operators=_OPERATORS
    | {"//": ("*",), "**": ("*",), "and": ("or",), "or": ("and",), "in": ("not in",), "not in": ("in",)}
    | {"is": ("is not",), "is not": ("is",), "//=": ("*=",)},
    conditions={"if_statement": "condition", "while_statement": "condition", "elif_clause": "condition"},
    negated="not ({})",
    numbers=frozenset({"integer", "float"}),
    strings=frozenset({"string"}),
    truths={"True": "False", "False": "True"},
    returned="None",
    removed=frozenset({"expression_statement", "continue_statement", "break_statement"}),
    nothing="pass",
    skipped=frozenset({"type", "decorator", "parameters", "raise_statement", "assert_statement", "comment"}),
)
_JAVASCRIPT = _Table(
    binary=frozenset({"binary_expression", "augmented_assignment_expression", "update_expression"}),
    operators=_BRACES | {"===": ("!==",), "!==": ("===",), "??": ("&&",)},
    conditions={"if_statement": "condition", "while_statement": "condition"},
    negated="(!{})",
    numbers=frozenset({"number"}),
    strings=frozenset({"string"}),
    truths={"true": "false", "false": "true"},
    returned="undefined",
    # Most of its test programs tell no lines that ran: a test of an error is known by the error that it misses.
    removed=frozenset({"expression_statement", "continue_statement", "break_statement", "throw_statement"}),
    nothing=";",
    skipped=frozenset(
        {"type_annotation", "type_arguments", "formal_parameters", "throw_statement", "comment", "decorator"}
    ),
)
_GO = _Table(
    binary=frozenset({"binary_expression", "assignment_statement", "inc_statement", "dec_statement"}),
    operators=_BRACES,
    conditions={"if_statement": "condition"},
    negated="!({})",
    numbers=frozenset({"int_literal", "float_literal"}),
    strings=frozenset({"interpreted_string_literal"}),
    truths={"true": "false", "false": "true"},
    returned="",
    removed=frozenset({"continue_statement", "break_statement", "inc_statement", "dec_statement"}),
    nothing="",
    skipped=frozenset({"parameter_list", "type_identifier", "comment"}),
)
_TABLES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "javascriptreact": _JAVASCRIPT,
    "typescript": _JAVASCRIPT,
    "typescriptreact": _JAVASCRIPT,
    "go": _GO,
}
_COMPARING = frozenset({"<", "<=", ">", ">=", "==", "!=", "===", "!==", "is", "is not", "in", "not in"})
_TALK = ("print", "log", "logger", "logging", "console", "warnings", "fmt.Print")
"""What calls begin with whose absence no test should notice."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change by bytes of the tree's text."""

    node: tree_sitter.Node
    new: str


def mutants_of(text: str, subject: Subject, most: int) -> tuple[Mutant, ...]:
    """Return mutants of `subject`, in the file `text`: `most` at most, spread evenly over all there are."""
    table, grammar = _TABLES.get(subject.language_id), grammar_of(subject.language_id)
    if table is None or grammar is None:
        return ()
    parser = tree_sitter.Parser(grammar)
    source = text.encode(errors="replace")
    tree = parser.parse(source)
    if tree.root_node.has_error:
        return ()
    found: dict[tuple[int, int, str], Mutant] = {}
    for change in _changes(tree.root_node, table, subject.first_line, subject.last_line):
        mutant = _mutant(change, source, text)
        if mutant.new != mutant.old and not _breaks(change.node, mutant.new, source, tree, parser):
            found.setdefault((mutant.start, mutant.end, mutant.new), mutant)
    every = sorted(found.values(), key=lambda each: (each.start, each.end, each.new))
    n = min(most, len(every))
    return tuple(every[index * len(every) // n] for index in range(n))


def _mutant(change: _Change, source: bytes, text: str) -> Mutant:
    old = (change.node.text or b"").decode(errors="replace")
    new = change.new + "\n" * (old.count("\n") - change.new.count("\n"))
    # Code points are bytes almost everywhere; elsewhere the text before has to be counted.
    begin = change.node.start_byte
    start = begin if len(source) == len(text) else len(source[:begin].decode(errors="replace"))
    return Mutant(start, start + len(old), change.node.start_point.row, old, new)


def _breaks(
    node: tree_sitter.Node, new: str, source: bytes, tree: tree_sitter.Tree, parser: tree_sitter.Parser
) -> bool:
    """Tell whether the text does not parse any more with `new` instead of `node`."""
    words = new.encode(errors="replace")
    after = source[: node.start_byte] + words + source[node.end_byte :]
    rows, last = words.count(b"\n"), words.rpartition(b"\n")[2]
    column = len(last) + (0 if rows else node.start_point.column)
    edited = tree.copy()
    edited.edit(
        start_byte=node.start_byte,
        old_end_byte=node.end_byte,
        new_end_byte=node.start_byte + len(words),
        start_point=node.start_point,
        old_end_point=node.end_point,
        new_end_point=tree_sitter.Point(node.start_point.row + rows, column),
    )
    return parser.parse(after, edited).root_node.has_error


def _changes(node: tree_sitter.Node, table: _Table, first: int, last: int) -> Iterator[_Change]:
    """Give the changes at `node` and below it, as far as they lie in the lines from `first` to `last`."""
    if node.end_point.row < first or node.start_point.row > last:
        return
    if node.type in table.skipped:
        if node.type in table.removed and node.start_point.row >= first and node.end_point.row <= last:
            yield _Change(node, table.nothing)
        return
    if node.start_point.row >= first and node.end_point.row <= last:
        if node.type == "expression_statement" and _is_silent(node):
            return
        yield from _changes_at(node, table)
    for child in node.children:
        yield from _changes(child, table, first, last)


def _is_silent(statement: tree_sitter.Node) -> bool:
    """Tell whether a statement is a text, or says something to nobody but a person."""
    only = statement.named_children[0]
    if only.type in ("string", "comment"):
        return True
    return only.type in ("call", "call_expression") and (only.text or b"").decode(errors="replace").startswith(_TALK)


def _changes_at(node: tree_sitter.Node, table: _Table) -> Iterator[_Change]:
    words = (node.text or b"").decode(errors="replace")
    parent = node.parent
    if parent is not None and parent.type in table.binary and not node.is_named:
        for new in table.operators.get(words, ()):
            yield _Change(node, new)
    if parent is not None and table.conditions.get(parent.type, "") and _is_condition(node, parent, table):
        yield _Change(node, table.negated.format(words))
    if node.type in table.numbers:
        yield from (_Change(node, new) for new in _other_numbers(words))
    if words in table.truths and not node.children:
        yield _Change(node, table.truths[words])
    if node.type in table.strings and len(words) > 2 and words[0] in "\"'" and "\n" not in words:
        yield _Change(node, words[0] * 2)
    if node.type == "return_statement" and table.returned:
        yield from (_Change(value, table.returned) for value in node.named_children[:1])
    if node.type in table.removed and not _only_names(node):
        yield _Change(node, table.nothing)


def _only_names(statement: tree_sitter.Node) -> bool:
    """Tell whether a statement gives a value its name: without it most code fails at once, whatever is tested."""
    return any(each.type in ("assignment", "assignment_expression") for each in statement.named_children)


def _is_condition(node: tree_sitter.Node, parent: tree_sitter.Node, table: _Table) -> bool:
    """Tell whether `node` is the condition of `parent`, and one that changing its only operator does not turn round."""
    if parent.child_by_field_name(table.conditions[parent.type]) != node:
        return False
    operators = [(each.text or b"").decode() for each in node.children if not each.is_named]
    return not (node.type in table.binary and len(operators) == 1 and operators[0] in _COMPARING)


def _other_numbers(words: str) -> Iterator[str]:
    if words.isdecimal():
        yield str(int(words) + 1)
        if words not in ("0", "1"):
            yield str(int(words) - 1)
    elif words.replace(".", "", 1).isdecimal():
        yield f"{words}1" if "." in words else f"{words}.1"
