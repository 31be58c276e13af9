"""The words of JavaScript that stand for themselves: spans, literals, property names, type names, module paths. Pure.

Invariant: reads single nodes and their tokens; nothing here goes down into statements or into nested expressions.
"""

import re
from typing import Final

import tree_sitter

from lsp_server.review import ir

GLOBAL_OBJECTS: Final = frozenset({"window", "self", "globalThis", "global"})
"""What the global object is called: its attributes are global names."""

GLOBALS: Final = frozenset({
    "$", "Function", "WebSocket", "XMLHttpRequest", "addEventListener", "angular", "atob", "btoa", "console", "crypto",
    "decodeURIComponent", "document", "escape", "eval", "execScript", "fetch", "history", "jQuery", "localStorage",
    "location", "navigator", "open", "postMessage", "process", "require", "sessionStorage", "setInterval", "setTimeout",
    "unescape",
})  # fmt: skip
"""The attributes of the global object that rules name without it: `window.location` is `location`."""

FUNCTION_VALUES: Final = frozenset({"arrow_function", "function_expression", "generator_function"})
"""Functions that stand for a value."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|([0-7]{1,3})|(\r\n|.))", re.DOTALL
)
_SIMPLE_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\n": "",
    "\r\n": "",
    "\u2028": "",
    "\u2029": "",
}


def span_of(node: tree_sitter.Node) -> ir.Span:
    """Return where `node` stands."""
    return ir.Span(node.start_byte, node.end_byte)


def text_of(node: tree_sitter.Node | None) -> str:
    """Return the source text of `node`; "" for None."""
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def children_of(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the named children of `node` without comments, which may stand anywhere."""
    return [child for child in node.named_children if child.type not in {"comment", "html_comment"}]


def is_identifier(text: str) -> bool:
    """Tell whether `a.text` could be written for `a["text"]`."""
    return _IDENTIFIER.fullmatch(text) is not None


def unescape(text: str) -> str:
    r"""Undo the escapes of a text literal: `\n`, `\x41`, `\u0041`, `\u{1F600}`, line continuations."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    if match[4]:
        return chr(int(match[4], 8))
    return _SIMPLE_ESCAPES.get(match[5], match[5])


def string_value(node: tree_sitter.Node) -> str:
    """Return what the literal `node` stands for; a literal cut off by the end of the line keeps what there is."""
    text = text_of(node)
    quote = text[:1]
    return unescape(text[1:-1] if len(text) > 1 and text.endswith(quote) else text[1:])


def number_value(text: str) -> int | float:
    """Return the value of a number literal; 0 for one that cannot be read."""
    digits = text.replace("_", "").rstrip("n").lower()
    try:
        if re.fullmatch(r"0[xob][0-9a-f]+", digits):
            return int(digits, 0)
        if re.fullmatch(r"0[0-7]+", digits):
            return int(digits, 8)
        return int(digits) if digits.isdecimal() and len(digits) < 400 else float(digits)
    except ValueError:
        return 0


def regex_of(node: tree_sitter.Node) -> ir.Regex:
    """Return the regular expression literal `node`."""
    return ir.Regex(
        span_of(node), text_of(node.child_by_field_name("pattern")), text_of(node.child_by_field_name("flags"))
    )


def member(span: ir.Span, base: ir.Expression, name: str) -> ir.Expression:
    """Return `base.name`. Attributes of the global object are names; the default of a module is the module."""
    if isinstance(base, ir.Name):
        if base.name in GLOBAL_OBJECTS and name in GLOBALS:
            return ir.Name(span, name)
        if name == "default" and base.name.startswith("require("):
            return base
    return ir.Attribute(span, base, name)


_WRAPPERS = frozenset({
    "promisify", "promisifyAll", "require(util.promisify)", "require(pify)", "require(thenify)", "require(thenify-all)",
    "require(es6-promisify)", "pify", "thenify", "callbackify",
})  # fmt: skip


def unwrapped(callee: ir.Expression, arguments: tuple[ir.Argument, ...]) -> ir.Expression | None:
    """Return the function that a call only wraps (`promisify(f)`, `f.bind(this)`), None for another call."""
    name = callee.name if isinstance(callee, ir.Name | ir.Attribute) else ""
    if name in _WRAPPERS and arguments:
        return arguments[0].value
    if name == "bind" and isinstance(callee, ir.Attribute) and len(arguments) == 1:
        return callee.base
    return None


_IS_FOUND = frozenset({(">=", 0), (">", -1), ("!=", -1)})
_IS_NOT_FOUND = frozenset({("<", 0), ("<=", -1), ("==", -1)})


def comparison(span: ir.Span, operator: str, left: ir.Expression, right: ir.Expression) -> ir.Expression:
    """Return a comparison, or the call of a test that it is another way of writing.

    `xs.indexOf(x) >= 0` is `xs.includes(x)`, `text.indexOf(x) == 0` is `text.startsWith(x)`;
    `typeof x == "string"` is a call of "typeof string" with x.
    """
    if not isinstance(right, ir.Constant):
        return ir.Comparison(span, operator, left, right)
    if isinstance(left, ir.Call) and isinstance(left.callee, ir.Attribute) and left.callee.name == "indexOf":
        is_found, is_not_found = ((operator, right.value) in each for each in (_IS_FOUND, _IS_NOT_FOUND))
        if right.value == 0 and operator in {"==", "!="} and not isinstance(right.value, bool):
            test = ir.Call(left.span, ir.Attribute(left.callee.span, left.callee.base, "startsWith"), left.arguments)
            return test if operator == "==" else ir.Not(span, test)
        if is_found or is_not_found:
            callee = ir.Attribute(left.callee.span, left.callee.base, "includes")
            test = ir.Call(left.span, callee, left.arguments)
            return test if is_found else ir.Not(span, test)
    if isinstance(left, ir.Call) and isinstance(left.callee, ir.Name) and left.callee.name == "typeof":
        test = ir.Call(span, ir.Name(left.callee.span, f"typeof {right.value!s}"), left.arguments)
        if operator in {"==", "!="}:
            return test if operator == "==" else ir.Not(span, test)
    return ir.Comparison(span, operator, left, right)


_TYPE_SETTERS = frozenset({"setHeader", "set", "header", "type", "contentType", "writeHead", "append"})


def content_type(value: ir.Expression) -> list[ir.Statement]:
    """Return `response.contentType = "text/plain"` where `value` is a call that says so of a response; nothing else."""
    if not isinstance(value, ir.Call) or not isinstance(value.callee, ir.Attribute) or not value.arguments:
        return []
    name, given = value.callee.name, [argument.value for argument in value.arguments]
    told: ir.Expression | None = None
    if name in {"type", "contentType"}:
        told = given[0]
    elif name in _TYPE_SETTERS and isinstance(given[-1], ir.Collection):
        told = next((each for key, each in given[-1].entries if _is_content_type(key)), None)
    elif name in _TYPE_SETTERS and len(given) > 1 and _is_content_type(given[0]):
        told = given[1]
    if not isinstance(told, ir.Constant):
        return []
    return [ir.Assign(value.span, ir.Attribute(value.span, value.callee.base, "contentType"), told)]


def _is_content_type(key: ir.Expression | None) -> bool:
    return isinstance(key, ir.Constant) and isinstance(key.value, str) and key.value.lower() == "content-type"


def is_own_program(base: ir.Expression, key: ir.Expression) -> bool:
    """Tell whether `base[key]` is `process.argv[0]` or `[1]`: the interpreter and the script, which nobody chooses."""
    if not isinstance(base, ir.Attribute) or not isinstance(base.base, ir.Name) or not isinstance(key, ir.Constant):
        return False
    return base.base.name == "process" and base.name == "argv" and key.value in {0, 1}


def module_path(module: str) -> str:
    """Return the API path of `module`: "node:fs/promises" is "fs.promises", "@a/b/c" is "@a/b.c", "./a/b" itself."""
    module = module.removeprefix("node:")
    if module.startswith(("/", ".")):
        return module
    scope, slash, rest = module.partition("/") if module.startswith("@") else ("", "", module)
    return scope + slash + re.sub(r"\.[cm]?js$", "", rest).replace("/", ".")


def type_name(node: tree_sitter.Node | None) -> str | None:
    """Return the dotted name of the type `node` without generics; of a union its first part that is not null."""
    while node is not None:
        match node.type:
            case "type_identifier" | "nested_type_identifier" | "predefined_type" | "identifier" | "member_expression":
                return "".join(text_of(node).split())
            case "generic_type":
                node = node.child_by_field_name("name")
            case "union_type":
                members = [child for child in children_of(node) if text_of(child) not in {"null", "undefined"}]
                node = members[0] if members else None
            case (
                "type_annotation" | "parenthesized_type" | "readonly_type" | "intersection_type" | "extends_type_clause"
            ):
                inner = children_of(node)
                node = inner[0] if inner else None
            case _:
                return None
    return None
