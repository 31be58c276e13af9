"""The security review in the editor, through the real server process: findings come, stay, go and are suppressed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.loop_probes import assert_never_held
from tests.lsp_client import LspClient, LspError, edit, wait_until

SERVER = (sys.executable, "-m", "tests.reviewing_server")
BY_THUMB = (*SERVER, "--by-thumb")
PUSHED: dict[str, Any] = {"textDocument": {"publishDiagnostics": {"relatedInformation": True}}}
PULLED: dict[str, Any] = {
    "textDocument": {"diagnostic": {}, "publishDiagnostics": {"relatedInformation": True}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}
EDITS: dict[str, Any] = {
    "workspace": {"workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]}},
    "window": {"showDocument": {"support": True}, "workDoneProgress": True},
}
WARNING, INFORMATION, HINT = 1 + 1, 3, 4
VIEW = """\
import sqlite3

from flask import Flask, request

app = Flask(__name__)


@app.route("/find")
def find():
    name = request.args["name"]
    rows = sqlite3.connect("db").execute("select * from users where name = '" + name + "'")
    return {"rows": rows.fetchall()}
"""
SINK = next(number for number, line in enumerate(VIEW.splitlines()) if ".execute(" in line)


class Editor:
    """One window on the folder `root`."""

    def __init__(self, client: LspClient, root: Path, capabilities: Mapping[str, Any], **review: Any) -> None:
        self.client = client
        self.root = root
        self.versions: dict[str, int] = {}
        folders = [{"uri": root.as_uri(), "name": "project"}]
        self.offered = client.initialize(
            dict(capabilities),
            {"index": {"enabled": False}, "review": review},
            workspaceFolders=folders,
        )

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def show(self, name: str, text: str, language_id: str = "python") -> None:
        self.versions[name] = self.versions.get(name, 0) + 1
        self.client.open(self.uri(name), text, language_id, self.versions[name])

    def close(self, name: str) -> None:
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})

    def change(self, name: str, *changes: dict[str, Any]) -> None:
        self.versions[name] += 1
        self.client.change(self.uri(name), self.versions[name], *changes)

    def replace(self, name: str, text: str) -> None:
        self.change(name, {"text": text})

    def pushed(self, name: str) -> list[dict[str, Any]]:
        """Wait for the diagnostics of the version that is open; return them."""
        params = self.client.notification(
            "textDocument/publishDiagnostics",
            lambda p: p["uri"] == self.uri(name) and p.get("version") == self.versions[name],
        )
        diagnostics: list[dict[str, Any]] = params["diagnostics"]
        return diagnostics

    def pushed_last(self, name: str) -> list[dict[str, Any]] | None:
        sent = [
            message["params"]["diagnostics"]
            for message in list(self.client.messages)
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == self.uri(name)
        ]
        return sent[-1] if sent else None

    def pull(self, name: str, previous: str | None = None) -> dict[str, Any]:
        params = {"textDocument": {"uri": self.uri(name)}, "previousResultId": previous}
        result: dict[str, Any] = self.client.call("textDocument/diagnostic", params)
        return result

    def actions(self, name: str, line: int) -> dict[str, dict[str, Any]]:
        where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
        params = {"textDocument": {"uri": self.uri(name)}, "range": where, "context": {"diagnostics": []}}
        return {action["title"]: action for action in self.client.call("textDocument/codeAction", params)}

    def execute(self, command: str, *arguments: object) -> Any:
        return self.client.call("workspace/executeCommand", {"command": command, "arguments": list(arguments)})


@pytest.fixture
def thumb(hearthline_home: Path) -> Iterator[LspClient]:
    with LspClient(hearthline_home, BY_THUMB) as client:
        yield client
        assert "Traceback" not in client.stderr()


@pytest.fixture
def client(hearthline_home: Path) -> Iterator[LspClient]:
    with LspClient(hearthline_home, SERVER) as client:
        yield client
        assert "Traceback" not in client.stderr()


def test_a_finding_comes_as_it_is_typed_and_goes_when_it_is_mended(client: LspClient, root: Path) -> None:
    editor = Editor(client, root, PUSHED)
    lines = VIEW.splitlines()
    before = "\n".join([*lines[:SINK], "    ", *lines[SINK + 1 :], ""])
    editor.show("app.py", before)
    assert editor.pushed("app.py") == []
    editor.change("app.py", edit(SINK, 4, 4, lines[SINK].strip()))
    (finding,) = editor.pushed("app.py")
    assert finding["range"]["start"]["line"] == SINK
    assert (finding["code"], finding["source"], finding["severity"]) == ("sql-injection", "hearthline", WARNING)
    assert finding["codeDescription"]["href"] == "https://cwe.mitre.org/data/definitions/89.html"
    assert "[CWE-89]" in finding["message"]
    way = [step["location"]["range"]["start"]["line"] for step in finding["relatedInformation"]]
    assert (way[0], way[-1]) == (SINK - 1, SINK)
    safe = '    rows = sqlite3.connect("db").execute("select * from users where name = ?", [name])'
    editor.change("app.py", edit(SINK, 0, len(lines[SINK]), safe))
    assert editor.pushed("app.py") == []


def test_half_a_line_keeps_the_finding_where_it_then_is(client: LspClient, root: Path) -> None:
    editor = Editor(client, root, PUSHED)
    editor.show("app.py", VIEW)
    assert len(editor.pushed("app.py")) == 1
    editor.change("app.py", edit(SINK - 1, 0, 0, "    if name ==\n"))
    (finding,) = editor.pushed("app.py")
    assert finding["range"]["start"]["line"] == SINK + 1
    editor.change("app.py", edit(SINK - 1, 0, 0, "", SINK))
    (finding,) = editor.pushed("app.py")
    assert finding["range"]["start"]["line"] == SINK


def test_columns_are_the_clients_and_carriage_returns_do_no_harm(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "'😀é'\r\n'😀é'; danger('😀')\r\n")
    (finding,) = editor.pushed("a.py")
    start, end = finding["range"]["start"], finding["range"]["end"]
    assert (start, end) == ({"line": 1, "character": 7}, {"line": 1, "character": 19})


def test_how_loud_a_finding_is(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\nmaybe(x)\n")
    assert [each["severity"] for each in editor.pushed("a.py")] == [WARNING, INFORMATION]


@pytest.mark.parametrize(
    ("review", "expected"),
    [
        ({"enabled": False}, []),
        ({"minConfidence": "high"}, ["sql-injection"]),
        ({"rules": {"sql-injection": "off"}}, ["path-traversal"]),
    ],
)
def test_settings(thumb: LspClient, root: Path, review: dict[str, Any], expected: list[str]) -> None:
    editor = Editor(thumb, root, PUSHED, **review)
    editor.show("a.py", "danger(x)\nmaybe(x)\n")
    assert [each["code"] for each in editor.pushed("a.py")] == expected


def test_settings_that_change_hold_at_once(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    thumb.notify("workspace/didChangeConfiguration", {"settings": {"review": {"rules": {"sql-injection": "off"}}}})
    wait_until(lambda: editor.pushed_last("a.py") == [], "the findings of the rule go")
    thumb.notify("workspace/didChangeConfiguration", {"settings": {"review": {}}})
    wait_until(lambda: len(editor.pushed_last("a.py") or ()) == 1, "they are back")
    thumb.notify("workspace/didChangeConfiguration", {"settings": {"review": {"enabled": False}}})
    wait_until(lambda: editor.pushed_last("a.py") == [], "all findings go")
    wait_until(lambda: thumb.call("probe/pid", {}) is None, "the review process ends")


def test_who_can_ask_is_not_sent_anything(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PULLED)
    assert editor.offered["diagnosticProvider"]["identifier"] == "hearthline"
    editor.show("a.py", "danger(x)\n")
    full = editor.pull("a.py")
    assert (full["kind"], [each["code"] for each in full["items"]]) == ("full", ["sql-injection"])
    assert editor.pull("a.py", full["resultId"]) == {"kind": "unchanged", "resultId": full["resultId"]}
    editor.change("a.py", edit(0, 0, 9, "safe(x)"))
    mended = editor.pull("a.py", full["resultId"])
    assert (mended["kind"], mended["items"]) == ("full", [])
    editor.close("a.py")
    assert editor.pull("a.py")["items"] == []
    assert editor.pushed_last("a.py") is None


def test_who_asks_while_it_is_typed_is_answered_for_the_text_that_stays(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PULLED)
    editor.show("a.py", "")
    requests = []
    for column, character in enumerate("danger(x)"):
        editor.change("a.py", edit(0, column, column, character))
        requests.append(thumb.request("textDocument/diagnostic", {"textDocument": {"uri": editor.uri("a.py")}}))
    assert [len(thumb.result(request)["items"]) for request in requests] == [1] * 9


def test_who_can_ask_is_told_to_when_something_else_changed(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PULLED)
    editor.show("a.py", "danger(x)\n")
    full = editor.pull("a.py")
    thumb.notify("workspace/didChangeConfiguration", {"settings": {"review": {"minConfidence": "low"}}})
    thumb.wait_for(lambda message: message.get("method") == "workspace/diagnostic/refresh")
    assert editor.pull("a.py", full["resultId"])["kind"] == "unchanged"


def test_a_document_that_is_closed_has_no_findings(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    editor.close("a.py")
    wait_until(lambda: editor.pushed_last("a.py") == [], "the findings go")
    editor.show("a.py", "danger(x)\n", "plaintext")
    assert editor.pushed("a.py") == []
    editor.close("a.py")
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1


def test_documents_that_are_no_files(thumb: LspClient, root: Path) -> None:
    Editor(thumb, root, PUSHED)
    thumb.open("untitled:Untitled-1", "danger(x)\n")
    found = thumb.notification("textDocument/publishDiagnostics", lambda p: p["uri"] == "untitled:Untitled-1")
    assert len(found["diagnostics"]) == 1
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    params = {"textDocument": {"uri": "untitled:Untitled-1"}, "range": where, "context": {"diagnostics": []}}
    titles = [action["title"] for action in thumb.call("textDocument/codeAction", params)]
    suppressing = [title for title in titles if title.startswith("Suppress")]
    assert suppressing == ["Suppress `sql-injection` on this line", "Suppress `sql-injection` in this file"]


def test_a_document_that_lost_an_edit_is_not_reviewed_until_it_is_whole(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    thumb.change(editor.uri("a.py"), 1, edit(0, 0, 0, "# "))
    wait_until(lambda: editor.pushed_last("a.py") == [], "the findings go")
    editor.replace("a.py", "danger(y)\n")
    assert len(editor.pushed("a.py")) == 1


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def committed(root: Path) -> Path:
    (root / ".git").rmdir()
    (root / "a.py").write_text("danger(x)\n")
    git(root, "init", "-q")
    git(root, "add", "a.py")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_only_what_is_new_is_loud(thumb: LspClient, committed: Path) -> None:
    editor = Editor(thumb, committed, PUSHED)
    editor.show("a.py", "# moved down\ndanger( x )\nmaybe(x)\ndanger(y)\n")
    found = {each["range"]["start"]["line"]: each["severity"] for each in editor.pushed("a.py")}
    assert found == {1: INFORMATION, 2: INFORMATION, 3: WARNING}


def test_everything_is_loud_where_nothing_is_compared(thumb: LspClient, committed: Path) -> None:
    editor = Editor(thumb, committed, PUSHED, baseline="none")
    editor.show("a.py", "danger(x)\n")
    assert [each["severity"] for each in editor.pushed("a.py")] == [WARNING]


def applied(text: str, changes: list[dict[str, Any]]) -> str:
    """Return `text` after edits within single lines, columns being code points."""
    lines = text.splitlines(keepends=True) or [""]
    for change in changes:
        start, end = change["range"]["start"], change["range"]["end"]
        assert start["line"] == end["line"]
        if start["line"] == len(lines):
            lines.append("")
        line = lines[start["line"]]
        lines[start["line"]] = line[: start["character"]] + change["newText"] + line[end["character"] :]
    return "".join(lines)


def test_suppressed_on_a_line(client: LspClient, root: Path) -> None:
    editor = Editor(client, root, PUSHED | EDITS)
    editor.show("app.py", VIEW)
    (finding,) = editor.pushed("app.py")
    where = {"textDocument": {"uri": editor.uri("app.py")}, "range": finding["range"]}
    context = {"diagnostics": [finding], "only": ["quickfix"]}
    actions = client.call("textDocument/codeAction", {**where, "context": context})
    assert [action["title"] for action in actions] == [
        "Suppress `sql-injection` on this line",
        "Suppress `sql-injection` in this file",
        "Suppress `sql-injection` for this project",
        "Open CWE-89",
    ]
    assert all(action["diagnostics"] == [finding] for action in actions)
    (change,) = actions[0]["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": editor.uri("app.py"), "version": 1}
    text = applied(VIEW, change["edits"])
    assert text.splitlines()[SINK].startswith("    # hearthline: ignore[sql-injection] ")
    editor.replace("app.py", text)
    assert editor.pushed("app.py") == []


def test_suppressed_in_a_file(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.js", "danger(x);\r\n", "javascript")
    action = editor.actions("a.js", 0)["Suppress `sql-injection` in this file"]
    (change,) = action["edit"]["changes"][editor.uri("a.js")]
    assert change["newText"].startswith("// hearthline: ignore-file[sql-injection] ")
    assert change["newText"].endswith("\r\n")
    editor.replace("a.js", applied("danger(x);\r\n", [change]))
    assert editor.pushed("a.js") == []


def test_suppressed_for_the_project_in_a_file_that_is_made(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED | EDITS)
    editor.show("a.py", "danger(x)\n")
    create, change = editor.actions("a.py", 0)["Suppress `sql-injection` for this project"]["edit"]["documentChanges"]
    ours = root / ".hearthline.toml"
    assert (create["kind"], create["uri"]) == ("create", ours.as_uri())
    assert change["textDocument"] == {"uri": ours.as_uri(), "version": None}
    ours.write_text(applied("", change["edits"]))
    thumb.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": ours.as_uri(), "type": 1}]})
    wait_until(lambda: editor.pushed_last("a.py") == [], "the finding goes")


def test_suppressed_for_the_project_in_a_file_that_is_open(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED | EDITS)
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    mine = "# ours\n[other]\nkey = 1\n"
    editor.show(".hearthline.toml", mine, "toml")
    editor.pushed(".hearthline.toml")
    (change,) = editor.actions("a.py", 0)["Suppress `sql-injection` for this project"]["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 1
    text = applied(mine, change["edits"])
    assert text.startswith(mine)
    editor.replace(".hearthline.toml", text)
    wait_until(lambda: editor.pushed_last("a.py") == [], "the finding goes")
    editor.close(".hearthline.toml")  # it was not saved
    wait_until(lambda: len(editor.pushed_last("a.py") or ()) == 1, "the finding is back")


def test_what_is_wrong_with_ignores_is_said(thumb: LspClient, root: Path) -> None:
    (root / ".hearthline.toml").write_text('[[review.ignore]]\nrule = "sql-injektion"\npath = "**"\nreason = "x"\n')
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "x = 1  # hearthline: ignore[sql-injektion]\n")
    (said,) = editor.pushed("a.py")
    assert (said["severity"], said["message"]) == (
        INFORMATION,
        "there is no rule 'sql-injektion'; did you mean sql-injection?",
    )
    message = thumb.notification("window/showMessage", lambda p: ".hearthline.toml" in p["message"])
    assert "number 1 is left out: there is no rule 'sql-injektion'" in message["message"]


def test_what_is_wrong_with_the_projects_file_is_shown_in_it(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    editor.show(".hearthline.toml", "# ours\n[[review.ignore]\n", "toml")
    (said,) = editor.pushed(".hearthline.toml")
    assert (said["range"]["start"]["line"], said["severity"]) == (1, INFORMATION)
    assert "it is no TOML" in said["message"]
    assert len(editor.pushed("a.py")) == 1
    assert not any(message.get("method") == "window/showMessage" for message in thumb.messages)


def test_the_page_of_a_weakness_is_opened_outside(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED | EDITS)
    thumb.answers["window/showDocument"] = lambda _: {"success": True}
    editor.show("a.py", "danger(x)\n")
    command = editor.actions("a.py", 0)["Open CWE-89"]["command"]
    editor.execute(command["command"], *command["arguments"])
    asked = thumb.wait_for(lambda message: message.get("method") == "window/showDocument")["params"]
    assert (asked["uri"], asked["external"]) == ("https://cwe.mitre.org/data/definitions/89.html", True)


def test_other_kinds_of_actions_are_not_ours(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    params = {"textDocument": {"uri": editor.uri("a.py")}, "range": where}
    context = {"diagnostics": [], "only": ["refactor", "source.organizeImports"]}
    assert thumb.call("textDocument/codeAction", {**params, "context": context}) == []


def test_the_process_is_killed_and_comes_back(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    pid = thumb.call("probe/pid", {})
    os.kill(pid, signal.SIGKILL)
    editor.change("a.py", edit(1, 0, 0, "danger(y)\n"))
    assert len(editor.pushed("a.py")) == 2
    assert thumb.call("probe/pid", {}) != pid


def test_a_file_that_breaks_the_review_harms_no_other(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    editor.show("bad.py", "die()\ndanger(x)\n")
    editor.show("a.py", "danger(x)\n")
    assert editor.pushed("bad.py") == []
    assert len(editor.pushed("a.py")) == 1
    said = thumb.notification("window/showMessage")
    assert said["message"] == "bad.py is left out of the security review for now: the review broke down at it"


def test_what_is_not_reviewed_is_said_once(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    for name in ("one", "two"):
        editor.show("a.py", f"{name} = 1\n" * 70_000)
        assert editor.pushed("a.py") == []
        editor.close("a.py")
    said = [message["params"]["message"] for message in thumb.messages if message.get("method") == "window/showMessage"]
    assert said == ["the security review leaves out a.py, or part of it: larger than 512 KB"]


def test_a_rule_that_there_is_not_is_said_once_with_the_nearest(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED, rules={"sql-injektion": "off"})
    editor.show("a.py", "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    said = [message["params"]["message"] for message in thumb.messages if message.get("method") == "window/showMessage"]
    assert said == ["hearthline.review.rules: there is no rule 'sql-injektion'; did you mean sql-injection?"]


def test_that_it_cannot_run_is_said_once(hearthline_home: Path, root: Path) -> None:
    with LspClient(hearthline_home, (*SERVER, "--unable")) as client:
        editor = Editor(client, root, PUSHED)
        for name in ("a.py", "b.py"):
            editor.show(name, "danger(x)\n")
            assert editor.pushed(name) == []
        said = [message for message in client.messages if message.get("method") == "window/showMessage"]
        assert len(said) == 1
        assert "the security review cannot run" in said[0]["params"]["message"]


def test_fifty_thousand_lines_hold_nothing_up(thumb: LspClient, root: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    watching = thumb.request("probe/watchLoop", {})
    editor.show("a.py", "x = 1234\n" * 50_000 + "danger(x)\n")
    assert len(editor.pushed("a.py")) == 1
    editor.change("a.py", edit(0, 0, 0, "y = 1\n"))
    assert len(editor.pushed("a.py")) == 1
    editor.replace("a.py", "danger(x)\n" * 50_000)
    assert len(editor.pushed("a.py")) == 200
    editor.replace("a.py", "x = 1234\n" * 100_000)
    assert editor.pushed("a.py") == []
    thumb.notify("$/cancelRequest", {"id": watching})
    thumb.reply(watching)
    assert_never_held(thumb.call("probe/held", {}))


class TestWorkspace:
    """Files that are not open, on request."""

    @pytest.fixture
    def filled(self, root: Path) -> Path:
        for name, text in {"a.py": "'é'; danger(x)\n", "b.py": "x = 1\n", "deep/c.js": "maybe(x)\n"}.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        (root / "d.py").write_bytes(b"danger(x)\0\n")
        (root / "loop.py").symlink_to("loop.py")
        return root

    @pytest.mark.parametrize("capabilities", [PUSHED, PULLED], ids=["push", "pull"])
    def test_findings_come_and_are_cleared(self, thumb: LspClient, filled: Path, capabilities: dict[str, Any]) -> None:
        editor = Editor(thumb, filled, capabilities)
        commands = editor.offered["executeCommandProvider"]["commands"]
        assert {"hearthline.reviewWorkspace", "hearthline.clearWorkspaceReview"} <= set(commands)
        counts = editor.execute("hearthline.reviewWorkspace")
        assert counts == {"files": 4, "skipped": 1, "findings": 2}
        (found,) = editor.pushed_last("a.py") or [{}]
        assert found["range"]["start"] == {"line": 0, "character": 5}
        assert len(editor.pushed_last("deep/c.js") or ()) == 1
        assert editor.pushed_last("b.py") is None
        editor.execute("hearthline.clearWorkspaceReview")
        assert (editor.pushed_last("a.py"), editor.pushed_last("deep/c.js")) == ([], [])

    def test_an_open_document_is_not_mixed_up_with_its_file(self, thumb: LspClient, filled: Path) -> None:
        editor = Editor(thumb, filled, PULLED)
        editor.execute("hearthline.reviewWorkspace")
        assert len(editor.pushed_last("a.py") or ()) == 1
        editor.show("a.py", "danger(x)\ndanger(y)\n")
        wait_until(lambda: editor.pushed_last("a.py") == [], "the file's findings go")
        assert len(editor.pull("a.py")["items"]) == 2
        editor.execute("hearthline.reviewWorkspace")
        assert editor.pushed_last("a.py") == []

    def test_it_shows_how_far_it_is_and_can_be_stopped(self, thumb: LspClient, root: Path) -> None:
        for number in range(2000):
            (root / f"m{number}.py").write_text("danger(x)\n")
        editor = Editor(thumb, root, PUSHED | EDITS)
        params = {"command": "hearthline.reviewWorkspace", "arguments": []}
        request = thumb.request("workspace/executeCommand", params)
        shown = thumb.notification("$/progress", lambda p: p["value"]["kind"] == "begin" and "review" in p["token"])
        assert shown["value"]["cancellable"]
        with pytest.raises(LspError, match="already"):
            editor.execute("hearthline.reviewWorkspace")
        thumb.notify("window/workDoneProgress/cancel", {"token": shown["token"]})
        assert "error" in thumb.reply(request)
        thumb.notification("$/progress", lambda p: p["token"] == shown["token"] and p["value"]["kind"] == "end")
        editor.execute("hearthline.clearWorkspaceReview")

    def test_without_a_folder(self, thumb: LspClient) -> None:
        thumb.initialize(PUSHED)
        with pytest.raises(LspError, match="no folder is open"):
            thumb.call("workspace/executeCommand", {"command": "hearthline.reviewWorkspace"})

    def test_an_unknown_command(self, thumb: LspClient) -> None:
        thumb.initialize(PUSHED)
        with pytest.raises(LspError, match="is not a command"):
            thumb.call("workspace/executeCommand", {"command": "hearthline.no"})


def test_no_log_holds_source(thumb: LspClient, root: Path, hearthline_home: Path) -> None:
    editor = Editor(thumb, root, PUSHED)
    thumb.notify("workspace/didChangeConfiguration", {"settings": {"logLevel": "debug"}})
    editor.show("a.py", "danger(quokka)\n")
    assert len(editor.pushed("a.py")) == 1
    editor.replace("a.py", "danger(quokka)\ndie()\n")
    assert editor.pushed("a.py") == []
    thumb.call("shutdown")
    thumb.notify("exit")
    assert thumb.exit_code() == 0
    written = [path for path in hearthline_home.rglob("*") if path.is_file()]
    assert any(path.name == "lsp.log" for path in written)
    assert all(b"quokka" not in path.read_bytes() for path in written), json.dumps([*map(str, written)])
