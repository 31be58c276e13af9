"""A person in Neovim whose server or worker dies, or who wants Hearthline to be quiet or to say how it is."""

import subprocess
from pathlib import Path

import pytest

from inference.models.catalogue import TEST_MODEL
from tests.editors.conftest import Scripted
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.neovim import Neovim
from tests.editors.play import Step, unmet
from tests.editors.sums import ACCEPTED, GHOST, source

pytestmark = pytest.mark.editor

# The server is the one child of this Neovim.
KILL_SERVER = "vim.uv.kill(vim.api.nvim_get_proc_children(vim.fn.getpid())[1], 9) == 0"
IS_ANOTHER = "(vim.lsp.get_clients({ name = 'hearthline' })[1] or { id = 1 }).id > 1"
WORKER_PID = "tonumber(vim.fn.system({ '%s', 'worker', 'status' }):match('process (%%d+)'))"
LOAD_S = 60.0


def test_a_server_that_was_killed_is_started_again(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": GHOST},
        {"expression": KILL_SERVER},
        {"expression": IS_ANOTHER},
        {"attached": True},
        {"keys": "r<BS>"},
        {"ghost": GHOST},
        {"keys": "<Tab>"},
        {"lines": ACCEPTED},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


@pytest.mark.editors_all
def test_a_server_that_keeps_ending_is_left_alone_and_the_person_told(scripted: Scripted, workspace: Path) -> None:
    # It misses its rules, and ends.
    neovim = scripted(options=["--without"])
    steps: list[Step] = [{"said": "keeps ending"}, {"expression": "#vim.lsp.get_clients() == 0"}]
    assert unmet(neovim.play(source(workspace), steps)) == []


def test_pausing_and_resuming(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": ":Hearthline pause<CR>"},
        {"status": "hearthline: suggestions are paused in this window"},
        {"keys": "Go"},
        {"keys": "<Esc>:Hearthline resume<CR>"},
        {"status": "hearthline"},
        {"keys": "A    "},
        {"ghost": GHOST},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


def test_what_is_asked_for_in_words(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"keys": ":Hearthline nonsense<CR>"},
        {"said": "nonsense is none of ask, document, explain, fix, log, pause, resume, status, stop, tests"},
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline status<CR>"},
        {"said": "Hearthline: ready"},
        {"expression": 'table.concat(vim.fn.getcompletion("Hearthline p", "cmdline")) == "pause"'},
        {"keys": ":Hearthline log<CR>"},
        {"expression": 'vim.api.nvim_buf_get_name(0):find("lsp.log", 1, true)'},
        {"keys": ":Hearthline fix<CR>"},
        {"said": "not attached to this buffer"},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


def test_help_is_at_hand(scripted: Scripted, workspace: Path, tmp_path: Path) -> None:
    neovim = scripted()
    shown = "vim.bo.buftype == 'help' and vim.api.nvim_get_current_line():find('hearthline%-keys')"
    steps: list[Step] = [{"keys": ":help hearthline-keys<CR>"}, {"expression": shown}]
    assert unmet(neovim.play(source(workspace), steps)) == []
    page = ROOT / "editors" / "neovim" / "doc"
    (tmp_path / "hearthline.txt").write_bytes((page / "hearthline.txt").read_bytes())
    command = neovim.command("--headless", "-c", f"helptags {tmp_path}", "-c", "qall!")
    subprocess.run(command, env=neovim.environment, check=True, capture_output=True, timeout=30)
    assert (page / "tags").read_text() == (tmp_path / "tags").read_text()


@pytest.mark.editors_all
def test_health_looks_at_each_link(scripted: Scripted, workspace: Path) -> None:
    page = 'table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\\n")'
    steps: list[Step] = [
        {"attached": True},
        {"keys": ":checkhealth hearthline<CR>"},
        {"expression": f'{page}:find("inline completions", 1, true)', "deadline_ms": LOAD_S * 1000},
        {"expression": f'{page}:find("OK <Tab> accepts a suggestion", 1, true)'},
        {"expression": f'{page}:find("running, attached to 1 buffers", 1, true)'},
        {"expression": f'{page}:find("Python: Python 3", 1, true)'},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


@pytest.mark.model
@pytest.mark.editors_all
@pytest.mark.usefixtures("worker_home")
def test_a_worker_that_was_killed_comes_back(neovim: tuple[Path, bool], short_folder: Path, workspace: Path) -> None:
    executable, is_old = neovim
    file = source(workspace, "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n")
    settings = f'{{ settings = {{ hearthline = {{ completion = {{ model = "{TEST_MODEL}" }} }} }} }}'
    told = f'require("hearthline").enable({settings})' if is_old else f'vim.lsp.config("hearthline", {settings})'
    made = Neovim(executable, short_folder / "home", [HEARTHLINE, "lsp"], told, is_old=is_old)
    any_ghost: Step = {"ghost": {}, "deadline_ms": LOAD_S * 1000}
    pid = WORKER_PID % HEARTHLINE
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Goreturn"},
        any_ghost,
        {"expression": f"(function() vim.g.first = {pid} return vim.uv.kill(vim.g.first, 9) == 0 end)()"},
        {"keys": "<BS><BS>"},
        {"keys": "rn "},
        any_ghost,
        {"expression": f"{pid} ~= vim.g.first"},
    ]
    assert unmet(made.play(file, steps)) == []
