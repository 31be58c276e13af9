"""A person in VS Code: a real workbench in a real browser, driven by keys and looked at as it is drawn.

The language server is a process of its own with the scripted engine in it, except where a model is named. Pictures of
every test are kept in `build/editors`. Runs with `--editors`.
"""

import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from inference.models.catalogue import TEST_MODEL
from lsp_server.feedback.records import Fate
from lsp_server.feedback.store import feedback_path, read
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install_vscode import VSCode, npm
from tests.editors.sums import ADD, BEFORE, BODY, RULES, source
from tests.editors.vscode import EXTENSION, CodeServer, Workbench, wait_for
from tests.editors.vscode_fixtures import (
    READY,
    Open,
    Scripted,
    browser,
    code_server,
    environment_of,
    extension,
    home,
    open_file,
    scripted,
    vscode,
    windows,
)

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

__all__ = ["browser", "code_server", "extension", "home", "open_file", "scripted", "vscode", "windows"]
MODEL = {
    "name": "smollm2-135m-instruct",
    "roles": ["completion"],
    "download_bytes": 98362432,
    "licence": "Apache-2.0",
    "installed": True,
}
MAX_EXTENSION_BYTES = 400_000
# A worker starts and reads the test model, on a machine with other things to do.
LOAD_S = 90.0
FLAWED = """import os

from flask import request


def ping():
    host = request.args["host"]
    os.system("ping " + host)
"""


def process_of(words: str, environment: str = "") -> int | None:
    """Return the process whose command line holds `words`, and whose environment `environment`."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if words in _words_of(folder / "cmdline") and environment in _words_of(folder / "environ"):
                return int(folder.name)
        except OSError:
            continue
    return None


def _words_of(file: Path) -> str:
    return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def write_program(path: Path, script: str) -> None:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_extension_passes_its_own_checks(vscode: VSCode, extension: Path) -> None:
    assert extension.stat().st_size < MAX_EXTENSION_BYTES
    npm(vscode, EXTENSION, "run", "check")


def test_ghost_text_is_shown_and_taken_and_the_next_one_follows(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace)
    window = open_file(file, scripted())
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.capture("vscode-ghost")
    window.press("Tab")
    window.await_ghost("  # the sum")
    window.press("Escape")
    window.saves(file, [*BEFORE.splitlines(), f"    {BODY}"])


def test_without_the_capability_the_same_play_fails_at_the_ghost_text(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    window = open_file(source(workspace), scripted(options=["--without", "textDocument/inlineCompletion"]))
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    with pytest.raises(AssertionError, match="ghost text"):
        window.await_ghost(BODY, deadline_s=4)


def test_a_word_is_taken_and_counted_as_a_part(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    file = source(workspace)
    window = open_file(file, scripted())
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.press("Control+ArrowRight")
    window.await_ghost(" a + b")
    window.capture("vscode-word")
    window.press("Escape")
    window.type(" 7")
    window.saves(file, [*BEFORE.splitlines(), "    return 7"])
    window.run("Hearthline: Show Figures")
    window.find(".quick-input-widget .monaco-list-row", "Suggestions shown")
    window.capture("vscode-figures")
    window.press("Escape")
    window.page.close()
    wait_for("the record of it", lambda: [fate.outcome for fate in read(feedback_path(), Fate, 0)] == ["partly"])


def test_there_are_others_to_choose_from(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    window = open_file(source(workspace), scripted([{**RULES[0], "other": "return b + a"}, RULES[1]]))
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    window.press("Alt+]")
    window.await_ghost("return b + a")
    window.press("Alt+[")
    window.await_ghost(BODY)


def test_a_finding_stands_in_problems_with_its_way_and_is_suppressed(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    file = source(workspace, FLAWED, "views.py")
    window = open_file(file, scripted([]))
    window.find(".squiggly-warning")
    window.go_to(8, 10)
    window.press("Control+Shift+m")
    window.find(".markers-panel .monaco-list-row", "CWE-78")
    window.find(".markers-panel .monaco-list-row", "views.py[Ln 7")
    window.capture("vscode-finding")
    window.go_to(8, 10)
    window.act("on this line")
    window.gone(".squiggly-warning")
    window.await_line("    # hearthline: ignore[command-injection]")


def test_the_walkthrough_knows_what_is_done(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    window = open_file(source(workspace, ADD), scripted())
    window.await_status(READY)
    window.run("Hearthline: Get Started")
    step = ".getting-started-step"
    for done in ("Install the language server", "Fetch a model"):
        window.find(f"{step}:has(.codicon-getting-started-step-checked.complete)", done)
    window.find(step, "Explanations and tests")
    assert window.page.locator(f"{step}:has(.complete)", has_text="Explanations and tests").count() == 0


def test_a_paused_window_is_silent_and_says_so(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    window = open_file(source(workspace), scripted())
    window.await_status(READY).click()
    window.find(".quick-input-widget .monaco-list-row", "Pause")
    window.capture("vscode-menu")
    window.pick("Pause")
    window.await_status("Hearthline: paused")
    window.end_of_file()
    window.type("    ")
    with pytest.raises(AssertionError, match="ghost text"):
        window.await_ghost(BODY, deadline_s=3)
    window.capture("vscode-paused")
    window.await_status("paused").click()
    window.pick("Resume")
    window.await_status(READY)
    window.await_ghost(BODY)


def test_the_status_counts_while_a_model_is_read_and_says_why_there_is_nothing(
    open_file: Open, scripted: Scripted, workspace: Path
) -> None:
    rules = [{"pattern": r"late = $", "loading": 0.4}, {"pattern": r"token = $", "reply": "1"}]
    window = open_file(source(workspace, "\n"), scripted(rules))
    window.await_status(READY)
    window.end_of_file()
    window.type("late = ")
    window.await_status("loading 40 %")
    window.find(".statusbar-item", re.compile("Hearthline: loading.*is being read"))
    window.capture("vscode-loading")


def test_a_server_that_is_killed_comes_back(open_file: Open, scripted: Scripted, workspace: Path) -> None:
    file = source(workspace)
    command = scripted()
    window = open_file(file, command)
    window.await_status(READY)
    pid = wait_for("the server's process", lambda: process_of(command[-1]))
    os.kill(pid, signal.SIGKILL)
    window.await_status("starting")
    window.await_status(READY)
    window.end_of_file()
    window.type("    ")
    window.await_ghost(BODY)
    assert process_of(command[-1]) != pid


def test_a_missing_server_is_installed_if_the_person_says_so_and_never_before(
    open_file: Open, scripted: Scripted, workspace: Path, home: Path
) -> None:
    """uv is a script that leaves a language server where uv would, and notes what it was asked."""
    server = shlex.join(scripted())
    models = json.dumps([MODEL, {**MODEL, "name": "other"}])
    write_program(home / "installed", f"[ $1 = lsp ] && exec {server}\necho {shlex.quote(models)}")
    place = home / ".local" / "bin" / "hearthline"
    write_program(
        home / ".local" / "bin" / "uv", f"echo $@ > {home}/asked; mkdir -p {place.parent}; cp {home}/installed {place}"
    )
    window = open_file(source(workspace), [])
    window.await_status("the language server is not installed")
    window.find(".notification-toast", "uv tool install hearthline")
    window.capture("vscode-missing")
    assert not (home / "asked").exists()
    window.answer("Install with uv")
    window.await_status(READY)
    assert (home / "asked").read_text() == "tool install hearthline\n"
    window.run("Hearthline: Choose Model")
    window.find(".quick-input-widget .monaco-list-row", "smollm2")
    window.capture("vscode-models")
    window.pick("other")
    settings = home / "code-server" / "data" / "User" / "settings.json"
    wait_for("the choice", lambda: json.loads(settings.read_text()).get("hearthline.completion.model") == "other")
    place.unlink()


def test_a_folder_that_is_not_trusted_chooses_no_program(
    vscode: VSCode,
    extension: Path,
    tmp_path: Path,
    browser: Browser,
    scripted: Scripted,
    workspace: Path,
    windows: list[Workbench],
) -> None:
    was_run = tmp_path / "was-run"
    write_program(workspace / "program", f"touch {was_run}")
    own = workspace / ".vscode" / "settings.json"
    own.parent.mkdir()
    own.write_text(json.dumps({"hearthline.server.command": [str(workspace / "program")]}))
    server = CodeServer(vscode, tmp_path / "server", environment=environment_of(tmp_path, vscode), trusts=False)
    server.install(extension)
    server.set({"security.workspace.trust.startupPrompt": "never"}, scripted())
    with server:
        window = Workbench(server, browser, workspace, source(workspace, ADD))
        windows.append(window)
        window.await_status(READY)
        window.go_to(1, 6)
        window.run("Hearthline: Suggest Tests")
        window.find(".notification-toast", "not trusted")
        window.capture("vscode-untrusted")
        assert not was_run.exists()
        window.answer("Manage Workspace Trust")
        window.page.click(".workspace-trust-editor .monaco-button:has-text('Trust')")
        wait_for("the folder's own program", was_run.exists)
        window.page.close()


@pytest.mark.model
def test_a_real_model_writes_and_a_worker_that_is_killed_comes_back(
    open_file: Open, worker_home: Path, workspace: Path
) -> None:
    file = source(workspace, "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n")
    here = f"HEARTHLINE_HOME={worker_home}"
    server = ["env", here, f"PYTHONPATH={ROOT}", HEARTHLINE, "lsp"]
    window = open_file(file, server, **{"hearthline.completion.model": TEST_MODEL})
    window.end_of_file()
    window.type("    return")
    wait_for("the ghost text", lambda: window.ghost, LOAD_S)
    window.capture("vscode-model")
    pid = wait_for("the worker", lambda: process_of("-m inference", here))
    os.kill(pid, signal.SIGKILL)
    window.await_status(re.compile("starting|loading"))
    window.press("Escape", "Enter")
    window.type("total = a")
    wait_for("the worker again", lambda: process_of("-m inference", here) not in (None, pid), LOAD_S)
    wait_for("the ghost text", lambda: window.ghost, LOAD_S)
