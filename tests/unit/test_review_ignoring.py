"""The edits that let a finding stand: applied to a text, they do what they say and break nothing."""

import tomllib

import pytest

from lsp_server.review import ignoring
from lsp_server.review.suppressions import parse_comments, parse_project
from lsp_server.review_process.commenting import first_comment

RULE = "sql-injection"
KNOWN = {RULE, "path-traversal"}
SAID = f"hearthline: ignore[{RULE}] {ignoring.REASON}"
SAID_OF_FILE = f"hearthline: ignore-file[{RULE}] {ignoring.REASON}"


def applied(text: str, edit: ignoring.Edit | None) -> str:
    assert edit is not None
    lines = text.split("\n")
    line = lines[edit.line]
    lines[edit.line] = line[: edit.column] + edit.text + line[edit.end_column :]
    return "\n".join(lines)


def on_line(text: str, line: int, language_id: str) -> str:
    candidates = ignoring.on_line(text.split("\n"), line, RULE, language_id, "\n")
    return applied(text, first_comment(candidates, text, language_id))


@pytest.mark.parametrize(
    ("language_id", "before", "line", "after"),
    [
        ("python", "def f(q):\n    run(q)\n", 1, f"def f(q):\n    # {SAID}\n    run(q)\n"),
        ("python", "def f(q):\n\trun(q)\n", 1, f"def f(q):\n\t# {SAID}\n\trun(q)\n"),
        ("python", "x = 1 + \\\n  run(q)\n", 1, f"# {SAID}\nx = 1 + \\\n  run(q)\n"),
        (
            "python",
            's = f"""a\n{run(q)}\n"""\n',
            1,
            None,  # inside a text nothing is a comment, above it and behind the line
        ),
        ("javascript", "if (a) {\n  run(q);\n}\n", 1, f"if (a) {{\n  // {SAID}\n  run(q);\n}}\n"),
        ("go", "package p\n\nvar x = run(q)\n", 2, f"package p\n\n// {SAID}\nvar x = run(q)\n"),
        ("php", "<?php\nrun($q);\n", 1, f"<?php\n// {SAID}\nrun($q);\n"),
        ("ruby", "run(q)\n", 0, f"# {SAID}\nrun(q)\n"),
        (
            "javascriptreact",
            "const a = (\n  <p>\n    <b x={run(q)} />\n  </p>\n);\n",
            2,
            f"const a = (\n  <p>\n    {{/* {SAID} */}}\n    <b x={{run(q)}} />\n  </p>\n);\n",
        ),
        (
            "typescriptreact",
            "const a = (\n  <b\n    x={run(q)}\n  />\n);\n",
            2,
            f"const a = (\n  <b\n    // {SAID}\n    x={{run(q)}}\n  />\n);\n",
        ),
        (
            "python",
            "run(q)  # hearthline: ignore[path-traversal] tested\n",
            0,
            "run(q)  # hearthline: ignore[path-traversal, sql-injection] tested\n",
        ),
        (
            "python",
            "# hearthline: ignore[path-traversal] tested\nrun(q)\n",
            1,
            "# hearthline: ignore[path-traversal, sql-injection] tested\nrun(q)\n",
        ),
    ],
)
def test_on_a_line(language_id: str, before: str, line: int, after: str | None) -> None:
    candidates = ignoring.on_line(before.split("\n"), line, RULE, language_id, "\n")
    edit = first_comment(candidates, before, language_id)
    if after is None:
        assert edit is None
        return
    assert applied(before, edit) == after
    comments, problems = parse_comments(after, KNOWN)
    moved = line + after.count("\n") - before.count("\n")
    assert problems == []
    assert RULE in comments.lines[moved]


def test_a_comment_behind_a_line_is_not_taken_for_one_of_the_next() -> None:
    before = "other()  # hearthline: ignore[path-traversal] tested\nrun(q)\n"
    assert on_line(before, 1, "python") == before.replace("run(q)", f"# {SAID}\nrun(q)")


def test_line_ends_are_the_documents() -> None:
    (edit, _), *_ = ignoring.on_line(["run(q)", ""], 0, RULE, "python", "\r\n")
    assert edit.text == f"# {SAID}\r\n"


def test_a_broken_file_gets_its_comment_too() -> None:
    assert on_line("def f(:\n    run(q)\n", 1, "python") == f"def f(:\n    # {SAID}\n    run(q)\n"


@pytest.mark.parametrize(
    ("language_id", "before", "after"),
    [
        ("python", "import os\n", f"# {SAID_OF_FILE}\nimport os\n"),
        (
            "python",
            "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nimport os\n",
            f"#!/usr/bin/python\n# -*- coding: utf-8 -*-\n# {SAID_OF_FILE}\nimport os\n",
        ),
        ("php", "<?php\nrun($q);\n", f"<?php\n// {SAID_OF_FILE}\nrun($q);\n"),
        ("java", "package a;\n", f"// {SAID_OF_FILE}\npackage a;\n"),
        (
            "python",
            "# hearthline: ignore-file[path-traversal] a test\nimport os\n",
            "# hearthline: ignore-file[path-traversal, sql-injection] a test\nimport os\n",
        ),
    ],
)
def test_in_a_file(language_id: str, before: str, after: str) -> None:
    candidates = ignoring.in_file(before.split("\n"), RULE, language_id, "\n")
    assert applied(before, first_comment(candidates, before, language_id)) == after
    assert RULE in parse_comments(after, KNOWN)[0].file


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# ours\n[tool]\nx = 1\n",
        "[tool]\nx = 1",
        '[[review.ignore]]\nrule="path-traversal"\npath="a"\nreason="r"\n',
    ],
)
def test_in_a_project(text: str) -> None:
    added = ignoring.in_project(text, RULE)
    assert added is not None
    entries, problems = parse_project(text + added, KNOWN)
    assert problems == []
    assert (entries[-1].rule, entries[-1].path) == (RULE, "**")
    old = tomllib.loads(text)
    assert {key: value for key, value in tomllib.loads(text + added).items() if key != "review"} == {
        key: value for key, value in old.items() if key != "review"
    }


@pytest.mark.parametrize("text", ["[broken\n", "[review]\nignore = []\n"])
def test_a_project_whose_file_takes_no_entry(text: str) -> None:
    assert ignoring.in_project(text, RULE) is None
