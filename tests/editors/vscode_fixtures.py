"""Fixtures of the tests in VS Code: one of it for each file of tests, and windows in it.

Files of tests import them, since the tests of other editors know nothing of VS Code.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.editors.install_vscode import VSCode, VSCodeUnavailableError, find_vscode
from tests.editors.sums import RULES
from tests.editors.vscode import CodeServer, Workbench, build_extension, launch

Open = Callable[..., Workbench]
Scripted = Callable[..., list[str]]

READY = re.compile(r"Hearthline: (ready|the model had nothing)")


@pytest.fixture(scope="module")
def vscode() -> VSCode:
    """What runs VS Code; skips the test, with the reason, where none can be had."""
    try:
        return find_vscode()
    except VSCodeUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def extension(vscode: VSCode) -> Path:
    """The extension, packaged from this tree."""
    return build_extension(vscode)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the person; nothing of this machine's own user is in it."""
    return tmp_path_factory.mktemp("home")


def environment_of(home: Path, vscode: VSCode) -> dict[str, str]:
    """Return what a person of `home` has around them."""
    return {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(vscode.node.parent), "/usr/bin", "/bin"]),
    }


@pytest.fixture(scope="module")
def code_server(vscode: VSCode, extension: Path, home: Path) -> Iterator[CodeServer]:
    """One code-server with the extension, in which each test opens a window of its own."""
    server = CodeServer(vscode, home / "code-server", environment=environment_of(home, vscode))
    server.install(extension)
    with server:
        yield server


@pytest.fixture(scope="module")
def browser(vscode: VSCode) -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as playwright, launch(playwright, vscode) as browser:
        yield browser


@pytest.fixture
def windows(request: pytest.FixtureRequest) -> Iterator[list[Workbench]]:
    """Windows to be closed; a picture is kept of how each ended."""
    opened: list[Workbench] = []
    yield opened
    for window in opened:
        if not window.page.is_closed():
            window.capture(f"vscode-{request.node.name.removeprefix('test_')[:60]}")
            window.page.close()


@pytest.fixture
def open_file(code_server: CodeServer, browser: Browser, workspace: Path, windows: list[Workbench]) -> Open:
    """Open a file in a window whose language server is `server`, a command."""

    def open_file(file: Path, server: Sequence[str], **settings: object) -> Workbench:
        own = workspace / ".vscode" / "settings.json"
        own.parent.mkdir(exist_ok=True)
        own.write_text(json.dumps({"hearthline.server.command": list(server), **settings}))
        windows.append(Workbench(code_server, browser, workspace, file))
        return windows[-1]

    return open_file


@pytest.fixture
def scripted(scripted_server: Callable[..., list[str]]) -> Scripted:
    """Make the command of a language server whose engine answers by rules, with a home of its own."""

    def make(rules: Sequence[Mapping[str, Any]] = RULES, options: Sequence[str] = ()) -> list[str]:
        told = [f"{name}={os.environ[name]}" for name in ("HEARTHLINE_HOME", "PYTHONPATH")]
        return ["env", *told, *scripted_server(rules, options)]

    return make
