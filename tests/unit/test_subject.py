"""What a place in a file is about: the innermost definition, by table, over languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.subject import Subject, subject_at
from lsp_server.grammars import LANGUAGES

PYTHON = '''\
import os

LIMIT = 3


@cache
@other(1)
def outer(a, b=2):
    """Add.

    Well.
    """

    def inner(c):
        return c

    return inner(a) + b


class Store(Base):
    """Keeps."""

    size = 1

    @property
    async def first(self) -> int:
        return 1


def test_outer():
    assert outer(1) == 3


class TestStore:
    def test_first(self):
        pass
'''
TYPESCRIPT = """\
import { x } from "./x";

/**
 * Parses.
 * @param a what
 */
export const parse = (a: string): number => {
  return x(a);
};

export default class Store<T> extends Base {
  // Not this one.

  // How many.
  size(): number { return 1; }

  @log()
  last = () => 2;
}

export async function load(name: string) {
  const items = { one: () => 1 };
  return items;
}

interface Shape { area(): number }

describe("parse", () => {
  it("takes a number", async () => {
    expect(parse("1")).toBe(1);
  });
});
"""
GO = """\
package store

import "testing"

// Store keeps.
// All of it.
type Store[K any] struct {
	size int
}

// Get gets.
func (s *Store[K]) Get(key K) (int, error) {
	f := func() int { return 1 }
	return f(), nil
}

//go:noinline
func load() {}

func TestGet(t *testing.T) {
}

func Testable() {}
"""
JAVA = """\
package a;

/** Keeps. */
public class Store<T> {
    private int size; // not the doc

    public Store(int size) { this.size = size; }

    /**
     * Gets it.
     */
    @Override
    public int get(String key) {
        return size;
    }

    @Test
    void getsIt() { }
}
"""
RUST = """\
use std::fmt;

/// Keeps.
#[derive(Debug)]
pub struct Store { size: usize }

impl Store {
    /// Gets.
    /// Surely.
    #[inline]
    pub fn get(&self, key: &str) -> usize {
        self.size
    }
}

mod tests {
    #[test]
    fn gets() {
        assert_eq!(1, 1);
    }
}
"""
CPP = """\
namespace a {
class Store {
 public:
  int size() const { return 1; }
};
}

// Gets.
int Store::get(const char* key) {
  return 1;
}

template <typename T>
T twice(T a) { return a + a; }
"""
RUBY = """\
module A
  class Store
    # Gets.
    def get(key)
      1
    end

    def self.make
    end
  end
end
"""
C = "/* Adds. */\nstatic int add(int a, int b)\n{\n    return a + b;\n}\n"
CSHARP = """\
namespace A { class Store {
  /// Gets.
  public int Get(string key) { return 1; }
  [Fact]
  public void Gets() { }
} }
"""
PHP = "<?php\nclass Store {\n  /** Gets. */\n  public function get($key) {\n    return 1;\n  }\n}\nfunction free() {}\n"
LUA = "-- Gets.\nfunction M.get(key)\n  return 1\nend\nlocal function own() end\n"
KOTLIN = "/** Keeps. */\nclass Store {\n  @Test\n  fun get(key: String): Int = 1\n}\n"
SWIFT = "/// Keeps.\nstruct Store {\n  func get(key: String) -> Int { 1 }\n}\n"
BASH = "# Gets.\nget() {\n  echo 1\n}\n"

TEXTS = {
    "python": PYTHON,
    "typescript": TYPESCRIPT,
    "go": GO,
    "java": JAVA,
    "rust": RUST,
    "cpp": CPP,
    "ruby": RUBY,
    "c": C,
    "csharp": CSHARP,
    "php": PHP,
    "lua": LUA,
    "kotlin": KOTLIN,
    "swift": SWIFT,
    "shellscript": BASH,
}


def _line(language_id: str, part: str) -> int:
    return next(number for number, line in enumerate(TEXTS[language_id].split("\n")) if part in line)


def _at(language_id: str, part: str, last: str | None = None) -> Subject | None:
    first_line = _line(language_id, part)
    last_line = first_line if last is None else _line(language_id, last)
    return subject_at(language_id, TEXTS[language_id], first_line, last_line)


@pytest.mark.parametrize(
    ("language_id", "part", "qualified_name", "kind", "first", "last"),
    [
        ("python", "@other", "outer", "function", "@cache", "return inner"),
        ("python", "return c", "outer.inner", "function", "def inner", "return c"),
        ("python", "return inner", "outer", "function", "@cache", "return inner"),
        ("python", "size = 1", "Store", "class", "class Store", "return 1"),
        ("python", "return 1", "Store.first", "method", "@property", "return 1"),
        ("python", "def test_first", "TestStore.test_first", "method", "def test_first", "        pass"),
        ("typescript", "return x(a)", "parse", "function", "export const parse", "};"),
        ("typescript", "return 1;", "Store.size", "method", "size()", "size()"),
        ("typescript", "last =", "Store.last", "method", "@log", "last ="),
        ("typescript", "// How many", "Store", "class", "export default class", "}"),
        ("typescript", "return items", "load", "function", "export async", "}"),
        ("typescript", "one:", "load.one", "function", "one:", "one:"),
        ("typescript", "interface", "Shape", "class", "interface", "interface"),
        ("typescript", "toBe(1)", "takes a number", "function", 'it("takes', "  });"),
        ("go", "size int", "Store", "class", "type Store", "}"),
        ("go", "return f()", "Store.Get", "method", "func (s", "}"),
        ("go", "func load", "load", "function", "func load", "func load"),
        ("java", "return size", "Store.get", "method", "@Override", "    }"),
        ("java", "public Store(int", "Store.Store", "method", "public Store(int", "public Store(int"),
        ("java", "private int", "Store", "class", "public class", "}"),
        ("rust", "self.size", "Store::get", "method", "#[inline]", "    }"),
        ("rust", "pub struct", "Store", "class", "#[derive", "pub struct"),
        ("rust", "assert_eq", "tests::gets", "function", "#[test]", "    }"),
        ("cpp", "int size", "a::Store::size", "method", "int size", "int size"),
        ("cpp", "int Store::get", "Store::get", "method", "int Store::get", "}"),
        ("cpp", "T twice", "twice", "function", "template", "T twice"),
        ("ruby", "    def get", "A::Store::get", "method", "    def get", "    end"),
        ("ruby", "self.make", "A::Store::make", "method", "def self", "    end"),
        ("c", "return a", "add", "function", "static int", "}"),
        ("csharp", "Get(string", "Store.Get", "method", "Get(string", "Get(string"),
        ("php", "return 1", "Store::get", "method", "public function", "  }"),
        ("php", "free", "free", "function", "function free", "function free"),
        ("lua", "return 1", "get", "function", "function M.get", "end"),
        ("lua", "own", "own", "function", "own", "own"),
        ("kotlin", "fun get", "Store.get", "method", "@Test", "fun get"),
        ("swift", "func get", "Store.get", "method", "func get", "func get"),
        ("shellscript", "echo", "get", "function", "get()", "}"),
    ],
)
def test_it_is_the_innermost_definition_with_all_its_lines(
    language_id: str, part: str, qualified_name: str, kind: str, first: str, last: str
) -> None:
    subject = _at(language_id, part)
    assert subject is not None
    assert (subject.qualified_name, subject.kind) == (qualified_name, kind)
    lines = TEXTS[language_id].split("\n")
    assert first in lines[subject.first_line]
    assert lines[subject.last_line].startswith(last) or last in lines[subject.last_line]
    assert subject.text == "\n".join(lines[subject.first_line : subject.last_line + 1])
    assert subject.name == subject.qualified_name.replace("::", ".").split(".")[-1]


@pytest.mark.parametrize(
    ("language_id", "part", "docstring"),
    [
        ("python", "return inner", "Add.\n\nWell."),
        ("python", "return c", None),
        ("python", "size = 1", "Keeps."),
        ("typescript", "return x", "Parses.\n@param a what"),
        ("typescript", "return 1;", "How many."),
        ("typescript", "return items", None),
        ("go", "size int", "Store keeps.\nAll of it."),
        ("go", "return f", "Get gets."),
        ("go", "func load", None),
        ("java", "return size", "Gets it."),
        ("java", "public Store(int", None),
        ("rust", "self.size", "Gets.\nSurely."),
        ("rust", "pub struct", "Keeps."),
        ("cpp", "int Store::get", "Gets."),
        ("cpp", "int size", None),
        ("ruby", "    def get", "Gets."),
        ("c", "return a", "Adds."),
        ("csharp", "Get(string", "Gets."),
        ("php", "return 1", "Gets."),
        ("lua", "return 1", "Gets."),
        ("kotlin", "class Store", "Keeps."),
        ("swift", "struct Store", "Keeps."),
        ("shellscript", "echo", "Gets."),
    ],
)
def test_its_docstring_is_what_stands_in_it_or_right_above(language_id: str, part: str, docstring: str | None) -> None:
    subject = _at(language_id, part)
    assert subject is not None
    assert subject.docstring == docstring


@pytest.mark.parametrize(
    ("language_id", "part", "is_test"),
    [
        ("python", "def test_outer", True),
        ("python", "def test_first", True),
        ("python", "class TestStore", True),
        ("python", "return inner", False),
        ("typescript", "toBe(1)", True),
        ("typescript", "return x(a)", False),
        ("go", "func TestGet", True),
        ("go", "func Testable", False),
        ("java", "getsIt", True),
        ("java", "return size", False),
        ("rust", "assert_eq", True),
        ("rust", "self.size", False),
        ("csharp", "void Gets", True),
        ("kotlin", "fun get", True),
    ],
)
def test_it_knows_a_test(language_id: str, part: str, is_test: bool) -> None:
    subject = _at(language_id, part)
    assert subject is not None
    assert subject.is_test is is_test


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("import os", "class Store", "outer"),  # several: the first that begins in the range
        ("LIMIT", "LIMIT", None),
        ("import os", "@other", "outer"),
        ("def inner", "return inner", "outer"),
        ('"""Keeps', "return 1", "Store"),
    ],
)
def test_a_range_is_about_what_is_around_it_or_begins_in_it(first: str, last: str, name: str | None) -> None:
    subject = _at("python", first, last)
    assert (subject.name if subject is not None else None) == name


def test_its_signature_is_its_head_in_one_line() -> None:
    text = "class A:\n    def get(\n        self,\n        key: str,\n    ) -> int:\n        return 1\n"
    subject = subject_at("python", text, 5, 5)
    assert subject is not None
    assert subject.signature == "def get( self, key: str, ) -> int:"


@pytest.mark.parametrize(
    ("language_id", "text", "line"),
    [
        ("python", "def f(:\n    return (\n", 1),
        ("python", "", 0),
        ("python", "x = 1\n", 7),
        ("plaintext", "def f():\n    pass\n", 1),
        ("json", '{"a": 1}\n', 0),
        ("typescript", "function f( {\n", 0),
    ],
)
def test_there_is_none_where_nothing_parses_or_stands(language_id: str, text: str, line: int) -> None:
    assert subject_at(language_id, text, line, line) is None


def test_an_error_elsewhere_in_the_file_does_not_matter() -> None:
    subject = subject_at("python", "def f():\n    return 1\n\n\ndef g(:\n", 1, 1)
    assert subject is not None
    assert subject.name == "f"


@given(
    st.sampled_from(sorted(LANGUAGES)), st.text(alphabet="def f():{}\n\t class#/*\"'ü\x00é", max_size=120), st.data()
)
def test_whatever_the_text_a_subject_is_made_of_its_lines(language_id: str, text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    first = data.draw(st.integers(0, len(lines)))
    subject = subject_at(language_id, text, first, first + data.draw(st.integers(0, 3)))
    if subject is not None:
        assert subject.text == "\n".join(lines[subject.first_line : subject.last_line + 1])
