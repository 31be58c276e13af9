"""Ruff as a second source: which of its diagnostics become findings, and what a broken run leaves."""

import pytest

from lsp_server.review.finding import Confidence, Finding, Place
from lsp_server.review.longer_look import still_there
from lsp_server.review.merging import add_new
from lsp_server.review.ruff import read_findings
from lsp_server.review_process.ruff import ask_ruff

CWE_OF = {
    "certificate-check": 295,
    "weak-cryptography": 327,
    "insecure-temporary-file": 377,
    "cross-site-scripting": 79,
}


def _finding(rule: str, line: int, end_line: int | None = None) -> Finding:
    place = Place(line, 0, line if end_line is None else end_line, 5)
    return Finding(rule, CWE_OF[rule], "m", place, Confidence.HIGH, "", "anchor")


def test_chosen_rules_become_findings_of_our_families() -> None:
    text = "import requests, tempfile\nrequests.get('https://x', verify=False)\nname = tempfile.mktemp()\nassert name\n"
    found = ask_ruff(text, CWE_OF)
    assert [(each.rule, each.cwe, each.place.line, each.origin) for each in found] == [
        ("certificate-check", 295, 1, "ruff S501"),
        ("insecure-temporary-file", 377, 2, "ruff S306"),
    ]


def test_a_comment_for_ruff_does_not_silence_it_here() -> None:
    assert len(ask_ruff("import tempfile\nname = tempfile.mktemp()  # noqa: S306\n", CWE_OF)) == 1


@pytest.mark.parametrize("text", ["", "def broken(:\n", "\0", "\ud800", "é = '😀'\n"])
def test_any_text_is_taken(text: str) -> None:
    assert ask_ruff(text, CWE_OF) == []


def test_columns_count_code_points() -> None:
    text = "import tempfile\nx = '😀'; name = tempfile.mktemp()\n"
    (found,) = ask_ruff(text, CWE_OF)
    line = text.split("\n")[1]
    assert line[found.place.column : found.place.end_column] == "tempfile.mktemp()"


def test_what_belongs_to_no_family_is_left_out() -> None:
    where = {"row": 1, "column": 1}
    said = [{"code": code, "message": "m", "location": where, "end_location": where} for code in ("S101", None, "S701")]
    assert [each.rule for each in read_findings(said, "x", CWE_OF)] == ["cross-site-scripting"]
    assert read_findings(said, "x", {}) == []


def test_a_line_is_told_once_for_each_family() -> None:
    ours = _finding("certificate-check", 3, 5)
    others = [
        _finding("certificate-check", 4),
        _finding("weak-cryptography", 4),
        _finding("weak-cryptography", 4),
        _finding("certificate-check", 6),
    ]
    found = add_new([ours], others)
    assert [(each.rule, each.place.line) for each in found] == [
        ("certificate-check", 3),
        ("weak-cryptography", 4),
        ("certificate-check", 6),
    ]


def test_what_ruff_said_stays_with_its_line_while_it_is_not_asked() -> None:
    text = "import tempfile\nname = tempfile.mktemp()\n"
    earlier = ask_ruff(text, CWE_OF)
    moved = still_there(earlier, "import tempfile\n\n# more\nname = tempfile.mktemp()\nopen(\n")
    assert [(each.rule, each.place.line) for each in moved] == [("insecure-temporary-file", 3)]
    assert still_there(earlier, "import tempfile\nname = tempfile.mkstemp()\n") == []
    assert still_there([_finding("certificate-check", 1)], "anchor\n") == []
