"""The real server's process: handshake, replies, refusals, cancellation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_client import SERVER, LspClient, LspError, edit, frame

URI = "file:///project/a.py"
COMMANDS = [
    *("ask", "clearWorkspaceReview", "document", "explain", "fix", "fixTest", "openCwe", "pause", "resume"),
    *("reviewWorkspace", "showLog", "showTests", "stats", "suggestTests"),
]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LspClient]:
    with LspClient(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LspClient]:
    """One initialized server for the tests that leave no trace in it."""
    with LspClient(tmp_path_factory.mktemp("shared")) as running:
        running.initialize()
        yield running


def test_handshake_names_the_server_and_what_it_offers(tmp_path: Path) -> None:
    with LspClient(tmp_path, SERVER) as client:
        capabilities = client.initialize(options={"worker": {"autostart": False}})
        assert capabilities["textDocumentSync"] == {"openClose": True, "change": 2, "save": True}
        assert capabilities["positionEncoding"] == "utf-16"
        commands = capabilities["executeCommandProvider"]["commands"]
        assert sorted(commands) == [f"hearthline.{name}" for name in COMMANDS]
        assert client.call("shutdown") is None
        client.notify("exit")
        assert client.exit_code() == 0


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-16"], "utf-16"),
        (["utf-16", "utf-8"], "utf-8"),
        (["utf-8", "utf-16", "utf-32"], "utf-32"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
    ],
)
def test_the_cheapest_position_encoding_is_chosen(client: LspClient, offered: Any, chosen: str) -> None:
    capabilities = client.initialize({"general": {"positionEncodings": offered}})
    assert capabilities["positionEncoding"] == chosen


def test_capabilities_of_a_newer_protocol_do_no_harm(client: LspClient) -> None:
    newer = {"workspace": {"symbol": {"symbolKind": {"valueSet": [1, 26, 999]}}}, "tomorrow": {"x": [None]}}
    assert client.initialize(newer)


def test_requests_outside_their_phase_are_refused(client: LspClient) -> None:
    with pytest.raises(LspError) as early:
        client.call("probe/echo", {})
    assert early.value.code == -32002
    client.initialize()
    with pytest.raises(LspError) as twice:
        client.call("initialize", {"processId": None, "capabilities": {}})
    assert twice.value.code == -32600
    assert client.call("probe/echo", {"x": 1}) == {"x": 1}
    client.call("shutdown")
    with pytest.raises(LspError) as late:
        client.call("probe/echo", {})
    assert late.value.code == -32600


def test_unknown_methods(client: LspClient) -> None:
    client.initialize()
    client.notify("$/whatever", {"x": 1})
    client.notify("no/such", ["x"])
    for method in ("no/such", "$/no/such"):
        with pytest.raises(LspError) as unknown:
            client.call(method, {})
        assert unknown.value.code == -32601


POSITION = {"line": 0, "character": 0}
IDENTIFIER = {"uri": URI}


@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        [1, 2],
        "text",
        7,
        {},
        {"textDocument": IDENTIFIER},
        {"textDocument": URI, "position": POSITION, "context": {"triggerKind": 1}},
        {"textDocument": {"uri": None}, "position": POSITION, "context": {"triggerKind": 1}},
        {"textDocument": IDENTIFIER, "position": {"line": "0", "character": 0}, "context": {"triggerKind": 1}},
        {"textDocument": IDENTIFIER, "position": {"line": -1, "character": 0}, "context": {"triggerKind": 1}},
        {"textDocument": IDENTIFIER, "position": {"line": 2**70, "character": 0}, "context": {"triggerKind": 1}},
        {"textDocument": IDENTIFIER, "position": {"line": 0.5, "character": 0}, "context": {"triggerKind": 1}},
        {"textDocument": IDENTIFIER, "position": POSITION, "context": {"triggerKind": "1"}},
    ],
)
def test_params_of_the_wrong_shape_are_refused_with_the_place(shared: LspClient, params: Any) -> None:
    reply = shared.reply(shared.request("textDocument/inlineCompletion", params))
    assert reply["error"]["code"] == -32602
    assert reply["error"]["message"].startswith("textDocument/inlineCompletion: ")


def test_a_handlers_failure_is_answered_once_and_its_words_stay_inside(client: LspClient, tmp_path: Path) -> None:
    client.initialize()
    failing = client.request("probe/fail", {"secret": "my source text"})
    assert client.reply(failing)["error"]["code"] == -32603
    unknown_document = client.request("probe/document", {"uri": "file:///nowhere"})
    assert client.reply(unknown_document)["error"]["code"] == -32803
    client.call("shutdown")
    client.notify("exit")
    client.exit_code()
    assert [len(client.replies(message_id)) for message_id in (failing, unknown_document)] == [1, 1]
    said = (tmp_path / "log" / "lsp.log").read_text() + client.stderr() + repr(client.messages)
    assert "my source text" not in said
    assert "probe/fail failed: ValueError at scripted_server.py" in said


def test_cancelling_interrupts_a_running_request(client: LspClient) -> None:
    client.initialize()
    waiting = client.request("probe/wait", {})
    client.call("probe/echo", {})
    client.notify("$/cancelRequest", {"id": waiting})
    assert client.reply(waiting)["error"]["code"] == -32800


def test_cancelling_in_the_same_burst_and_what_is_not_there(client: LspClient) -> None:
    client.initialize()
    request = {"jsonrpc": "2.0", "id": "w", "method": "probe/wait", "params": {}}
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "w"}}
    unknown = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 12345}}
    malformed = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": [1]}}
    client.send_bytes(frame(unknown) + frame(request) + frame(cancel) + frame(cancel) + frame(malformed))
    assert client.reply("w")["error"]["code"] == -32800
    client.call("probe/echo", {})
    assert len(client.replies("w")) == 1


def test_every_request_of_a_storm_gets_exactly_one_reply(client: LspClient) -> None:
    client.initialize()
    waiting = [client.request("probe/wait", {}) for _ in range(200)]
    echoes = [client.request("probe/echo", {"n": n}) for n in range(200)]
    for message_id in waiting:
        client.notify("$/cancelRequest", {"id": message_id})
    for n, message_id in enumerate(echoes):
        assert client.result(message_id) == {"n": n}
    for message_id in waiting:
        assert client.reply(message_id)["error"]["code"] == -32800
    assert all(len(client.replies(message_id)) == 1 for message_id in waiting + echoes)


def test_a_second_request_with_a_running_ones_id_is_refused(client: LspClient) -> None:
    client.initialize()
    for _ in range(2):
        client.send({"id": "same", "method": "probe/wait", "params": {}})
    assert client.reply("same")["error"]["code"] == -32600
    client.notify("$/cancelRequest", {"id": "same"})
    client.wait_for(lambda _: len(client.replies("same")) == 2)


def test_a_snapshot_is_of_the_moment_its_request_was_sent(client: LspClient) -> None:
    client.initialize()
    opened = {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": "a\n"}}
    changed = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [edit(0, 0, 1, "b")]}
    client.send_bytes(
        frame({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": opened})
        + frame({"jsonrpc": "2.0", "id": "s", "method": "probe/snapshot", "params": {"uri": URI}})
        + frame({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": changed})
    )
    assert client.result("s") == {"version": 1, "isCurrent": False}


def test_settings_are_pulled_where_the_client_holds_them(client: LspClient) -> None:
    client.answers["workspace/configuration"] = lambda params: (
        [{"completion": {"maxTokens": 7, "debounceMs": "soon"}}]
        if params["items"] == [{"section": "hearthline"}]
        else []
    )
    client.initialize({"workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}})
    told = client.notification("window/showMessage")
    assert told["message"].startswith("hearthline.completion.debounceMs: a whole number")
    assert "max_tokens=7" in client.call("probe/settings", {})
    registered = client.notification("client/registerCapability")["registrations"]
    assert [item["method"] for item in registered] == ["workspace/didChangeConfiguration"]
    client.answers["workspace/configuration"] = lambda _: [{"completion": {"maxTokens": 9, "debounceMs": "soon"}}]
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.notification("hearthline/status", lambda params: params["state"] == "ready")
    client.wait_for(lambda _: "max_tokens=9" in client.call("probe/settings", {}))
    shown = [message for message in client.messages if message.get("method") == "window/showMessage"]
    assert len(shown) == 1, "a problem is said once"


def test_settings_come_with_initialize_and_with_notifications(client: LspClient) -> None:
    client.initialize(options={"completion": {"maxTokens": 5, "enabeld": True}})
    assert "did you mean hearthline.completion.enabled?" in client.notification("window/showMessage")["message"]
    assert "max_tokens=5" in client.call("probe/settings", {})
    client.notify("workspace/didChangeConfiguration", {"settings": {"hearthline": {"completion": {"enabled": False}}}})
    assert client.notification("hearthline/status", lambda params: params["state"] == "off")["reason"] == "off"
    assert "enabled=False" in client.call("probe/settings", {})
    client.messages.clear()
    client.notify("workspace/didChangeConfiguration", {"settings": {"hearthline": {}}})
    client.notification("hearthline/status", lambda params: params["state"] == "ready")


def test_status_is_ready_once_the_engine_is(client: LspClient) -> None:
    client.initialize()
    status = client.notification("hearthline/status", lambda params: params["state"] == "ready")
    assert status == {"state": "ready", "message": "ready", "reason": None, "model": "scripted", "progress": None}
