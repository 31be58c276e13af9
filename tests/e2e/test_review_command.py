"""`hearthline review` as people, programs and CI systems use it: real processes, real repositories."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.e2e.test_cli import hearthline
from tests.unit.test_review_sarif import SCHEMA

WEAK = """import sqlite3
from flask import Flask, request

app = Flask(__name__)


@app.route("/users")
def users():
    name = request.args["name"]
    db = sqlite3.connect("app.db")
    return db.execute("select * from users where name = '" + name + "'").fetchall()
"""
SAFE = WEAK.replace("""name = '" + name + "'\"""", """name = ?", [name]""")
SECOND = """

@app.route("/go")
def go():
    return eval(request.args["code"])
"""


def _git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "users.py").write_text(WEAK, encoding="utf-8")
    (tmp_path / "app" / "safe.py").write_text(SAFE, encoding="utf-8")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def _findings(folder: Path, *words: str) -> list[dict[str, Any]]:
    answer = hearthline("review", *words, "--format", "json", folder=folder)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    assert answer.returncode == (1 if found else 0), answer.stderr
    return found


def test_a_program_gets_an_object_for_each_finding(project: Path) -> None:
    (found,) = _findings(project, ".")
    assert (found["path"], found["start_line"], found["end_line"]) == ("app/users.py", 11, 11)
    assert (found["cwe"], found["rule"], found["confidence"]) == (89, "sql-injection", "high")
    assert found["trace"][0]["line"] == 9
    assert found["trace"][-1]["line"] == 11


def test_a_person_reads_where_what_and_the_way_out(project: Path) -> None:
    answer = hearthline("review", "app", folder=project)
    assert answer.returncode == 1
    assert "app/users.py:11:" in answer.stdout
    assert "CWE-89" in answer.stdout
    assert "parameters" in answer.stdout
    assert "1 finding in 2 files" in answer.stdout


def test_a_clean_file_ends_with_zero(project: Path) -> None:
    answer = hearthline("review", "app/safe.py", folder=project)
    assert (answer.returncode, answer.stdout.strip()) == (0, "0 findings in 1 file")


def test_sarif_has_the_standards_form(project: Path) -> None:
    answer = hearthline("review", ".", "--format", "sarif", folder=project)
    assert answer.returncode == 1
    log = json.loads(answer.stdout)
    jsonschema.validate(log, SCHEMA)
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/users.py"


def test_a_step_in_another_file_is_named_as_files_are_here(project: Path) -> None:
    helper = "import os\n\n\ndef run(command):\n    os.system(command)\n"
    (project / "app" / "helper.py").write_text(helper, encoding="utf-8")
    view = "from flask import request\n\nfrom helper import run\n\n\ndef go():\n    run(request.args['c'])\n"
    (project / "app" / "view.py").write_text(view, encoding="utf-8")
    (found,) = _findings(project, "app/view.py")
    assert {step["path"] for step in found["trace"]} == {"app/view.py", "app/helper.py"}
    answer = hearthline("review", "app/view.py", "--format", "sarif", folder=project)
    assert str(project) not in answer.stdout


def test_a_file_that_is_too_much_is_reviewed_as_far_as_it_goes(project: Path) -> None:
    weak = "import os\nfrom flask import request\nos.system(request.args['c'])\n"
    (project / "long.py").write_text(weak + "name\n" * 14_000, encoding="utf-8")
    answer = hearthline("review", "long.py", folder=project)
    assert answer.returncode == 1
    assert "long.py:3:" in answer.stdout
    assert "long.py was not reviewed to its end: too much in it" in answer.stdout
    assert "1 finding in 1 file" in answer.stdout


@pytest.mark.usefixtures("hearthline_home")
def test_a_model_that_is_not_here_is_an_error_in_words(project: Path) -> None:
    answer = hearthline("review", "app", "--model", "no-such-model", folder=project)
    assert answer.returncode == 2
    assert "no-such-model" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_only_what_is_new_since_a_revision(project: Path) -> None:
    users = project / "app" / "users.py"
    users.write_text("# a line above\n\n" + WEAK + SECOND, encoding="utf-8")
    assert {each["rule"] for each in _findings(project, ".")} == {"sql-injection", "code-injection"}
    assert [each["rule"] for each in _findings(project, ".", "--since", "HEAD")] == ["code-injection"]


def test_an_unknown_revision_is_an_error_in_words(project: Path) -> None:
    answer = hearthline("review", ".", "--since", "nowhere", folder=project)
    assert answer.returncode == 2
    assert "nowhere" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_findings_that_were_let_stand_are_counted_only(project: Path) -> None:
    users = project / "app" / "users.py"
    line = WEAK.split("\n")[10]
    users.write_text(WEAK.replace(line, f"{line}  # hearthline: ignore[sql-injection] a test"), encoding="utf-8")
    answer = hearthline("review", ".", folder=project)
    assert answer.returncode == 0
    assert "1 ignored" in answer.stdout
    users.write_text(WEAK, encoding="utf-8")
    entry = '[[review.ignore]]\nrule = "sql-injection"\npath = "app/**"\nreason = "legacy"\n'
    (project / ".hearthline.toml").write_text(entry, encoding="utf-8")
    assert _findings(project, ".") == []


def test_credentials_are_found_in_any_kind_of_text_and_never_shown(project: Path) -> None:
    token = "ghp_" + "Zx9Qw3Er7Ty1Ui5Op2As4Df6Gh8Jk0LmNb3V"
    (project / "deploy.yaml").write_text(f"user: me\nkey: {token}\n", encoding="utf-8")
    for form in ("text", "json", "sarif"):
        answer = hearthline("review", "deploy.yaml", "--format", form, folder=project)
        assert answer.returncode == 1
        assert "CWE-798" in answer.stdout or "798" in answer.stdout
        assert token not in answer.stdout + answer.stderr


def test_bad_input_is_skipped_with_a_reason(project: Path) -> None:
    (project / "binary.py").write_bytes(b"\0\1\2" * 100)
    (project / "long.js").write_text("x=1;" * 200_000, encoding="utf-8")
    (project / "odd.py").write_bytes("é = 'ü'\n".encode("latin-1"))
    (project / "deep.py").write_text("x = " + "(" * 10_000 + ")" * 10_000 + "\n", encoding="utf-8")
    (project / "loop").symlink_to(project, target_is_directory=True)
    os.mkfifo(project / "pipe.py")
    names = ["binary.py", "long.js", "odd.py", "deep.py", "loop", "pipe.py"]
    answer = hearthline("review", *names, folder=project)
    assert answer.returncode in (0, 1), answer.stderr
    for name in ("binary.py", "long.js", "pipe.py"):
        assert f"{name} was not reviewed" in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("words", [["missing.py"], ["app", "missing"]])
def test_a_missing_file_is_an_error_in_words(project: Path, words: list[str]) -> None:
    answer = hearthline("review", *words, folder=project)
    assert answer.returncode == 2
    assert "missing" in answer.stderr
