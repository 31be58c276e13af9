"""JavaScript, TypeScript and JSX in the form that the review follows."""

import pytest
import tree_sitter
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.grammars import grammar_of
from lsp_server.review import ir
from lsp_server.review.lowering import lower
from lsp_server.review.lowering.javascript_repair import repaired


def lowered(code: str, language: str = "javascript") -> ir.Program:
    program = lower(code.encode(), language)
    assert program is not None
    return program


def told(node: object) -> str:  # noqa: C901 - one line a form
    """The expression or statement in a short form of its own, to compare by."""
    match node:
        case ir.Name(name=name):
            return name
        case ir.Constant(value=value):
            return repr(value)
        case ir.Attribute(base=base, name=name):
            return f"{told(base)}.{name}"
        case ir.Item(base=base, key=key):
            return f"{told(base)}[{told(key)}]"
        case ir.Call(callee=callee, arguments=arguments, is_new=is_new):
            return f"{'new ' if is_new else ''}{told(callee)}({', '.join(map(told, arguments))})"
        case ir.Argument(value=value, name=name, is_spread=is_spread):
            return ("..." if is_spread else f"{name}=" if name else "") + told(value)
        case ir.Join(parts=parts):
            return "<" + " ".join(map(told, parts)) + ">"
        case ir.Collection(entries=entries):
            return "{" + ", ".join(f"{told(key)}: {told(each)}" if key else told(each) for key, each in entries) + "}"
        case ir.Choice(options=options, test=test):
            return f"({told(test)} ? " * (test is not None) + " | ".join(map(told, options)) + ")" * (test is not None)
        case ir.Comparison(operator=operator, left=left, right=right):
            return f"{told(left)} {operator} {told(right)}"
        case ir.Not(operand=operand):
            return f"not {told(operand)}"
        case ir.Both(operands=operands):
            return " and ".join(map(told, operands))
        case ir.Either(operands=operands):
            return " or ".join(map(told, operands))
        case ir.Regex(pattern=pattern, flags=flags):
            return f"/{pattern}/{flags}"
        case ir.Closure(function=function) | (ir.Function() as function):
            names = ", ".join(parameter.name for parameter in function.parameters)
            return f"{function.name}({names}) => {body(function.body)}"
        case ir.Evaluate(value=value):
            return told(value)
        case ir.Assign(target=target, value=value, is_augmented=is_augmented):
            return f"{told(target)} {'+' * is_augmented}= {told(value)}"
        case ir.Import(name=name, path=path):
            return f"import {path} as {name}"
        case ir.Return(value=value):
            return f"return {told(value)}"
        case ir.If(test=test, then=then, otherwise=otherwise):
            return f"if {told(test)} {body(then)}" + (f" else {body(otherwise)}" if otherwise else "")
        case ir.Loop(target=target, iterable=iterable, test=test, body=inner):
            head = f"{told(target)} of {told(iterable)}" if iterable is not None else told(test)
            return f"loop {head} {body(inner)}"
        case ir.Class(name=name, bases=bases, body=inner):
            return f"class {name}({', '.join(bases)}) {body(inner)}"
        case ir.Try(body=inner, handlers=handlers, final=final):
            return f"try {body(inner)} " + " ".join(map(body, handlers)) + f" {body(final)}"
        case ir.Block(body=inner):
            return body(inner)
        case ir.Assigned(target=target, value=value):
            return f"({told(target)} := {told(value)})"
        case ir.Arithmetic(operator=operator, operands=operands):
            return f"{operator}({', '.join(map(told, operands))})"
        case ir.Leave():
            return "leave"
        case None:
            return "nothing"
        case _:
            return "?"


def body(statements: tuple[ir.Statement, ...]) -> str:
    return "[" + "; ".join(map(told, statements)) + "]"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a + 'b' + c.d", "<a 'b' c.d>"),
        ("`x${a}y`", "<'x' a 'y'>"),
        (r"'a\x41\u{42}\n'", r"'aAB\n'"),
        ("0x1f; 1_000; 2.5", "31; 1000; 2.5"),
        ("a?.b?.[c]", "a.b[c]"),
        ("a['name']", "a.name"),
        ("f(process.argv[1], process.argv[2])", "f(?, process.argv[2])"),
        ("window.location.href", "location.href"),
        ("f(...xs, {a, 'b-c': 1})", "f(...xs, {'a': a, 'b-c': 1})"),
        ("new C(1)", "new C(1)"),
        ("tag`x${a}`", "tag({'x'}, a)"),
        ("String.raw`x${a}`", "<'x' a>"),
        ("await f(a)", "f(a)"),
        ("a ? b : c", "if a [b] else [c]"),
        ("x = a || b", "x = a | b"),
        ("x = a && b", "x = (a ? b | False)"),
        ("a && f(b)", "if a [f(b)]"),
        ("if (a && !b) c()", "if a and not b [c()]"),
        ("if (xs.indexOf(x) !== -1) f()", "if xs.includes(x) [f()]"),
        ("if (s.indexOf(x) === 0) f()", "if s.startsWith(x) [f()]"),
        ("if (typeof x === 'string') f()", "if typeof string(x) [f()]"),
        ("x += y", "x += y"),
        ("x ||= y", "x = x | y"),
        ("const {a, b: c, ...r} = o", "{'a': a, 'b': c, r} = o"),
        ("const {a = 1} = o", "{'a': a} = o; if a == None [a = 1]"),
        ("const [, b] = o", "{1: b} = o"),
        ("const f = x => x + 1", "f(x) => [return <x 1>]"),
        ("function f({a}, ...r) {}", "f({0}, r) => []"),
        ("promisify(cp.exec)(x)", "cp.exec(x)"),
        ("f.bind(this)(x)", "f(x)"),
        ("/a\\/b/gi.test(x)", "/a\\/b/gi.test(x)"),
        ("for (const x of xs) f(x)", "loop x of xs [f(x)]"),
        ("for (k in o) f(k)", "loop k of Object.keys(o) [f(k)]"),
        ("for (let i = 0; i < 3; i++) f(i)", "[i = 0; loop i < 3 [f(i); ++(i)]]"),
        (
            "switch (x) { case 1: case 2: f(); break; default: g() }",
            "if x == 1 or x == 2 [f()] else [g()]",
        ),
        ("try { f() } catch (e) { g(e) } finally { h() }", "try [f()] [e = ?; g(e)] [h()]"),
        ("w.onmessage = e => f(e)", "w.addEventListener('message', onmessage(e) => [return f(e)])"),
        ("res.type('text')", "res.type('text'); res.contentType = 'text'"),
    ],
)
def test_javascript_is_read(code: str, expected: str) -> None:
    assert body(lowered(code).body) == f"[{expected}]"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "import fs, {readFile as r} from 'node:fs/promises'",
            "import fs.promises as fs; import fs.promises.readFile as r",
        ),
        ("import * as n from '@a/b/c.js'", "import @a/b.c as n"),
        (
            "const {exec: run} = require('child_process')",
            "import child_process as require(child_process); import child_process.exec as run",
        ),
        ("require('fs').readFile(x)", "import fs as require(fs); require(fs).readFile(x)"),
        ("import x = require('y')", "import y as x"),
        ("let a = b as string; c!.d<number>(e)", "a = b; c.d(e)"),
        ("enum E { A = 1, B }", "E = {'A': 1, 'B': 'B'}"),
        ("namespace N { export const x = 1 }", "[x = 1]"),
        ("interface I {} type T = string; declare const z: T", ""),
        (
            "class A extends B implements C { #x = 1; m() {} }",
            "class A(B, C) [#x = 1; m() => []]",
        ),
    ],
)
def test_typescript_is_read(code: str, expected: str) -> None:
    assert body(lowered(code, "typescript").body) == f"[{expected}]"


def test_decorators_and_types_of_parameters_are_kept() -> None:
    code = "class A { constructor(private http: ng.HttpClient) {} @Get() m(@Query('q') q: string | null) {} }"
    (owner,) = lowered(code, "typescript").body
    assert isinstance(owner, ir.Class)
    field, constructor, method = owner.body
    assert isinstance(field, ir.Assign)
    assert field.type_name == "ng.HttpClient"
    assert isinstance(constructor, ir.Function)
    assert body(constructor.body) == "[this.http = http]"
    assert isinstance(method, ir.Function)
    assert [told(each) for each in method.decorators] == ["Get()"]
    assert method.parameters[0].type_name == "string"
    assert method.parameters[0].decorators == ("Query",)


def test_jsx_is_a_call() -> None:
    code = "const a = <p id='x' {...more} dangerouslySetInnerHTML={{__html: h}}>hi {name}<Big.One/></p>"
    expected = "a = jsx('p', id='x', ...more, dangerouslySetInnerHTML={'__html': h}, 'hi ', name, jsx(Big.One))"
    assert body(lowered(code, "javascriptreact").body) == f"[{expected}]"


@pytest.mark.parametrize(
    "code",
    [
        "module.exports = function f(a) {}",
        "module.exports = {f(a) {}}",
        "exports.f = a => a",
        "export function f(a) {}",
        "function f(a) {}\nmodule.exports = f",
        "function f(a) {}\nexport {f}",
        "class C { f(a) {} }\nmodule.exports = C",
    ],
)
def test_the_parameters_of_exported_functions_are_marked(code: str) -> None:
    assert lowered(code).functions[0].parameters[0].decorators == ("exported",)


def test_the_parameters_of_other_functions_are_not_marked() -> None:
    assert lowered("function f(a) {}\nmodule.exports = g").functions[0].parameters[0].decorators == ()


def test_scripts_of_pages_stand_where_they_do() -> None:
    program = lowered("<p>x</p>\n<script src='a.js'></script><script>go(1) // c\n</script>", "html")
    assert "go(1)" in [program.text(each.span) for each in program.body]
    assert "jsx('script', src='a.js')" in [told(each) for each in program.body]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("app.get('/x', function (req, res) {\n  run(req.query.x", "app.get('/x', (req, res) => ["),
        ("app.get('/x', (req, res) => {\n  a = req.query.x\n", "app.get('/x', (req, res) => ["),
        ("function f(a) {\n  g(a\n", "f(a) => ["),
    ],
)
def test_functions_that_are_not_closed_keep_their_parameters(code: str, expected: str) -> None:
    program = lowered(code)
    assert program.is_broken
    assert program.functions[0].is_broken
    assert expected in body(program.body)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f('abcd\ng()\n", "f('ab')\ng()\n"),
        ("f(['abcd\n", "f(['a'])\n"),
        ('x = "don\'t"; y = "abc\n', 'x = "don\'t"; y = "ab"\n'),
        ("x = /'/.test(y)\n", "x = /'/.test(y)\n"),
        ("f('a\\\nbcd\n", "f('a\\\nb')\n"),
        ("// don't\n", "// don't\n"),
        ("`a'\nb`\n", "`a'\nb`\n"),
    ],
)
def test_open_strings_are_closed_in_place(source: str, expected: str) -> None:
    assert repaired(source.encode()).decode() == expected


@given(st.text(alphabet="ab'\"`\\/([{)]}\n =é", max_size=60))
def test_repair_keeps_length_and_lines(text: str) -> None:
    source = text.encode()
    result = repaired(source)
    assert len(result) == len(source)
    assert [index for index, byte in enumerate(result) if byte == 10] == [
        index for index, byte in enumerate(source) if byte == 10
    ]


@pytest.mark.parametrize(
    "piece", ["(", "[", "{", "a.b(", "`${", "<a>", "function f(){", "a=>", "!", "a&&(", "a?b:", "x="]
)
def test_deep_nesting_is_bounded(piece: str) -> None:
    for language in ("javascript", "typescriptreact"):
        assert lowered(piece * 3000, language).functions is not None


_PIECES = (
    "function f(a) {", "}", "(req, res) => {", "x = ", "'", "`", "if (a) ", "<p>", ";\n", "f(a", ")", "class A {",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=25))
def test_broken_code_is_read(pieces: list[str]) -> None:
    code = " ".join(pieces)
    program = lowered(code)
    size = len(code.encode())
    assert all(0 <= each.span.start <= each.span.end <= size for each in program.functions)


def test_a_tree_that_is_there_is_used() -> None:
    grammar = grammar_of("javascript")
    assert grammar is not None
    tree = tree_sitter.Parser(grammar).parse(b"f(1)")
    program = lower(b"f(1)", "javascript", tree)
    assert program is not None
    assert body(program.body) == "[f(1)]"
