"""Python's syntax in the form of programs: each construct by a table, and any text without a crash."""

import dataclasses

import pytest
import tree_sitter
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.grammars import grammar_of
from lsp_server.review import ir
from lsp_server.review.lowering import python

_PLACES = {"span", "name_span"}
_DEFAULTS: tuple[object, ...] = (None, (), False)


def _lower(text: str) -> ir.Program:
    grammar = grammar_of("python")
    assert grammar is not None
    source = text.encode("utf-8", "surrogatepass")
    return python.lower(tree_sitter.Parser(grammar).parse(source).root_node, source, "python", frozenset())


def _shown(value: object) -> str:
    """Return the form without its places and defaults."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, ir.Constant | ir.Name):
        return repr(value.value) if isinstance(value, ir.Constant) else value.name
    if isinstance(value, ir.Argument):
        mark = "*" if value.is_spread else f"{value.name}=" if value.name else ""
        return mark + _shown(value.value)
    if not dataclasses.is_dataclass(value):
        return repr(value)
    fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    told = [_shown(each) for name, each in fields if name not in _PLACES and each not in _DEFAULTS]
    return f"{type(value).__name__}({', '.join(told)})"


EXPRESSIONS = {
    "a.b['c'][0]": "Item(Attribute(Attribute(a, 'b'), 'c'), 0)",
    "a['x y']": "Item(a, 'x y')",
    "a[1:n]": "Item(a, Unknown([1, n]))",
    "f(a, *b, k=c, **d)": "Call(f, [a, *b, k=c, *d])",
    "f(x for x in y if x)": "Call(f, [Comprehension(x, [Loop(x, y, x)])])",
    "await f()": "Call(f)",
    r"'a\n\x41\u00e9' 'b'": "'a\\nAéb'",
    r"r'\d'": r"'\\d'",
    r"b'\x01a'": r"b'\x01a'",
    "f'a{x!r}b{{'": "Join(['a', x, 'b{'])",
    "f'{x:>{w}}'": "Join([x, Arithmetic('width', [w])])",
    "f'{f\"{x}!\"}?'": "Join([x, '!?'])",
    "'a' + b + 'c'": "Join(['a', b, 'c'])",
    "'%s=%d;%%' % (a, b)": "Join([a, '=', Arithmetic('%d', [b]), ';%'])",
    "'%(k)s' % {'k': a}": "Join([a])",
    "'{} {0} {k}'.format(a, k=b)": "Join([a, ' ', a, ' ', b])",
    "'{'.format(a)": "Join(['{', a])",
    "a % b": "Join([a, b])",
    "p / 'a' / b": "Call(Attribute(Call(Attribute(p, 'joinpath'), ['a']), 'joinpath'), [b])",
    "n / 2": "Arithmetic('/', [n, 2])",
    "-1": "-1",
    "~a": "Arithmetic('~', [a])",
    "a or b or c": "Choice([a, b, c])",
    "a if t and u else b": "Choice([a, b], Both([t, u]))",
    "not a": "Not(a)",
    "1 < a <= b": "Both([Comparison('<', 1, a), Comparison('<=', a, b)])",
    "a not in (1, 2)": "Comparison('not in', a, Collection([[None, 1], [None, 2]]))",
    "(n := f())": "Assigned(n, Call(f))",
    "{'a': 1, **b}": "Collection([['a', 1], [None, b]])",
    "{k: v for k in a for v in b}": "Comprehension(Collection([[k, v]]), [Loop(k, a), Loop(v, b)])",
    "lambda a, *b, c=1: a": (
        "Closure(Function('', [Parameter('a'), Parameter('b', True), Parameter('c', 1)], [Return(a)]))"
    ),
    "0o17, 0777, 1_000, 1.5, 5j": "Collection([[None, 15], [None, 511], [None, 1000], [None, 1.5], [None, Unknown()]])",
    "None, True, ...": "Collection([[None, None], [None, True], [None, Unknown()]])",
}

STATEMENTS = {
    "a = b = c": "Assign(a, Assigned(b, c))",
    "a, *b = c": "Assign(Collection([[None, a], [None, b]]), c)",
    "a += b": "Assign(a, b, True)",
    "a: dict[str, int] = b": "Assign(a, b, 'dict')",
    "a: 'Optional[m.C]'": "Assign(a, Unknown(), 'Optional')",
    "a: Optional[m.C] = None": "Assign(a, None, 'm.C')",
    "a: m.C | None = b": "Assign(a, b, 'm.C')",
    "return": "Return()",
    "yield a": "If(Unknown(), [Return(a)])",
    "a = yield b": "If(Unknown(), [Return(b)]) Assign(a, Unknown())",
    "raise E(a) from b": "Leave(Call(E, [a]))",
    "assert a, b": "If(Not(a), [Leave(b)])",
    "sys.exit(a)": "Evaluate(Call(Attribute(sys, 'exit'), [a])) Leave()",
    "del a[b]": "Evaluate(Unknown([Item(a, b)]))",
    "if a and not b: c\nelif d: e\nelse: f": (
        "If(Both([a, Not(b)]), [Evaluate(c)], [If(d, [Evaluate(e)], [Evaluate(f)])])"
    ),
    "while a: break\nelse: b": "Loop(a, [Leave()]) Evaluate(b)",
    "for a, b in c: d": "Loop(Collection([[None, a], [None, b]]), c, [Evaluate(d)])",
    "try: a\nexcept (B, C) as e: d\nexcept F: g\nelse: h\nfinally: i": (
        "Try([Evaluate(a), Evaluate(h)], [[Assign(e, Call(except)), Evaluate(d)], [Evaluate(g)]], [Evaluate(i)])"
    ),
    "with a() as b, c: d": "Block([Assign(b, Call(a)), Evaluate(c), Evaluate(d)])",
    "with (a() as b, c() as (d, e)): f": (
        "Block([Assign(b, Call(a)), Assign(Collection([[None, d], [None, e]]), Call(c)), Evaluate(f)])"
    ),
    "import a.b, c.d as e": "Import('a', 'a') Import('e', 'c.d')",
    "from a.b import c as d, e": "Import('d', 'a.b.c') Import('e', 'a.b.e')",
    "from . import a": "Import('a', '.a')",
    "from ..b import *": "Import('*', '..b')",
    "print >>a, b": "Evaluate(Call(print, [b]))",
    "exec a in b": "Evaluate(Call(exec, [a, b]))",
    "match a:\n case 'x' | 'y': b\n case {'k': v} if v: c\n case _: d": (
        "If(Either([Comparison('==', a, 'x'), Comparison('==', a, 'y')]), [Evaluate(b)],"
        " [If(Both([Assigned(v, Attribute(a, 'k')), v]), [Evaluate(c)], [Evaluate(True), Evaluate(d)])])"
    ),
    "match a:\n case str() as s: b\n case P(x=[c, *r]): d": (
        "If(Both([Call(isinstance, [a, str]), Assigned(s, a)]), [Evaluate(b)],"
        " [If(Both([Call(isinstance, [a, P]), Assigned(c, Item(Attribute(a, 'x'), 0)),"
        " Assigned(r, Item(Attribute(a, 'x'), 1))]), [Evaluate(d)])])"
    ),
    "@a.b(1)\nasync def f(a, /, b: int = 2, *c, d: list[str], **e) -> g: return a": (
        "Function('f', [Parameter('a'), Parameter('b', 'int', 2), Parameter('c', True), Parameter('d', 'list'),"
        " Parameter('e', True)], [Return(a)], [Call(Attribute(a, 'b'), [1])])"
    ),
    "class A[T](b.C, D[int], metaclass=E):\n x: int\n def f(self): pass": (
        "Class('A', ['b.C', 'D'], [Assign(x, Unknown(), 'int'), Function('f', [Parameter('self')])])"
    ),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    (statement,) = _lower(f"_ = {text}").body
    assert isinstance(statement, ir.Assign)
    assert _shown(statement.value) == EXPRESSIONS[text]


@pytest.mark.parametrize("text", STATEMENTS)
def test_statements(text: str) -> None:
    assert " ".join(map(_shown, _lower(text).body)) == STATEMENTS[text]


def test_every_function_is_listed_in_the_order_of_the_text() -> None:
    program = _lower("class A:\n  def f(self):\n    def g(): pass\nh = lambda: 1\n@d\ndef i(): pass\n")
    assert [function.name for function in program.functions] == ["f", "g", "", "i"]
    assert program.text(program.functions[3].span) == "@d\ndef i(): pass"
    assert program.text(program.functions[3].name_span) == "i"


@pytest.mark.parametrize("broken", ["x = (a", "x = f(a,", "x = {'a': [", "if a", "f'{", "return a.", "for x in", "def"])
def test_a_syntax_error_ends_with_the_function_it_is_in(broken: str) -> None:
    program = _lower(
        f"import os\n\ndef f(a):\n    {broken}\n    os.system(a)\n\n@d\ndef g(b):\n    return b\n\n"
        f"class C(B):\n    x = 1\n    def h(self, a):\n        {broken}\n\n    @e\n    def i(self):\n        return 1\n"
    )
    assert program.is_broken
    assert {"f", "g", "h", "i"} <= {function.name for function in program.functions}
    assert [function.name for function in program.functions if not function.is_broken][-2:] == ["g", "i"]
    (one,) = (statement for statement in program.body if isinstance(statement, ir.Class))
    assert one.bases == ("B",)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + ")" * 10_000,
        "a" + ".b()" * 10_000,
        "x = " + " + ".join(["a"] * 10_000),
        "x = " + " or ".join(["a"] * 10_000),
        "".join(" " * depth + "if x:\n" for depth in range(500)),
        "if a: b\n" + "elif c: d\n" * 3_000,
        "match a:\n" + " case 1: b\n" * 3_000,
        "x: " + "list[" * 5_000,
        "f'" + "{f'" * 300,
    ],
    ids=lambda text: text[:12],
)
def test_deep_nesting_is_bounded(text: str) -> None:
    assert _lower(text).language == "python"


_PIECES = (
    *("def f(", "):", "x", " = ", "(", ")", "[", "'", "f'{", "}", "@", "class C", ":", "match x:", " case ", "return "),
    *("yield ", "lambda ", "await ", "*", "%", ".format(", "é", "\x00", "\\", "if ", "else", "with ", ",", " as ", "{"),
    *("import ", "from .", "async ", "try:", "except ", "**", " ", "\n", "\n    "),
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_any_text_lowers(text: str) -> None:
    program = _lower(text)
    assert all(0 <= span.start <= span.end <= len(program.source) for span in (each.span for each in program.functions))
