"""Claims that compare what the target gives with a literal: found, made to tell, and stated anew. Pure.

Invariants: a claim is stated anew with a plain, short literal that the run told, and with nothing else; what a test
says of the value it expected before (names, comments, docstring) does not survive it.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.claims import MOST_FLOAT_CHARS, MOST_LITERAL_CHARS, Claim, renamed, with_claims
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.python_leftovers import Function, function_in, without_leftovers
from lsp_server.tests_for.python_source import claims_in

_STRING = re.compile(r"""'((?:[^'\\]|\\.)*)'|"(?:[^"\\]|\\.)*\"""")
"""A string that `repr` wrote; the group is what stands between single quotes."""
_MARK = "hearthline saw: "
_EQUALITIES = re.compile(r"assert(?:Equals?|Is|(?:List|Dict|Tuple|Set|Sequence|MultiLine)Equal)\Z")
_VERDICTS = ("assertTrue", "assertFalse", "assertIsNone")
_TELLING = re.compile(r"true|false|none|valid|not|return|rais|error|fail|equal|gives|possible|\d", re.IGNORECASE)
"""Names with one of these say what is expected."""
_LOOSE = (ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.NamedExpr)
_CONSTANTS = ("True", "False", "None")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claim on the lines `claim` of a test. actual: the expression whose value it is about, as it is written.

    is_method: it is claimed by a method of `self`.
    """

    claim: Claim
    actual: str
    is_method: bool


def comparisons_in(text: str, name: str) -> list[Comparison]:
    """Return the claims of the test `text` that compare what a call of `name` gives with a literal."""
    function = function_in(text)
    if function is None:
        return []
    scope = _Scope(name, list(_bindings(function)))
    claims = {first: (first, last) for first, last in claims_in(text)}
    found = []
    for statement in function.body:
        claim = claims.get(statement.lineno - 1)
        actual = _actual(statement, scope) if claim is not None else None
        words = ast.get_source_segment(text, actual) if actual is not None else None
        if claim is not None and actual is not None and words is not None:
            words = f"({words})" if isinstance(actual, _LOOSE) else words
            found.append(Comparison(claim, words, isinstance(statement, ast.Expr)))
    return found


def probe(test: TestCode, comparison: Comparison, number: int) -> TestCode:
    """Return `test` with `comparison` alone of its claims, which tells its value instead of claiming it."""
    telling = f"print({chr(10) + _MARK!r} + repr({comparison.actual}))"
    text = with_claims(test.text, claims_in(test.text), {comparison.claim: telling})
    return renamed(replace(test, text=text), f"{test.name}__saw_{number}")


def literal_in(output: str) -> str | None:
    """Return the literal that a probe told by `output`; None where that is none, or not the same each time."""
    told = {line.removeprefix(_MARK) for line in output.split("\n") if line.startswith(_MARK)}
    words = told.pop() if len(told) == 1 else ""
    if not words or len(words) > MOST_LITERAL_CHARS or has_secret(words):
        return None
    try:
        value = ast.literal_eval(words)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return _STRING.sub(_in_double_quotes, words) if _is_plain(value) else None


def _in_double_quotes(found: re.Match[str]) -> str:
    """Return a string as formatters write it, where that takes no other escapes."""
    return f'"{found[1]}"' if found[1] is not None and '"' not in found[1] and "\\'" not in found[1] else found[0]


def stated(test: TestCode, literals: Mapping[Comparison, str], subject: str) -> TestCode:
    """Return `test` with the claims of `literals` alone, each with its literal. subject: the target, in a name."""
    text = with_claims(
        test.text, claims_in(test.text), {each.claim: _claim(each, literal) for each, literal in literals.items()}
    )
    text = without_leftovers(text, test.text, keeps_docstring=False)
    name = re.sub(r"_\d+\Z", "", test.name)
    name = f"test_{subject}" if _TELLING.search(name.removeprefix("test_").replace(subject, "")) else name
    return renamed(replace(test, text=text, is_stated=True), f"{name}_as_it_is")


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean in a test. name: the target's; bindings: names with what they are set to, in order."""

    name: str
    bindings: Sequence[tuple[str, ast.expr | None]]

    def calls(self, node: ast.expr, depth: int = 0) -> bool:
        """Tell whether the value of `node` comes from a call of the target."""
        for each in ast.walk(node):
            if _is_call(each, self.name):
                return True
            if isinstance(each, ast.Name) and depth < 3:
                values = [value for name, value in self.bindings if name == each.id and value is not None]
                if any(self.calls(value, depth + 1) for value in values):
                    return True
        return False

    def is_literal(self, node: ast.expr) -> bool:
        """Tell whether `node` is a literal, `...` too, or a name that is set to one, once."""
        if isinstance(node, ast.Name):
            values = [value for name, value in self.bindings if name == node.id]
            return len(values) == 1 and values[0] is not None and _is_literal(values[0])
        return _is_literal(node)


def _is_call(node: ast.AST, name: str) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return called.attr == name
    return isinstance(called, ast.Name) and called.id == name


def _bindings(function: Function) -> Iterator[tuple[str, ast.expr | None]]:
    """Give each name that the test sets, with the value if it is a plain assignment at the test's own level."""
    plain: dict[ast.expr, ast.expr] = {}
    for each in function.body:
        if isinstance(each, ast.Assign) and len(each.targets) == 1:
            plain[each.targets[0]] = each.value
        elif isinstance(each, ast.AnnAssign) and each.value is not None:
            plain[each.target] = each.value
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, plain.get(node)
        elif isinstance(node, ast.arg):
            yield node.arg, None


def _actual(statement: ast.stmt, scope: _Scope) -> ast.expr | None:
    """Return the expression that `statement` compares with a literal; None where it does no such thing."""
    if isinstance(statement, ast.Assert):
        test = statement.test
        if isinstance(test, ast.Compare):
            is_equality = len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is)
            return _one_of(test.left, test.comparators[0], scope) if is_equality else None
        is_denied = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        return _result(test.operand if isinstance(test, ast.UnaryOp) and is_denied else test, scope)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if call.func.attr in _VERDICTS and call.args:
        return _result(call.args[0], scope)
    if _EQUALITIES.match(call.func.attr) and len(call.args) >= 2:
        return _one_of(call.args[0], call.args[1], scope)
    return None


def _result(node: ast.expr, scope: _Scope) -> ast.expr | None:
    """Return `node` if it is nothing but what the target gives, and not something that is asked about that."""
    is_result = _is_call(node, scope.name) or (isinstance(node, ast.Name) and scope.calls(node))
    return node if is_result else None


def _one_of(left: ast.expr, right: ast.expr, scope: _Scope) -> ast.expr | None:
    """Return which of the two is the target's, if the other one is a literal."""
    for actual, expected in ((left, right), (right, left)):
        if scope.is_literal(expected) and scope.calls(actual):
            return actual
    return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return len(repr(value)) <= MOST_FLOAT_CHARS
    if isinstance(value, list | tuple | set):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(each) for pair in value.items() for each in pair)
    return value is None or isinstance(value, int | str)


def _claim(comparison: Comparison, literal: str) -> str:
    is_constant = literal in _CONSTANTS
    if comparison.is_method:
        return f"self.assert{'Is' if is_constant else 'Equal'}({comparison.actual}, {literal})"
    return f"assert {comparison.actual} {'is' if is_constant else '=='} {literal}"
