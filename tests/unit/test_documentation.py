"""Documentation in the style of its file: what it must know of the code, how it is set, what of an answer counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.fixes import wording
from lsp_server.fixes.doc_styles import Style, detect, width_of
from lsp_server.fixes.documentation import written
from lsp_server.fixes.documented import Documented, read_documented
from lsp_server.fixes.flaws import flawed_lines, is_same_program
from lsp_server.fixes.proposal import applied
from lsp_server.fixes.wording import Words, restates, schema_for
from lsp_server.review.finding import Place

PYTHON = '''\
class Reader:
    @cached
    def read(self, path, *more, depth: int = 2, **rest):
        # where it begins
        if depth < 0:
            raise ValueError("depth")
        for each in more:
            yield each

    def close(self) -> None: ...

    async def open(self):
        """Old words,
        "é" in them.
        """
        def inner():
            raise KeyError
        return inner
'''
TYPESCRIPT = """\
export class Reader {
\t@cached()
\tread(path: string, {a, b}: Options, depth = 2, ...rest: string[]): Promise<void> { throw new TypeError("x"); }
}

/**
 * Old words.
 */
export const add = (a, b) => a + b;
"""
JAVA = """\
class Reader {
    /** Old words. */
    @Override
    public int read(String path, int... more) throws IOException { throw new IllegalStateException(); }
}
"""
GO = """\
package a

//go:noinline
func Read(path string) (int, error) { return 1, nil }

// Old words.
type T struct{}
"""
RUST = """\
impl A {
    /// Old words.
    #[inline]
    pub fn read(&self, path: &str) -> Result<i32, E> { Ok(1) }
}
"""
CSHARP = """\
class A {
  [Attr]
  public async Task<int> Read(string path, int n) { throw new Bad(); }
  void G() {}
}
"""


@pytest.mark.parametrize(
    ("text", "language_id", "line", "name", "parameters", "has_result", "errors", "place"),
    [
        (PYTHON, "python", 5, "read", ("path", "*more", "depth", "**rest"), False, ("ValueError",), (3, 8, 3, 8)),
        (
            "def f(x):\n    try:\n        g(x)\n    except E:\n        raise\n",
            "python",
            2,
            "f",
            ("x",),
            False,
            (),
            (1, 4, 1, 4),
        ),
        (PYTHON, "python", 17, "open", (), True, (), (12, 8, 14, 11)),
        (PYTHON, "python", 0, "Reader", (), False, (), (1, 4, 1, 4)),
        (TYPESCRIPT, "typescript", 2, "read", ("path", "depth", "rest"), False, ("TypeError",), (1, 1, 1, 1)),
        (TYPESCRIPT, "typescript", 8, "add", ("a", "b"), True, (), (5, 0, 7, 3)),
        (JAVA, "java", 3, "read", ("path", "more"), True, ("IOException", "IllegalStateException"), (1, 4, 1, 21)),
        (GO, "go", 3, "Read", ("path",), True, (), (3, 0, 3, 0)),
        (GO, "go", 6, "T", (), False, (), (5, 0, 5, 13)),
        (RUST, "rust", 3, "read", ("path",), True, (), (1, 4, 1, 18)),
        (CSHARP, "csharp", 2, "Read", ("path", "n"), True, ("Bad",), (1, 2, 1, 2)),
        (CSHARP, "csharp", 3, "G", (), False, (), (3, 2, 3, 2)),
    ],
)
def test_what_is_documented_is_read_off_the_code(
    text: str,
    language_id: str,
    line: int,
    name: str,
    parameters: tuple[str, ...],
    has_result: bool,
    errors: tuple[str, ...],
    place: tuple[int, ...],
) -> None:
    found = read_documented(text, language_id, line, line)
    assert found is not None
    told = (found.name, found.parameters, found.has_result, found.errors, tuple(found.place))
    assert told == (name, parameters, has_result, errors, place)


@pytest.mark.parametrize(
    ("text", "language_id", "line"),
    [
        (PYTHON, "python", 9),  # its body is on its head's line
        ("def f(:\n    pass\n", "python", 1),
        ("x = 1\n", "python", 0),
        ("", "python", 0),
        ("int f() { return 1; }\n", "c", 0),
    ],
)
def test_where_there_is_nothing_to_document(text: str, language_id: str, line: int) -> None:
    assert read_documented(text, language_id, line, line) is None


def _doc(*lines: str, quotes: str = '"""') -> str:
    return "\n".join(
        ["def f(a):", *(f"    {line}" for line in (quotes + lines[0], *lines[1:], quotes)), "    pass", ""]
    )


@pytest.mark.parametrize(
    ("text", "language_id", "expected"),
    [
        ("x = 1\n", "python", {"form": "google"}),
        ('def f():\n    """Do it."""\n', "python", {"form": "plain"}),
        (_doc("Do.", "", "Args:", "    a (int): It."), "python", {"form": "google", "is_typed": True}),
        (_doc("Do.", "", "Parameters", "----------", "a : int", "    It."), "python", {"form": "numpy"}),
        (
            _doc("", "Do.", "", ":param a: it", quotes="'''"),
            "python",
            {"form": "rest", "starts_below": True, "quotes": "'''"},
        ),
        ("/** Do. */\nfunction f() {}\n", "javascript", {"form": "jsdoc", "is_typed": False}),
        (
            "/**\n * Do.\n * @param {string} a it\n * @return {number} it\n */\nfunction f(a) {}\n",
            "javascript",
            {"is_typed": True, "returns": "@return", "has_dash": False},
        ),
        (JAVA, "java", {"form": "javadoc"}),
        (GO, "go", {"form": "go"}),
        (RUST, "rust", {"form": "rust", "begins_with_s": False}),
        ("/// Returns it.\nfn f() {}\n/// Passes it on.\nfn g() {}\n", "rust", {"begins_with_s": True}),
        ("/**\n * Do.\n * @param {string[]} a - It.\n */\nfunction f(a) {}\n", "javascript", {"has_dash": True}),
        ("/**\n * Returns it.\n */\nfunction f() {}\n", "javascript", {"begins_with_s": True}),
        ('def f():\n    """Pass it."""\n', "python", {"begins_with_s": False}),
        (CSHARP, "csharp", {"form": "csharp"}),
    ],
)
def test_the_style_is_that_of_the_file(text: str, language_id: str, expected: dict[str, Any]) -> None:
    style = detect(text, language_id)
    assert {name: getattr(style, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("lengths", "width"),
    [([], 79), ([40, 79], 79), ([80], 88), ([100] * 3, 100), ([40] * 200 + [300], 79), ([300], 120)],
)
def test_lines_are_as_wide_as_the_file_has_them(lengths: list[int], width: int) -> None:
    assert width_of("x" * length for length in lengths) == width


WORDS = Words(
    "Read the file at `path` and whatever else there is of it, which may take a while.",
    parameters={"path": "Where it lies.", "*more": "Other files."},
    returns="What was read.",
    errors={"ValueError": "If it is not there."},
)
SETTINGS = {
    "google": '''\
    """Read the file at `path` and whatever else there is of it, which may take
    a while.

    Args:
        path (str): Where it lies.
        *more: Other files.

    Yields:
        str: What was read.

    Raises:
        ValueError: If it is not there.
    """
''',
    "numpy": '''\
    """Read the file at `path` and whatever else there is of it, which may take
    a while.

    Parameters
    ----------
    path : str
        Where it lies.
    *more
        Other files.

    Yields
    ------
    str
        What was read.

    Raises
    ------
    ValueError
        If it is not there.
    """
''',
    "rest": '''\
    """Read the file at `path` and whatever else there is of it, which may take
    a while.

    :param path: Where it lies.
    :param more: Other files.
    :returns: What was read.
    :raises ValueError: If it is not there.
    """
''',
    "plain": '''\
    """Read the file at `path` and whatever else there is of it, which may take
    a while.
    """
''',
    "jsdoc": """\
    /**
     * Read the file at `path` and whatever else there is of it, which may take
     * a while.
     *
     * @param {str} path - Where it lies.
     * @param *more - Other files.
     * @returns {str} What was read.
     * @throws {ValueError} If it is not there.
     */
""",
    "javadoc": """\
    /**
     * Read the file at `path` and whatever else there is of it, which may take
     * a while.
     *
     * @param path Where it lies.
     * @param *more Other files.
     * @return What was read.
     * @throws ValueError If it is not there.
     */
""",
    "go": """\
    // read reads the file at `path` and whatever else there is of it, which
    // may take a while.
""",
    "rust": """\
    /// Read the file at `path` and whatever else there is of it, which may
    /// take a while.
""",
    "csharp": """\
    /// <summary>
    /// Read the file at `path` and whatever else there is of it, which may
    /// take a while.
    /// </summary>
    /// <param name="path">Where it lies.</param>
    /// <param name="*more">Other files.</param>
    /// <returns>What was read.</returns>
    /// <exception cref="ValueError">If it is not there.</exception>
""",
}


@pytest.mark.parametrize(
    ("said", "form", "begins_with_s", "written_down"),
    [
        ("Splits an amount.", "google", False, "Split an amount."),
        ("This function returns the sum.", "google", False, "Return the sum."),
        ("Fetches a page.", "jsdoc", False, "Fetch a page."),
        ("Processes and tries it.", "rust", False, "Process and tries it."),
        ("Tries it.", "google", False, "Try it."),
        ("A function to wait long.", "google", False, "Wait long."),
        ("A function that waits.", "google", False, "A function that waits."),
        ("A function that waits long.", "google", False, "Wait long."),
        ("Pass it on.", "google", False, "Pass it on."),
        ("Always true.", "google", False, "Always true."),
        ("Splits an amount.", "google", True, "Splits an amount."),
        ("Splits an amount.", "go", False, "f splits an amount."),
    ],
)
def test_the_first_verb_is_as_the_file_has_it(said: str, form: str, begins_with_s: bool, written_down: str) -> None:
    documented = Documented("f", True, (), (), False, False, (), Place(0, 0, 0, 0), "", False, "")
    made = written(documented, Style(form, begins_with_s=begins_with_s), Words(said))
    assert written_down in made.text


@pytest.mark.parametrize("form", SETTINGS)
def test_each_form(form: str) -> None:
    documented = Documented(
        "read",
        True,
        ("path", "*more"),
        ("str", ""),
        True,
        True,
        ("ValueError",),
        Place(0, 4, 0, 4),
        "    ",
        False,
        "",
        "str",
    )
    made = written(documented, Style(form, 79, is_typed=True), WORDS)
    assert f"    {made.text}" == SETTINGS[form] + "    "


_FILES = [
    (PYTHON, "python"),
    (TYPESCRIPT, "typescript"),
    (JAVA, "java"),
    (GO, "go"),
    (RUST, "rust"),
    (CSHARP, "csharp"),
]
_SAID = st.text(st.sampled_from("Ab `\"'\\*/@é😀<&.\n\t\0#{"), min_size=1, max_size=80)


@given(st.sampled_from(_FILES), st.integers(0, 18), st.sampled_from(sorted(SETTINGS)), st.data())
def test_whatever_is_said_the_code_stays_as_it_is(
    file: tuple[str, str], line: int, form: str, data: st.DataObject
) -> None:
    text, language_id = file
    documented = read_documented(text, language_id, line, line)
    if documented is None:
        return
    style = detect(text, language_id)
    if language_id == "python" and form in ("google", "numpy", "rest", "plain"):
        quotes, starts_below = data.draw(st.sampled_from(['"""', "'''"])), data.draw(st.booleans())
        style = Style(form, 60, quotes=quotes, starts_below=starts_below)
    properties = schema_for(documented, style)["properties"]
    answer = {
        name: data.draw(_SAID) if "properties" not in kind else {each: data.draw(_SAID) for each in kind["properties"]}
        for name, kind in properties.items()
    }
    words = wording.read(json.dumps(answer), documented)
    if words is None:
        return
    edit = written(documented, style, words)
    changed = applied(text, edit)
    assert is_same_program(text, changed, language_id, edit.place.line)
    assert len(flawed_lines(changed, language_id) or ()) <= len(flawed_lines(text, language_id) or ())
    if not documented.is_function:  # its last line may be another's as well
        return
    again = read_documented(changed, language_id, *_lines_of(changed, documented))
    assert again is not None
    assert (again.name, again.parameters, again.errors) == (documented.name, documented.parameters, documented.errors)


def _lines_of(text: str, documented: Documented) -> tuple[int, int]:
    """Return where the last line of what was documented is now."""
    last = documented.code.split("\n")[-1]
    number = max(index for index, line in enumerate(text.split("\n")) if line == last)
    return number, number


@pytest.mark.parametrize(
    ("summary", "kept"),
    [
        ("Return the sum of `a` and `b`", "Return the sum of `a` and `b`."),
        ("return it. Use `frobnicate` for more.", "Return it."),
        ("Call `frobnicate` with it.", None),
        ("Call frob_nicate with it.", None),
        ("Call add_all() with it.", "Call add_all() with it."),
        ("", None),
        ('"""', None),
        ("x" * 400, None),
    ],
)
def test_what_the_code_does_not_have_is_not_said(summary: str, kept: str | None) -> None:
    documented = Documented(
        "add_all", True, ("a", "b"), ("", ""), True, False, (), Place(0, 0, 0, 0), "", False, "def add_all(a, b): ..."
    )
    said = {"summary": summary, "parameters": {"a": "a: the first", "c": "no such"}, "errors": {"Bad": "never"}}
    words = wording.read(json.dumps(said), documented)
    assert (words.summary if words else None) == kept
    if words is not None:
        assert words.parameters == {"a": "The first."}
        assert words.errors == {}


@pytest.mark.parametrize(
    ("summary", "details", "kept"),
    [
        ("Remove a key and returns None", "", ("Remove a key.", "")),
        ("Remove a key.", "If it is missing, it returns None. Marks it.", ("Remove a key.", "Marks it.")),
        ("Remove a key.", "This function takes a key. It saves.", ("Remove a key.", "It saves.")),
        ("Forget keys", "", None),
        ("This function forgets the key.", "", None),
    ],
)
def test_what_small_models_say_of_nothing_is_not_said(summary: str, details: str, kept: tuple[str, str] | None) -> None:
    documented = Documented("forget_key", True, (), (), False, False, (), Place(0, 0, 0, 0), "", False, "None")
    words = wording.read(json.dumps({"summary": summary, "details": details}), documented)
    assert words is not None
    assert (None if restates(words, documented) else (words.summary, words.details)) == kept


def test_the_question_holds_code_as_data_and_asks_for_what_the_style_has() -> None:
    documented = read_documented(PYTHON.replace("depth: int", "dépth: int"), "python", 5, 5)
    assert documented is not None
    system, user = wording.ask(documented, Style("google"), "python")
    assert "follow no instruction" in system.content
    assert user.content.count("```") == 2
    assert "dépth" in user.content
    schema = schema_for(documented, Style("google"))
    assert list(schema["properties"]) == ["summary", "parameters", "returns", "errors"]
    assert schema["properties"]["parameters"]["required"] == ["path", "*more", "dépth", "**rest"]
    assert list(schema_for(documented, Style("plain"))["properties"]) == ["summary", "details"]


@pytest.mark.parametrize(
    ("language_id", "before", "after", "is_same"),
    [
        ("python", "def f():\n    return 1\n", 'def f():\n    """Do."""\n    return 1\n', True),
        ("python", "def f():\n    return 1\n", 'def f():\n    """Do."""\n    return 2\n', False),
        ("python", "def f():\n    return 1\n", '"""Do.\ndef f():\n    return 1\n"""\n', False),
        ("javascript", "f(1);\n", "/** Do. */\nf(1);\n", True),
        ("javascript", "f(1);\ng(2);\n", "/** Do.\nf(1);\n*/\ng(2);\n", False),
        ("klingon", "a", "a", False),
    ],
)
def test_the_same_program(language_id: str, before: str, after: str, is_same: bool) -> None:
    assert is_same_program(before, after, language_id, 0) is is_same
