"""What the terminal commands decide before they start anything."""

from pathlib import Path

import pytest
from rich.console import Console

from lsp_server.commands.complete import Place, PlaceError, parse_place, read_document
from lsp_server.commands.doctor import (
    Check,
    Verdict,
    check_blas,
    check_device,
    check_editors,
    check_mlx,
    check_sandbox,
    verdict,
)
from lsp_server.commands.samples import SCENES
from lsp_server.commands.terminal import GHOST_STYLE, with_ghost
from lsp_server.languages import language_of
from lsp_server.tests_for.sandbox import NoSandbox, Sandbox


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("src/app.py:12:5", Place(Path("src/app.py"), 12, 5)),
        ("odd:name.py:1:1", Place(Path("odd:name.py"), 1, 1)),
        ("a b/ü.py:3:10", Place(Path("a b/ü.py"), 3, 10)),
    ],
)
def test_a_place_is_read_from_the_right(words: str, place: Place) -> None:
    assert parse_place(words) == place


@pytest.mark.parametrize(
    "words", ["app.py", "app.py:3", "app.py:0:1", "app.py:1:0", ":1:1", "app.py:a:1", "app.py:1:-1", ""]
)
def test_what_is_no_place_is_refused_in_words(words: str) -> None:
    with pytest.raises(PlaceError, match="FILE:LINE:COL"):
        parse_place(words)


@pytest.mark.parametrize(
    ("content", "line", "column", "offset"),
    [
        ("one\ntwo\n", 2, 1, 4),
        ("one\ntwo\n", 2, 4, 7),
        ("one\ntwo\n", 3, 1, 8),
        ("one\r\ntwo", 2, 4, 8),
        ("", 1, 1, 0),
        ("x = '🦊'\ny", 2, 2, 9),
        ("a\fb\u2028c\nd", 2, 1, 6),
    ],
)
def test_a_place_becomes_an_offset(tmp_path: Path, content: str, line: int, column: int, offset: int) -> None:
    path = tmp_path / "sample.py"
    path.write_bytes(content.encode())
    assert read_document(Place(path, line, column)) == (content, offset)


@pytest.mark.parametrize(
    ("content", "line", "column", "words"),
    [
        (b"one\n", 3, 1, "there is no line 3"),
        (b"one\n", 1, 5, "column 4"),
        (b"\xff\xfe", 1, 1, "not UTF-8"),
    ],
)
def test_a_place_outside_the_text_says_what_there_is(
    tmp_path: Path, content: bytes, line: int, column: int, words: str
) -> None:
    path = tmp_path / "sample.py"
    path.write_bytes(content)
    with pytest.raises(PlaceError, match=words):
        read_document(Place(path, line, column))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match=r"nowhere\.py cannot be read"):
        read_document(Place(tmp_path / "nowhere.py", 1, 1))


def test_ghost_text_is_drawn_grey_between_what_stands_there() -> None:
    console = Console(force_terminal=True, color_system="truecolor")
    text = with_ghost("total = ", "sum(values)", "\nreturn total", "python", console)
    assert text.plain == "total = sum(values)\nreturn total"
    grey = [span for span in text.spans if GHOST_STYLE in str(span.style)]
    assert [(span.start, span.end) for span in grey] == [(8, 19)]


def test_ghost_text_is_marked_where_there_are_no_colours() -> None:
    text = with_ghost("total = ", "sum(values)", "\nreturn total", "python", Console(color_system=None))
    assert text.plain == "total = ⟪sum(values)⟫\nreturn total"


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.py", "python"), ("B.TS", "typescript"), ("Makefile", "makefile"), ("LICENSE", "plaintext")],
)
def test_language_by_file_name(name: str, language: str) -> None:
    assert language_of(name) == language


def test_scenes_are_typed_within_one_line() -> None:
    for scene in SCENES:
        assert scene.typed
        assert "\n" not in scene.typed


PROBE = {
    "mlx_version": "0.32.4",
    "mlx_lm_version": "0.32.2",
    "device": "cpu",
    "device_name": "Some Processor",
    "memory_bytes": 24_000_000_000,
    "blas": "mkl",
    "blas_is_fast": True,
    "blas_reason": "",
    "gflops": 180.0,
}


def test_doctor_is_content_with_a_fast_machine() -> None:
    for check in (check_mlx(PROBE), check_device(PROBE), check_blas(PROBE)):
        assert (check.verdict, check.advice) == (Verdict.OK, "")


def test_doctor_warns_of_the_slow_blas_and_says_what_to_install() -> None:
    check = check_blas({**PROBE, "blas": "reference", "blas_is_fast": False, "blas_reason": "no OpenBLAS, no mkl"})
    assert check.verdict is Verdict.WARN
    assert "libopenblas0" in check.advice


def test_doctor_names_why_mlx_does_not_load() -> None:
    check = check_mlx({"error": "libmlx.so: cannot open shared object file"})
    assert check.verdict is Verdict.FAIL
    assert "libmlx.so" in check.found


def test_doctor_lists_editors_on_the_path() -> None:
    assert "Neovim (nvim)" in check_editors({"nvim": "/usr/bin/nvim"}.get).found
    assert check_editors(lambda _program: None).verdict is Verdict.WARN


def test_doctor_names_the_sandbox_or_says_what_to_install() -> None:
    def find_none() -> Sandbox:
        raise NoSandbox("Way out: install bubblewrap.")

    assert check_sandbox(lambda: Sandbox("bubblewrap", "/usr/bin/bwrap")).found.startswith(
        "bubblewrap (/usr/bin/bwrap)"
    )
    assert "install" in check_sandbox(lambda: Sandbox("landlock")).advice
    check = check_sandbox(find_none)
    assert (check.verdict, check.advice) == (Verdict.WARN, "Way out: install bubblewrap.")


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ("ok ok", "Ready. Watch it work: hearthline try"),
        ("ok warn", "Ready, but 1 thing could be better: see ! above. Watch it work: hearthline try"),
        ("warn fail", "1 thing to mend before completions can work."),
        ("fail fail", "2 things to mend before completions can work."),
    ],
)
def test_doctor_ends_in_a_verdict(verdicts: str, words: str) -> None:
    assert verdict([Check("", Verdict(each), "") for each in verdicts.split()]) == words
