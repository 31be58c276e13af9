"""An editor that asks for tests: a project on the disk, a server with a scripted engine, and edits that are made.

Edits are made in the text of open documents, else in files, as an editor would; every one is kept in `edits`.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.lsp_client import LspClient

DEADLINE_S = 180.0
"""Of a command that runs tests in many processes, on a machine that has other things to do."""
SERVER = (sys.executable, "-m", "tests.testing_server")
CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {
        "applyEdit": True,
        "codeLens": {"refreshSupport": True},
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create"],
            "changeAnnotationSupport": {},
        },
    },
}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all files below `folder`, caches of Python left out."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if ".git/" not in path.as_posix()}


class Editor:
    """A window on `folder`. answers: title of an action by a word of the question; others are dismissed."""

    def __init__(
        self, client: LspClient, folder: Path, settings: Mapping[str, object], takes_edits: bool = True
    ) -> None:
        self.client = client
        self.folder = folder
        self.edits: list[dict[str, Any]] = []
        self.questions: list[str] = []
        self.answers: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self._takes_edits = takes_edits
        client.answers["workspace/applyEdit"] = self._apply
        client.answers["window/showMessageRequest"] = self._answer
        folders = [{"uri": folder.as_uri(), "name": folder.name}]
        client.initialize(CAPABILITIES, dict(settings), workspaceFolders=folders)

    def uri(self, path: str) -> str:
        return (self.folder / path).as_uri()

    def open(self, path: str, text: str | None = None, language_id: str = "python") -> None:
        """Open a file; text: what its document holds, unsaved."""
        self.texts[path] = (self.folder / path).read_bytes().decode() if text is None else text
        self.versions[path] = 1
        self.client.open(self.uri(path), self.texts[path], language_id)

    def write(self, path: str, text: str, *, saves: bool = False) -> None:
        """Change a document as a whole."""
        self.texts[path] = text
        self.versions[path] += 1
        self.client.change(self.uri(path), self.versions[path], {"text": text})
        if saves:
            (self.folder / path).write_text(text)
            self.client.notify("textDocument/didSave", {"textDocument": {"uri": self.uri(path)}})

    def actions(self, path: str, line: int, **context: object) -> list[dict[str, Any]]:
        where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
        params = {"textDocument": {"uri": self.uri(path)}, "range": where, "context": {"diagnostics": [], **context}}
        found: list[dict[str, Any]] = self.client.call("textDocument/codeAction", params)
        return found

    def suggestion(self, path: str, line: int) -> dict[str, Any]:
        """Return the command of the action that suggests tests."""
        (action,) = [each for each in self.actions(path, line) if each.get("kind") == "hearthline.tests"]
        command: dict[str, Any] = action["command"]
        return command

    def run(self, command: Mapping[str, Any]) -> Any:
        """Execute a command; return its result, or raise LspError."""
        params = {"command": command["command"], "arguments": command["arguments"]}
        asked = self.client.request("workspace/executeCommand", params)
        self.client.reply(asked, DEADLINE_S)
        return self.client.result(asked)

    def wait_for_lenses(self) -> None:
        """Wait until tests were prepared."""
        self.client.wait_for(lambda message: message.get("method") == "workspace/codeLens/refresh", DEADLINE_S)

    def lenses(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.call(
            "textDocument/codeLens", {"textDocument": {"uri": self.uri(path)}}
        )
        return found

    def said(self) -> list[str]:
        """Return the messages that were shown."""
        return [
            each["params"]["message"] for each in self.client.messages if each.get("method") == "window/showMessage"
        ]

    def save_all(self) -> None:
        for path, text in self.texts.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(text.encode())

    def _answer(self, params: dict[str, Any]) -> dict[str, str] | None:
        self.questions.append(params["message"])
        title = next((title for word, title in self.answers.items() if word in params["message"]), None)
        return {"title": title} if title is not None else None

    def _apply(self, params: dict[str, Any]) -> dict[str, object]:
        changes = params["edit"]["documentChanges"] if self._takes_edits else []
        known = [self._change(each) for each in changes if "kind" not in each]
        self.edits.append(params)
        return {"applied": self._takes_edits and all(known)}

    def _change(self, change: dict[str, Any]) -> bool:
        """Make one document's edits; tell whether they were for the version that is shown."""
        uri, version = change["textDocument"]["uri"], change["textDocument"]["version"]
        path = Path(unquote(urlsplit(uri).path)).relative_to(self.folder).as_posix()
        if path in self.texts:
            if version != self.versions[path]:
                return False
            self.write(path, edited(self.texts[path], change["edits"]))
            return True
        file = self.folder / path
        text = edited(file.read_bytes().decode() if file.exists() else "", change["edits"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return True


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """Return `text`, characters of one UTF-16 unit, with `edits`, none of which touches another."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(position: dict[str, int]) -> int:
        return starts[position["line"]] + position["character"]

    for edit in sorted(edits, key=lambda each: at(each["range"]["start"]), reverse=True):
        text = text[: at(edit["range"]["start"])] + edit["newText"] + text[at(edit["range"]["end"]) :]
    return text


@contextmanager
def editing(home: Path, folder: Path, *flags: str, takes_edits: bool = True, **settings: object) -> Iterator[Editor]:
    """Give an editor with a server of its own. settings: by their first word; trusted unless they say otherwise."""
    given = {"workspace": {"trusted": True}, "tests": {"background": False}, **settings}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # a Python with pytest first
    with LspClient(home, [*SERVER, *flags], {"PATH": path}) as client:
        yield Editor(client, folder, given, takes_edits)
