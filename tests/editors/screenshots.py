"""The pictures of the README, taken in a real VS Code: `python -m tests.editors.screenshots [NAME...]`.

Ghost text and explanation are the default model's, which must be on this machine; the finding needs none. Suggested
tests are written by a script, then run and weighed as a model's would be. What the README says under its pictures must
say so too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from inference import paths
from inference.errors import InferenceError
from inference.models.catalogue import DEFAULT_MODEL
from inference.models.store import checkpoint_dir
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install_vscode import VSCodeUnavailableError, find_vscode
from tests.editors.vscode import CodeServer, Workbench, build_extension, launch, wait_for

PICTURES = ROOT / "editors" / "pictures"
_MODEL_S = 240.0
_LOOK: Mapping[str, object] = {
    "workbench.activityBar.location": "hidden",
    "workbench.layoutControl.enabled": False,
    "workbench.editor.showTabs": "single",
    "window.commandCenter": False,
    "window.menuBarVisibility": "hidden",
    "breadcrumbs.enabled": False,
    "editor.fontSize": 14,
    "editor.lineNumbersMinChars": 3,
    "editor.folding": False,
    "editor.stickyScroll.enabled": False,
    "editor.scrollbar.vertical": "hidden",
    "editor.overviewRulerBorder": False,
}
_PRICES = '''"""What an order costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of an order."""

    name: str
    price_cents: int
    quantity: int = 1


def total_cents(lines: list[Line], discount: float = 0.0) -> int:
    """Return what `lines` cost together, less `discount` (0 to 1), rounded down."""
    if not 0 <= discount <= 1:
        raise ValueError(f"a discount of {discount} is not between 0 and 1")
    whole = sum(line.price_cents * line.quantity for line in lines)
    return int(whole * (1 - discount))
'''
_DEAREST = '''

def dearest(lines: list[Line]) -> Line:
    """Return the line that costs most."""
'''
_REPORTS = '''"""What the shop's owner looks at."""

import sqlite3

from flask import request

database = sqlite3.connect("shop.db")


def orders_of_month() -> list[tuple[str, int]]:
    month = request.args["month"]
    condition = f"month = '{month}'"
    return database.execute("SELECT name, cents FROM orders WHERE " + condition).fetchall()
'''
_TESTS = """```python
import pytest


def test_total_is_the_sum_of_prices_times_quantities():
    assert total_cents([Line("tea", 250, 2), Line("cup", 900)]) == 1400


def test_discount_is_taken_off_and_rounded_down():
    assert total_cents([Line("tea", 333)], discount=0.5) == 166


def test_discount_above_one_is_refused():
    with pytest.raises(ValueError):
        total_cents([], discount=1.5)
```"""


def main() -> int:
    """Take the pictures; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(_TAKEN)} (default: all)")
    names = parser.parse_args().names or list(_TAKEN)
    try:
        checkpoint_dir(DEFAULT_MODEL)
        with tempfile.TemporaryDirectory(prefix="hl") as folder, _studio(Path(folder)) as studio:
            for name in names:
                _TAKEN[name](studio)
    except (VSCodeUnavailableError, InferenceError) as error:
        print(f"no pictures are taken: {error}", file=sys.stderr)
        return 1
    return 0


class Studio:
    """A VS Code with a sample project in it, and two language servers to choose from."""

    def __init__(self, code_server: CodeServer, browser: Browser, folder: Path) -> None:
        self.code_server = code_server
        self.browser = browser
        self.folder = folder
        self.project = folder / "shop"
        (self.project / ".git").mkdir(parents=True)

    def open(self, name: str, text: str, server: Sequence[str]) -> Workbench:
        """Open a file of the project in a window of its own, with nothing beside it."""
        self.code_server.set(_LOOK, server)
        file = self.project / name
        file.write_text(text)
        window = Workbench(self.code_server, self.browser, self.project, file, width=1000, height=560)
        window.press("Control+b")  # the side bar
        window.await_status("Hearthline: ready", _MODEL_S)
        return window

    @property
    def real(self) -> list[str]:
        """The command of the real language server, with the models of this machine."""
        return ["env", *self._told, HEARTHLINE, "lsp"]

    def scripted(self, reply: str) -> list[str]:
        """Return the command of a language server whose engine answers `reply` to whatever it is asked."""
        rules = self.folder / "rules.json"
        rules.write_text(json.dumps([{"pattern": ".", "reply": reply}]))
        return ["env", *self._told, sys.executable, "-m", "tests.editors.rules_server", str(rules)]

    def stop_worker(self) -> None:
        """Let the worker go that the real server started."""
        environment = os.environ | dict(told.split("=", 1) for told in self._told)
        subprocess.run([HEARTHLINE, "worker", "stop"], env=environment, capture_output=True, check=False)

    @property
    def _told(self) -> list[str]:
        return [f"HEARTHLINE_HOME={self.folder / 'h'}", f"PYTHONPATH={ROOT}"]


@contextmanager
def _studio(folder: Path) -> Iterator[Studio]:
    vscode = find_vscode()
    models = paths.models_dir()
    (folder / "h" / "data").mkdir(parents=True)
    (folder / "h" / "data" / "models").symlink_to(models)
    server = CodeServer(vscode, folder / "code-server", environment={"HOME": str(folder)})
    server.install(build_extension(vscode))
    with sync_playwright() as playwright, server:
        studio = Studio(server, launch(playwright, vscode), folder)
        try:
            yield studio
        finally:
            studio.stop_worker()


def _ghost(studio: Studio) -> None:
    window = studio.open("prices.py", _PRICES + _DEAREST, studio.real)
    window.end_of_file()
    window.type("    return ")
    wait_for("ghost text", lambda: window.ghost, _MODEL_S)
    _keep(window, "vscode-ghost")


def _explanation(studio: Studio) -> None:
    window = studio.open("prices.py", _PRICES, studio.real)
    window.go_to(15, 6)
    window.run("Hearthline: Explain")
    page = window.frame("#text p")
    page.wait_for_selector("#stop", state="hidden", timeout=1000 * _MODEL_S)
    page.evaluate("document.documentElement.scrollTop = 0")
    _keep(window, "vscode-explanation")


def _finding(studio: Studio) -> None:
    window = studio.open("reports.py", _REPORTS, studio.scripted(""))
    window.find(".squiggly-warning")
    window.go_to(13, 30)
    window.press("Control+Shift+m")
    window.find(".markers-panel .monaco-list-row", "reports.py[Ln 11")
    _keep(window, "vscode-finding")


def _tests(studio: Studio) -> None:
    window = studio.open("prices.py", _PRICES, studio.scripted(_TESTS))
    window.go_to(15, 6)
    window.run("Hearthline: Suggest Tests")
    window.answer("Run tests in the sandbox")
    window.find(".quick-input-widget", "Tests for total_cents", _MODEL_S)
    window.find(".editor-instance .view-line", "def test_")
    _keep(window, "vscode-tests")


def _keep(window: Workbench, name: str) -> None:
    window.page.mouse.move(500, 300)
    window.page.screenshot(path=PICTURES / f"{name}.png")
    window.page.close()


_TAKEN: Mapping[str, Callable[[Studio], None]] = {
    "finding": _finding,
    "tests": _tests,
    "ghost": _ghost,
    "explanation": _explanation,
}

if __name__ == "__main__":
    raise SystemExit(main())
