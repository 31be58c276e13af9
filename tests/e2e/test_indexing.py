"""The workspace index through the real server's process: progress, cancel, watched files, settings, and the loop."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.loop_probes import assert_never_held
from tests.lsp_client import DEADLINE_S, LspClient, edit

SERVER = (sys.executable, "-m", "tests.indexing_server")
PROGRESS = {"window": {"workDoneProgress": True}}
WATCHING = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}


def write(folder: Path, name: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(f"def {name}(values):\n    return [quokka_{name}(value) for value in values]\n")
    return path


def start(client: LspClient, folder: Path, capabilities: object = None, **index: object) -> None:
    folders = [{"uri": folder.as_uri(), "name": folder.name}]
    client.initialize(capabilities, {"index": index}, workspaceFolders=folders)


def definitions(client: LspClient, name: str) -> list[str]:
    return [Path(path).name for path in client.call("probe/definitions", {"name": name})]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_defined(client: LspClient, name: str, *expected: str) -> None:
    wait_until(lambda: definitions(client, name) == list(expected))


def progress(client: LspClient) -> list[dict[str, Any]]:
    return [m["params"]["value"] for m in client.messages if m.get("method") == "$/progress"]


def end_in_order(client: LspClient) -> None:
    client.call("shutdown")
    client.notify("exit")
    assert client.exit_code() == 0
    assert client.stderr() == ""


def test_a_build_shows_its_progress_and_answers_meanwhile(hearthline_home: Path, tmp_path: Path) -> None:
    for number in range(300):
        write(tmp_path, f"f{number}")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path, PROGRESS)
        ended = client.notification("$/progress", lambda params: params["value"]["kind"] == "end")
        begun, *reports, _ = progress(client)
        assert begun["kind"] == "begin"
        assert begun["cancellable"] is True
        assert begun["title"] == "Hearthline: indexing the workspace"
        assert [report["percentage"] for report in reports] == sorted(report["percentage"] for report in reports)
        assert ended["token"] == client.notification("window/workDoneProgress/create")["token"]
        assert definitions(client, "f299") == ["f299.py"]
        assert client.call("probe/search", {"text": "quokka_f7"})[0] == str(tmp_path / "f7.py")
        end_in_order(client)


def test_a_build_can_be_cancelled(hearthline_home: Path, tmp_path: Path) -> None:
    for number in range(300):
        write(tmp_path, f"f{number}")
    with LspClient(hearthline_home, (*SERVER, "--hold-at", "64")) as client:
        start(client, tmp_path, PROGRESS)
        begun = client.notification("$/progress", lambda params: params["value"]["kind"] == "begin")
        wait_until(lambda: client.call("probe/search", {"text": "quokka"}) != [])
        assert not any(value["kind"] == "end" for value in progress(client)), "queries are answered meanwhile"
        client.notify("window/workDoneProgress/cancel", {"token": begun["token"]})
        client.notification("$/progress", lambda params: params["value"]["kind"] == "end")
        assert client.call("probe/search", {"text": "quokka"}) != []
        end_in_order(client)


def test_the_client_watches_where_it_can(hearthline_home: Path, tmp_path: Path) -> None:
    changed, gone = write(tmp_path, "changed"), write(tmp_path, "gone")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path, WATCHING)
        [registered] = client.notification("client/registerCapability")["registrations"]
        assert registered["method"] == "workspace/didChangeWatchedFiles"
        wait_until_defined(client, "gone", "gone.py")
        changed.write_text("def renamed(): pass\n")
        gone.unlink()
        new = write(tmp_path, "new")
        (tmp_path / ".env").write_text("def dotenv(): pass\n")
        events = [(changed, 2), (gone, 3), (new, 1), (tmp_path / ".env", 1)]
        changes = [{"uri": path.as_uri(), "type": kind} for path, kind in events]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        wait_until_defined(client, "renamed", "changed.py")
        wait_until_defined(client, "new", "new.py")
        assert definitions(client, "gone") == definitions(client, "dotenv") == []
        end_in_order(client)


def test_it_watches_by_itself_where_the_client_does_not_and_hears_of_saves(
    hearthline_home: Path, tmp_path: Path
) -> None:
    changed = write(tmp_path, "changed")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path)
        wait_until_defined(client, "changed", "changed.py")
        changed.write_text("def renamed(): pass\n")
        client.notify("textDocument/didSave", {"textDocument": {"uri": changed.as_uri()}})
        wait_until_defined(client, "renamed", "changed.py")
        write(tmp_path, "new")
        wait_until_defined(client, "new", "new.py")
        assert "registerCapability" not in str(client.messages)
        end_in_order(client)


def test_an_open_document_wins_over_its_file(hearthline_home: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "saved")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path, WATCHING)
        wait_until_defined(client, "saved", "saved.py")
        client.open(path.as_uri(), path.read_text())
        client.change(path.as_uri(), 2, edit(0, 4, 9, "unsaved"))
        wait_until_defined(client, "unsaved", "saved.py")
        assert definitions(client, "saved") == []
        client.notify("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})
        wait_until_defined(client, "saved", "saved.py")
        end_in_order(client)


def test_folders_and_settings_are_followed(hearthline_home: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        write(folder, f"in_{folder.name}")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, one)
        wait_until_defined(client, "in_one", "in_one.py")
        event = {"added": [{"uri": two.as_uri(), "name": "two"}], "removed": [{"uri": one.as_uri(), "name": "one"}]}
        client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        wait_until_defined(client, "in_two", "in_two.py")
        assert definitions(client, "in_one") == []

        def set_index(**index: object) -> None:
            client.notify("workspace/didChangeConfiguration", {"settings": {"hearthline": {"index": index}}})

        set_index(exclude=["in_*.py"])
        wait_until_defined(client, "in_two")
        set_index(enabled=False)
        wait_until_defined(client, "in_two", "no index")
        set_index(enabled=True)
        wait_until_defined(client, "in_two", "in_two.py")
        end_in_order(client)


def test_a_home_is_no_workspace(hearthline_home: Path, tmp_path: Path) -> None:
    write(tmp_path, "a")
    with LspClient(hearthline_home, SERVER, {"HOME": str(tmp_path)}) as client:
        start(client, tmp_path)
        wait_until_defined(client, "a", "no index")
        end_in_order(client)


def test_a_place_that_cannot_be_written_is_said_and_the_rest_goes_on(hearthline_home: Path, tmp_path: Path) -> None:
    write(tmp_path, "a")
    (hearthline_home / "index").write_text("a file where the folder should be")
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path)
        wait_until_defined(client, "a", "a.py")
        assert "it is kept in memory" in client.notification("window/showMessage")["message"]


def test_killing_the_server_while_it_builds_loses_nothing(hearthline_home: Path, tmp_path: Path) -> None:
    for number in range(300):
        write(tmp_path, f"f{number}")
    with LspClient(hearthline_home, (*SERVER, "--hold-at", "128")) as client:
        start(client, tmp_path)
        wait_until(lambda: client.call("probe/search", {"text": "quokka"}) != [])
        client.process.kill()
    with LspClient(hearthline_home, SERVER) as client:
        start(client, tmp_path, PROGRESS)
        wait_until_defined(client, "f299", "f299.py")
        assert "of 300 files" not in str(progress(client)), "what was written before is not read again"


@pytest.mark.parametrize("n_files", [2_000])
def test_the_loop_goes_on_while_a_workspace_is_read(hearthline_home: Path, tmp_path: Path, n_files: int) -> None:
    body = "".join(f"    value_{line} = compute_{line}(values, option_{line}='{line}')\n" for line in range(60))
    for number in range(n_files):
        (tmp_path / f"f{number}.py").write_text(f"def f{number}(values):\n{body}")
    with LspClient(hearthline_home, SERVER) as client:
        client.initialize(workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "w"}])
        watching = client.request("probe/watchLoop", {})
        wait_until(lambda: definitions(client, f"f{n_files - 1}") != [])
        client.notify("$/cancelRequest", {"id": watching})
        assert_never_held(client.call("probe/held", {}))
