"""Claims that compare what the target gives with a literal: found, made to tell, and stated anew. Pure.

Invariants: a claim is stated anew with a plain, short literal that the run told, and with nothing else; what a test
says of the value it expected before (title, comments) does not survive it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import tree_sitter

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.claims import MOST_FLOAT_CHARS, MOST_LITERAL_CHARS, Claim, renamed, with_claims
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.javascript_source import body_of, claiming, claims_in, declared, without_leftovers
from lsp_server.tests_for.merge_text import Source, unnumbered, walk

_MARK = "hearthline saw: "
_SAW = re.compile(rf"^(?:Error: )?{_MARK}(.*)$", re.MULTILINE)
_SHOW = (
    "(function show(v{any}) {{ "
    'if (v === undefined || v === null || typeof v === "boolean") return String(v); '
    'if (typeof v === "number") return Object.is(v, -0) ? "-0" : String(v); '
    'if (typeof v === "bigint") return String(v) + "n"; '
    'if (typeof v === "string") return JSON.stringify(v); '
    'if (Array.isArray(v)) return "[" + v.map((each) => show(each)).join(", ") + "]"; '
    'if (typeof v !== "object" || Object.getPrototypeOf(v) !== Object.prototype) return "?"; '
    "const named = (key{text}) => (/^[A-Za-z_$][\\w$]*$/.test(key) ? key : JSON.stringify(key)); "
    'return "{{ " + Object.keys(v).map((key) => named(key) + ": " + show(v[key])).join(", ") + " }}"; '
    "}})({actual})"
)
"""Writes a value as a literal; what has none becomes `?`."""
_TYPESCRIPT = ("typescript", "typescriptreact")
_CHANGING = ("assignment_expression", "augmented_assignment_expression", "update_expression")
_EQUALITIES = re.compile(r"(?:assert\.)?(?:deep)?(?:strict)?equal", re.IGNORECASE)
_EXPECTED = frozenset({"toBe", "toEqual", "toStrictEqual"})
_VERDICTS = frozenset({"toBeTruthy", "toBeFalsy", "toBeNull", "toBeUndefined", "toBeDefined"})
_NAMED_NUMBERS = frozenset({"NaN", "Infinity"})
_TELLING = re.compile(
    r"true|false|null|undefined|valid|\bnot?\b|return|throw|error|fail|equal|gives?\b|should|\d", re.IGNORECASE
)
"""Titles with one of these say what is expected."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claim on the lines `claim` of a test. actual: the expression whose value it is about, as it is written."""

    claim: Claim
    actual: str
    uses_expect: bool


def comparisons_in(language_id: str, text: str, name: str) -> list[Comparison]:
    """Return the claims of the test `text` that compare what a call of `name` gives with a literal."""
    source = Source(language_id, text)
    scope = _Scope(source, name)
    found = []
    for node in claiming(source):
        actual = scope.actual(node)
        if actual is not None:
            rows = node.start_point.row, node.end_point.row
            found.append(Comparison(rows, source.text(actual), source.text(node).startswith("expect")))
    return found


def probe(language_id: str, test: TestCode, comparison: Comparison, number: int) -> TestCode:
    """Return `test` with `comparison` alone of its claims, which tells its value instead of claiming it."""
    types = (": any", ": string") if language_id in _TYPESCRIPT else ("", "")
    shown = _SHOW.format(any=types[0], text=types[1], actual=comparison.actual)
    telling = f'throw new Error("{_MARK}" + {shown});'
    text = with_claims(test.text, _claims(language_id, test.text), {comparison.claim: telling})
    return renamed(replace(test, text=text), f"{test.name} saw {number}")


def literal_in(words: str) -> str | None:
    """Return the literal that a probe told by `words`; None where that is none, or not the same each time."""
    told = set(_SAW.findall(words))
    literal = told.pop().strip() if len(told) == 1 else ""
    if not literal or len(literal) > MOST_LITERAL_CHARS or has_secret(literal):
        return None
    node = _value(Source("javascript", f"({literal})"))
    return literal if node is not None and _is_literal(node) and not _has_long_float(node) else None


def stated(language_id: str, test: TestCode, literals: Mapping[Comparison, str], subject: str) -> TestCode:
    """Return `test` with the claims of `literals` alone, each with its literal. subject: the target, in a title."""
    claims = {each.claim: _claim(each, literal) for each, literal in literals.items()}
    text = without_leftovers(language_id, with_claims(test.text, _claims(language_id, test.text), claims), test.text)
    title = unnumbered(test.name)
    title = subject if _TELLING.search(title.replace(subject, "")) else title
    return renamed(replace(test, text=text, is_stated=True), f"{title}, as it is")


class _Scope:
    """What names mean in a test: those that are set once, at its own level, with what they are set to."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        nodes = list(walk(source.root))
        n_set = Counter(source.text(each) for node in nodes for each, _ in declared(node))
        changing = (node for node in nodes if node.type in _CHANGING)
        targets = (node.child_by_field_name(field) for node in changing for field in ("left", "argument"))
        n_set.update(source.text(target) for target in targets if target is not None)
        body = body_of(source)
        self._bindings = {
            source.text(each): value
            for statement in (body.named_children if body is not None else ())
            for each, value in declared(statement)
            if value is not None and each.type == "identifier" and n_set[source.text(each)] == 1
        }

    def actual(self, statement: tree_sitter.Node) -> tree_sitter.Node | None:
        """Return the expression that a claim compares with a literal; None where it does no such thing."""
        call = statement.named_children[0] if statement.named_children else None
        function = call.child_by_field_name("function") if call is not None and call.type == "call_expression" else None
        if call is None or function is None:
            return None
        values = _arguments(call)
        words = self._source.text(function)
        if words in ("assert", "assert.ok"):
            return self._judged(values[0]) if values else None
        if _EQUALITIES.fullmatch(words):
            return self._one_of(values[0], values[1]) if len(values) > 1 else None
        held, method = function.child_by_field_name("object"), function.child_by_field_name("property")
        if held is None or method is None or held.type != "call_expression":
            return None
        subjects = _arguments(held)
        if len(subjects) != 1 or self._source.text(held).partition("(")[0] != "expect":
            return None
        if self._source.text(method) in _VERDICTS:
            return self._result(subjects[0])
        is_equality = self._source.text(method) in _EXPECTED and values
        return self._one_of(subjects[0], values[0]) if is_equality else None

    def _judged(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        """Return the target's value in what is claimed to be true."""
        if node.type == "binary_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            operator = node.child_by_field_name("operator")
            is_equality = operator is not None and self._source.text(operator) in ("==", "===")
            return self._one_of(left, right) if is_equality and left is not None and right is not None else None
        if node.type == "unary_expression" and self._source.text(node).startswith("!"):
            return self._result(node.named_children[-1])
        return self._result(node)

    def _result(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        """Return `node` if it is nothing but what the target gives, and not something that is asked about that."""
        inner = node.named_children[0] if node.type == "await_expression" else node
        is_result = self._is_call(inner) or (inner.type == "identifier" and self._calls(inner))
        return node if is_result else None

    def _one_of(self, left: tree_sitter.Node, right: tree_sitter.Node) -> tree_sitter.Node | None:
        for actual, expected in ((left, right), (right, left)):
            if self._is_literal(expected) and self._calls(actual):
                return actual
        return None

    def _is_literal(self, node: tree_sitter.Node) -> bool:
        bound = self._bindings.get(self._source.text(node)) if node.type == "identifier" else None
        return _is_literal(bound if bound is not None else node)

    def _calls(self, node: tree_sitter.Node, depth: int = 0) -> bool:
        """Tell whether the value of `node` comes from a call of the target."""
        for each in walk(node):
            if self._is_call(each):
                return True
            bound = self._bindings.get(self._source.text(each)) if each.type == "identifier" else None
            if bound is not None and depth < 3 and self._calls(bound, depth + 1):
                return True
        return False

    def _is_call(self, node: tree_sitter.Node) -> bool:
        called = node.child_by_field_name("function") if node.type == "call_expression" else None
        if called is not None and called.type == "member_expression":
            called = called.child_by_field_name("property")
        return called is not None and self._source.text(called) == self._name


def _arguments(call: tree_sitter.Node) -> list[tree_sitter.Node]:
    arguments = call.child_by_field_name("arguments")
    return [node for node in (arguments.named_children if arguments is not None else ()) if node.type != "comment"]


def _value(source: Source) -> tree_sitter.Node | None:
    """Return the expression in the brackets that are all of `source`."""
    statement = source.root.named_children[0] if source.parses and len(source.root.named_children) == 1 else None
    held = statement.named_children[0] if statement is not None and statement.named_children else None
    is_one = held is not None and held.type == "parenthesized_expression" and len(held.named_children) == 1
    return held.named_children[0] if is_one and held is not None else None


def _is_literal(node: tree_sitter.Node) -> bool:
    match node.type:
        case "number" | "string" | "true" | "false" | "null" | "undefined":
            return True
        case "template_string":
            return all(each.type != "template_substitution" for each in node.named_children)
        case "identifier":
            return (node.text or b"").decode() in _NAMED_NUMBERS
        case "unary_expression":
            return (node.text or b"").startswith(b"-") and _is_number(node.named_children[-1])
        case "array":
            return all(map(_is_literal, node.named_children))
        case "object":
            return all(_is_plain_pair(each) for each in node.named_children)
    return False


def _is_number(node: tree_sitter.Node) -> bool:
    return node.type in ("number", "identifier") and _is_literal(node)


def _is_plain_pair(node: tree_sitter.Node) -> bool:
    key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    is_pair = node.type == "pair" and key is not None and key.type in ("property_identifier", "string", "number")
    return is_pair and value is not None and _is_literal(value)


def _has_long_float(node: tree_sitter.Node) -> bool:
    numbers = ((each.text or b"").decode() for each in walk(node) if each.type == "number")
    return any("." in number and len(number) > MOST_FLOAT_CHARS for number in numbers)


def _claim(comparison: Comparison, literal: str) -> str:
    is_whole = literal[:1] in "[{"
    if comparison.uses_expect:
        return f"expect({comparison.actual}).{'toEqual' if is_whole else 'toBe'}({literal});"
    return f"assert.{'deepStrictEqual' if is_whole else 'strictEqual'}({comparison.actual}, {literal});"


def _claims(language_id: str, text: str) -> tuple[Claim, ...]:
    return claims_in(Source(language_id, text))
