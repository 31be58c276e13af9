"""What of a model's answer is shown: whole units alone, about what is in the code, by table and by chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.anatomy import anatomy_at
from lsp_server.context.subject import subject_at
from lsp_server.explain.check import Repetitions, Sources, escaped, is_plain, names_code, unknown_names
from lsp_server.explain.phrases import code_span, linked, put_plainly
from lsp_server.explain.prompt import purpose, without_docstring
from lsp_server.explain.units import MOST_CHARS, Kind, Unit, UnitReader

CODE = """\
def read_document(place: Place) -> tuple[str, int]:
    try:
        text = place.path.read_bytes().decode("utf-8")
    except OSError as error:
        raise PlaceError(f"{place.path} cannot be read") from error
    lines = split_lines(text)
    if place.line > len(lines):
        raise PlaceError("no such line")
    return text, 1
"""
SOURCES = Sources([CODE, "src/complete.py"])


@pytest.mark.parametrize(
    "words",
    [
        "Reads the text of `place.path`.",
        "Raises `PlaceError` if `place.line > len(lines)`.",
        "Raises `PlaceError` if `place.line>len( lines )` holds.",
        "Returns `tuple[str, int]`.",
        "Calls `split_lines(text)` and keeps `lines`.",
        "Calls `split_lines()` on the text.",
        "Returns `None` or `True` as an `int`.",
        "Decodes it by `.decode('utf-8')`.",
        "Plain words, e.g. about JavaScript on GitHub.",
        "Raises PlaceError from an OSError.",
        "Uses read_bytes to read.",
        "`place`: the place, a `Place`.",
        "It is in `src/complete.py`.",
    ],
)
def test_what_speaks_of_the_code_is_shown(words: str) -> None:
    assert unknown_names(words, SOURCES) == []


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        ("Calls `parse_lines`.", ["parse_lines"]),
        ("Raises `ValueError`.", ["ValueError"]),
        ("Raises ValueError when empty.", ["ValueError"]),
        ("Uses parse_place to parse.", ["parse_place"]),
        ("Checks `place.line >= len(lines)`.", ["place.line >= len(lines)"]),
        ("Returns `text, 2`.", ["text, 2"]),
        ("Calls `place.write()`.", ["place.write()"]),
        ("Opens place.file for that.", ["place.file"]),
        ("Calls cleanup() at the end.", ["cleanup"]),
        ("Sets `x` to 1.", ["x"]),
        ("Sets readText to one.", ["readText"]),
    ],
)
def test_what_speaks_of_something_else_is_known(words: str, unknown: list[str]) -> None:
    assert unknown_names(words, SOURCES) == unknown


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("Reads the file.", True),
        ("Reads `a](b)` safely.", True),
        ("See [this](http://evil.example).", False),
        ("See [this][1].", False),
        ("[1]: http://evil.example", False),
        ("![x](y)", False),
        ("Go to https://evil.example now.", False),
        ("Go to www.evil.example now.", False),
        ("Run command:workbench.action?x now.", False),
        ("Raises on line 12.", False),
        ("Lines 3 to 5 read it.", False),
        ("A half `span.", False),
        ("Note: it reads.", True),
    ],
)
def test_nothing_but_words_and_code_is_plain(words: str, is_one: bool) -> None:
    assert is_plain(words) is is_one


def test_html_is_shown_as_words() -> None:
    assert (
        escaped("Gives a List<String> and `Map<K>` <img src=x>.")
        == "Gives a List\\<String> and `Map<K>` \\<img src=x>."
    )


@pytest.mark.parametrize(
    ("words", "does"),
    [
        ("Reads `place`.", True),
        ("Files and the network.", False),
        ("Returns `None`.", False),
        ("Uses split_lines.", True),
    ],
)
def test_it_is_known_whether_words_name_code(words: str, does: bool) -> None:
    assert names_code(words, SOURCES) is does


@pytest.mark.parametrize(
    ("answer", "units"),
    [
        ("Reads a file. Returns it.", ["Reads a file.", "Returns it."]),
        ("Reads a file, e.g. a log. Done!", ["Reads a file, e.g. a log.", "Done!"]),
        ("Uses `a. b` there.\nNext line", ["Uses `a. b` there.", "Next line"]),
        ("Here:\n\n- one\n  goes on\n- two\n\nEnd.", ["Here:", "- one goes on", "- two", "End."]),
        ("1. one\n2. two", ["- one", "- two"]),
        ("## Steps\n\n* one\n", ["# ## Steps", "- one"]),
        ("Do:\n```python\na. b\n\n- c\n```\nDone.", ["Do:", "``` ```python\na. b\n\n- c\n```", "Done."]),
        ("```\nnever ends", []),
        ("Version 1.5 is old. So.", ["Version 1.5 is old.", "So."]),
        ("", []),
    ],
)
@pytest.mark.parametrize("n_chars", [1, 3, 1000])
def test_an_answer_is_cut_into_whole_units(answer: str, units: list[str], n_chars: int) -> None:
    reader = UnitReader()
    pieces = [answer[at : at + n_chars] for at in range(0, len(answer), n_chars)]
    found = [unit for piece in pieces for unit in reader.feed(piece)] + reader.close(is_cut=False)
    marks = {Kind.BULLET: "- ", Kind.HEADING: "# ", Kind.CODE: "``` ", Kind.SENTENCE: ""}
    assert [marks[unit.kind] + unit.text for unit in found] == units


def test_what_is_cut_off_is_no_unit() -> None:
    reader = UnitReader()
    assert reader.feed("- one\n- two and") == [Unit(Kind.BULLET, "one")]
    assert reader.close(is_cut=True) == []


def test_a_unit_that_never_ends_is_noticed() -> None:
    reader = UnitReader()
    assert reader.feed("and " * MOST_CHARS) == []
    assert reader.is_lost


@given(st.lists(st.text(alphabet="ab. `-\n#*1)!", max_size=12), max_size=12))
def test_units_come_as_early_or_late_the_same_and_lose_no_letter(pieces: list[str]) -> None:
    answer = "".join(pieces)
    one, other = UnitReader(), UnitReader()
    found = [unit for piece in pieces for unit in one.feed(piece)] + one.close(is_cut=False)
    whole = other.feed(answer) + other.close(is_cut=False)
    letters = "".join(character for character in answer if character in "ab")
    for units in (found, whole):
        assert "".join(c for unit in units for c in unit.text if c in "ab") in (letters, letters.rstrip())
        assert all(unit.text.strip() for unit in units)


@given(st.text(max_size=200))
def test_whatever_is_said_its_units_are_judged(words: str) -> None:
    unknown_names(words, SOURCES)
    is_plain(words)
    escaped(put_plainly(words))


def test_what_is_said_again_is_counted() -> None:
    said = Repetitions()
    units = ["Reads the file at the given place.", "Reads the file of the given path.", "Returns it.", "Returns it."]
    assert [said.note(Unit(Kind.SENTENCE, unit)) for unit in units] == [False, False, False, True]
    assert said.n == 1
    assert said.note(Unit(Kind.SENTENCE, "Returns  IT"))
    assert said.n == 2


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        ("The `read_document` function reads the text.", "Reads the text."),
        ("This function reads the text.", "Reads the text."),
        ("The part of the code creates a list.", "Creates a list."),
        ("`f` is a function that takes a text.", "Takes a text."),
        ("The function returns it.", "Returns it."),
        ("n_repeated returns the number.", "Returns the number."),
        ("This line of code splits the text.", "Splits the text."),
        ("Reads the text.", "Reads the text."),
        ("The text is read.", "The text is read."),
        ("`text` is what was read.", "`text` is what was read."),
        ("It raises an error.", "Raises an error."),
        ("The", "The"),
    ],
)
def test_the_words_that_every_answer_begins_with_are_left_out(sentence: str, plain: str) -> None:
    assert put_plainly(sentence) == plain


def test_what_stands_once_in_the_code_is_linked() -> None:
    words = "Calls `split_lines` on `text` of `place.path.read_bytes()`, or else `raise`s."
    assert linked(words, "file:///a(b).py", CODE, 10) == (
        "Calls [`split_lines`](file:///a%28b%29.py#L16) on `text` of "
        "[`place.path.read_bytes()`](file:///a%28b%29.py#L13), or else `raise`s."
    )


@pytest.mark.parametrize(("code", "span"), [("a", "`a`"), ("`a`", "`` `a` ``"), ("a ``` b", "````a ``` b````")])
def test_any_code_is_shown_as_it_is(code: str, span: str) -> None:
    assert code_span(code) == span


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('def f(a):\n    """Adds."""\n    return a\n', "def f(a):\n    return a"),
        (
            "def f(\n    a='x',\n):\n    r'''Adds.\n\n    More.\n    '''\n\n    return a\n",
            "def f(\n    a='x',\n):\n    return a",
        ),
        ("def f(a):\n    return a\n", "def f(a):\n    return a"),
        ('def f(a):\n    """Adds."""\n', 'def f(a):\n    """Adds."""'),
    ],
)
def test_the_docstring_is_told_apart_from_the_code(text: str, code: str) -> None:
    subject = subject_at("python", text, 0, 0)
    assert subject is not None
    steps = [step for step in anatomy_at("python", text, 0, 0).steps if "Adds." not in step.text]
    assert without_docstring(subject, steps) == code
    assert ("Adds." in purpose(subject).words) is (subject.docstring is not None)
