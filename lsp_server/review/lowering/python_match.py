"""Python's `match` -> a chain of If. Pure.

Invariant: a case's captures are Assigned inside its test, before its guard, so that the guard sees them.
"""

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assigned,
    Attribute,
    Both,
    Call,
    Comparison,
    Constant,
    Either,
    Expression,
    Item,
    Name,
    Span,
    Unknown,
)
from lsp_server.review.lowering.python_expressions import Expressions
from lsp_server.review.lowering.python_signatures import text_of
from lsp_server.review.lowering.walk import MAX_DEPTH, named, span_of


def case_test(node: tree_sitter.Node, subject: Expression, expressions: Expressions) -> tuple[Expression, bool]:
    """Return the test of a `case_clause`, captures and guard included, and whether it takes every subject."""
    patterns = [child for child in named(node) if child.type == "case_pattern"]
    if len(patterns) == 1:
        parts = _pattern(patterns[0], subject, expressions, 0)
    else:  # `case a, b:`
        parts = _sequence(patterns, subject, expressions, 0)
    takes_all = all(isinstance(part, Assigned) for part in parts) and len(patterns) == 1
    guard = node.child_by_field_name("guard")
    for condition in named(guard) if guard is not None else ():
        test = expressions.test(condition)
        if test is not None:
            parts.append(test)
            takes_all = False
    if not parts:
        return Constant(span_of(node), True), takes_all
    return (parts[0] if len(parts) == 1 else Both(span_of(node), tuple(parts))), takes_all


def _pattern(  # noqa: C901 - one case for each kind of pattern
    node: tree_sitter.Node, subject: Expression, expressions: Expressions, depth: int
) -> list[Expression]:
    """Return what has to hold for `subject` to match, and the captures."""
    if depth > MAX_DEPTH:
        return [Unknown(span_of(node))]
    inner = named(node)
    match node.type:
        case "case_pattern" if not inner:  # `_`
            return []
        case "case_pattern" | "parenthesized_expression":
            return _pattern(inner[0], subject, expressions, depth + 1)
        case "dotted_name" if len(inner) == 1:
            return [] if text_of(node) == "_" else [_capture(node, subject)]
        case "union_pattern":
            return _union(inner, subject, expressions, depth)
        case "as_pattern" if len(inner) == 2:
            return [*_pattern(inner[0], subject, expressions, depth + 1), _capture(inner[1], subject)]
        case "list_pattern" | "tuple_pattern":
            return _sequence(inner, subject, expressions, depth)
        case "splat_pattern":
            return [_capture(inner[0], subject)] if inner else []
        case "dict_pattern":
            return _mapping(node, subject, expressions, depth)
        case "class_pattern":
            return _class(inner, subject, expressions, depth)
    return [Comparison(span_of(node), "==", subject, expressions.lower(node))]


def _capture(name: tree_sitter.Node, subject: Expression) -> Expression:
    return Assigned(span_of(name), Name(span_of(name), text_of(name)), subject)


def _union(
    nodes: list[tree_sitter.Node], subject: Expression, expressions: Expressions, depth: int
) -> list[Expression]:
    span = Span(nodes[0].start_byte, nodes[-1].end_byte)
    options = [_pattern(each, subject, expressions, depth + 1) for each in nodes]
    tests = [option[0] if len(option) == 1 else Both(span, tuple(option)) for option in options]
    return [Either(span, tuple(tests))]


def _sequence(
    nodes: list[tree_sitter.Node], subject: Expression, expressions: Expressions, depth: int
) -> list[Expression]:
    parts: list[Expression] = []
    for index, node in enumerate(nodes):
        item = Item(span_of(node), subject, Constant(span_of(node), index))
        parts += _pattern(node, item, expressions, depth + 1)
    return parts or [Unknown(subject.span, (subject,))]


def _mapping(node: tree_sitter.Node, subject: Expression, expressions: Expressions, depth: int) -> list[Expression]:
    parts: list[Expression] = []
    key: Expression | None = None
    for index, child in enumerate(node.children):
        field = node.field_name_for_child(index)
        if field == "key":
            key = expressions.lower(child)
        elif field == "value" and key is not None:
            parts += _pattern(child, _part(child, subject, key), expressions, depth + 1)
        elif child.type == "splat_pattern":
            parts += _pattern(child, subject, expressions, depth + 1)
    return parts or [Unknown(span_of(node), (subject,))]


def _part(node: tree_sitter.Node, subject: Expression, key: Expression) -> Expression:
    if isinstance(key, Constant) and isinstance(key.value, str) and key.value.isidentifier():
        return Attribute(span_of(node), subject, key.value)
    return Item(span_of(node), subject, key)


def _class(
    inner: list[tree_sitter.Node], subject: Expression, expressions: Expressions, depth: int
) -> list[Expression]:
    span = span_of(inner[0])
    of_class = (Argument(subject), Argument(expressions.lower(inner[0])))
    parts: list[Expression] = [Call(span, Name(span, "isinstance"), of_class)]
    for child in inner[1:]:
        part = named(child)[0] if child.type == "case_pattern" and child.named_child_count else child
        if part.type == "keyword_pattern":
            name, *value = named(part)
            attribute = Attribute(span_of(part), subject, text_of(name))
            parts += [test for each in value for test in _pattern(each, attribute, expressions, depth + 1)]
        else:
            parts += _pattern(part, subject, expressions, depth + 1)
    return parts
