"""Expressions of the languages that write blocks in braces -> `review.ir`. Pure.

Owns what these languages have in common: names, operators, calls, elements, literals. What a language calls these in
its tree, and what it has alone, its own module says. Invariant: every node lowers to something; what is not known, is
broken or lies too deep is Unknown.
"""

import re
from collections.abc import Callable, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Arithmetic,
    Assigned,
    Attribute,
    Both,
    Call,
    Choice,
    Closure,
    Collection,
    Comparison,
    Constant,
    Either,
    Expression,
    Function,
    Item,
    Join,
    Name,
    Not,
    Parameter,
    Span,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.walk import MAX_DEPTH, NONE_HOLLOW, named, span_of

Node = tree_sitter.Node
Lower = Callable[[Node], Expression]

_COMPARISONS = {
    "==": "==",
    "!=": "!=",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
}
_LOGICAL = {"&&": "&&", "||": "||", "and": "&&", "or": "||", "??": "??", "?:": "||"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u\{?([0-9A-Fa-f]{4,6})\}?|(.))", re.DOTALL)
_NUMBER = re.compile(r"[\d.]")


def text_of(node: Node | None) -> str:
    """Return the source text of `node`, "" where there is none."""
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def unescaped(text: str) -> str:
    """Undo the escapes of a text literal."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code is not None:
        return chr(min(int(code, 16), 0x10FFFF))
    return _ESCAPES.get(found[3], found[3])


class Expressions:
    """Lowers the expressions of one file, and collects the functions it meets in `functions`.

    `table` says how nodes of each type are lowered; languages add their own.
    """

    concatenations = frozenset({"+"})
    """Operators that may make a text."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.hollow = NONE_HOLLOW
        self.depth = 0
        self.table: dict[str, Lower] = {
            "identifier": self.name,
            "parenthesized_expression": self.inner,
            "binary_expression": self.binary,
            "unary_expression": self.unary,
            "update_expression": self.arithmetic,
            "assignment_expression": self.assigned,
            "augmented_assignment_expression": self.assigned,
            "conditional_expression": self.conditional,
            "ternary_expression": self.conditional,
            "cast_expression": self.cast,
            "true": lambda node: Constant(span_of(node), True),
            "false": lambda node: Constant(span_of(node), False),
            "null": lambda node: Constant(span_of(node), None),
            "ERROR": self.unknown,
        }

    def lower(self, node: Node) -> Expression:
        """Lower one expression or target."""
        if self.depth >= MAX_DEPTH:
            return Unknown(span_of(node))
        self.depth += 1
        try:
            return self.table.get(node.type, self.unknown)(node)
        finally:
            self.depth -= 1

    def field(self, node: Node, *names: str) -> Expression:
        """Lower the first of the children `names` that is there; Unknown where none is."""
        for name in names:
            child = node.child_by_field_name(name)
            if child is not None:
                return self.lower(child)
        return Unknown(span_of(node))

    def test(self, node: Node | None) -> Expression:
        """Lower a condition: logical operators are Both and Either there."""
        while node is not None and node.type in ("parenthesized_expression", "condition_clause") and named(node):
            node = node.child_by_field_name("value") or named(node)[-1]
        if node is None:
            return Unknown(Span(0, 0))
        operator = _LOGICAL.get(self.operator(node)) if node.type in ("binary_expression", "binary") else None
        if operator not in ("&&", "||") or self.depth >= MAX_DEPTH:
            return self.lower(node)
        self.depth += 1
        try:
            operands = tuple(self.test(node.child_by_field_name(side)) for side in ("left", "right"))
        finally:
            self.depth -= 1
        return Both(span_of(node), operands) if operator == "&&" else Either(span_of(node), operands)

    def operator(self, node: Node) -> str:
        """Return the operator of `node` as it is written."""
        operator = node.child_by_field_name("operator")
        if operator is None:
            operator = next((child for child in node.children if not child.is_named and child.type not in "()"), None)
        return text_of(operator)

    # Forms.

    def unknown(self, node: Node) -> Expression:
        """Lower what has no form here: its operands are evaluated."""
        return Unknown(span_of(node), tuple(self.lower(child) for child in named(node)))

    def name(self, node: Node) -> Expression:
        """Lower a name."""
        return Name(span_of(node), text_of(node))

    def inner(self, node: Node) -> Expression:
        """Lower what stands for its only operand."""
        children = named(node)
        return self.lower(children[-1]) if children else Unknown(span_of(node))

    def binary(self, node: Node) -> Expression:
        """Lower an operator between two operands."""
        operator, span = self.operator(node), span_of(node)
        left, right = self.field(node, "left"), self.field(node, "right")
        if operator in _COMPARISONS:
            return Comparison(span, _COMPARISONS[operator], left, right)
        if operator in _LOGICAL:
            return Choice(span, (left, right))
        if operator in self.concatenations:
            return Join(span, (*_parts(left), *_parts(right)))
        return Arithmetic(span, operator, (left, right))

    def unary(self, node: Node) -> Expression:
        """Lower an operator in front of an operand."""
        operand = self.field(node, "operand", "argument")
        if isinstance(operand, Unknown) and named(node):
            operand = self.lower(named(node)[-1])
        operator = self.operator(node)
        if operator in ("!", "not"):
            return Not(span_of(node), operand)
        if operator in ("&", "*", "@", "<-"):  # addresses, what they lead to, silenced errors, what a channel gives
            return operand
        if operator == "-" and isinstance(operand, Constant) and isinstance(operand.value, int | float):
            return Constant(span_of(node), -operand.value)
        return Arithmetic(span_of(node), operator, (operand,))

    def arithmetic(self, node: Node) -> Expression:
        """Lower what counts."""
        return Arithmetic(span_of(node), self.operator(node), tuple(self.lower(child) for child in named(node)))

    def assigned(self, node: Node) -> Expression:
        """Lower an assignment inside an expression."""
        target, value = self.field(node, "left"), self.field(node, "right")
        if self.operator(node) not in ("=", ":=", ""):
            value = Join(span_of(node), (target, value))
        return Assigned(span_of(node), target, value)

    def conditional(self, node: Node) -> Expression:
        """Lower `test ? this : that`."""
        test = self.test(node.child_by_field_name("condition"))
        first = node.child_by_field_name("consequence") or node.child_by_field_name("body")
        options = (self.lower(first) if first is not None else test, self.field(node, "alternative"))
        return Choice(span_of(node), options, test)

    def cast(self, node: Node) -> Expression:
        """Lower a cast; one to a number gives a number."""
        kind, value = text_of(node.child_by_field_name("type")).strip("() ").lower(), self.field(node, "value")
        return Arithmetic(span_of(node), kind, (value,)) if is_number(kind) else value

    def member(self, node: Node, base: str, name: str) -> Expression:
        """Lower `base.name`, whose fields are called so."""
        return Attribute(span_of(node), self.field(node, base), text_of(node.child_by_field_name(name)).lstrip("$@"))

    def element(self, node: Node, base: Node | None, key: Node | None) -> Expression:
        """Lower `base[key]`; with a text that is a name it is an Attribute."""
        span = span_of(node)
        lowered = self.lower(base) if base is not None else Unknown(span)
        at = self.lower(key) if key is not None else Unknown(span)
        if isinstance(at, Constant) and isinstance(at.value, str) and at.value.isidentifier():
            return Attribute(span, lowered, at.value)
        return Item(span, lowered, at)

    def call(self, node: Node, callee: Expression, *, is_new: bool = False) -> Expression:
        """Lower a call of `callee`."""
        return Call(span_of(node), callee, self.arguments(node.child_by_field_name("arguments")), is_new)

    def arguments(self, node: Node | None) -> tuple[Argument, ...]:
        """Lower what stands between a call's brackets."""
        return tuple(map(self.argument, named(node))) if node is not None else ()

    def argument(self, node: Node) -> Argument:
        """Lower one argument; languages with names or spreads have their own form."""
        return Argument(self.lower(node))

    def number(self, node: Node) -> Expression:
        """Lower a number."""
        return Constant(span_of(node), number_of(text_of(node)))

    def string(self, node: Node) -> Expression:
        """Lower a text that may hold expressions: its fragments and what stands between them."""
        parts: list[Expression] = []
        for child in named(node):
            if child.type in ("heredoc_end", "heredoc_start"):
                continue
            if child.type in _FRAGMENTS:
                parts.append(Constant(span_of(child), unescaped(text_of(child))))
            elif child.type in _HOLES:
                parts += [self.lower(inner) for inner in named(child)[:1]]
            else:
                parts.append(self.lower(child))
        if not parts:
            return Constant(span_of(node), "")
        if all(isinstance(part, Constant) for part in parts):
            return Constant(span_of(node), "".join(str(part.value) for part in parts if isinstance(part, Constant)))
        return Join(span_of(node), tuple(parts))

    def raw(self, node: Node) -> Expression:
        """Lower a text without escapes."""
        return Constant(span_of(node), text_of(node).strip("`"))

    def items(self, node: Node) -> Expression:
        """Lower elements in their order."""
        return Collection(span_of(node), tuple((None, self.lower(child)) for child in named(node)))

    def closure(self, node: Node, parameters: Sequence[Parameter], body: tuple[Statement, ...]) -> Expression:
        """Return a function as a value."""
        span = span_of(node)
        function = Function(span, "", Span(span.start, span.start), tuple(parameters), body, is_broken=node.has_error)
        self.functions.append(function)
        return Closure(span, function)


_FRAGMENTS = frozenset(
    {
        *("string_fragment", "string_content", "multiline_string_fragment", "escape_sequence", "heredoc_content"),
        *("interpreted_string_literal_content", "raw_string_literal_content", "string_literal_content", "character"),
        *("interpolated_string_text", "nowdoc_string", "raw_string_content", "string_literal_encoding"),
    }
)
_HOLES = frozenset({"interpolation", "string_interpolation"})
_NUMBERS = frozenset(
    {
        *("int", "integer", "long", "short", "byte", "float", "double", "decimal", "bool", "boolean", "char", "real"),
        *("int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "float32", "float64"),
        *("ulong", "ushort", "sbyte", "size_t", "ssize_t", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t"),
        *("uint16_t", "uint32_t", "uint64_t", "unsigned", "signed"),
    }
)


def is_number(type_name: str) -> bool:
    """Tell whether `type_name` is that of numbers."""
    words = type_name.split()
    return bool(words) and all(word in _NUMBERS for word in words)


def number_of(text: str) -> int | float:
    """Return the value of a number literal; 0 where it cannot be told."""
    digits = text.replace("_", "").lower()
    plain = digits if digits.startswith("0x") else digits.rstrip("lfdumn")
    try:
        return int(plain, 0)
    except ValueError:
        pass
    try:
        return int(plain, 8) if plain.isdigit() else float(plain)
    except ValueError:
        return 0


def _parts(expression: Expression) -> tuple[Expression, ...]:
    return expression.parts if isinstance(expression, Join) else (expression,)
