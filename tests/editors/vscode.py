"""A VS Code that a person sits at: code-server with the extension of this repository, and its window in a browser.

`CodeServer` owns the process, its settings and its extensions, in the folder that it is given; `Workbench` is one
window of it, driven by keys and looked at as it is drawn. Every wait has a deadline and says what it waited for.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from playwright.sync_api import Browser, Frame, Locator, Page, Playwright, TimeoutError

from tests.editors.install_vscode import VSCode, npm

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
CAPTURES = ROOT / "build" / "editors"
VSIX = ROOT / "build" / "vscode" / "hearthline.vsix"
DEADLINE_S = 60.0

_SETTINGS: Mapping[str, Any] = {
    "workbench.startupEditor": "none",
    "workbench.welcomePage.walkthroughs.openOnInstall": False,
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.enableExperiments": False,
    "workbench.reduceMotion": "on",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.minimap.enabled": False,
    "editor.accessibilitySupport": "off",
    "git.openRepositoryInParentFolders": "never",
}
_LISTENS = re.compile(r"HTTP server listening on (http://\S+?)/?\s")
_OPEN_S = 120.0  # a window was seen to take 35 s on a machine with other things to do

T = TypeVar("T")


def build_extension(vscode: VSCode) -> Path:
    """Return the extension, packaged from this tree."""
    lock, marker = EXTENSION / "package-lock.json", EXTENSION / "node_modules" / ".package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
        npm(vscode, EXTENSION, "ci", "--no-audit", "--no-fund")
    npm(vscode, EXTENSION, "run", "package")
    return VSIX


def launch(playwright: Playwright, vscode: VSCode) -> Browser:
    """Start a browser without a screen."""
    libraries = {"LD_LIBRARY_PATH": str(vscode.browser_libraries)} if vscode.browser_libraries else {}
    arguments = ["--no-sandbox", "--disable-gpu"]
    return playwright.chromium.launch(executable_path=vscode.browser, args=arguments, env={**os.environ, **libraries})


class CodeServer:
    """One code-server. trusts: whether every folder is trusted without asking; environment: of the server's own."""

    def __init__(self, vscode: VSCode, folder: Path, *, environment: Mapping[str, str], trusts: bool = True) -> None:
        self._vscode = vscode
        self._folder = folder
        self._environment = {**vscode.environment, "EXTENSIONS_GALLERY": "{}", **environment}
        self._trusts = trusts
        self._log = folder / "code-server.log"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("auth: none\n")
        self.set({})

    def set(self, settings: Mapping[str, object], server: Sequence[str] = ()) -> None:
        """Write the person's settings: the usual ones of these tests, `settings`, and the language server's command.

        A window in a browser is a remote one. What belongs to a machine counts there if the remote machine's settings
        say it; in the person's, it counts until the extension's schema is known, which is a race.
        """
        self._write("User", {**_SETTINGS, **settings})
        self._write("Machine", {"hearthline.server.command": list(server)} if server else {})

    def _write(self, whose: str, settings: Mapping[str, object]) -> None:
        file = self._folder / "data" / whose / "settings.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))

    def install(self, extension: Path) -> None:
        """Install an extension."""
        command = self._command("--install-extension", str(extension))
        subprocess.run(command, env=self._environment, check=True, capture_output=True)

    def __enter__(self) -> Self:
        options = ["--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry", "--disable-update-check"]
        if self._trusts:
            options.append("--disable-workspace-trust")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command(*options), env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self.url = wait_for("code-server to listen", self._address, _OPEN_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _address(self) -> str | None:
        if self._process.poll() is not None:
            raise AssertionError(f"code-server ended:\n{self._log.read_text()}")
        found = _LISTENS.search(self._log.read_text())
        return found[1] if found else None

    def _command(self, *words: str) -> list[str]:
        data, extensions = self._folder / "data", self._folder / "extensions"
        places = ["--user-data-dir", str(data), "--extensions-dir", str(extensions)]
        config = ["--config", str(self._folder / "config.yaml")]
        return [str(self._vscode.node), str(self._vscode.server), *places, *config, *words]


def wait_for(what: str, look: Callable[[], T | None], deadline_s: float = DEADLINE_S) -> T:
    """Return what `look` finds, as soon as it does."""
    deadline = time.monotonic() + deadline_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(0.05)
    return found


class Workbench:
    """One window, on `workspace`, with `file` open in it."""

    def __init__(
        self, server: CodeServer, browser: Browser, workspace: Path, file: Path, width: int = 1280, height: int = 800
    ) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(1000 * DEADLINE_S)
        self.page.set_default_navigation_timeout(1000 * _OPEN_S)
        authority = server.url.removeprefix("http://")
        opened = json.dumps([["openFile", f"vscode-remote://{authority}{file}"]])
        self.page.goto(f"{server.url}/?folder={quote(str(workspace))}&payload={quote(opened)}")
        self.find(".monaco-editor .view-lines", deadline_s=_OPEN_S)

    # Looking

    def find(self, selector: str, text: str | re.Pattern[str] | None = None, deadline_s: float = DEADLINE_S) -> Locator:
        """Wait until something that `selector` names is seen, with `text` in it; return it."""
        found = self.page.locator(selector, has_text=text).first
        found.wait_for(timeout=1000 * deadline_s)
        return found

    def gone(self, selector: str, text: str | re.Pattern[str] | None = None) -> None:
        """Wait until nothing that `selector` names is seen, with `text` in it."""
        self.page.locator(selector, has_text=text).first.wait_for(state="hidden", timeout=1000 * DEADLINE_S)

    @property
    def lines(self) -> list[str]:
        """What is drawn of the active editor, line by line, ghost text included."""
        drawn = "els => els.sort((a, b) => a.offsetTop - b.offsetTop).map(e => e.textContent)"
        lines: list[str] = self.page.eval_on_selector_all(".editor-instance .view-lines .view-line", drawn)
        return [line.replace("\u00a0", " ") for line in lines]

    @property
    def ghost(self) -> str:
        """The ghost text that is drawn; empty where there is none."""
        drawn: list[str] = self.page.eval_on_selector_all(
            ".editor-instance [class*=ghost-text-decoration]", "els => els.map(e => e.textContent)"
        )
        return "".join(drawn).replace("\u00a0", " ")

    def await_ghost(self, text: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until the ghost text is `text`."""
        wait_for(f"the ghost text {text!r} (there is {self.ghost!r})", lambda: self.ghost == text, deadline_s)

    def await_line(self, text: str) -> None:
        """Wait until a line has `text` in it."""
        wait_for(f"a line with {text!r} in {self.lines}", lambda: any(text in line for line in self.lines))

    def await_status(self, text: str | re.Pattern[str], deadline_s: float = DEADLINE_S) -> Locator:
        """Wait until Hearthline's item in the status bar says `text`, by its words or by its hover."""
        item = self.page.locator("[id='hearthline.hearthline.hearthline']")
        pattern = text if isinstance(text, re.Pattern) else re.compile(re.escape(text))

        said = ""

        def says() -> bool:
            nonlocal said
            if item.count() == 0:
                return False
            said = f"{item.inner_text()} {item.locator('a').first.get_attribute('aria-label') or ''}"
            return pattern.search(said) is not None

        try:
            wait_for(f"the status {pattern.pattern!r}", says, deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {said!r}") from None
        return item

    def frame(self, selector: str) -> Frame:
        """Wait for a page of an extension that has `selector` in it; return that page."""

        def look() -> Frame | None:
            return next((frame for frame in self.page.frames if frame.query_selector(selector)), None)

        return wait_for(f"a page with {selector}", look)

    def capture(self, name: str) -> Path:
        """Keep a picture of the window as it is; return where."""
        CAPTURES.mkdir(parents=True, exist_ok=True)
        path = CAPTURES / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    # Doing

    def type(self, text: str) -> None:
        """Type, as fast as a person who types well."""
        self.page.keyboard.type(text, delay=30)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor there; both count from 1."""
        self.page.click(".editor-instance .view-lines")
        self.press("Control+g")
        self.find(".quick-input-widget input")
        self.type(f"{line}:{column}")
        self.press("Enter")
        self.gone(".quick-input-widget")

    def end_of_file(self) -> None:
        """Put the cursor behind everything."""
        self.page.click(".editor-instance .view-lines")
        self.press("Control+End")

    def run(self, title: str) -> None:
        """Run a command by its title, through the palette."""
        self.press("F1")
        self.find(".quick-input-widget input")
        self.type(title)
        self.find(".quick-input-widget .monaco-list-row.focused", title)
        self.press("Enter")

    def pick(self, text: str) -> None:
        """Choose the entry with `text` in the list that is open."""
        self.find(".quick-input-widget .monaco-list-row", text).click()

    def act(self, title: str) -> None:
        """Choose a code action at the cursor; the list that opens may be older than the server's answer."""
        row = self.page.locator(".action-widget .monaco-list-row", has_text=title).first

        def offered() -> bool:
            self.press("Escape", "Control+.")
            try:
                row.wait_for(timeout=3000)
            except TimeoutError:
                return False
            return True

        wait_for(f"the action {title!r}", offered)
        row.click()

    def answer(self, button: str) -> None:
        """Press a button of a message."""
        self.find(".notification-toast .monaco-button", button).click()

    def saves(self, file: Path, lines: Sequence[str]) -> None:
        """Save until `file` holds exactly `lines`."""

        def holds() -> bool:
            self.press("Control+s")
            return file.read_text().splitlines() == list(lines)

        wait_for(f"{lines} in {file.name} ({self.lines} are drawn)", holds)
