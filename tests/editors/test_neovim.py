"""A person in Neovim: types, sees grey text, takes it or types on.

The language server is a process of its own with the scripted engine in it, except where a model is named. Every play
runs in a real Neovim: headless where its own state is looked at, in a terminal where the screen is.
"""

from pathlib import Path

import pytest

from inference.models.catalogue import TEST_MODEL
from tests.editors.conftest import Scripted
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.neovim import Neovim
from tests.editors.play import Step, unmet
from tests.editors.sums import ACCEPTED, BEFORE, BODY, GHOST, NEVER_S, RULES, source
from tests.editors.terminal import Terminal

pytestmark = pytest.mark.editor

CAPTURES = ROOT / "build" / "editors"

# Of the highlight groups ComplHint and, before there was one, Comment, in Neovim's own dark colours.
GREYS = {"4f5258", "9b9ea4"}
# A worker starts and reads the test model, on a machine with other things to do.
LOAD_S = 60.0


def test_ghost_text_is_shown_and_accepted_and_the_next_one_follows(scripted: Scripted, workspace: Path) -> None:
    neovim = scripted()
    results = neovim.play(
        source(workspace),
        [
            {"attached": True},
            {"keys": "Go"},
            {"ghost": GHOST},
            {"keys": "<Tab>"},
            {"lines": ACCEPTED},
            {"ghost": {"text": "  # the sum", "row": 4, "column": 4 + len(BODY)}},
            {"keys": "<Esc>"},
            {"no_ghost": True},
        ],
    )
    assert unmet(results) == []
    assert "ERROR" not in neovim.language_server_log


def test_without_the_capability_the_same_play_fails_at_the_ghost_text(scripted: Scripted, workspace: Path) -> None:
    neovim = scripted(options=["--without", "textDocument/inlineCompletion"])
    steps: list[Step] = [{"attached": True}, {"keys": "Go"}, {"ghost": GHOST, "deadline_ms": 2000}]
    results = neovim.play(source(workspace), steps)
    assert [result.ok for result in results] == [True, True, False]


def test_typing_along_keeps_the_rest_and_accepting_does_not_double(scripted: Scripted, workspace: Path) -> None:
    silent_afterwards = {"pattern": r"retur", "reply": BODY, "token_latency_s": NEVER_S}
    results = scripted([silent_afterwards, *RULES]).play(
        source(workspace),
        [
            {"attached": True},
            {"keys": "Go"},
            {"ghost": GHOST},
            {"keys": "retur"},
            {"ghost": {"text": "n a + b", "row": 4, "column": 9}},
            {"keys": "<Tab>"},
            {"lines": ACCEPTED},
        ],
    )
    assert unmet(results) == []


def test_accepting_in_one_burst_with_typing_does_not_double(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": GHOST},
        {"keys": "ret<Tab>"},
        {"lines": ACCEPTED},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


def test_typing_something_else_takes_the_ghost_text_away_at_once(scripted: Scripted, workspace: Path) -> None:
    silent_afterwards = {"pattern": r"yield", "token_latency_s": NEVER_S, "reply": "a"}
    results = scripted([silent_afterwards, *RULES]).play(
        source(workspace),
        [
            {"attached": True},
            {"keys": "Go"},
            {"ghost": GHOST},
            {"keys": "yield"},
            {"no_ghost": True},
            {"keys": "<Tab>"},
            {"lines": [*ACCEPTED[:-1], "    yield   "]},
        ],
    )
    assert unmet(results) == []


def play_with_emoji(neovim: Neovim, workspace: Path, encoding: str) -> None:
    """Accept a suggestion behind characters of two units in UTF-16, and see the file written as it was."""
    file = source(workspace, "# 😀 café\r\nfaces = {'😀é': 1, }\r\nlast = 1\r\n", "faces.py")
    results = neovim.play(
        file,
        [
            {"attached": True},
            {"expression": f'vim.lsp.get_clients({{ bufnr = 0 }})[1].offset_encoding == "{encoding}"'},
            {"keys": "jf}i'👍"},
            {"ghost": {"text": "é': 2", "row": 1, "column": len("faces = {'😀é': 1, '👍".encode())}},
            {"keys": "<Tab>"},
            {"lines": ["# 😀 café", "faces = {'😀é': 1, '👍é': 2}", "last = 1"]},
            {"keys": "<Esc>:write<CR>"},
            {"expression": "not vim.bo.modified"},
        ],
    )
    assert unmet(results) == []
    assert file.read_bytes().decode() == "# 😀 café\r\nfaces = {'😀é': 1, '👍é': 2}\r\nlast = 1\r\n"


EMOJI_RULES = [{"pattern": r"^# 😀 café\n.*\{'😀é': 1, '👍$", "reply": "é': 2"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_places_are_right_after_emoji_in_a_file_with_carriage_returns(
    scripted_newest: Scripted, workspace: Path, encoding: str
) -> None:
    encodings = f'{{ general = {{ positionEncodings = {{ "{encoding}" }} }} }}'
    neovim = scripted_newest(EMOJI_RULES, f'vim.lsp.config("hearthline", {{ capabilities = {encodings} }})')
    play_with_emoji(neovim, workspace, encoding)


@pytest.mark.editors_all
def test_places_are_right_after_emoji_in_the_old_one(scripted_old: Scripted, workspace: Path) -> None:
    play_with_emoji(scripted_old(EMOJI_RULES), workspace, "utf-16")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_several_lines_are_drawn_below_each_other_and_written_with_the_ends_of_the_file(
    scripted: Scripted, workspace: Path, end: str
) -> None:
    file = source(workspace, f"def total(numbers):{end}    result = 0{end}")
    lines = ["for number in numbers:", "        result += number", "    return result"]
    neovim = scripted([{"pattern": r"result = 0\n    $", "reply": "\n".join(lines)}])
    results = neovim.play(
        file,
        [
            {"attached": True},
            {"keys": "Go"},
            {"ghost": {"text": "\n".join(lines), "row": 2, "column": 4}},
            {"keys": "<Tab>"},
            {"lines": ["def total(numbers):", "    result = 0", "    " + lines[0], *lines[1:]]},
            {"keys": "<Esc>:write<CR>"},
            {"expression": "not vim.bo.modified"},
        ],
    )
    assert unmet(results) == []
    assert file.read_bytes().decode() == end.join(
        ["def total(numbers):", "    result = 0", "    " + lines[0], *lines[1:], ""]
    )


def test_the_status_says_why_there_is_no_suggestion(scripted: Scripted, workspace: Path) -> None:
    results = scripted([]).play(
        source(workspace),
        [
            {"attached": True},
            {"keys": "Go"},
            {"status": "hearthline: the model had nothing to add"},
        ],
    )
    assert unmet(results) == []


def test_a_finding_is_shown_and_suppressed_by_a_code_action(scripted: Scripted, workspace: Path) -> None:
    text = "import os\n\nfrom flask import request\n\n\ndef ping():\n"
    suppress = "vim.lsp.buf.code_action({ apply = true, filter = function(a) return a.title:find('on this line') end })"
    shown = 'vim.diagnostic.get(0)[1].code == "command-injection" and vim.diagnostic.get(0)[1].lnum == 6'
    results = scripted([]).play(
        source(workspace, text, "views.py"),
        [
            {"attached": True},
            {"keys": "Goos.system('ping ' + request.args['host'])<Esc>"},
            {"expression": f"#vim.diagnostic.get(0) == 1 and {shown}"},
            {"keys": f"<Cmd>lua {suppress}<CR>"},
            {"expression": "vim.api.nvim_buf_get_lines(0, 6, 7, true)[1]:find('# hearthline: ignore', 1, true)"},
            {"expression": "#vim.diagnostic.get(0) == 0"},
        ],
    )
    assert unmet(results) == []


@pytest.mark.parametrize(
    ("configuration", "typed"),
    [
        ("vim.o.expandtab = true", "x       "),
        ('vim.keymap.set("i", "<Tab>", "mine")', "xmine"),
        ("vim.g.hearthline_tab = false", "x\t"),
    ],
    ids=["indents", "own-mapping", "switched-off"],
)
def test_tab_stays_what_it_was(scripted: Scripted, workspace: Path, configuration: str, typed: str) -> None:
    results = scripted(configuration=configuration).play(
        source(workspace, "", "notes.txt"), [{"keys": "ix<Tab>"}, {"lines": [typed]}]
    )
    assert unmet(results) == []


def test_tab_still_jumps_in_snippets(scripted: Scripted, workspace: Path) -> None:
    results = scripted().play(
        source(workspace, "", "notes.txt"),
        [
            {"keys": "i<Cmd>lua vim.snippet.expand('f(${1:a}, ${2:b})')<CR>"},
            {"lines": ["f(a, b)"]},
            {"keys": "x<Tab>"},
            {"expression": 'vim.fn.mode() == "s"'},
            {"keys": "y"},
            {"lines": ["f(x, y)"]},
        ],
    )
    assert unmet(results) == []


def test_another_key_can_accept(scripted: Scripted, workspace: Path) -> None:
    neovim = scripted(configuration='vim.keymap.set("i", "<C-l>", "<Plug>(hearthline-accept)")')
    steps: list[Step] = [{"attached": True}, {"keys": "Go"}, {"ghost": GHOST}, {"keys": "<C-l>"}, {"lines": ACCEPTED}]
    assert unmet(neovim.play(source(workspace), steps)) == []


def test_the_screen_shows_grey_text_that_stays_in_place(scripted: Scripted, workspace: Path) -> None:
    file = source(workspace)
    neovim = scripted()
    with Terminal(neovim.command(file.name), neovim.environment, workspace) as terminal:
        terminal.wait("the status line", lambda screen: any("hearthline" in line for line in screen.lines))
        terminal.type("Go")
        terminal.wait("the ghost text", lambda screen: screen.lines[4] == "    " + BODY)
        assert terminal.cursor == (4, 4)
        assert {terminal.colour(4, column) for column in range(4, 4 + len(BODY))} <= GREYS
        assert terminal.colour(3, 5) not in GREYS
        terminal.save(CAPTURES / "neovim-scripted", "Neovim")

        frames = type_slowly(terminal, "return")
        assert {frame[4] for frame in frames} == {"    " + BODY}
        assert terminal.colour(4, 9) not in GREYS
        assert terminal.colour(4, 10) in GREYS

        terminal.type("\t")
        terminal.wait("the accepted text", lambda screen: screen.cursor == (4, 4 + len(BODY)))
        terminal.type("\x1b:wq\r")
        assert terminal.exit_code() == 0
    assert file.read_text() == BEFORE + f"    {BODY}\n"


def type_slowly(terminal: Terminal, text: str) -> list[list[str]]:
    """Type one character after the other, each when the one before is on the screen; return all screens on the way."""
    frames: list[list[str]] = []
    for character in text:
        row, column = terminal.cursor

        def has_moved(screen: Terminal, cursor: tuple[int, int] = (row, column + 1)) -> bool:
            frames.append(screen.lines)
            return screen.cursor == cursor

        terminal.type(character)
        terminal.wait(f"{character!r}", has_moved)
    return frames


@pytest.mark.model
@pytest.mark.usefixtures("worker_home")
def test_a_real_model_writes_the_ghost_text(newest_neovim: Path, short_folder: Path, workspace: Path) -> None:
    settings = f'{{ settings = {{ hearthline = {{ completion = {{ model = "{TEST_MODEL}" }} }} }} }}'
    configuration = f'vim.lsp.config("hearthline", {settings})'
    neovim = Neovim(newest_neovim, short_folder / "home", [HEARTHLINE, "lsp"], configuration)
    file = source(workspace, "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n")
    with Terminal(neovim.command(file.name), neovim.environment, workspace) as terminal:
        # At once, long before the model is read: the text has to come by itself when it is.
        terminal.type("Goreturn")
        terminal.wait("the ghost text", lambda screen: len(screen.lines[5]) > len("    return"), LOAD_S)
        shown = terminal.lines[5]
        terminal.save(CAPTURES / "neovim-model", f"Neovim, {TEST_MODEL}")
        terminal.type("\t")
        terminal.wait("the accepted text", lambda screen: screen.cursor[1] > len("    return"))
        terminal.type("\x1b:wq\r")
        assert terminal.exit_code() == 0
    assert shown in file.read_text().splitlines()
