"""A person in Neovim who has code explained, asks about it, has a finding mended and tests suggested."""

import json
from pathlib import Path

import pytest

from tests.editors.conftest import Scripted
from tests.editors.play import Step, unmet
from tests.editors.sums import (
    ADD,
    DOCUMENTED,
    MENDED,
    NEVER_S,
    SANDBOX_MS,
    SUMMARY,
    TESTED,
    UNDOCUMENTED,
    source,
)
from tests.weak_view import VIEW

pytestmark = pytest.mark.editor

PURPOSE = "Adds the two numbers `a` and `b`."
EXPLAINED = {"pattern": ".", "reply": PURPOSE}
ON_SCREEN = 'table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\\n")'


def shows(words: str) -> Step:
    """Return the step that waits until the float with the cursor in it shows `words`."""
    return {"expression": f"{ON_SCREEN}:find({json.dumps(words)}, 1, true)"}


def test_an_explanation_appears_in_a_float_that_q_closes(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline explain<CR>"},
        {"float": {"is_entered": True}},
        shows(PURPOSE),
        {"float": {"footer": "q closes, ⏎ follows a link"}},
        {"expression": "vim.bo.filetype == 'markdown' and not vim.bo.modifiable"},
        {"expression": "vim.api.nvim_win_get_cursor(0)[1] == 1 and vim.fn.line('w0') == 1"},
        {"keys": "/^2. <CR><CR>"},
        {"expression": "vim.bo.filetype == 'python' and vim.api.nvim_win_get_cursor(0)[1] == 4"},
        {"keys": "<C-w>wq"},
        {"no_float": True},
        {"expression": "vim.bo.filetype == 'python'"},
    ]
    neovim = scripted([EXPLAINED])
    assert unmet(neovim.play(source(workspace, ADD), steps)) == []
    assert "ERROR" not in neovim.language_server_log


@pytest.mark.parametrize("key", ["q", "<Esc>"])
def test_closing_an_explanation_that_is_being_written_cancels_it(scripted: Scripted, workspace: Path, key: str) -> None:
    cancelled = 'vim.g.cancelled == "hearthline.explain"'
    noted = """
        local notify = require("hearthline.rpc").notify
        require("hearthline.rpc").notify = function(client, method, params)
          vim.g.cancelled = params.token:match("^[%w.]+")
          notify(client, method, params)
        end
    """
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline explain<CR>"},
        {"float": {"footer": "writing… q stops", "is_entered": True}},
        {"keys": key},
        {"no_float": True},
        {"expression": cancelled},
        # What was cancelled leaves nothing behind: the next one is answered by itself.
        {"keys": ":Hearthline explain<CR>"},
        {"float": {"footer": "writing… q stops"}},
    ]
    neovim = scripted([EXPLAINED | {"token_latency_s": NEVER_S}], noted)
    assert unmet(neovim.play(source(workspace, ADD), steps)) == []


def test_a_question_is_asked_and_answered(scripted: Scripted, workspace: Path) -> None:
    asked = 'vim.ui.input = function(options, done) vim.g.prompt = options.prompt; done("Why so?") end'
    rules = [{"pattern": r"Why so\?", "reply": "Because `total` is needed."}, {"pattern": ".", "reply": "?"}]
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline ask<CR>"},
        {"expression": "vim.g.prompt ~= nil"},
        {"float": {}},
        shows("is needed"),
        {"keys": "q"},
        {"no_float": True},
        {"keys": ":2,4Hearthline ask Why so?<CR>"},
        {"float": {}},
        shows("is needed"),
    ]
    assert unmet(scripted(rules, asked).play(source(workspace, ADD), steps)) == []


def test_a_finding_is_mended(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"expression": '(vim.diagnostic.get(0)[1] or { message = "" }).message:find("CWE-89", 1, true)'},
        {"keys": "G"},
        {"keys": ":Hearthline fix<CR>"},
        {"expression": f"{ON_SCREEN}:find('where n = ?\", (name,)', 1, true)"},
        {"expression": "#vim.diagnostic.get(0) == 0"},
    ]
    assert unmet(scripted(MENDED).play(source(workspace, VIEW, "views.py"), steps)) == []


@pytest.mark.editors_all
def test_a_function_is_documented(scripted: Scripted, workspace: Path) -> None:
    before, after = UNDOCUMENTED.splitlines()
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline document<CR>"},
        {"lines": [before, f"    {SUMMARY}", after]},
    ]
    assert unmet(scripted(DOCUMENTED).play(source(workspace, UNDOCUMENTED), steps)) == []


@pytest.mark.editors_all
def test_the_status_line_says_what_is_worked_at_until_it_is_stopped(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline stop<CR>"},
        {"said": "nothing to stop"},
        {"keys": ":Hearthline document<CR>"},
        {"status": "hearthline: writing documentation, the model writes (0 %)"},
        {"keys": ":Hearthline status<CR>"},
        {"said": "Hearthline: ready; writing documentation, the model writes (0 %)"},
        {"keys": ":Hearthline stop<CR>"},
        {"status": "hearthline"},
        {"lines": UNDOCUMENTED.splitlines()},
    ]
    rules = [DOCUMENTED[0] | {"token_latency_s": NEVER_S}]
    assert unmet(scripted(rules).play(source(workspace, UNDOCUMENTED), steps)) == []


@pytest.mark.sandbox
@pytest.mark.editors_all
def test_suggested_tests_are_put_into_a_file(scripted: Scripted, workspace: Path) -> None:
    source(workspace, "[project]\nname = 'sums'\n", "pyproject.toml")
    chosen = """
        vim.ui.select = function(items, _, done) done(items[1], 1) end
        vim.g.progress = ""
        vim.api.nvim_create_autocmd("LspProgress", { callback = function(event)
          vim.g.progress = vim.g.progress .. event.data.params.value.kind .. " "
        end })
    """
    opened = (
        "vim.iter(vim.api.nvim_list_bufs()):any(function(buf)"
        " local name, lines = vim.api.nvim_buf_get_name(buf), vim.api.nvim_buf_get_lines(buf, 0, -1, false)"
        " return name:find('test_sums.py') and table.concat(lines, '\\n'):find('add(1, 2) == 3', 1, true) end)"
    )
    steps: list[Step] = [
        {"attached": True},
        {"status": "hearthline"},
        {"keys": ":Hearthline tests<CR>"},
        {"expression": opened, "deadline_ms": SANDBOX_MS},
        {"expression": 'vim.g.progress:find("begin .*report .*end ")'},
    ]
    assert unmet(scripted(TESTED, chosen).play(source(workspace, ADD), steps)) == []
