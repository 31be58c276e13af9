"""Following data into the project's other files: where an import lies, and what is never read."""

from pathlib import Path

import pytest

from lsp_server.review.rulebook import load
from lsp_server.review_process.neighbours import Neighbours
from lsp_server.review_process.whole import WholeReviewer

HELPER = "import os\n\n\ndef run(command):\n    os.system(command)\n"
SCRIPT_HELPER = 'const { exec } = require("child_process");\nfunction run(c) { exec(c); }\nmodule.exports = { run };\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    (root / "app" / "deep").mkdir(parents=True)
    (root / "app" / "helpers.py").write_text(HELPER)
    (root / "app" / "deep" / "__init__.py").write_text(HELPER)
    (root / "app" / "helpers.js").write_text(SCRIPT_HELPER)
    (tmp_path / "outside.py").write_text(HELPER)
    (root / "app" / "linked.py").symlink_to(tmp_path / "outside.py")
    return root


@pytest.mark.parametrize(
    ("language", "api_path", "found"),
    [
        ("python", "app.helpers.run", "app/helpers.py"),
        ("python", ".helpers.run", "app/helpers.py"),
        ("python", "helpers.run", "app/helpers.py"),
        ("python", "app.deep.run", "app/deep/__init__.py"),
        ("python", "..app.helpers.run", "app/helpers.py"),
        ("python", "...outside.run", None),  # above the project
        ("python", "app.linked.run", None),  # a link out of it
        ("python", "os.system", None),
        ("python", "run", None),
        ("python", ".", None),
        ("javascript", "./helpers.run", "app/helpers.js"),
        ("javascript", "../app/helpers.run", "app/helpers.js"),
        ("javascript", "../../outside.run", None),
        ("javascript", "express.run", None),
    ],
)
def test_where_an_import_lies(project: Path, language: str, api_path: str, found: str | None) -> None:
    resolve = Neighbours().of(str(project / "app" / "views.py"), language)
    assert resolve is not None
    imported = resolve(api_path)
    assert (imported and imported.path) == (str(project / found) if found else None)


def test_languages_whose_imports_are_not_followed(project: Path) -> None:
    assert Neighbours().of(str(project / "app" / "A.java"), "java") is None


@pytest.mark.parametrize(
    ("name", "language", "text", "line"),
    [
        (
            "views.py",
            "python",
            "from flask import request\nfrom .helpers import run\n\n\ndef view():\n    run(request.args['c'])\n",
            5,
        ),
        (
            "views.js",
            "javascript",
            'const { run } = require("./helpers");\n'
            'require("express")().get("/", (req, res) => {\n  run(req.query.c);\n});\n',
            2,
        ),
    ],
)
def test_data_is_followed_over_a_call(project: Path, name: str, language: str, text: str, line: int) -> None:
    path = str(project / "app" / name)
    reviewer = WholeReviewer(load())
    assert reviewer.review(text, language, path).findings == ()
    (found,) = reviewer.review(text, language, path, takes_longer=True).findings
    assert (found.rule, found.place.line) == ("command-injection", line)
    assert [step.path for step in found.trace if step.path] != []
    # while the person goes on typing further up it stays, with its line
    later = reviewer.review("\n" + text, language, path, earlier=[found]).findings
    assert [(each.rule, each.place.line) for each in later] == [("command-injection", line + 1)]


def test_a_neighbour_is_read_again_when_it_changes(project: Path) -> None:
    text = "from flask import request\nfrom .helpers import run\n\n\ndef view():\n    run(request.args['c'])\n"
    path = str(project / "app" / "views.py")
    reviewer = WholeReviewer(load())
    assert reviewer.review(text, "python", path, takes_longer=True).findings
    (project / "app" / "helpers.py").write_text("def run(command):\n    print(command, 'is not run any more')\n")
    assert not reviewer.review(text, "python", path, takes_longer=True).findings
