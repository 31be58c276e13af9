"""A person who has `hearthline init EDITOR` write their configuration, and then just opens a file."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import DRIVER as EMACS_DRIVER
from tests.editors.emacs import NO_COMPILER
from tests.editors.home import make_home
from tests.editors.install import EMACS, HELIX
from tests.editors.neovim import DRIVER as NEOVIM_DRIVER
from tests.editors.play import Step, play, unmet
from tests.editors.sums import BODY, GHOST, source
from tests.editors.terminal import Terminal

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

# The language server starts, on a machine with other things to do.
START_S = 90.0

Told = Callable[[str], dict[str, str]]


@pytest.fixture
def told(short_folder: Path, scripted_server: Callable[..., list[str]]) -> Told:
    """Have an editor's configuration written in a home of its own; return the environment in which that is found."""

    def make(editor: str) -> dict[str, str]:
        home = short_folder / "home"
        environment = make_home(home, scripted_server())
        # Without the configuration that other tests bring along.
        environment["PATH"] = f"{home / 'hearthline' / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
        subprocess.run(["hearthline", "init", editor, "--write", "--yes"], env=environment, check=True)
        return environment

    return make


def test_neovim(told: Told, neovim: tuple[Path, bool], short_folder: Path, workspace: Path) -> None:
    environment = told("neovim")
    file = source(workspace)
    command = [str(neovim[0]), "-n", "--headless", str(file), "-c", f"luafile {NEOVIM_DRIVER}"]
    steps: list[Step] = [{"attached": True}, {"keys": "Go"}, {"ghost": GHOST}]
    assert unmet(play(command, environment, workspace, short_folder, steps, START_S)) == []


def test_emacs(told: Told, short_folder: Path, workspace: Path) -> None:
    executable = editor_or_skip(EMACS)
    environment = told("emacs")
    init = short_folder / "home" / ".emacs.d" / "init.el"
    command = [str(executable), "-Q", "--batch", "--eval", NO_COMPILER, "-l", str(init), str(source(workspace))]
    steps: list[Step] = [{"attached": True}, {"keys": "M-> SPC SPC SPC SPC"}, {"ghost": BODY}]
    command += ["-l", str(EMACS_DRIVER)]
    assert unmet(play(command, environment, workspace, short_folder, steps, START_S)) == []


def test_helix(told: Told, workspace: Path) -> None:
    executable = editor_or_skip(HELIX)
    file = source(workspace)
    with Terminal([str(executable), file.name], told("helix"), workspace, rows=24) as terminal:
        terminal.wait("the file", lambda screen: any("def add(a, b):" in line for line in screen.lines), START_S)
        terminal.type("geo    ")
        terminal.wait("the suggestion", offered, START_S)


def offered(terminal: Terminal) -> bool:
    """Tell whether the menu has the suggestion; ask for the menu where it is not open."""
    is_offered = any(f"{BODY} text" in line for line in terminal.lines)
    if not is_offered:
        terminal.type("\x18")
    return is_offered
