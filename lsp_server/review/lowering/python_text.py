"""Python's string literals, f-strings, `%` and `.format` -> Constant and Join. Pure.

Invariant: literal pieces and values stand in the order in which the text has them; pieces that touch are one Constant.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Arithmetic,
    Attribute,
    Collection,
    Constant,
    Expression,
    Join,
    Span,
)
from lsp_server.review.lowering.walk import named, span_of

Lower = Callable[[tree_sitter.Node], Expression]

_SIMPLE_ESCAPES = {"\n": "", "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_DIRECTIVE = re.compile(r"%(?:\((?P<key>[^)]*)\))?[#0\- +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?(?P<kind>[a-zA-Z%])")
_NUMBERS = frozenset("dioxXeEfFgGcu")
_FORMATTER = string.Formatter()


def literal(node: tree_sitter.Node, lower: Lower) -> Expression:
    """Lower a `string` or a `concatenated_string`."""
    strings = named(node) if node.type == "concatenated_string" else [node]
    parts = [part for each in strings for part in _pieces(each, lower)]
    if any(isinstance(part, Constant) and isinstance(part.value, bytes) for part in parts):
        values = [part.value for part in parts if isinstance(part, Constant)]
        return Constant(span_of(node), b"".join(value for value in values if isinstance(value, bytes)))
    return joined(span_of(node), parts)


def joined(span: Span, parts: Sequence[Expression]) -> Expression:
    """Return the text made of `parts`: a Constant when all of it is literal."""
    flat: list[Expression] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Join) else (part,):
            if isinstance(piece, Constant) and piece.value == "":
                continue
            last = flat[-1] if flat else None
            if (
                isinstance(last, Constant)
                and isinstance(last.value, str)
                and isinstance(piece, Constant)
                and isinstance(piece.value, str)
            ):
                flat[-1] = Constant(Span(last.span.start, piece.span.end), last.value + piece.value)
            else:
                flat.append(piece)
    if not flat:
        return Constant(span, "")
    if len(flat) == 1 and isinstance(flat[0], Constant):
        return Constant(span, flat[0].value)
    return Join(span, tuple(flat))


def percent(span: Span, template: Expression, values: Expression) -> Expression:
    """Lower `template % values`."""
    if not (isinstance(template, Constant) and isinstance(template.value, str)):
        parts = [template, *(value for _, value in _entries(values))]
        return joined(span, parts)
    parts = list(_percent_parts(template.span, template.value, values))
    return joined(span, parts)


def formatted(span: Span, template: Constant, arguments: Sequence[Argument]) -> Expression:
    """Lower `"...".format(arguments)`; what cannot be told apart is put in at the end."""
    text = str(template.value)
    if any(argument.is_spread for argument in arguments):
        return joined(span, [template, *(argument.value for argument in arguments)])
    positional = [argument.value for argument in arguments if argument.name is None]
    by_name = {argument.name: argument.value for argument in arguments if argument.name is not None}
    parts: list[Expression] = []
    n_automatic = 0
    try:
        for before, name, _, _ in _FORMATTER.parse(text):
            parts.append(Constant(template.span, before))
            if name is None:
                continue
            key = re.split(r"[.\[]", name, maxsplit=1)[0]
            if not key:
                key, n_automatic = str(n_automatic), n_automatic + 1
            value = by_name.get(key) or (positional[int(key)] if key.isdigit() and int(key) < len(positional) else None)
            if value is not None:
                parts.append(value)
    except ValueError:  # not a format
        parts = [template, *positional, *by_name.values()]
    return joined(span, parts)


def _percent_parts(span: Span, text: str, values: Expression) -> Iterator[Expression]:
    by_key = {
        key.value: value for key, value in _entries(values) if isinstance(key, Constant) and isinstance(key.value, str)
    }
    positional = [value for key, value in _entries(values) if key is None]
    end = 0
    for directive in _DIRECTIVE.finditer(text):
        yield Constant(span, text[end : directive.start()])
        end = directive.end()
        kind, key = directive["kind"], directive["key"]
        if kind == "%":
            yield Constant(span, "%")
            continue
        if key is not None:
            value = by_key.get(key) or (
                Attribute(values.span, values, key)
                if not isinstance(values, Collection) and key.isidentifier()
                else None
            )
        else:
            value = positional.pop(0) if positional else None
        if value is not None:
            yield Arithmetic(value.span, "%" + kind, (value,)) if kind in _NUMBERS else value
    yield Constant(span, text[end:])
    yield from positional


def _entries(values: Expression) -> tuple[tuple[Expression | None, Expression], ...]:
    return values.entries if isinstance(values, Collection) else ((None, values),)


def _pieces(node: tree_sitter.Node, lower: Lower) -> Iterator[Expression]:
    """Yield the literal pieces and the values of one `string`."""
    if node.type != "string":  # a syntax error between two strings
        return
    start = node.children[0]
    prefix = (start.text or b"").rstrip(b"'\"").lower()
    contents = [child for child in node.children[1:] if child.type in {"string_content", "interpolation"}]
    if b"b" in prefix:
        text = "".join(_unescaped(child) for child in contents)
        yield Constant(span_of(node), text.encode("utf-8", "replace"))
        return
    if not contents:
        yield Constant(span_of(node), "")
    for child in contents:
        if child.type == "string_content":
            yield Constant(span_of(child), _unescaped(child))
        else:
            yield from _interpolated(child, lower)


def _interpolated(node: tree_sitter.Node, lower: Lower) -> Iterator[Expression]:
    value = node.child_by_field_name("expression")
    if value is None:
        return
    specifier = next((child for child in node.children if child.type == "format_specifier"), None)
    text = (specifier.text or b"").decode("utf-8", "replace") if specifier is not None else ""
    lowered = lower(value)
    if any(child.type == "=" for child in node.children):  # `{name=}` writes the expression as well
        yield Constant(span_of(value), (value.text or b"").decode("utf-8", "replace") + "=")
    yield Arithmetic(span_of(value), text, (lowered,)) if text and text[-1] in "dfeEgGxXob" else lowered
    for inner in named(specifier) if specifier is not None else ():
        if inner.type == "format_expression" and (width := inner.child_by_field_name("expression")) is not None:
            yield Arithmetic(span_of(width), "width", (lower(width),))


def _unescaped(node: tree_sitter.Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    if not node.child_count:
        return text
    raw, start = node.text or b"", node.start_byte
    pieces, at = [], 0
    for child in node.children:
        pieces.append(raw[at : child.start_byte - start].decode("utf-8", "replace"))
        at = child.end_byte - start
        written = raw[child.start_byte - start : at].decode("utf-8", "replace")
        pieces.append(written[0] if child.type == "escape_interpolation" else _character(written))
    return "".join([*pieces, raw[at:].decode("utf-8", "replace")])


def _character(escape: str) -> str:
    """Return what the escape sequence stands for; unknown ones stay as they are written."""
    body = escape[1:]
    if body in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[body]
    if body[:1] in {"\\", "'", '"'}:
        return body
    if body[:1] in {"x", "u", "U"} and len(body) > 1:
        try:
            return chr(int(body[1:], 16))
        except (ValueError, OverflowError):
            return escape
    return chr(int(body, 8)) if body and all(digit in "01234567" for digit in body) else escape


def format_template(callee: Expression) -> Constant | None:
    """Return the constant text of `"...".format`."""
    match callee:
        case Attribute(base=Constant(value=str()) as template, name="format"):
            return template
    return None
