"""Suggested tests from the action to the test file: real server, real sandbox, a scripted model."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_client import LspError, wait_until
from tests.testing_editor import DEADLINE_S, Editor, editing, snapshot

pytestmark = pytest.mark.sandbox

AREA = '''\
def area(n):
    """Return the area of a square; ValueError for a negative side."""
    if n < 0:
        raise ValueError("negative")
    return n * n
'''
GOOD = """\
```python
import pytest
from shapes import area


def test_area_of_a_square():
    assert area(2) == 4


def test_area_of_a_negative_side():
    with pytest.raises(ValueError):
        area(-1)


def test_area_is_wrong():
    assert area(2) == 5
```
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of one file, and one test of another."""
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "shapes.py").write_text(AREA)
    (folder / "other.py").write_text("def one():\n    return 1\n")
    (folder / "tests" / "test_other.py").write_text(
        "from other import one\n\n\ndef test_one():\n    assert one() == 1\n"
    )
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return folder


def reply(home: Path, text: str) -> None:
    (home / "reply.md").write_text(textwrap.dedent(text))


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the project's tests as its people do."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_tests_land_in_a_new_file_and_pass(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    before = snapshot(project)
    with editing(hearthline_home, project) as editor:
        editor.open("shapes.py")
        command = editor.suggestion("shapes.py", 2)
        assert command["title"] == "Suggest tests for `area`"
        assert editor.client.call("probe/asked", {}) == []  # no model before the command
        assert editor.run(command) is None
        (edit,) = editor.edits
        create, change = edit["edit"]["documentChanges"]
        assert (create["kind"], create["uri"]) == ("create", editor.uri("tests/test_shapes.py"))
        (annotation,) = edit["edit"]["changeAnnotations"].values()
        assert annotation["needsConfirmation"] is True
        assert {each["annotationId"] for each in change["edits"]} == set(edit["edit"]["changeAnnotations"])
        (said,) = [each for each in editor.said() if "`area`" in each]
        assert "kept, of 3 tried" in said or "kept, of" in said
        assert "because they" in said
        progress = [m["params"]["value"] for m in editor.client.messages if m.get("method") == "$/progress"]
        assert any("asking" in (each.get("message") or "") for each in progress)
    after = snapshot(project)
    assert set(after) - set(before) == {"tests/test_shapes.py"}
    assert all(after[path] == text for path, text in before.items())
    text = after["tests/test_shapes.py"].decode()
    assert text.count("def test_") == 2
    assert "wrong" not in text
    ran = run_pytest(project)
    assert "3 passed" in ran.stdout, ran.stdout


def test_the_open_test_file_is_extended_and_what_disagrees_is_offered_apart(
    hearthline_home: Path, project: Path
) -> None:
    wrong = AREA.replace("n * n", "n + n").replace("of a square;", "of a square.\n\n    area(3) == 9\n   ")
    (project / "shapes.py").write_text(wrong)
    there = "from shapes import area\n\n\ndef test_area_of_a_square():\n    assert area(0) == 0  # não salvo\n"
    (project / "tests" / "test_shapes.py").write_text("")
    three = "def test_area_of_three():\n    assert area(3) == 9\n\n\ndef test_area_is_wrong"
    reply(hearthline_home, GOOD.replace("def test_area_is_wrong", three))
    with editing(hearthline_home, project) as editor:
        editor.answers["docstring"] = "Add as well"
        editor.open("shapes.py")
        editor.open("tests/test_shapes.py", there)
        editor.run(editor.suggestion("shapes.py", 0))
        (kept,) = editor.edits[0]["edit"]["documentChanges"]
        assert kept["textDocument"]["version"] == 1
        wait_until(lambda: len(editor.edits) == 2, "what disagrees is offered")
        (apart,) = editor.edits[1]["edit"]["documentChanges"]
        assert apart["textDocument"]["version"] == 2
        assert "of_three" not in "".join(each["newText"] for each in kept["edits"])
        marked = "".join(each["newText"] for each in apart["edits"])
        assert "of_three" in marked
        assert "#" in marked
        text = editor.texts["tests/test_shapes.py"]
        assert all(line in text.splitlines() for line in there.splitlines())
        assert (project / "tests" / "test_shapes.py").read_text() == ""
        editor.save_all()
    ran = run_pytest(project)
    assert "1 failed, 4 passed" in ran.stdout, ran.stdout


def test_nothing_is_run_in_a_folder_that_is_not_trusted(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, workspace={"trusted": False}) as editor:
        editor.open("shapes.py")
        with pytest.raises(LspError, match=r"hearthline\.workspace\.trusted"):
            editor.run(editor.suggestion("shapes.py", 0))
        assert editor.questions == []
        assert editor.client.call("probe/asked", {}) == []
        assert editor.client.call("probe/executed", {})["orders"] == []


def test_without_a_sandbox_nothing_is_run_and_the_way_out_is_said(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, "--no-sandbox") as editor:
        editor.open("shapes.py")
        with pytest.raises(LspError, match=r"Way out: (install bubblewrap|use Linux)"):
            editor.run(editor.suggestion("shapes.py", 0))
        assert editor.client.call("probe/asked", {}) == []


def test_the_person_is_asked_once(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, "I would rather not.")
    with editing(hearthline_home, project, workspace={"trusted": None}) as editor:
        editor.open("shapes.py")
        command = editor.suggestion("shapes.py", 0)
        for _ in range(2):  # dismissed: that is no yes
            with pytest.raises(LspError, match="not trusted"):
                editor.run(command)
        assert len(editor.questions) == 1
    with editing(hearthline_home, project, workspace={"trusted": None}) as editor:
        editor.answers["trust"] = "Run tests in the sandbox"
        editor.open("shapes.py")
        editor.run(editor.suggestion("shapes.py", 0))
        assert len([each for each in editor.questions if "trust" in each]) == 1
        assert editor.said() == ["The model wrote no test for `area`."]
        assert editor.edits == []


def test_a_stale_version_is_refused_with_a_sentence(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project) as editor:
        editor.open("shapes.py")
        command = editor.suggestion("shapes.py", 0)
        editor.write("shapes.py", "\n" + AREA)
        with pytest.raises(LspError, match="the document has changed since; ask again"):
            editor.run(command)
        assert editor.edits == []


def begun(editor: Editor) -> int:
    """Ask for tests of the first function; return the request's number once the model is asked."""
    editor.open("shapes.py")
    command = editor.suggestion("shapes.py", 0)
    asked = editor.client.request("workspace/executeCommand", {k: command[k] for k in ("command", "arguments")})
    wait_until(lambda: bool(editor.client.call("probe/asked", {})), "the model is asked")
    return asked


def test_a_change_while_tests_are_made_ends_in_no_edit(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, "--slow") as editor:
        asked = begun(editor)
        editor.write("shapes.py", AREA + "\n")
        assert "has changed since" in editor.client.reply(asked, DEADLINE_S)["error"]["message"]
        assert editor.edits == []


def test_cancelling_closes_the_stream(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, "--slow") as editor:
        asked = begun(editor)
        token = editor.client.wait_for(lambda m: m.get("method") == "window/workDoneProgress/create")["params"]["token"]
        editor.client.notify("window/workDoneProgress/cancel", {"token": token})
        assert editor.client.reply(asked).get("result") is None
        wait_until(lambda: all(editor.client.call("probe/streams", {})), "the stream is closed")
        assert editor.edits == []


def test_no_action_where_there_is_nothing_to_test(hearthline_home: Path, project: Path) -> None:
    with editing(hearthline_home, project) as editor:
        editor.open("tests/test_other.py")
        editor.open("shapes.py", AREA + "\n\nX = 1\n")
        assert not [each for each in editor.actions("tests/test_other.py", 3) if each["kind"] == "hearthline.tests"]
        assert not [each for each in editor.actions("shapes.py", 7) if each["kind"] == "hearthline.tests"]
        assert not [each for each in editor.actions("shapes.py", 1, only=["quickfix"]) if "tests" in each["kind"]]
        assert len(editor.actions("shapes.py", 1, only=["hearthline"])) >= 1


# Prepared in the background


def prepare(editor: Editor) -> None:
    """Change and save the function."""
    editor.open("shapes.py")
    editor.write("shapes.py", AREA.replace("n * n", "n ** 2"), saves=True)


def test_tests_are_ready_for_a_function_that_was_changed_and_saved(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, takes_edits=False, tests={"background": True}) as editor:
        prepare(editor)
        editor.wait_for_lenses()
        (lens,) = editor.lenses("shapes.py")
        assert (lens["command"]["title"], lens["range"]["start"]["line"]) == ("2 tests ready", 0)
        assert set(editor.client.call("probe/priorities", {})) == {"background"}
        assert editor.edits == []
        editor.write("shapes.py", "\n" + editor.texts["shapes.py"])  # it moves, and stays as it is
        stale = {**lens["command"]["arguments"][0], "version": editor.versions["shapes.py"]}
        with pytest.raises(LspError, match="has changed since"):  # it is not on that line any more
            editor.run({"command": lens["command"]["command"], "arguments": [stale]})
        (lens,) = editor.lenses("shapes.py")
        assert lens["range"]["start"]["line"] == 1
        editor.run(lens["command"])
        (edit,) = editor.edits
        assert edit["edit"]["documentChanges"][-1]["edits"][0]["newText"].count("def test_") == 2
        assert any("were not taken" in each for each in editor.said())  # shown first, and the person said no
        assert editor.lenses("shapes.py") == []
    assert not (project / "tests" / "test_shapes.py").exists()


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        (["--paused"], {}),
        ([], {"tests": {"background": False}}),
        ([], {"workspace": {"trusted": None}}),
        ([], {"workspace": {"trusted": False}}),
    ],
)
def test_nothing_is_prepared_where_it_must_not(
    hearthline_home: Path, project: Path, flags: list[str], settings: dict[str, object]
) -> None:
    reply(hearthline_home, GOOD)
    everything: dict[str, Any] = {"tests": {"background": True}, **settings}
    with editing(hearthline_home, project, *flags, **everything) as editor:
        prepare(editor)
        wait_until(lambda: not editor.client.call("probe/preparing", {}), "it is over")
        assert editor.client.call("probe/asked", {}) == []
        assert editor.questions == []


def test_a_key_ends_the_preparation(hearthline_home: Path, project: Path) -> None:
    reply(hearthline_home, GOOD)
    with editing(hearthline_home, project, "--slow", tests={"background": True}) as editor:
        prepare(editor)
        wait_until(lambda: bool(editor.client.call("probe/asked", {})), "the model is asked")
        editor.write("shapes.py", AREA)
        wait_until(lambda: all(editor.client.call("probe/streams", {})), "the stream is closed")
        assert not editor.client.call("probe/preparing", {})
