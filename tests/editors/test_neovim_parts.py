"""A person in Neovim who takes only a part of a suggestion, another one, or none."""

from pathlib import Path

import pytest

from tests.editors.conftest import Scripted
from tests.editors.play import Step, unmet
from tests.editors.sums import ACCEPTED, BODY, GHOST, NEVER_S, RULES, source

pytestmark = pytest.mark.editor

SILENT = {"pattern": r"return", "reply": BODY, "token_latency_s": NEVER_S}
LINES = ["for number in numbers:", "        result += number", "    return result"]
LOOP_RULES = [
    {"pattern": r"(for|return).*$", "token_latency_s": NEVER_S, "reply": "a"},
    {"pattern": r"result = 0\n    $", "reply": "\n".join(LINES)},
]


def test_words_are_taken_one_by_one_and_the_rest_stays(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": GHOST},
        {"keys": "<M-Right>"},
        {"lines": [*ACCEPTED[:-1], "    return"]},
        {"ghost": {"text": " a + b", "row": 4, "column": 10}},
        {"keys": " a"},
        {"ghost": {"text": " + b", "row": 4, "column": 12}},
        {"keys": "<M-Right>"},
        {"ghost": {"text": " b", "row": 4, "column": 14}},
        {"keys": "<M-Right>"},
        {"lines": ACCEPTED},
        {"no_ghost": True},
    ]
    assert unmet(scripted([SILENT, *RULES]).play(source(workspace), steps)) == []


def test_lines_are_taken_one_by_one_and_then_all(scripted: Scripted, workspace: Path) -> None:
    before = ["def total(numbers):", "    result = 0"]
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": {"text": "\n".join(LINES), "row": 2, "column": 4}},
        {"keys": "<M-Down>"},
        {"lines": [*before, "    " + LINES[0]]},
        {"ghost": {"text": "\n" + "\n".join(LINES[1:]), "row": 2, "column": 26}},
        {"keys": "<M-Down>"},
        {"lines": [*before, "    " + LINES[0], LINES[1]]},
        {"ghost": {"text": "\n" + LINES[2], "row": 3, "column": 24}},
        {"keys": "<Tab>"},
        {"lines": [*before, "    " + LINES[0], *LINES[1:]]},
    ]
    file = source(workspace, "def total(numbers):\n    result = 0\n")
    assert unmet(scripted(LOOP_RULES).play(file, steps)) == []


def test_a_suggestion_that_was_dismissed_is_gone_until_the_next_key(scripted: Scripted, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": GHOST},
        {"keys": "<C-]>"},
        {"no_ghost": True},
        {"keys": "r<BS>"},
        {"ghost": GHOST},
    ]
    assert unmet(scripted().play(source(workspace), steps)) == []


def test_another_suggestion_can_be_chosen(scripted: Scripted, workspace: Path) -> None:
    rules = [{"pattern": r"def add\(a, b\):\n    $", "reply": BODY, "other": "return sum((a, b))"}]
    steps: list[Step] = [
        {"attached": True},
        {"keys": "Go"},
        {"ghost": GHOST},
        {"keys": "<M-n>"},
        {"ghost": {"text": "return sum((a, b)) (2/2)"}},
        {"keys": "<M-n>"},
        {"ghost": {"text": f"{BODY} (1/2)"}},
        {"keys": "<M-p>"},
        {"ghost": {"text": "return sum((a, b)) (2/2)"}},
        {"keys": "<Tab>"},
        {"lines": [*ACCEPTED[:-1], "    return sum((a, b))"]},
    ]
    assert unmet(scripted(rules).play(source(workspace), steps)) == []


@pytest.mark.parametrize("key", ["<M-Right>", "<M-Down>", "<C-]>"])
def test_keys_do_what_they_did_where_nothing_is_shown(scripted: Scripted, workspace: Path, key: str) -> None:
    steps: list[Step] = [{"keys": "ix" + key}, {"expression": 'vim.fn.mode() == "i"'}, {"lines": ["x"]}]
    assert unmet(scripted().play(source(workspace, "", "notes.txt"), steps)) == []
