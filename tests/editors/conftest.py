"""Fixtures of the tests that drive real editors."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install import NEOVIM, NEOVIM_0_10, NEOVIM_0_11, Editor, EditorUnavailableError, find_editor
from tests.editors.neovim import Neovim
from tests.editors.sums import RULES

SCRIPTED_SERVER = (sys.executable, "-m", "tests.editors.rules_server")

_LAST_WORDS_S = 10.0

Scripted = Callable[..., Neovim]


def editor_or_skip(editor: Editor) -> Path:
    """Give the path of an editor; skip the test, with the reason, where none can be had."""
    try:
        return find_editor(editor)
    except EditorUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def newest_neovim() -> Path:
    """A Neovim of at least 0.12, which draws inline completions itself."""
    return editor_or_skip(NEOVIM)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(NEOVIM, id="0.12"),
        pytest.param(NEOVIM_0_11, id="0.11", marks=pytest.mark.editors_all),
        pytest.param(NEOVIM_0_10, id="0.10", marks=pytest.mark.editors_all),
    ],
)
def neovim(request: pytest.FixtureRequest) -> tuple[Path, bool]:
    """Each Neovim that the plugin is for, and whether it is one that has no `vim.lsp.enable`."""
    return editor_or_skip(request.param), request.param is NEOVIM_0_10


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder whose path is short enough for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    yield folder
    _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder into which a language server, whose editor has just left, may still write for a moment."""
    deadline = time.monotonic() + _LAST_WORDS_S
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


@pytest.fixture
def scripted_server(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Make the command of a language server of this tree, with a home of its own, whose engine answers by rules."""
    monkeypatch.setenv("HEARTHLINE_HOME", str(short_folder / "hearthline"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def make(rules: Sequence[dict[str, Any]] = RULES, options: Sequence[str] = ()) -> list[str]:
        script = short_folder / "rules.json"
        script.write_text(json.dumps(rules))
        return [*SCRIPTED_SERVER, str(script), *options]

    return make


def _made_by(
    executable: Path, is_old: bool, folder: Path, scripted_server: Callable[..., list[str]]
) -> Iterator[Scripted]:
    made: list[Neovim] = []

    def make(rules: Sequence[dict[str, Any]] = RULES, configuration: str = "", options: Sequence[str] = ()) -> Neovim:
        server = scripted_server(rules, options)
        made.append(Neovim(executable, folder / "home", server, configuration, is_old=is_old))
        return made[-1]

    yield make
    for neovim in made:
        print(neovim.language_server_log)


@pytest.fixture
def scripted(
    neovim: tuple[Path, bool], short_folder: Path, scripted_server: Callable[..., list[str]]
) -> Iterator[Scripted]:
    """Make a Neovim whose language server answers by `rules`; what its client logged is shown if the test fails."""
    yield from _made_by(*neovim, short_folder, scripted_server)


@pytest.fixture
def scripted_newest(
    newest_neovim: Path, short_folder: Path, scripted_server: Callable[..., list[str]]
) -> Iterator[Scripted]:
    """Like `scripted`, in the newest Neovim alone."""
    yield from _made_by(newest_neovim, False, short_folder, scripted_server)


@pytest.fixture
def scripted_old(short_folder: Path, scripted_server: Callable[..., list[str]]) -> Iterator[Scripted]:
    """Like `scripted`, in Neovim 0.10 alone."""
    yield from _made_by(editor_or_skip(NEOVIM_0_10), True, short_folder, scripted_server)


@pytest.fixture
def worker_home(model_home: Path) -> Iterator[Path]:
    """Give a HEARTHLINE_HOME with the test model; the worker that was started in it is stopped."""
    yield model_home
    subprocess.run([HEARTHLINE, "worker", "stop"], check=True, capture_output=True)


@pytest.fixture
def workspace(short_folder: Path) -> Path:
    """An empty folder that is the root of a project."""
    folder = short_folder / "project"
    folder.joinpath(".git").mkdir(parents=True)
    return folder
