"""A person in Emacs with Eglot: sees grey text, takes it or parts of it, reads findings and explanations."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.models.catalogue import TEST_MODEL
from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import Emacs
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install import EMACS
from tests.editors.play import Step, unmet
from tests.editors.sums import (
    ADD,
    BEFORE,
    BODY,
    DOCUMENTED,
    MENDED,
    NEVER_S,
    RULES,
    SANDBOX_MS,
    SUMMARY,
    TESTED,
    UNDOCUMENTED,
    source,
)
from tests.weak_view import VIEW

pytestmark = [pytest.mark.editor, pytest.mark.editors_all]

MakeEmacs = Callable[..., Emacs]

SILENT = {"pattern": r"return", "reply": BODY, "token_latency_s": NEVER_S}
END = "M-> "
# A worker starts and reads the test model, on a machine with other things to do.
LOAD_S = 60.0


@pytest.fixture(scope="session")
def executable() -> Path:
    return editor_or_skip(EMACS)


@pytest.fixture
def emacs(executable: Path, short_folder: Path, scripted_server: Callable[..., list[str]]) -> MakeEmacs:
    def make(rules: Any = RULES, options: Any = (), configuration: str = "") -> Emacs:
        return Emacs(executable, short_folder / "home", scripted_server(rules, options), configuration)

    return make


def test_ghost_text_is_shown_and_accepted(emacs: MakeEmacs, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": BODY},
        {"keys": "TAB"},
        {"text": f"{BEFORE}    {BODY}"},
        {"ghost": "  # the sum"},
        {"keys": "C-g"},
        {"no_ghost": True},
    ]
    assert unmet(emacs().play(source(workspace), steps)) == []


def test_without_the_capability_the_same_play_fails_at_the_ghost_text(emacs: MakeEmacs, workspace: Path) -> None:
    made = emacs(options=["--without", "textDocument/inlineCompletion"])
    steps: list[Step] = [
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": BODY, "deadline_ms": 2000},
    ]
    assert [result.ok for result in made.play(source(workspace), steps)] == [True, True, False]


def test_typing_along_keeps_the_rest_and_words_are_taken(emacs: MakeEmacs, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": BODY},
        {"keys": "r e t"},
        {"ghost": "urn a + b"},
        {"keys": "M-<right>"},
        {"ghost": " a + b"},
        {"keys": "M-<right> M-<right>"},
        {"ghost": " b"},
        {"keys": "x"},
        {"no_ghost": True},
        {"text": f"{BEFORE}    return a +x"},
    ]
    assert unmet(emacs([SILENT, *RULES]).play(source(workspace), steps)) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_lines_are_taken_and_written_with_the_ends_of_the_file(emacs: MakeEmacs, workspace: Path, end: str) -> None:
    file = source(workspace, f"def total(numbers):{end}    result = 0{end}")
    lines = ["for number in numbers:", "        result += number", "    return result"]
    rules = [
        {"pattern": r"(for|return).*$", "token_latency_s": NEVER_S, "reply": "a"},
        {"pattern": r"result = 0\n    $", "reply": "\n".join(lines)},
    ]
    before = "def total(numbers):\n    result = 0\n    "
    steps: list[Step] = [
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": "\n".join(lines)},
        {"keys": "M-<down>"},
        {"text": before + lines[0]},
        {"ghost": "\n" + "\n".join(lines[1:])},
        {"keys": "TAB"},
        {"text": before + "\n".join(lines)},
        {"keys": "RET C-x C-s"},
        {"expression": "(not (buffer-modified-p))"},
    ]
    assert unmet(emacs(rules).play(file, steps)) == []
    assert file.read_bytes().decode() == end.join([*before.splitlines()[:2], "    " + lines[0], *lines[1:], ""])


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_completion_at_point_offers_it_too_without_carriage_returns(
    emacs: MakeEmacs, workspace: Path, end: str
) -> None:
    file = source(workspace, f"def total(numbers):{end}    result = 0{end}    ")
    reply = "for number in numbers:\n        result += number"
    steps: list[Step] = [
        {"attached": True},
        {"keys": "M-> C-M-i"},
        {"text": f"def total(numbers):\n    result = 0\n    {reply}"},
        {"keys": "RET C-x C-s"},
        {"expression": "(not (buffer-modified-p))"},
    ]
    rules = [{"pattern": r"result = 0\n    $", "reply": reply}]
    made = emacs(rules, configuration="(setq hearthline-ghost-text nil)")
    assert unmet(made.play(file, steps)) == []
    lines = ["def total(numbers):", "    result = 0", *f"    {reply}".split("\n"), ""]
    assert file.read_bytes().decode().rstrip() == end.join(lines).rstrip()


def test_an_explanation_is_shown_while_it_is_written(emacs: MakeEmacs, workspace: Path) -> None:
    rules = [{"pattern": "why", "reply": "Because."}, {"pattern": ".", "reply": "Adds the two numbers `a` and `b`."}]
    shown = '(with-current-buffer "*Hearthline*" (and (string-search "%s" (buffer-string)) %s))'
    done = '(equal mode-line-process " done")'
    steps: list[Step] = [
        {"attached": True},
        {"keys": "M-> C-p"},
        {"expression": "(progn (hearthline-explain) t)"},
        {"expression": '(get-buffer "*Hearthline*")'},
        {"expression": shown % ("Adds the two numbers", done)},
        {"expression": '(progn (hearthline-ask "why?") t)'},
        {"expression": shown % ("Because.", done)},
    ]
    file = source(workspace, "def add(a, b):\n    total = a + b\n    return total\n")
    assert unmet(emacs(rules).play(file, steps)) == []


def test_leaving_an_explanation_cancels_it(emacs: MakeEmacs, workspace: Path) -> None:
    note = """(define-advice jsonrpc-notify (:before (_ method params) note)
      (when (eq method :window/workDoneProgress/cancel) (setq cancelled (plist-get params :token))))"""
    steps: list[Step] = [
        {"attached": True},
        {"keys": "M-> C-p"},
        {"expression": f"(progn (defvar cancelled nil) {note} (hearthline-explain) t)"},
        {"expression": '(get-buffer "*Hearthline*")'},
        {"expression": '(with-current-buffer "*Hearthline*" (hearthline-explain-quit) t)'},
        {"expression": '(string-prefix-p "hearthline.explain" cancelled)'},
    ]
    file = source(workspace, "def add(a, b):\n    total = a + b\n    return total\n")
    rules = [{"pattern": ".", "reply": "Adds `a` and `b`.", "token_latency_s": NEVER_S}]
    assert unmet(emacs(rules).play(file, steps)) == []


def test_a_finding_is_mended(emacs: MakeEmacs, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"expression": "(progn (flymake-start) (flymake-diagnostics))"},
        {"keys": "M-> C-p"},
        {"expression": "(progn (setq eglot-confirm-server-edits nil) (hearthline-fix) t)"},
        {"expression": '(string-search "(name,)" (buffer-string))'},
    ]
    assert unmet(emacs(MENDED).play(source(workspace, VIEW, "views.py"), steps)) == []


def test_a_function_is_documented(emacs: MakeEmacs, workspace: Path) -> None:
    before, after = UNDOCUMENTED.splitlines()
    steps: list[Step] = [
        {"attached": True},
        {"expression": "(progn (setq eglot-confirm-server-edits nil) (hearthline-document) t)"},
        {"text": f"{before}\n    {SUMMARY}\n{after}\n"},
    ]
    assert unmet(emacs(DOCUMENTED).play(source(workspace, UNDOCUMENTED), steps)) == []


def test_the_mode_line_says_how_far_it_is_until_it_is_stopped(emacs: MakeEmacs, workspace: Path) -> None:
    told = '(string-search "%s%%%%" (format "%%S" (eglot--mode-line-format)))'
    steps: list[Step] = [
        {"attached": True},
        {"expression": "(progn (hearthline-document) t)"},
        {"expression": told % "0"},
        {"expression": "(progn (hearthline-stop) t)"},
        {"expression": told % "100"},
        {"text": UNDOCUMENTED},
    ]
    rules = [DOCUMENTED[0] | {"token_latency_s": NEVER_S}]
    assert unmet(emacs(rules).play(source(workspace, UNDOCUMENTED), steps)) == []


@pytest.mark.sandbox
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_suggested_tests_are_put_into_a_file(emacs: MakeEmacs, workspace: Path, end: str) -> None:
    source(workspace, "[project]\nname = 'sums'\n", "pyproject.toml")
    tests = source(workspace, f"from sums import add{end}", "test_sums.py")
    opened = (
        '(let ((buffer (get-file-buffer "test_sums.py"))) (and buffer (with-current-buffer buffer'
        ' (and (string-search "add(1, 2) == 3" (buffer-string)) (progn (save-buffer) t)))))'
    )
    steps: list[Step] = [
        {"attached": True},
        {"expression": "(progn (setq eglot-confirm-server-edits nil) (hearthline-suggest-tests) t)"},
        {"expression": opened, "deadline_ms": SANDBOX_MS},
    ]
    assert unmet(emacs(TESTED).play(source(workspace, ADD.replace("\n", end)), steps)) == []
    lines = ["from sums import add", "", "", "def test_add():", "    assert add(1, 2) == 3", ""]
    assert tests.read_bytes().decode() == end.join(lines)


@pytest.mark.sandbox
def test_suggested_tests_are_put_into_a_new_file(emacs: MakeEmacs, workspace: Path) -> None:
    source(workspace, "[project]\nname = 'sums'\n", "pyproject.toml")
    opened = (
        "(seq-some (lambda (buffer) (with-current-buffer buffer"
        ' (and buffer-file-name (string-search "test_sums.py" buffer-file-name)'
        ' (string-search "add(1, 2) == 3" (buffer-string))))) (buffer-list))'
    )
    steps: list[Step] = [
        {"attached": True},
        {"expression": "(progn (setq eglot-confirm-server-edits nil) (hearthline-suggest-tests) t)"},
        {"expression": opened, "deadline_ms": SANDBOX_MS},
    ]
    assert unmet(emacs(TESTED).play(source(workspace, ADD), steps)) == []


def test_another_suggestion_can_be_chosen(emacs: MakeEmacs, workspace: Path) -> None:
    rules = [{"pattern": r"def add\(a, b\):\n    $", "reply": BODY, "other": "return sum((a, b))"}]
    steps: list[Step] = [
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": BODY},
        {"keys": "M-n"},
        {"ghost": "return sum((a, b))"},
        {"keys": "M-n"},
        {"ghost": BODY},
        {"keys": "M-p TAB"},
        {"text": f"{BEFORE}    return sum((a, b))"},
    ]
    assert unmet(emacs(rules).play(source(workspace), steps)) == []


def test_a_finding_is_shown_and_suppressed(emacs: MakeEmacs, workspace: Path) -> None:
    text = "import os\n\nfrom flask import request\n\n\ndef ping():\n    os.system('ping ' + request.args['host'])\n"
    found = '(seq-find (lambda (d) (string-search "CWE-78" (flymake-diagnostic-text d))) (flymake-diagnostics))'
    suppress = (
        '(let ((action (seq-find (lambda (a) (string-search "on this line" (plist-get a :title)))'
        f' (eglot-code-actions (flymake-diagnostic-beg {found}) (flymake-diagnostic-end {found}) "quickfix"))))'
        " (setq eglot-confirm-server-edits nil) (eglot-execute (eglot-current-server) action) t)"
    )
    steps: list[Step] = [
        {"attached": True},
        {"expression": f"(progn (flymake-start) {found})"},
        {"expression": suppress},
        {"expression": '(string-search "# hearthline: ignore" (buffer-string))'},
        {"expression": "(progn (run-hooks 'post-command-hook) (eglot--signal-textDocument/didChange) t)"},
        {"expression": "(null (flymake-diagnostics))"},
    ]
    assert unmet(emacs([]).play(source(workspace, text, "views.py"), steps)) == []


def test_pausing_resuming_the_mode_line_and_the_log(emacs: MakeEmacs, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        {"expression": '(equal (hearthline--lighter) " Hearthline")'},
        {"expression": "(progn (hearthline-pause) t)"},
        {"expression": '(equal (hearthline--lighter) " Hearthline:paused")'},
        {"keys": END + "SPC SPC SPC SPC"},
        {"expression": "(progn (hearthline-status) t)"},
        {"said": "suggestions are paused in this window"},
        {"expression": "(progn (hearthline-resume) t)"},
        {"expression": '(equal (hearthline--lighter) " Hearthline")'},
        {"keys": "C-a C-k SPC SPC SPC SPC"},
        {"ghost": BODY},
        {"expression": "(progn (hearthline-show-log) t)"},
        {"expression": '(seq-some (lambda (b) (string-search "lsp.log" (or (buffer-file-name b) ""))) (buffer-list))'},
    ]
    assert unmet(emacs().play(source(workspace), steps)) == []


def test_a_server_that_was_killed_is_started_again(emacs: MakeEmacs, workspace: Path) -> None:
    steps: list[Step] = [
        {"attached": True},
        # Eglot starts again what has lasted three seconds.
        {"expression": "(not (eglot--inhibit-autoreconnect (eglot-current-server)))"},
        {"expression": "(setq first (eglot-current-server))"},
        {"expression": "(progn (signal-process (jsonrpc--process first) 'kill) t)"},
        {"expression": "(and (eglot-current-server) (not (eq first (eglot-current-server))))"},
        {"attached": True},
        {"keys": END + "SPC SPC SPC SPC"},
        {"ghost": BODY},
    ]
    assert unmet(emacs().play(source(workspace), steps)) == []


@pytest.mark.model
@pytest.mark.usefixtures("worker_home")
def test_a_worker_that_was_killed_comes_back(executable: Path, short_folder: Path, workspace: Path) -> None:
    model = f"""(setq-default eglot-workspace-configuration '(:hearthline (:completion (:model "{TEST_MODEL}"))))"""
    made = Emacs(executable, short_folder / "home", [HEARTHLINE, "lsp"], model)
    status = f'(shell-command-to-string "{HEARTHLINE} worker status")'
    pid = f'(let ((told {status})) (string-match "process \\\\([0-9]+\\\\)" told) (match-string 1 told))'
    any_ghost: Step = {"any_ghost": True, "deadline_ms": LOAD_S * 1000}
    steps: list[Step] = [
        {"attached": True},
        # At once, long before the model is read: the text has to come by itself when it is.
        {"keys": END + "SPC SPC SPC SPC r e t u r n"},
        any_ghost,
        {"expression": f"(progn (setq first {pid}) (signal-process (string-to-number first) 'kill) t)"},
        {"keys": "DEL DEL r n SPC"},
        any_ghost,
        {"expression": f"(not (equal {pid} first))"},
    ]
    file = source(workspace, "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n")
    assert unmet(made.play(file, steps)) == []


def test_it_compiles_without_warnings_and_checkdoc_is_content(executable: Path, tmp_path: Path) -> None:
    files = [path.name for path in sorted((ROOT / "editors" / "emacs").glob("*.el"))]
    assert files
    for name in files:
        (tmp_path / name).write_text((ROOT / "editors" / "emacs" / name).read_text())
    compile_all = ["--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", *files]
    check_all = [word for name in files for word in ("--eval", f'(checkdoc-file "{name}")')]
    for arguments in (compile_all, check_all):
        done = subprocess.run(
            [executable, "-Q", "--batch", "-L", ".", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, ".el:" in done.stderr) == (0, False), done.stderr
