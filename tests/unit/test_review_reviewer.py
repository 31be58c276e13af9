"""The review as a whole: bounded and unshaken by any text, told where it did not look, and across files."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.review import again
from lsp_server.review.finding import Review
from lsp_server.review.lowering import lower
from lsp_server.review.reviewer import Reviewer, not_looked_at
from lsp_server.review.rulebook import load, read
from lsp_server.review.taint.walk import Imported

PYTHON = '''import os
from flask import Flask, request

app = Flask(__name__)


class Store:
    """Keeps names."""

    def __init__(self, name):
        self.name = name

    def run(self):
        os.system("ls " + self.name)


@app.route("/")
def view():
    name = request.args.get("name")
    try:
        Store(name).run()
    except (OSError, ValueError) as error:
        return f"<b>{error}</b>"
    for each in [part for part in name.split(",") if part]:
        os.system(each)
    return {"name": name, "more": [1, 2.5, None, True]}
'''

JAVASCRIPT = """const express = require("express");
const { exec } = require("child_process");
const app = express();
class Store { constructor(name) { this.name = name; } run() { exec(`ls ${this.name}`); } }
app.get("/", async (req, res) => {
  const { name, ...rest } = req.query;
  switch (name) { case "a": break; default: new Store(name).run(); }
  for (const part of name.split(/[,;]/)) { exec(part, (error, out) => res.send(out)); }
  res.send(await Promise.resolve(name).then(x => x ?? "none"));
});
"""

TEXTS = {"python": PYTHON, "javascript": JAVASCRIPT}


@pytest.fixture(scope="module")
def reviewer() -> Reviewer:
    return Reviewer(load())


@given(data=st.data(), language=st.sampled_from(sorted(TEXTS)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cuts_and_splices_of_programs_are_reviewed(data: st.DataObject, language: str) -> None:
    text = TEXTS[language]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    piece = data.draw(st.sampled_from(["", "(", '"""', "`", "{", "\n\n", "if x", "def f(", "\ud800", "é🦀", "= = ="]))
    review = Reviewer(load()).review(text[:start] + piece + text[end:], language)

    assert_whole(review, text[:start] + piece + text[end:])


@given(text=st.text(max_size=400), language=st.sampled_from(sorted(TEXTS)))
@settings(max_examples=60, deadline=None)
def test_any_text_is_reviewed(text: str, language: str) -> None:
    assert_whole(Reviewer(load()).review(text, language), text)


def assert_whole(review: Review, text: str) -> None:
    lines = text.split("\n")
    assert "failed" not in review.skipped
    for finding in review.findings:
        assert 0 <= finding.place.line <= finding.place.end_line < len(lines)
        assert finding.place.column <= len(lines[finding.place.line])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("x = 1\n" * 3, "", id="plain"),
        pytest.param("a\0b", "binary", id="binary"),
        pytest.param("x=1;" * 3000, "minified", id="minified"),
        pytest.param("x = 1\n" * 100_000, "larger than 512 KB", id="large"),
    ],
)
def test_what_is_not_looked_at(text: str, reason: str) -> None:
    assert not_looked_at(text) == reason


def test_a_language_without_rules_is_told() -> None:
    assert "plaintext" in Reviewer(load()).review("x", "plaintext").skipped


NESTED = {
    "brackets": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
    "open brackets": "x = " + "[\n" * 10_000,
    "calls": "f(" * 3000 + ")" * 3000,
    "a long sum": "x = " + " + ".join(f"a{index}" for index in range(5000)),
    "a long chain": "x" + "\n.a()" * 5000,
}


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.parametrize("name", NESTED)
def test_deep_nesting_is_bounded(reviewer: Reviewer, name: str, language: str) -> None:
    text = NESTED[name]
    wrapped = "\n".join(
        text[start : start + 200] for start in range(0, len(text), 200)
    )  # else it would count as minified
    review = reviewer.review(wrapped, language)

    assert "failed" not in review.skipped


def test_deep_statements_are_bounded(reviewer: Reviewer) -> None:
    deep = "\n".join("  " * index + "if x:" for index in range(150)) + "\n" + "  " * 150 + "pass\n"
    chain = "if x == 0:\n    pass\n" + "".join(f"elif x == {index}:\n    pass\n" for index in range(400))
    calls = "".join(f"def f{index}(a):\n    return f{index + 1}(a)\n" for index in range(300)) + "f0(input())\n"

    for text in (deep, chain, calls):
        assert "failed" not in reviewer.review(text, "python").skipped


def test_a_generated_table_ends_in_time(reviewer: Reviewer) -> None:
    table = (
        "TABLE = {\n" + "".join(f"    'key{index}': [{index}, 'value', (1, 2, 3)],\n" for index in range(6000)) + "}\n"
    )
    flow = "def f(x):\n" + "".join(f"    x = g(x, h(x), [x, {index}])\n" for index in range(6000))

    for text in (table, flow):
        started = time.thread_time()
        review = reviewer.review(text, "python")
        assert "failed" not in review.skipped
        assert time.thread_time() - started < 2  # seconds of computing; the bench has the figure that is promised


def test_a_text_that_was_reviewed_is_not_read_again(reviewer: Reviewer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = reviewer.review(PYTHON, "python")
    monkeypatch.setattr(again, "review", lambda *_: pytest.fail("read again"))

    assert reviewer.review(PYTHON, "python") is first


def test_scopes_are_functions_with_their_names(reviewer: Reviewer) -> None:
    scopes = reviewer.review(PYTHON, "python").scopes

    assert [scope.symbol for scope in scopes] == ["Store.__init__", "Store.run", "view"]
    assert not any(scope.is_broken for scope in scopes)


def test_a_fault_of_ours_is_told_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("secret source text")

    monkeypatch.setattr(again, "lower", fail)

    assert "failed" in Reviewer(load()).review("x", "python").skipped
    assert "KeyError" in caplog.text
    assert "secret source text" not in caplog.text


OTHER = """import os

def run(command):
    os.system(command)

def wrap(value):
    return "ls " + value
"""


def test_calls_into_other_files_are_followed(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("[[python.sources]]\npath = ['input()']\nlabel = 'what is typed'\n")
    (tmp_path / "running.toml").write_text(
        "id='running'\ncwe=78\nalso=[]\ntitle='t'\nmessage='m'\n[[python.sinks]]\ncall=['os.system']\n"
    )
    reviewer = Reviewer(read(tmp_path))
    program = lower(OTHER.encode(), "python")
    assert program is not None

    def resolve(path: str) -> Imported | None:
        module, _, name = path.rpartition(".")
        return Imported(program, name, "helpers.py") if module == "helpers" else None

    code = "import os\nfrom helpers import run, wrap\nrun(input())\nos.system(wrap(input()))\nrun('ls')\n"
    findings = reviewer.review(code, "python", resolve=resolve).findings

    assert [finding.place.line for finding in findings] == [2, 3]
    assert [(step.path, step.place.line) for step in findings[0].trace] == [
        (None, 2),
        (None, 2),
        ("helpers.py", 3),
        (None, 2),
    ]
    assert not reviewer.review(code, "python").findings


def test_orders_of_review_do_not_matter() -> None:
    texts = [PYTHON, PYTHON.replace("name", "label"), JAVASCRIPT]
    languages = ["python", "python", "javascript"]
    orders = [list(range(3)) for _ in range(3)]
    for seed, order in enumerate(orders):
        random.Random(seed).shuffle(order)
    results = []
    for order in orders:
        reviewer = Reviewer(load())
        reviews = {index: reviewer.review(texts[index], languages[index]) for index in order}
        results.append([reviews[index].findings for index in range(3)])

    assert results[0] == results[1] == results[2]


def test_patterns_count_as_much_as_they_take_to_be_judged(reviewer: Reviewer) -> None:
    patterns = "".join(f"x.match(/^(a|b{n}|[c-f]+)*(g|h)*(a|b|c){{2,30}}$/);\n" for n in range(2_500))
    assert "too much" in reviewer.review(patterns, "javascript").skipped
