"""What lets findings stand: comments and entries, right and wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.review.baseline import fingerprints, is_new
from lsp_server.review.finding import Confidence, Finding, Place
from lsp_server.review.suppressions import HEAD_LINES, Kind, find_ignore, parse_comments, parse_project

KNOWN = {"sql-injection", "path-traversal"}


def finding(line: int = 0, end_line: int | None = None, rule: str = "sql-injection") -> Finding:
    place = Place(line, 0, line if end_line is None else end_line, 1)
    return Finding(rule, 89, "It is dangerous.", place, Confidence.HIGH, "view", "execute(q)")


def ignored(text: str, *, line: int, end_line: int | None = None, rule: str = "sql-injection") -> bool:
    comments, problems = parse_comments(text, KNOWN)
    assert problems == []
    return find_ignore(finding(line, end_line, rule), comments) is not None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("run(q)  # hearthline: ignore[sql-injection] tested elsewhere", 0),
        ("run(q)  #hearthline:ignore[sql-injection]", 0),
        ("run(q); // hearthline: ignore[sql-injection] tested", 0),
        ("run(q); /* hearthline: ignore[sql-injection] tested */", 0),
        ("<p>{/* hearthline: ignore[sql-injection] tested */}</p>", 0),
        ("run(q)  # hearthline: ignore[path-traversal, sql-injection] tested", 0),
        ("# hearthline: ignore[sql-injection] tested\nrun(q)", 1),
        ("  // hearthline: ignore[sql-injection] tested\n  // and more\n\n  run(q)", 3),
        ("/*\n * hearthline: ignore[sql-injection] tested\n */\nrun(q)", 3),
        ("# hearthline: ignore[sql-injection] tested\nx = 1 + \\\n  run(q)", 2),
        ("# first\n# hearthline: ignore-file[sql-injection] a test\nx\n\nrun(q)", 4),
    ],
)
def test_a_comment_ignores(text: str, line: int) -> None:
    assert ignored(text, line=line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("run(q)", 0),
        ("run(q)  # hearthline: ignore[sql-injection] tested\nrun(r)", 1),
        ("# hearthline: ignore[sql-injection] tested\nrun(q)\nrun(r)", 2),
        ("run(q)\n# hearthline: ignore[sql-injection] tested", 0),
        ("run(q)  # hearthline: ignore[path-traversal] tested", 0),
        ("run(q)  # the words of hearthline: ignore what they say", 0),
        ("# a comment\n" * HEAD_LINES + "run(q)", HEAD_LINES),
    ],
)
def test_other_comments_do_not(text: str, line: int) -> None:
    comments, _ = parse_comments(text, KNOWN)
    assert find_ignore(finding(line), comments) is None


def test_a_finding_over_several_lines_is_ignored_on_each_of_them() -> None:
    text = "run(\n  q,  # hearthline: ignore[sql-injection] tested\n)"
    assert ignored(text, line=0, end_line=2)


def test_the_reason_is_kept() -> None:
    comments, _ = parse_comments("run(q)  /* hearthline: ignore[sql-injection] only tests call it */", KNOWN)
    assert find_ignore(finding(), comments) == (Kind.IN_SOURCE, "only tests call it")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nrun(q)  # hearthline: ignore[sql-injecton]", 1, "did you mean sql-injection?"),
        ("# hearthline: ignore", 0, "name the rule in brackets"),
        ("# hearthline: ignore[] reason", 0, "name the rule in brackets"),
        ("\n" * HEAD_LINES + "# hearthline: ignore-file[sql-injection]", HEAD_LINES, "first 20 lines"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, line: int, words: str) -> None:
    comments, (problem,) = parse_comments(text, KNOWN)
    assert problem.line == line
    assert words in problem.words
    assert not comments.file


@given(st.lists(st.sampled_from([*"\n #[],/*\\", "hearthline:", " ignore", "-file", "sql-injection"])))
def test_any_text_is_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    comments, problems = parse_comments(text, KNOWN)
    n_lines = text.count("\n") + 1
    assert all(0 <= line <= n_lines for line in comments.lines)
    assert all(problem.line is not None and problem.line < n_lines for problem in problems)


ENTRY = '[[review.ignore]]\nrule = "sql-injection"\npath = "tests/**"\nreason = "tests"\n'


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [("tests/a.py", True), ("tests/deep/a.py", True), ("src/a.py", False), (None, False)],
)
def test_an_entry_ignores_by_path(path: str | None, is_ignored: bool) -> None:
    entries, problems = parse_project(ENTRY, KNOWN)
    comments, _ = parse_comments("", KNOWN)
    assert problems == []
    found = find_ignore(finding(), comments, entries, path)
    assert found == ((Kind.EXTERNAL, "tests") if is_ignored else None)
    assert find_ignore(finding(rule="path-traversal"), comments, entries, path) is None


def test_an_entry_with_a_fingerprint_ignores_that_finding_alone() -> None:
    wanted = finding().fingerprint
    entries, _ = parse_project(f'{ENTRY}fingerprint = "{wanted}"\n', KNOWN)
    comments, _ = parse_comments("", KNOWN)
    assert find_ignore(finding(), comments, entries, "tests/a.py")
    other, _ = parse_project(f'{ENTRY}fingerprint = "0123456789abcdef"\n', KNOWN)
    assert find_ignore(finding(), comments, other, "tests/a.py") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[review.ignore]\n", "it is no TOML"),
        ("review = 3", "`[[review.ignore]]`"),
        ('[review]\nignore = "all"', "`[[review.ignore]]`"),
        ("[review]\nignore = [1]", "number 1 is left out: a table is needed"),
        (ENTRY.replace("tests/**", ""), "`path` must be a text"),
        (ENTRY.replace('reason = "tests"\n', ""), "`reason` must be a text"),
        (ENTRY.replace("sql-injection", "sql-injektion"), "did you mean sql-injection?"),
        (ENTRY.replace("tests/**", "!tests"), "cannot begin with `!`"),
        (ENTRY + "fingerprint = 3\n", "`fingerprint` must be a text"),
        (ENTRY + 'until = "2027"\n', "`until` means nothing here"),
    ],
)
def test_a_wrong_entry_is_said_and_ignores_nothing(text: str, words: str) -> None:
    entries, (problem,) = parse_project(text, KNOWN)
    assert entries == ()
    assert words in problem.words


def test_right_entries_hold_beside_wrong_ones() -> None:
    entries, problems = parse_project(ENTRY + "[[review.ignore]]\n" + ENTRY, KNOWN)
    assert (len(entries), len(problems)) == (2, 1)


def test_other_tables_are_others_business() -> None:
    assert parse_project("[tool]\nx = 1\n[review]\nlevel = 3\n", KNOWN) == ((), [])


def test_what_stood_there_before_is_not_new() -> None:
    older = fingerprints([finding(line=3)])
    assert not is_new(finding(line=90), older)
    assert is_new(finding(rule="path-traversal"), older)
    assert is_new(finding(), None)
