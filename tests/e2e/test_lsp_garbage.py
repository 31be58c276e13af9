"""What is no message at all: said, skipped, and the next real request is answered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.transport.frames import MAX_BODY_BYTES
from tests.lsp_client import LspClient, frame


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LspClient]:
    """One server that must live through everything in this file."""
    with LspClient(tmp_path_factory.mktemp("garbage")) as running:
        running.initialize()
        yield running
        running.call("shutdown")
        running.notify("exit")
        assert running.exit_code() == 0


@pytest.fixture
def client(survivor: LspClient) -> LspClient:
    survivor.messages.clear()
    return survivor


def refused_with(client: LspClient, message_id: object) -> int:
    return int(client.reply(message_id)["error"]["code"])


def still_answers(client: LspClient) -> None:
    assert client.call("probe/echo", {"still": "there"}) == {"still": "there"}


BODIES = {
    "empty": b"",
    "not JSON": b"hello",
    "cut off": b'{"jsonrpc": "2.0", "id": 1, "meth',
    "trailing comma": b'{"a": 1,}',
    "not UTF-8": b'{"jsonrpc": "2.0", "method": "\xff\xfe"}',
    "UTF-16": '{"jsonrpc": "2.0"'.encode("utf-16"),
    "NUL bytes": bytes(64),
    "nested too deeply": b"[" * 100_000,
    "a huge number": b'{"id": ' + b"9" * 10_000 + b"}",
    "two values": b"{}{}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_json(client: LspClient, body: bytes) -> None:
    client.send_bytes(frame(body))
    assert refused_with(client, None) == -32700
    still_answers(client)


VALUES = {
    "null": None,
    "a number": 3,
    "a text": "initialize",
    "an empty object": {},
    "an empty batch": [],
    "a batch of nothing": [1, None],
    "no version": {"method": "probe/echo"},
    "a wrong version": {"jsonrpc": "1.0", "method": "probe/echo"},
    "a method that is no text": {"jsonrpc": "2.0", "method": 5},
    "an id that is an object": {"jsonrpc": "2.0", "id": {}, "method": "probe/echo"},
    "an id that is null": {"jsonrpc": "2.0", "id": None, "method": "probe/echo"},
    "an id that is true": {"jsonrpc": "2.0", "id": True, "method": "probe/echo"},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_json_that_is_no_message(client: LspClient, value: object) -> None:
    client.send_bytes(frame(json.dumps(value).encode()))
    assert refused_with(client, None) == -32600
    still_answers(client)


def test_requests_in_a_batch_and_malformed_ones_get_their_own_reply(client: LspClient) -> None:
    batch = [{"jsonrpc": "2.0", "id": name, "method": "probe/echo"} for name in ("b1", "b2")]
    client.send_bytes(frame(json.dumps(batch).encode()) + frame({"id": "v", "method": "probe/echo"}))
    client.send({"id": "m", "method": None})
    client.send({"id": "n"})
    assert {refused_with(client, name) for name in ("b1", "b2", "v", "m", "n")} == {-32600}
    still_answers(client)


def test_answers_to_nothing_are_ignored(client: LspClient) -> None:
    waiting = client.request("probe/wait", {})
    client.send({"id": 999, "result": 1})
    client.send({"id": 999, "error": {"code": 1, "message": "x"}})
    client.send({"id": waiting, "result": "forged"})
    client.send({"id": waiting, "result": 1, "error": 2})
    client.send({"id": "x", "error": "no object"})
    still_answers(client)
    assert client.replies(waiting) == []


def test_unusual_but_valid_headers(client: LspClient) -> None:
    body = b'{"jsonrpc":"2.0","id":"h%d","method":"probe/echo","params":{}}'
    for number, header in enumerate(
        [
            b"content-length: %d\r\n\r\n",
            b"CONTENT-LENGTH:%d\r\n\r\n",
            b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d \r\n\r\n",
            b"Content-Length: %d\r\nX-Unknown: yes\r\n\r\n",
            b"Content-Length: %d\n\n",
            b"\r\n\r\nContent-Length: %d\r\n\r\n",
        ]
    ):
        message = body % number
        for byte in header % len(message) + message:  # a byte at a time: nothing depends on where reads fall
            client.send_bytes(bytes([byte]))
        assert client.result(f"h{number}") == {}


NOISE = {
    "words": b"hello there\r\n",
    "no line end": b"garbage",
    "JSON without headers": b'{"jsonrpc": "2.0", "method": "exit"}',
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes": bytes(range(256)) * 50,
    "a long line": b"x" * 300_000,
    "a length that is a word": b"Content-Length: many\r\n\r\n",
    "a negative length": b"Content-Length: -5\r\n\r\n",
    "a length beyond all numbers": b"Content-Length: " + b"9" * 500 + b"\r\n\r\n",
    "an empty length": b"Content-Length:\r\n\r\n",
    "no length": b"Content-Type: text/plain\r\n\r\n",
    "a body longer than announced": frame(b"{}") + b'{"more": "of it"}',
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_bytes_that_are_no_frame(client: LspClient, noise: bytes) -> None:
    client.send_bytes(noise)
    still_answers(client)
    assert client.replies(None), "the client hears of it"
    assert client.process.poll() is None


def test_a_length_that_is_too_long_costs_no_more_than_it_swallows(client: LspClient) -> None:
    lost = b'{"jsonrpc":"2.0","id":"lost","method":"probe/echo","params":{}}'
    client.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(lost) + 40, lost))
    assert client.call("probe/echo", {"n": 1}) == {"n": 1}, "the frame that began inside the announced body"
    assert refused_with(client, None) == -32700


def test_a_message_over_the_limit_is_skipped_and_its_document_is_known_as_too_large(client: LspClient) -> None:
    text = "x" * MAX_BODY_BYTES
    for uri, item in (
        ("file:///first", {"uri": "file:///first", "languageId": "sql", "version": 1, "text": text}),
        ("file:///last", {"text": text, "version": 1, "languageId": "sql", "uri": "file:///last"}),
    ):
        client.notify("textDocument/didOpen", {"textDocument": item})
        client.change(
            uri, 2, {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "text": "y"}
        )
        document = client.call("probe/document", {"uri": uri})
        assert document["unfit"] == "tooLarge"
        assert document["lines"] == [""]
    client.change("file:///first", 3, {"text": "small again"})
    assert client.call("probe/document", {"uri": "file:///first"})["unfit"] is None


def test_endless_noise_ends_the_server_with_a_reason(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        with pytest.raises(BrokenPipeError):
            client.send_bytes(b"no message at all\n" * 6_000_000)
        assert client.exit_code() == 1
        assert "the other side is no LSP client" in (tmp_path / "log" / "lsp.log").read_text()
