"""Documents as the server's process holds them: large, empty, binary, in every encoding and line end."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp_client import LspClient, Message, edit

URI = "file:///project/a%20b.py"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LspClient]:
    """One server for tests that each open the document anew."""
    with LspClient(tmp_path_factory.mktemp("documents")) as running:
        running.initialize({"general": {"positionEncodings": ["utf-16"]}})
        yield running


def document(client: LspClient, uri: str = URI, **part: int) -> Message:
    found: Message = client.call("probe/document", {"uri": uri, **part})
    return found


def test_a_file_of_fifty_thousand_lines_follows_two_hundred_edits(client: LspClient) -> None:
    lines = [f"value_{number} = compute({number})\n" for number in range(50_000)]
    client.open(URI, "".join(lines))
    chance = random.Random(7)
    for version in range(2, 202):
        number = chance.randrange(len(lines))
        if version % 10 == 0:
            lines[number : number + 1] = ["one\n", f"two{lines[number][3:]}"]
            client.change(URI, version, edit(number, 0, 3, "one\ntwo"))
        else:
            lines[number] = f"x{lines[number]}"
            client.change(URI, version, edit(number, 0, 0, "x"))
    found = document(client)
    assert found["version"] == 201
    assert found["lines"] == [*lines, ""]


def test_ten_thousand_edits_in_one_change_are_one_step(client: LspClient) -> None:
    client.open(URI, "old\n" * 10_000)
    before = client.request("probe/snapshot", {"uri": URI})
    client.change(URI, 2, *(edit(number, 0, 3, "new") for number in range(10_000)))
    assert client.result(before) == {"version": 1, "isCurrent": False}
    assert document(client)["lines"] == [*["new\n"] * 10_000, ""]


def test_replacing_all_of_a_large_file(client: LspClient) -> None:
    client.open(URI, "a\n")
    client.change(URI, 2, {"text": "b\r\n" * 200_000}, edit(0, 0, 1, "c"))
    assert document(client, first=0, last=2)["lines"] == ["c\r\n", "b\r\n"]
    assert document(client, last=0)["nLines"] == 200_001


def test_an_empty_file_is_one_empty_line(client: LspClient) -> None:
    client.open(URI, "")
    assert document(client)["lines"] == [""]
    client.change(URI, 2, edit(5, 5, 5, "late", end_line=9))
    assert document(client)["lines"] == ["late"]


def test_a_binary_file_is_held_and_marked(client: LspClient) -> None:
    client.open(URI, "\x7fELF\0\0\1" + "\ufffd" * 5000)
    assert document(client)["unfit"] == "binary"
    client.change(URI, 2, {"text": "text"})
    assert document(client)["unfit"] is None


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 6), ("utf-16", 4), ("utf-32", 3)])
def test_emoji_and_carriage_returns_in_each_encoding(tmp_path: Path, encoding: str, column: int) -> None:
    with LspClient(tmp_path) as client:
        client.initialize({"general": {"positionEncodings": [encoding]}})
        client.open(URI, "a🦊b\r\nc\rd\u2028e\f\n")
        client.change(URI, 2, edit(0, column - 1, column, "B"))
        assert document(client)["lines"] == ["a🦊B\r\n", "c\r", "d\u2028e\f\n", ""]


def test_line_ends_that_come_in_halves(client: LspClient) -> None:
    client.open(URI, "ab")
    client.change(URI, 2, edit(0, 1, 1, "\r"))
    client.change(URI, 3, edit(1, 0, 0, "\n"))
    assert document(client)["lines"] == ["a\r\n", "b"]


def test_half_a_surrogate_pair_is_taken(client: LspClient) -> None:
    client.open(URI, "x\ud83dy")
    client.change(URI, 2, edit(0, 2, 3, "z"))
    assert document(client)["lines"] == ["x\ufffdz"]


def test_a_version_that_goes_back_marks_the_document_until_all_its_text_comes(client: LspClient) -> None:
    client.open(URI, "abc", version=5)
    client.change(URI, 4, edit(0, 0, 1, "X"))
    assert document(client)["unfit"] == "outOfSync"
    client.change(URI, 6, edit(0, 0, 1, "Y"))
    found = document(client)
    assert (found["unfit"], found["lines"]) == ("outOfSync", ["abc"])
    client.change(URI, 7, {"text": "whole"})
    found = document(client)
    assert (found["unfit"], found["lines"], found["version"]) == (None, ["whole"], 7)


def test_an_edit_that_cannot_be_read_marks_its_document(client: LspClient) -> None:
    client.open(URI, "abc")
    client.change(URI, 2, {"text": None})
    assert document(client)["unfit"] == "outOfSync"
    client.open(URI, "opened again", version=3)
    assert document(client)["unfit"] is None


def test_edits_of_what_is_not_open_are_ignored(client: LspClient) -> None:
    nowhere = "file:///nowhere"
    client.change(nowhere, 2, edit(0, 0, 0, "x"))
    client.notify("textDocument/didClose", {"textDocument": {"uri": nowhere}})
    assert client.reply(client.request("probe/document", {"uri": nowhere}))["error"]["code"] == -32803
    client.open(URI, "x")
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert "is not open here" in client.reply(client.request("probe/document", {"uri": URI}))["error"]["message"]


def test_inline_completion_sees_the_text_as_it_was_edited(client: LspClient) -> None:
    client.open(URI, "def first():\n    return '🦊'\n\nx = \n" + "y = 1\n" * 50_000)
    client.change(URI, 2, edit(1, 11, 15, "FOX"), edit(3, 0, 1, "value"))
    where = {"textDocument": {"uri": URI}, "position": {"line": 3, "character": 8}}
    client.call("textDocument/inlineCompletion", {**where, "context": {"triggerKind": 1}})
    asked = client.call("probe/asked", {})
    assert asked["prefix"].endswith("def first():\n    return FOX\n\nvalue = ")
    assert asked["suffix"].startswith("\ny = 1\n")
