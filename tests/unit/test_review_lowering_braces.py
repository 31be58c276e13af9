"""Java, Go, C, C++, C#, PHP and Ruby in the form that the review follows: what constructs become, broken or not."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.review import ir
from lsp_server.review.lowering import lower

SAMPLES = {
    "java": """package a.b;
import java.sql.*;
class A extends B {
  @Get("/x") String f(@Param("q") String q, int... n) {
    String[] z = {"a", q};
    if (q == null || !ok(q)) return "a" + q; else z[0] += q;
    for (String s : z) { use(s); }
    try (Statement st = c.open()) { st.execute(q); } catch (E e) { e.f(); } finally { g(); }
    switch (q) { case "a": x(); break; default: y(); }
    return list.map(p -> p.q).get(0);
  }
}
""",
    "go": """package main
import ("fmt"; h "net/http")
func (s *S) F(w http.ResponseWriter, r *http.Request) (string, error) {
  a, err := f(r.URL.Query()["x"][0])
  if v, ok := m[a]; ok && v != nil { return "x" + a, nil } else { y() }
  for k, v := range xs { use(k, v) }
  switch a { case "a", "b": f(); default: g() }
  go func(p string) { h(p) }(a)
  q := &S{Name: a, Other: []string{a}}
  return fmt.Sprintf("%s", q), nil
}
""",
    "c": """#include <stdio.h>
static int g(struct foo *p, char *argv[], int n) {
  char buf[64], *q = NULL;
  if (p == NULL || !p->x) return -1; else n = sizeof(buf);
  for (int i = 0; i < n; i++) { buf[i] = argv[1][i]; }
  switch (n) { case 1: f(); break; default: g(); }
  strcpy(buf, argv[1]); free(p);
  return n ? 1 : 2;
}
""",
    "cpp": """namespace n { class A : public B { public: int f(std::string &t) { return t.size(); } char buf[10]; }; }
int main() { auto l = [&](int a) { return a; }; for (auto &e : v) use(e); int *k = new int[3]; delete k;
  try { n::h("a" "b"); } catch (const E &e) { throw; } }
""",
    "csharp": """using System.Data;
namespace N { [Api] public class C : D {
  public string P { get; set; } = "x";
  [Get] public Task F([FromQuery] string q, int n = 1) {
    var a = $"x {q} y";
    if (q is null) return Bad(q); else throw new E("x");
    using (var cmd = new SqlCommand(a, conn)) { cmd.Run(q); }
    foreach (var x in l) { use(x); }
    switch (q) { case "a": f(); break; default: g(); break; }
    return l.Where(p => p.X == q);
  }
} }
""",
    "php": """<?php
use C\\D as E;
class K extends L { private $x = 1; public function f(Request $r) { return $this->x . $r->get('a'); } }
function h($a, $b = 2) {
  $x = $_GET['a'] ?? "z";
  if (!isset($x)) { die("x"); } elseif ($x == 3) { echo $x, $b; } else { print $x; }
  foreach ($l as $k => $v) { f($v); }
  switch ($x) { case 'a': f(); break; default: g(); }
  $y = "text $x and {$a['k']}";
  return new Foo($y, ...$l);
}
?><b><?= $_GET['x'] ?></b>
""",
    "ruby": """class A < B::C
  def f(a, b = 1, *c, k: 2)
    x = params[:a]
    y = "text #{x}"
    if x && y then use(x) else raise E end
    c.each { |q| use q }
    case x when 'a' then f(x) else g(x) end
    begin
      f(x)
    rescue E => e
      g(e)
    end
    x.to_s
  end
end
""",
}


def _walk(statements: tuple[ir.Statement, ...]) -> Iterator[ir.Statement]:
    for each in statements:
        yield each
        for name in ("body", "then", "otherwise", "final"):
            yield from _walk(getattr(each, name, ()))
        for handler in getattr(each, "handlers", ()):
            yield from _walk(handler)


def _lowered(language: str, text: str) -> ir.Program:
    program = lower(text.encode("utf-8", "replace"), language)
    assert program is not None
    return program


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("java", ["f", ""]),
        ("go", ["F", ""]),
        ("c", ["g"]),
        ("cpp", ["f", "main", ""]),
        ("csharp", ["F", ""]),
        ("php", ["f", "h"]),
        ("ruby", ["f", ""]),
    ],
)
def test_functions_are_found_with_their_names(language: str, names: list[str]) -> None:
    program = _lowered(language, SAMPLES[language])
    assert [function.name for function in program.functions] == names
    assert not program.is_broken


@pytest.mark.parametrize(
    ("language", "kinds"),
    [
        ("java", {ir.Class, ir.Function, ir.If, ir.Loop, ir.Try, ir.Return, ir.Assign, ir.Import}),
        ("go", {ir.Function, ir.If, ir.Loop, ir.Return, ir.Assign, ir.Import, ir.Evaluate}),
        ("c", {ir.Function, ir.If, ir.Loop, ir.Return, ir.Assign, ir.Import, ir.Evaluate}),
        ("cpp", {ir.Class, ir.Function, ir.Loop, ir.Try, ir.Assign, ir.Evaluate}),
        ("csharp", {ir.Class, ir.Function, ir.If, ir.Loop, ir.Return, ir.Assign, ir.Import, ir.Leave}),
        ("php", {ir.Class, ir.Function, ir.If, ir.Loop, ir.Return, ir.Assign, ir.Import, ir.Leave}),
        ("ruby", {ir.Class, ir.Function, ir.If, ir.Try, ir.Return, ir.Assign, ir.Leave}),
    ],
)
def test_every_kind_of_statement_is_there(language: str, kinds: set[type[ir.Statement]]) -> None:
    found = {type(each) for each in _walk(_lowered(language, SAMPLES[language]).body)}
    assert kinds <= found


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("java", 'class A { void f() { x("a" + b); } }', ["a", "b"]),
        ("go", 'package m\nfunc f() { x("a" + b) }', ["a", "b"]),
        ("csharp", 'class A { void f() { x($"a{b}"); } }', ["a", "b"]),
        ("php", '<?php function f() { x("a$b"); }', ["a", "$b"]),
        ("php", "<?php function f() { x('a' . $b); }", ["a", "$b"]),
        ("ruby", 'def f() x("a#{b}") end', ["a", "b"]),
    ],
)
def test_text_built_of_parts_is_a_join(language: str, text: str, expected: list[str]) -> None:
    (function,) = _lowered(language, text).functions
    calls = [each for statement in function.body for each in ir.walk(_value(statement)) if isinstance(each, ir.Call)]
    joined = calls[0].arguments[0].value
    assert isinstance(joined, ir.Join)
    assert [_word(part) for part in joined.parts] == expected


def _value(statement: ir.Statement) -> ir.Expression:
    value = getattr(statement, "value", None)
    assert isinstance(value, ir.Expression)
    return value


def _word(expression: ir.Expression) -> str:
    return expression.name if isinstance(expression, ir.Name) else str(getattr(expression, "value", ""))


@pytest.mark.parametrize(
    ("path", "name", "api"),
    [
        ("net/http", "http", "net/http"),
        ("github.com/gin-gonic/gin", "gin", "gin-gonic/gin"),
        ("github.com/jackc/pgx/v5", "pgx", "jackc/pgx"),
        ("gopkg.in/yaml.v3", "yaml", "yaml"),
        ("github.com/mattn/go-sqlite3", "sqlite3", "mattn/go-sqlite3"),
    ],
)
def test_imports_of_go_lose_host_and_version(path: str, name: str, api: str) -> None:
    found = _lowered("go", f'package m\nimport "{path}"\n').body[0]
    assert isinstance(found, ir.Import)
    assert (found.name, found.path) == (name, api)


def test_declared_arrays_of_c_tell_their_size() -> None:
    (function,) = _lowered("c", "void f() { char b[64]; }").functions
    (assigned,) = function.body
    assert isinstance(assigned, ir.Assign)
    assert isinstance(assigned.value, ir.Call)
    assert isinstance(size := assigned.value.arguments[0].value, ir.Constant)
    assert size.value == 64


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("brackets", ["()", "[]", "{}"])
def test_deep_nesting_is_no_crash(language: str, brackets: str) -> None:
    _lowered(language, f"x = {brackets[0] * 5000}1{brackets[1] * 5000};")


@given(language=st.sampled_from(sorted(SAMPLES)), start=st.integers(0, 600), length=st.integers(0, 200))
def test_code_with_a_piece_missing_still_lowers(language: str, start: int, length: int) -> None:
    text = SAMPLES[language]
    cut = text[:start] + text[start + length :]
    program = _lowered(language, cut)
    for function in program.functions:
        assert 0 <= function.span.start <= function.span.end <= len(cut.encode())


@given(language=st.sampled_from(sorted(SAMPLES)), text=st.text(max_size=200))
def test_any_text_lowers(language: str, text: str) -> None:
    _lowered(language, text)
