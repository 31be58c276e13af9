"""Whether an edit mends what it is for, by what reports it."""

import pytest

from lsp_server.review import rulebook
from lsp_server.review_process.mending import try_edit
from lsp_server.review_process.messages import Held, TryEdit
from lsp_server.review_process.whole import WholeReviewer

STILL = "leaves the problem where it is"
QUERY = """\
import sqlite3
from flask import request


def find(db):
    name = request.args["name"]
    return db.execute("select * from t where name = '" + name + "'")
"""


@pytest.fixture(scope="module")
def reviewer() -> WholeReviewer:
    return WholeReviewer(rulebook.load())


def _tried(
    reviewer: WholeReviewer,
    text: str,
    old: str,
    new: str,
    line: int,
    *,
    language_id: str = "python",
    code: str = "",
    fingerprint: str = "",
) -> Held:
    assert text.count(old) == 1
    fixed = text.replace(old, new)
    return try_edit(reviewer, TryEdit("file:///a", language_id, text, fixed, line, line, fingerprint, code))


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ('"select * from t where name = \'" + name + "\'"', '"select * from t where name = ?", (name,)', ""),
        ("+ name +", "+ str(name) +", STILL),
        ("+ name +", "+ quote(name) +", "brings another problem, Undefined name `quote`"),
        ("+ name +", "+ (name +", "does not parse"),
        ('return db.execute("select * from t where name = \'" + name + "\'")', "return eval(name)", "brings another"),
    ],
)
def test_a_finding_is_gone_or_the_edit_does_not_hold(reviewer: WholeReviewer, old: str, new: str, refusal: str) -> None:
    (finding,) = reviewer.review(QUERY, "python").findings
    held = _tried(reviewer, QUERY, old, new, finding.place.line, fingerprint=finding.fingerprint)
    assert held.refusal.startswith(refusal)
    assert bool(held.checked) is not bool(refusal)


def test_what_ruff_alone_reports_is_looked_for_with_ruff(reviewer: WholeReviewer) -> None:
    text = "import hashlib\n\n\ndef f(data):\n    return hashlib.md5(data).hexdigest()\n"
    findings = reviewer.review(text, "python", takes_longer=True).findings
    assert findings
    old, line = "hashlib.md5(data)", 4
    fingerprint = findings[0].fingerprint
    assert _tried(reviewer, text, old, "hashlib.md5( data)", line, fingerprint=fingerprint).refusal == STILL
    assert _tried(reviewer, text, old, "hashlib.sha256(data)", line, fingerprint=fingerprint).refusal == ""


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "code", "held"),
    [
        ("import os\nimport sys\nsys.exit()\n", "import os\n", "", 0, "F401", "Ruff does not report F401"),
        ("import os\nimport sys\nsys.exit()\n", "import os", "import io", 0, "F401", STILL),
        ("if x == None:  # noqa\n    pass\nx = 1\n", "== None", "is None", 0, "E711", "Ruff does not report E711"),
        ("x = 1\nprint(x)\n", "x = 1", "x = 2", 0, "XYZ123", ""),
        ("x = 1\nprint(x)\n", "x = 1", "x = 2", 0, "reportAny", ""),
        ("def f(:\n    pass\n", "f(:", "f():", 0, "", "The text parses"),
        ("def f(:\n    pass\n", "pass", "return", 0, "", "still does not parse"),
        ("def f():\n    pass\n", "f():", "f(:", 0, "", "does not parse"),
        ("print 'x'\n", "print 'x'", "print('x')", 0, "invalid-syntax", "The text parses"),
    ],
)
def test_python(reviewer: WholeReviewer, text: str, old: str, new: str, line: int, code: str, held: str) -> None:
    tried = _tried(reviewer, text, old, new, line, code=code)
    assert (tried.refusal or tried.checked).startswith(held)
    assert held or tried == Held()


@pytest.mark.parametrize(
    ("language_id", "text", "old", "new", "held"),
    [
        ("typescript", "const a: number = 'x';\n", "'x'", "1", ""),
        ("typescript", "const a: number = 'x';\n", "'x'", "(", "does not parse"),
        ("go", "package a\n\nfunc f() {\n\tx :=\n}\n", "x :=", "x := 1", "The text parses"),
        ("klingon", "qapla' (\n", "(", "((", ""),
    ],
)
def test_other_languages_are_parsed_where_they_have_a_grammar(
    reviewer: WholeReviewer, language_id: str, text: str, old: str, new: str, held: str
) -> None:
    line = text[: text.index(old)].count("\n")
    tried = _tried(reviewer, text, old, new, line, language_id=language_id)
    assert (tried.refusal or tried.checked).startswith(held)
    assert held or tried == Held()
