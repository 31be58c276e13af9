"""Files -> chunks, symbols, terms."""

import re

import pytest
import tree_sitter
from hypothesis import given
from hypothesis import strategies as st

from lsp_server import grammars
from lsp_server.context.chunks import MAX_CHARS, MAX_LINES, cut
from lsp_server.context.files import Stamp
from lsp_server.context.parsing import parse_data
from lsp_server.context.symbols import Outline, outline
from lsp_server.context.terms import terms_of, words_of
from lsp_server.grammars import LANGUAGES, grammar_of

LINES = st.sampled_from(["", "    ", "def f():", "    return 1", "class A:", "# note", "@wraps", "x" * 900, "\tüé"])


def outlined(text: str, language_id: str) -> Outline:
    grammar = grammar_of(language_id)
    assert grammar is not None
    return outline(tree_sitter.Parser(grammar).parse(text.encode()), text.encode(), language_id)


@given(st.lists(LINES, max_size=200), st.lists(st.integers(0, 199), max_size=20) | st.none())
def test_chunks_hold_every_line_once_and_stay_small(lines: list[str], borders: list[int] | None) -> None:
    inside = None if borders is None else sorted({border for border in borders if border < len(lines)})
    chunks = cut("\n".join(lines), inside)
    held = {}
    for chunk in chunks:
        chunk_lines = chunk.text.split("\n")
        assert len(chunk_lines) <= MAX_LINES
        assert len(chunk.text) <= MAX_CHARS
        for number, line in enumerate(chunk_lines, chunk.first_line):
            assert number not in held
            held[number] = line
    assert [chunk.first_line for chunk in chunks] == sorted(chunk.first_line for chunk in chunks)
    assert {number for number, line in enumerate(lines) if line.strip()} <= held.keys()
    assert all(lines[number] == line for number, line in held.items())


def test_a_line_longer_than_a_chunk_is_cut() -> None:
    assert [len(chunk.text) for chunk in cut("a\n" + "x" * 9_000 + "\nb\n")] == [1, MAX_CHARS, 1]


def test_definitions_stand_in_one_chunk_with_what_leads_them() -> None:
    body = "".join(f"    line_{number} = {number}\n" for number in range(20))
    text = f"import a\n\n\n# about f\n@decorated\ndef f():\n{body}\n\ndef g():\n{body}"
    found = outlined(text, "python")
    assert [(chunk.first_line, chunk.text.split("\n")[0]) for chunk in cut(text, found.borders)] == [
        (0, "import a"),
        (3, "# about f"),
        (28, "def g():"),
    ]


def test_small_neighbours_share_a_chunk_and_long_ones_are_cut_where_least_is_indented() -> None:
    small = "".join(f"def f{number}():\n    pass\n\n" for number in range(5))
    long = "def g():\n" + "".join(f"    if {n}:\n        a()\n        b()\n" for n in range(20))
    found = outlined(small + long, "python")
    chunks = cut(small + long, found.borders)
    assert chunks[0].text.count("def f") == 5
    assert len(chunks) == 3
    assert chunks[2].text.startswith("    if ")


SYMBOLS = {
    "python": (
        "class A(B):\n    @property\n    def f(self, x: int) -> int:\n        def inner(): pass\n\nLIMIT = 3\n",
        ["A class 0 class A(B):", "f function 2 def f(self, x: int) -> int:", "LIMIT constant 5 LIMIT = 3"],
    ),
    "javascript": (
        "class A { m(x) { return x; } }\nexport const f = (x) => x;\nexport const LIMIT = 3;\nfunction g() {}\n",
        [
            "A class 0 class A",
            "m method 0 m(x)",
            "f function 1 f = (x) => x",
            "LIMIT constant 2 LIMIT = 3",
            "g function 3 function g()",
        ],
    ),
    "typescript": (
        "interface I { m(): void }\ntype T = number;\nexport abstract class A<T> { abstract q(x: T): void; }\n",
        [
            "I interface 0 interface I",
            "m method 0 m(): void",
            "T type 1 type T = number;",
            "A class 2 abstract class A<T>",
            "q method 2 abstract q(x: T): void",
        ],
    ),
    "go": (
        "package a\n\ntype S struct { a int }\n\nfunc (s *S) M(x int) int { return 1 }\n",
        ["S type 2 S struct { a int }", "M method 4 func (s *S) M(x int) int"],
    ),
    "rust": (
        "pub struct S { a: i32 }\nimpl S {\n    pub fn m(&self) -> i32 { 1 }\n}\nconst C: i32 = 1;\n",
        ["S struct 0 pub struct S", "m function 2 pub fn m(&self) -> i32", "C constant 4 const C: i32 = 1;"],
    ),
    "java": ("class A {\n  int f(int y) { return y; }\n}\n", ["A class 0 class A", "f method 1 int f(int y)"]),
    "c": (
        "#define M(x) x\nstruct s { int a; };\nchar *g(void)\n{ return 0; }\nint h(int);\n",
        ["M macro 0 #define M(x) x", "s struct 1 struct s", "g function 2 char *g(void)", "h function 4 int h(int);"],
    ),
    "cpp": (
        "namespace n {\nclass A : B { int f() const { return 1; } };\n}\nint n::A::g() { return 1; }\n",
        [
            "n namespace 0 namespace n",
            "A class 1 class A : B",
            "f function 1 int f() const",
            "g function 3 int n::A::g()",
        ],
    ),
    "csharp": ("class A {\n  int F(int x) { return x; }\n}\n", ["A class 0 class A", "F method 1 int F(int x)"]),
    "ruby": (
        "class A < B\n  def f(x)\n    x\n  end\n  def self.g; end\nend\n",
        ["A class 0 class A < B", "f method 1 def f(x)", "g method 4 def self.g; end"],
    ),
    "php": (
        "<?php\nclass A {\n  function f($x) { return 1; }\n}\n",
        ["A class 1 class A", "f method 2 function f($x)"],
    ),
    "shellscript": ("f() {\n  echo 1\n}\n", ["f function 0 f()"]),
    "lua": (
        "function a.b(x) end\nM.f = function(x) end\n",
        ["b function 0 function a.b(x) end", "f function 1 M.f = function(x) end"],
    ),
    "kotlin": (
        "class A(val x: Int) {\n fun f(y: Int): Int = y\n}\n",
        ["A class 0 class A(val x: Int)", "f function 1 fun f(y: Int): Int = y"],
    ),
    "swift": (
        "struct S {\n func f(x: Int) -> Int { return x }\n}\n",
        ["S class 0 struct S", "f function 1 func f(x: Int) -> Int"],
    ),
    "css": (".a {\n color: red;\n}\n", [".a rule 0 .a"]),
}


@pytest.mark.parametrize("language_id", SYMBOLS)
def test_symbols(language_id: str) -> None:
    text, expected = SYMBOLS[language_id]
    found = outlined(text, language_id)
    assert [" ".join(map(str, symbol)) for symbol in found.symbols] == expected
    assert not found.is_broken


@pytest.mark.parametrize("language_id", sorted(LANGUAGES))
@pytest.mark.parametrize("text", ["", "\n", "def f(", "{{{", "\ufffd\0", "class A {\n"])
def test_every_grammar_loads_and_takes_anything(language_id: str, text: str) -> None:
    assert len(outlined(text, language_id).borders) <= len(text)


def test_a_language_without_grammar() -> None:
    assert grammar_of("scala") is None
    text = "object A\n"
    parsed = parse_data("a.scala", Stamp(len(text), 1), text.encode())
    assert [chunk.text for chunk in parsed.chunks] == ["object A"]
    assert parsed.symbols == []


def test_a_grammar_that_does_not_load_is_as_if_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(grammars._SOURCES, "broken", ("no_such_module", "language"))
    assert grammar_of("broken") is None


def test_terms() -> None:
    assert terms_of("getUserName(user_id)") == {"getusername", "get", "user", "name", "user_id", "id"}
    assert terms_of("HTTPServer2 x __init__ größe") == {"httpserver2", "http", "server", "__init__", "init", "größe"}
    assert terms_of("1 + 2 == 'ab' # x") == {"ab"}
    assert terms_of("y" * 60) == set()
    assert terms_of("0xFF 12a 3ab größe² ²x1") == {"xff", "ff", "ab", "größe²", "²x1", "²x"}


@given(st.text(st.sampled_from("aZ_9é²ß- .\n\x0bİǅ")))
def test_words_are_what_the_pattern_finds(text: str) -> None:
    assert words_of(text) == set(re.findall(r"\w+", text))
    assert terms_of(text) == set[str]().union(*map(terms_of, re.findall(r"[^\W\d]\w+", text)))
