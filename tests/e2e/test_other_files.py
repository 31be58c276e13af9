"""What the engine is told of other files, through the real server's process: definitions, and never a secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_inline_completion import INLINE, ONE_BY_ONE, SERVER
from tests.lsp_client import LspClient, edit, wait_until

LIBRARY = '''\
class Quokka:
    """An animal."""

    def nibble(self, leaf: str) -> int:
        return len(leaf)

    def _hide(self) -> None:
        pass


def feed(quokka: Quokka, leaves: list[str]) -> int:
    """Feed it."""
    return sum(quokka.nibble(leaf) for leaf in leaves)
'''
MAIN = "from zoo.animals import Quokka, feed\n\nquokka = Quokka()\nquokka."
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


class Zoo:
    """A workspace and a client that works in it."""

    def __init__(self, client: LspClient, folder: Path) -> None:
        self.client = client
        self.folder = folder

    def start(self, **completion: Any) -> None:
        folders = [{"uri": self.folder.as_uri(), "name": self.folder.name}]
        settings = {"completion": {"debounceMs": 0, **ONE_BY_ONE, **completion}}
        self.client.initialize(INLINE, settings, workspaceFolders=folders)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def open(self, name: str, text: str, language_id: str = "python") -> str:
        uri = (self.folder / name).as_uri()
        self.client.open(uri, text, language_id)
        return uri

    def wait_until_indexed(self, name: str) -> None:
        wait_until(lambda: bool(self.client.call("probe/isDefined", {"name": name})), f"{name} in the index")

    def ask(self, uri: str, line: int, character: int) -> dict[str, Any]:
        """Ask as one who waits; return what the engine was asked."""
        where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        self.client.call("textDocument/inlineCompletion", {**where, "context": {"triggerKind": 1}})
        served: list[dict[str, Any]] = self.client.call("probe/served", {})
        return served[-1]

    def ask_and_be_refused(self, uri: str, line: int, character: int) -> None:
        """Ask where credentials stand: the editor is answered, and no engine hears of it."""
        before = self.client.call("probe/served", {})
        where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        answer = self.client.call("textDocument/inlineCompletion", {**where, "context": {"triggerKind": 1}})
        assert answer["items"] == []
        assert self.client.call("probe/served", {}) == before


@pytest.fixture
def zoo(hearthline_home: Path, tmp_path: Path) -> Iterator[Zoo]:
    folder = tmp_path / "park"
    folder.mkdir()
    with LspClient(hearthline_home, SERVER) as client:
        yield Zoo(client, folder)
        assert "Traceback" not in client.stderr()


def test_a_definition_of_another_file_is_told(zoo: Zoo) -> None:
    zoo.write("zoo/animals.py", LIBRARY)
    zoo.start()
    zoo.wait_until_indexed("feed")
    asked = zoo.ask(zoo.open("main.py", MAIN), 3, 7)
    assert (asked["path"], asked["repo"]) == ("main.py", "park")
    nearest = asked["snippets"][-1]
    assert nearest["path"] == "zoo/animals.py"
    assert nearest["text"].startswith("class Quokka:\n    def nibble(self, leaf: str) -> int:")
    assert any("def feed(" in snippet["text"] for snippet in asked["snippets"])


def test_the_front_stays_from_key_to_key(zoo: Zoo) -> None:
    zoo.write("zoo/animals.py", LIBRARY)
    zoo.start()
    zoo.wait_until_indexed("feed")
    uri = zoo.open("main.py", MAIN)
    first = zoo.ask(uri, 3, 7)["snippets"]
    for number, character in enumerate("xyz(feed(qu"):
        zoo.client.change(uri, number + 2, edit(3, 7 + number, 7 + number, character))
        assert zoo.ask(uri, 3, 8 + number)["snippets"][: len(first)] == first


def test_without_an_index_what_was_seen_is_told(zoo: Zoo) -> None:
    zoo.start()
    zoo.open("zoo/animals.py", LIBRARY)
    asked = zoo.ask(zoo.open("other.py", "def stroke(quokka, leaf, leaves, nibble, feed):\n    quokka."), 1, 11)
    assert [snippet["path"] for snippet in asked["snippets"]] == ["zoo/animals.py"]


def test_secrets_of_other_tabs_are_never_told(zoo: Zoo) -> None:
    about = "quokka = Quokka(leaf, leaves, nibble, feed)\n"
    zoo.write(".env", f"{about}QUOKKA={TOKEN}\n")
    zoo.write("zoo/animals.py", LIBRARY)
    zoo.write("zoo/keys.py", f"{about}class Keeper:\n    quokka_token = '{TOKEN}'\n")
    zoo.start()
    zoo.wait_until_indexed("feed")
    for name in (".env", "zoo/keys.py"):
        uri = zoo.open(name, (zoo.folder / name).read_text())
        zoo.client.change(uri, 2, edit(0, 0, 0, "quokka = leaf\n"))
    zoo.ask_and_be_refused((zoo.folder / "zoo/keys.py").as_uri(), 0, 9)
    asked = zoo.ask(zoo.open("main.py", f"{about}{MAIN}\nkeeper = Keeper(leaves)\nkeeper."), 5, 7)
    assert asked["snippets"]
    assert TOKEN not in json.dumps(asked["snippets"])
    assert not any(".env" in snippet["path"] for snippet in asked["snippets"])
