"""Ghost text through the real server process, with a scripted engine behind it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_client import LspClient, LspError, edit, wait_until

SERVER = (sys.executable, "-m", "tests.completing_server")
URI = "file:///project/a.py"
INLINE: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
REQUEST_CANCELLED = -32800
ONE_BY_ONE: dict[str, Any] = {"prefetch": False, "candidates": 1}
"""One request to the engine for each of the editor's."""


class Editor:
    """One document, with the cursor where `‸` stands."""

    def __init__(self, client: LspClient) -> None:
        self.client = client
        self.version = 0
        self.line = self.character = 0

    def show(self, text: str, language_id: str = "python", uri: str = URI) -> None:
        """Open `text`, or put it in the place of what is open."""
        before, _, after = text.partition("‸")
        self.line = before.count("\n")
        self.character = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        self.version += 1
        self.client.open(uri, before + after, language_id, self.version)

    def type(self, text: str) -> None:
        """Type `text`, without line ends, at the cursor."""
        self.version += 1
        self.client.change(URI, self.version, edit(self.line, self.character, self.character, text))
        self.character += len(text.encode("utf-16-le")) // 2

    def ask(self, *, invoked: bool = True, uri: str = URI) -> int:
        params = {
            "textDocument": {"uri": uri},
            "position": {"line": self.line, "character": self.character},
            "context": {"triggerKind": 1 if invoked else 2},
        }
        return self.client.request("textDocument/inlineCompletion", params)

    def texts(self, request_id: int) -> list[str]:
        return [item["insertText"] for item in self.client.result(request_id)["items"]]

    def ghost(self, text: str, **more: Any) -> list[str]:
        """Show `text`; return what is suggested there."""
        self.show(text)
        return self.texts(self.ask(**more))

    def served(self) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.client.call("probe/served", {})
        return result

    def reasons(self) -> list[str]:
        messages = [m["params"] for m in self.client.messages if m.get("method") == "hearthline/status"]
        return [params["reason"] for params in messages if params["reason"]]


@pytest.fixture
def client(hearthline_home: Path) -> Iterator[LspClient]:
    with LspClient(hearthline_home, SERVER) as client:
        yield client
        assert "Traceback" not in client.stderr()


@pytest.fixture
def editor(client: LspClient) -> Editor:
    client.initialize(INLINE, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
    return Editor(client)


MEAN = "def mean(values):\n    ‸\n\nprint(mean([1]))\n"


def test_the_method_is_offered_to_who_can_show_it(client: LspClient) -> None:
    capabilities = client.initialize(INLINE)
    assert "inlineCompletionProvider" in capabilities
    assert "completionProvider" not in capabilities


def test_a_body_is_suggested_and_the_engine_stopped_behind_it(editor: Editor) -> None:
    editor.show(MEAN)
    (item,) = editor.client.result(editor.ask())["items"]
    here = {"line": 1, "character": 4}
    assert item == {"insertText": "return sum(values) / len(values)", "range": {"start": here, "end": here}}
    (served,) = editor.served()
    assert served["closedEarly"]
    assert served["nTokens"] < 20


def test_typing_along_asks_the_engine_no_more(editor: Editor) -> None:
    assert editor.ghost(MEAN) == ["return sum(values) / len(values)"]
    for character in "return sum":
        editor.type(character)
        editor.ask()
    assert editor.texts(editor.ask()) == ["(values) / len(values)"]
    editor.type("med")
    editor.texts(editor.ask())
    assert len(editor.served()) == 2


def test_accepting_and_going_on(editor: Editor) -> None:
    (text,) = editor.ghost("two = ‸\n")
    editor.type(text)
    assert editor.texts(editor.ask()) == []
    assert editor.served()[-1]["prefix"].endswith("two = 1 + 1")


def test_several_lines(editor: Editor) -> None:
    assert editor.ghost("block(‸\n") == ["\n    a,\n    b,\n)"]


def test_the_editor_puts_in_the_documents_own_line_ends(editor: Editor) -> None:
    assert editor.ghost("x = 1\r\nblock(‸\r\n") == ["\n    a,\n    b,\n)"]
    assert "\r" not in editor.served()[-1]["prefix"]


def test_columns_are_the_clients(editor: Editor) -> None:
    editor.show("s = '😀é'; two = ‸\n")
    (item,) = editor.client.result(editor.ask())["items"]
    assert item["range"]["start"] == {"line": 0, "character": 17}


def test_nothing_to_add_is_said(editor: Editor) -> None:
    assert editor.ghost("nothing = ‸\n") == []
    assert editor.reasons()[-1] == "nothingToAdd"


def test_what_was_wrong_with_an_answer_is_said(editor: Editor) -> None:
    assert editor.ghost("two = 1 + 1\ntwo = ‸\n") == []
    status = editor.client.notification("hearthline/status", lambda params: params["reason"] == "nothingToAdd")
    assert status["message"] == "the model repeated a line that stands there already"


def test_the_client_withdraws(editor: Editor) -> None:
    editor.show("hanging = ‸\n")
    request_id = editor.ask()
    editor.client.notification("hearthline/status", lambda params: params["state"] == "working")
    wait_until(lambda: bool(editor.served()), "the engine was asked")
    editor.client.notify("$/cancelRequest", {"id": request_id})
    assert editor.client.reply(request_id)["error"]["code"] == REQUEST_CANCELLED
    editor.client.notification("hearthline/status", lambda params: params["reason"] == "cancelled")
    wait_until(lambda: bool(editor.served()[-1]["isClosed"]), "the engine was let go")


def test_what_comes_after_a_suggestion_is_asked_for_ahead(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 0}})
    editor = Editor(client)
    (text,) = editor.ghost("two = ‸\n", invoked=False)
    wait_until(lambda: len(editor.served()) == 2, "the next one is asked for")
    ahead = editor.served()[-1]
    assert ahead["prefix"].endswith("two = 1 + 1")
    assert ahead["priority"] == "background"
    wait_until(lambda: bool(editor.served()[-1]["isClosed"]), "it is answered")
    editor.type(text)
    editor.texts(editor.ask(invoked=False))
    assert len(editor.served()) == 2


def test_who_asks_gets_several_candidates(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"prefetch": False}})
    editor = Editor(client)
    assert editor.ghost("pick = ‸\n") == ["first", "other", "third"]
    editor.show("pick = ‸\n")
    assert editor.texts(editor.ask(invoked=False)) == ["first"]


def test_a_newer_request_ends_the_older_one(editor: Editor) -> None:
    editor.show("hanging = ‸\n")
    older = editor.ask()
    editor.client.notification("hearthline/status", lambda params: params["state"] == "working")
    editor.show("two = ‸\n")
    newer = editor.ask()
    assert editor.texts(older) == []
    assert editor.texts(newer) == ["1 + 1"]
    assert len(editor.client.replies(older)) == 1


def test_another_document_does_not_disturb(editor: Editor) -> None:
    editor.show("slow = ‸\n")
    first = editor.ask()
    editor.show("two = ‸\n", uri="file:///project/b.py")
    assert editor.texts(editor.ask(uri="file:///project/b.py")) == ["1 + 1"]
    assert editor.texts(first) == ["3"]


def test_an_answer_for_an_older_text_is_not_given(editor: Editor) -> None:
    editor.show("slow = ‸\n")
    request_id = editor.ask()
    editor.client.notification("hearthline/status", lambda params: params["state"] == "working")
    editor.type("x")
    assert editor.texts(request_id) == []
    assert editor.reasons()[-1] == "stale"


def test_a_burst_of_keystrokes_asks_once(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 150, **ONE_BY_ONE}})
    editor = Editor(client)
    editor.show("‸")
    requests = []
    for character in "two = ":
        editor.type(character)
        requests.append(editor.ask(invoked=False))
    assert [editor.texts(request_id) for request_id in requests] == [[]] * 5 + [["1 + 1"]]
    assert len(editor.served()) == 1


def test_who_asks_does_not_wait_for_a_pause(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 5000}})
    editor = Editor(client)
    started = time.monotonic()
    assert editor.ghost("two = ‸") == ["1 + 1"]
    assert time.monotonic() - started < 4.0


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("broken = ‸", "engineError", "the worker went away"),
        ("busy = ‸", "engineBusy", "no room"),
        ("loading = ‸", "modelLoading", "reading the weights"),
        ("missing = ‸", "modelMissing", "not on this machine"),
        ("gone = ‸", "engineUnavailable", "does not answer"),
    ],
)
def test_a_failure_has_a_reason_in_words(editor: Editor, text: str, reason: str, words: str) -> None:
    assert editor.ghost(text) == []
    status = editor.client.notification("hearthline/status", lambda params: params["reason"] == reason)
    assert words in status["message"]
    assert editor.ghost("two = ‸") == ["1 + 1"]
    assert editor.client.notification("hearthline/status", lambda params: params["state"] == "ready")


def test_switched_off(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"enabled": False}})
    editor = Editor(client)
    assert editor.ghost("two = ‸") == []
    assert editor.reasons()[-1] == "off"


def test_a_language_switched_off(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"disabledLanguages": ["python"]}})
    editor = Editor(client)
    assert editor.ghost("two = ‸") == []
    assert editor.reasons()[-1] == "languageDisabled"


def test_a_binary_file(editor: Editor) -> None:
    assert editor.ghost("two\0 = ‸") == []
    assert editor.reasons()[-1] == "fileBinary"


def test_a_file_nobody_opened(editor: Editor) -> None:
    assert editor.texts(editor.ask(uri="file:///project/unknown.py")) == []
    assert editor.reasons()[-1] == "fileUnknown"


def test_an_empty_file(editor: Editor) -> None:
    assert editor.ghost("‸") == []


def test_one_line_of_a_large_file(editor: Editor) -> None:
    editor.show("x = 1\n" * 50_000 + "two = ‸\n" + "y = 2\n" * 50_000)
    editor.texts(editor.ask())
    before_s = editor.client.call("probe/computed", {})
    editor.type(" ")
    editor.texts(editor.ask())
    assert editor.client.call("probe/computed", {}) - before_s < 0.25
    assert editor.served()[0]["prefix"].endswith("two = ")


def test_a_line_of_a_mebibyte(editor: Editor) -> None:
    editor.show("x" * (1 << 20) + "; two = ‸" + "y" * (1 << 20))
    before_s = editor.client.call("probe/computed", {})
    editor.texts(editor.ask())
    assert editor.client.call("probe/computed", {}) - before_s < 0.25


def test_one_line_at_a_time(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"multiline": "never"}})
    assert Editor(client).ghost("long = ‸") == [("word " * 64).strip()]


class TestFallback:
    """Clients that do not show ghost text get one item of a list."""

    @pytest.fixture
    def editor(self, client: LspClient) -> Editor:
        client.initialize({}, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
        return Editor(client)

    def complete(self, editor: Editor, text: str) -> dict[str, Any]:
        editor.show(text)
        position = {"line": editor.line, "character": editor.character}
        params = {"textDocument": {"uri": URI}, "position": position, "context": {"triggerKind": 1}}
        result: dict[str, Any] = editor.client.call("textDocument/completion", params)
        return result

    def test_it_is_offered_without_trigger_characters(self, client: LspClient) -> None:
        capabilities = client.initialize({})
        assert not capabilities["completionProvider"].get("triggerCharacters")

    def test_one_item(self, editor: Editor) -> None:
        answer = self.complete(editor, "two = ‸\n")
        here = {"line": 0, "character": 6}
        assert answer["isIncomplete"]
        (item,) = answer["items"]
        assert item["label"] == "1 + 1"
        assert item["textEdit"] == {"range": {"start": here, "end": here}, "newText": "1 + 1"}
        assert item["detail"] == "Hearthline"
        assert "two = 1 + 1" in item["documentation"]["value"]

    def test_the_word_before_the_cursor_is_replaced_by_itself(self, editor: Editor) -> None:
        editor.show("def mean(values):\n    ‸\n")
        editor.texts(editor.ask())
        (item,) = self.complete(editor, "def mean(values):\n    ret‸\n")["items"]
        assert item["textEdit"]["range"]["start"] == {"line": 1, "character": 4}
        assert item["textEdit"]["newText"] == "return sum(values) / len(values)"
        assert item["filterText"] == item["label"] == "return sum(values) / len(values)"

    def test_several_lines_are_shown_by_their_first(self, editor: Editor) -> None:
        (item,) = self.complete(editor, "block(‸\n")["items"]
        assert item["label"] == "a,"
        assert item["textEdit"]["newText"] == "\n    a,\n    b,\n)"

    def test_line_ends_are_the_documents(self, editor: Editor) -> None:
        (item,) = self.complete(editor, "block(‸\r\nx = 1\r\n")["items"]
        assert item["textEdit"]["newText"] == "\r\n    a,\r\n    b,\r\n)"

    def test_line_ends_are_left_to_a_client_that_puts_in_its_own(self, client: LspClient) -> None:
        able = {"workspace": {"workspaceEdit": {"normalizesLineEndings": True}}}
        client.initialize(able, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
        (item,) = self.complete(Editor(client), "block(‸\r\nx = 1\r\n")["items"]
        assert item["textEdit"]["newText"] == "\n    a,\n    b,\n)"

    def test_nothing(self, editor: Editor) -> None:
        assert self.complete(editor, "nothing = ‸\n")["items"] == []
        assert editor.reasons()[-1] == "nothingToAdd"

    def test_a_file_nobody_opened(self, editor: Editor) -> None:
        params = {"textDocument": {"uri": "file:///x"}, "position": {"line": 0, "character": 0}}
        assert editor.client.call("textDocument/completion", params)["items"] == []


def test_bad_parameters_are_answered(editor: Editor) -> None:
    with pytest.raises(LspError):
        editor.client.call("textDocument/inlineCompletion", {"textDocument": {}})


def test_what_became_of_suggestions_is_counted_and_holds_no_source(client: LspClient, hearthline_home: Path) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
    editor = Editor(client)
    (text,) = editor.ghost("two = ‸\n")
    editor.type(text)
    (text,) = editor.ghost("block(‸\n")
    editor.show("other\n‸")
    editor.texts(editor.ask())
    client.call("shutdown")
    client.notify("exit")
    assert client.exit_code() == 0
    command = [sys.executable, "-m", "lsp_server.cli", "stats", "--json"]
    told = subprocess.run(
        command, capture_output=True, check=True, env={**os.environ, "HEARTHLINE_HOME": str(hearthline_home)}
    )
    figures = json.loads(told.stdout)
    assert (figures["n_requests"], figures["n_shown"]) == (3, 2)
    assert figures["outcomes"] == {"accepted": 1, "partly": 0, "typed": 0, "ignored": 1}
    recorded = b"".join(path.read_bytes() for path in (hearthline_home / "data").glob("feedback.sqlite*"))
    assert b"python" in recorded
    assert b"1 + 1" not in recorded
    assert b"a.py" not in recorded
    shown = subprocess.run(
        command[:-1],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "HEARTHLINE_HOME": str(hearthline_home)},
    )
    assert "suggestions shown" in shown.stdout
