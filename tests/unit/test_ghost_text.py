"""What holds for ghost text whatever the document and whatever the model writes."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server import grammars
from lsp_server.completion.ghost_text import ghost_text, is_done
from lsp_server.completion.lines import Drop
from lsp_server.completion.place import N_LINES, Place, indent_unit, place_at
from lsp_server.completion.scope import Scope, scope_at
from lsp_server.completion.syntax import unmatched
from lsp_server.document import Document, Position

LANGUAGES = (*sorted(grammars.LANGUAGES), "fsharp", "haskell", "scala", "julia", "sql", "markdown", "unheard-of")

CONTROL = re.compile(r"<\|\w+\|>|<fim_\w+>|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

WORDS: tuple[str, ...] = (
    "x",
    "total",
    "if a:",
    "else:",
    "def f():",
    "return x",
    "end",
    "foo(",
    "bar)",
    "{",
    "}",
    "});",
    "[1, 2]",
)
WORDS += ('"text"', "'", '"', "`", "# note", "// note", "/* a */", "a = b", "->", "=>", "class A {", ";", ",", '"""')
WORDS += ("| 1 -> a", ".map(f)", "/*", "*/", "'''", "a +", "if a and ", "raise e")
TOKENS = (
    *WORDS,
    "\n",
    "\n\n",
    "\n    ",
    "\n        ",
    "\n\t",
    "  ",
    " ",
    "\r\n",
    "<|endoftext|>",
    "<|fim_",
    "\x00",
    "é",
)

lines = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "  ", "    ", "        ", "\t"]), st.sampled_from(WORDS)), max_size=6
)
raws = st.lists(st.sampled_from(TOKENS), max_size=14).map("".join)
pieces = st.lists(st.sampled_from([*WORDS, " ", "    "]), max_size=3).map("".join)


@st.composite
def places(draw: st.DrawFn) -> Place:
    before, after = draw(pieces), draw(st.one_of(st.just(""), pieces))
    above, below = draw(lines), draw(lines)
    return Place(draw(st.sampled_from(LANGUAGES)), tuple(above), before, after, tuple(below))


def is_above(text: str, place: Place) -> bool:
    """Tell whether `text` is whole lines above the cursor's, and the indentation of that."""
    return bool(place.after.strip()) and not place.before.strip() and text == f"{text.rstrip()}\n{place.before}"


@given(places(), raws, raws, st.booleans())
def test_an_end_once_found_is_the_end(place: Place, raw: str, more: str, single_line: bool) -> None:
    if not is_done(raw, place, single_line=single_line):
        return
    assert is_done(raw + more, place, single_line=single_line)
    early = ghost_text(raw, place, single_line=single_line)
    assert ghost_text(raw + more, place, single_line=single_line) == early
    assert ghost_text(raw + more, place, is_cut_off=True, single_line=single_line) == early


@given(places(), raws, st.booleans())
def test_either_a_text_or_a_reason(place: Place, raw: str, is_cut_off: bool) -> None:
    shown = ghost_text(raw, place, is_cut_off=is_cut_off)
    assert bool(shown.text.strip()) == (shown.drop is None)


@given(places(), raws, st.booleans())
def test_no_control_token_is_shown(place: Place, raw: str, is_cut_off: bool) -> None:
    assert not CONTROL.search(ghost_text(raw, place, is_cut_off=is_cut_off).text)


@given(places(), raws, st.booleans())
def test_no_bracket_loses_its_partner(place: Place, raw: str, is_cut_off: bool) -> None:
    def n_unmatched(text: str) -> int:
        around = "\n".join((*place.above, place.before + text + place.after, *place.below))
        return sum(map(len, unmatched(around, place.language_id)))

    # In prose brackets are text.
    if '"""' not in place.before + raw + place.after and scope_at(place) is not Scope.DOCSTRING:
        assert n_unmatched(ghost_text(raw, place, is_cut_off=is_cut_off).text) <= n_unmatched("")


@given(places(), raws, st.booleans())
def test_the_line_below_is_not_written_above_itself(place: Place, raw: str, is_cut_off: bool) -> None:
    below = place.line_below.strip()
    if sum(map(str.isalnum, below)) <= 2 or below == "end":
        return
    text = ghost_text(raw, place, is_cut_off=is_cut_off).text
    if text and not is_above(text, place):
        shown = (place.before + text + place.after).split("\n")
        made = shown[1:] if text.startswith("\n") else shown
        assert below not in [line.strip() for line in made]


@given(places(), raws, st.booleans())
def test_whitespace_at_the_end_is_dropped(place: Place, raw: str, is_cut_off: bool) -> None:
    text = ghost_text(raw, place, is_cut_off=is_cut_off).text
    is_apart = bool(place.after.strip()) and text == text.rstrip() + " "
    assert text == text.rstrip() or is_apart or is_above(text, place)


@given(places(), raws, st.booleans())
def test_windows_line_ends_change_nothing_else(place: Place, raw: str, is_cut_off: bool) -> None:
    raw = raw.replace("\r\n", "\n")
    shown = ghost_text(raw, place, is_cut_off=is_cut_off)
    windows = ghost_text(raw.replace("\n", "\r\n"), replace(place, newline="\r\n"), is_cut_off=is_cut_off)
    assert windows == replace(shown, text=shown.text.replace("\n", "\r\n"))


@given(st.sampled_from(LANGUAGES), st.text(), st.text(), st.text(), st.data())
def test_any_text_in_any_language_is_read(
    language_id: str, before: str, after: str, raw: str, data: st.DataObject
) -> None:
    snapshot = Document("file:///a", before + after, version=1, language_id=language_id).snapshot()
    line = data.draw(st.integers(0, len(snapshot.lines) - 1))
    place = place_at(snapshot, Position(line, data.draw(st.integers(0, len(snapshot.lines[line].rstrip("\r\n"))))))
    shown = ghost_text(raw, place)
    assert bool(shown.text.strip()) == (shown.drop is None)
    assert ghost_text(raw, place) == shown
    if is_done(raw, place):
        assert ghost_text(raw + "x", place) == shown


def test_a_place_is_small_in_any_document() -> None:
    text = "\n".join(["x" * 5000] * 300)
    snapshot = Document("file:///a", text, version=1).snapshot()
    place = place_at(snapshot, Position(150, 2500))
    assert len(place.above) == len(place.below) == N_LINES
    assert max(map(len, (*place.above, *place.below, place.before, place.after))) <= 500


def test_the_unit_of_indentation_is_the_files_own() -> None:
    def unit(*above: str) -> str:
        return indent_unit(Place("typescript", above, "", "", ()))

    assert unit("a {", "  b {", "    c") == "  "
    assert unit("a {", "    b {", "        c") == "    "
    assert unit("a {", "\tb {", "\t\tc") == "\t"
    assert unit("a") == "    "


def test_a_flood_of_brackets_is_read_in_time() -> None:
    place = Place("javascript", ("(" * 500,) * N_LINES, "(" * 500, ")" * 500, (")" * 500,) * N_LINES)
    assert ghost_text("([" * 200 + "\n" * 400, place).drop is Drop.REPETITION


@pytest.mark.parametrize(
    ("before", "after", "raw", "shown"),
    [
        ("", "    return a", "    a = 1\n", "    a = 1\n"),
        ("", "    return a", "    a = 1", "    a = 1\n"),
        ("    ", "return a", "a = 1\n    return a", "a = 1\n    "),
        ("    ", "return a", "\n    a = 1\n", "a = 1\n    "),
        ("    ", "wait(a)", "await ", "await "),
        ("", "    return a", "    return a\n", ""),
        ("\t", "return a", "a = 1\n", "a = 1\n\t"),
    ],
)
def test_whole_lines_in_front_of_a_line_stand_above_it(before: str, after: str, raw: str, shown: str) -> None:
    place = Place("python", ("def f():",), before, after, ())
    assert ghost_text(raw, place).text == shown
    assert ghost_text(raw, replace(place, newline="\r\n")).text == shown.replace("\n", "\r\n")
