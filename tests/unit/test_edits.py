"""Edits as a client understands them: with versions, with something to say first, or plain."""

from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.document import Document, PositionEncoding
from lsp_server.errors import HearthlineError
from lsp_server.features.edits import Change, Note, apply, file_of, file_on_disk, workspace_edit
from lsp_server.features.running import STALE
from lsp_server.review.finding import Place
from lsp_server.server import HearthlineServer, create_server
from lsp_server.session import ClientCapabilities
from lsp_server.transport.messages import wire_converter

NOTE = Note("Fix", "It was checked.")
ALL = ClientCapabilities(versioned_edits=True, file_creation=True, change_annotations=True, edit_requests=True)


def _on_wire(edit: types.WorkspaceEdit) -> Any:
    return wire_converter().unstructure(edit)


def _document(text: str) -> Document:
    return Document("file:///a.py", text, version=3, path="/a.py")


def test_a_change_of_an_open_document_names_its_version_and_asks_first() -> None:
    file = file_of(_document("é😀 = x\r\n").snapshot())
    made = _on_wire(workspace_edit(ALL, [Change(file, Place(0, 5, 0, 6), "y\nz\r\n")], NOTE))
    (change,) = made["documentChanges"]
    assert change["textDocument"] == {"uri": "file:///a.py", "version": 3}
    (edit,) = change["edits"]
    assert edit["newText"] == "y\r\nz\r\n"
    assert edit["range"] == {"start": {"line": 0, "character": 6}, "end": {"line": 0, "character": 7}}
    annotation = made["changeAnnotations"][edit["annotationId"]]
    assert annotation == {"label": "Fix", "needsConfirmation": True, "description": "It was checked."}


def test_what_is_to_be_made_at_once_has_no_annotation() -> None:
    change = Change(file_of(_document("x").snapshot()), Place(0, 0, 0, 1), "y")
    made = _on_wire(workspace_edit(ALL, [change]))
    assert "changeAnnotations" not in made
    assert "annotationId" not in made["documentChanges"][0]["edits"][0]


def test_a_client_without_versions_gets_plain_edits() -> None:
    file = file_of(_document("x\ny\n").snapshot())
    changes = [Change(file, Place(0, 0, 0, 1), "a"), Change(file, file.end, "b")]
    made = _on_wire(workspace_edit(ClientCapabilities(change_annotations=True), changes, NOTE))
    assert [edit["newText"] for edit in made["changes"]["file:///a.py"]] == ["a", "b"]
    assert set(made) == {"changes"}


def test_a_file_that_is_not_there_is_made_first_where_the_client_can() -> None:
    new = file_on_disk("/t/test_a.py", None)
    made = _on_wire(workspace_edit(ALL, [Change(new, new.end, "x = 1\n")], NOTE))
    create, change = made["documentChanges"]
    assert (create["kind"], create["uri"]) == ("create", "file:///t/test_a.py")
    assert change["textDocument"]["version"] is None
    old = file_on_disk("/t/test_a.py", "a\r\nb")
    (change,) = _on_wire(workspace_edit(ALL, [Change(old, old.end, "\nc")]))["documentChanges"]
    assert change["edits"][0]["newText"] == "\r\nc"
    assert change["edits"][0]["range"]["start"] == {"line": 1, "character": 1}


def test_columns_are_those_of_the_client() -> None:
    capabilities = ClientCapabilities(position_encoding=PositionEncoding.UTF8)
    made = _on_wire(workspace_edit(capabilities, [Change(file_on_disk("/a", "é😀x"), Place(0, 2, 0, 3), "y")]))
    assert made["changes"]["file:///a"][0]["range"]["start"]["character"] == 6


class _Client:
    """Answers `workspace/applyEdit`."""

    def __init__(self, answer: types.ApplyWorkspaceEditResult | Exception) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def send_request_async(self, _method: str, params: Any) -> Any:
        self.asked.append(params)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _server(client: _Client, capabilities: ClientCapabilities = ALL) -> tuple[HearthlineServer, Document]:
    server = create_server()
    server.protocol = client  # type: ignore[assignment]  # what of it is asked here
    server.session.capabilities = capabilities
    document = _document("x\n")
    server.session.documents[document.uri] = document
    return server, document


@pytest.mark.anyio
@pytest.mark.parametrize("is_wanted", [True, False])
async def test_the_client_is_asked_and_says_whether_it_was_made(is_wanted: bool) -> None:
    client = _Client(types.ApplyWorkspaceEditResult(applied=is_wanted))
    server, document = _server(client)
    assert await apply(server, types.WorkspaceEdit(), "Fix", document.snapshot()) is is_wanted
    assert client.asked[0].label == "Fix"


@pytest.mark.anyio
async def test_nothing_is_asked_once_the_document_is_another() -> None:
    client = _Client(types.ApplyWorkspaceEditResult(applied=True))
    server, document = _server(client)
    snapshot = document.snapshot()
    document.apply([], 4)
    with pytest.raises(HearthlineError, match=STALE):
        await apply(server, types.WorkspaceEdit(), "Fix", snapshot)
    assert client.asked == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [types.ApplyWorkspaceEditResult(applied=False, failure_reason="no way"), JsonRpcException("no way")],
)
async def test_what_the_client_could_not_make_is_said(answer: types.ApplyWorkspaceEditResult | Exception) -> None:
    server, document = _server(_Client(answer))
    with pytest.raises(HearthlineError, match="no way"):
        await apply(server, types.WorkspaceEdit(), "Fix", document.snapshot())


@pytest.mark.anyio
async def test_a_client_that_takes_no_such_request_is_not_asked() -> None:
    client = _Client(types.ApplyWorkspaceEditResult(applied=True))
    server, _ = _server(client, ClientCapabilities())
    with pytest.raises(HearthlineError, match="workspace/applyEdit"):
        await apply(server, types.WorkspaceEdit(), "Fix")
    assert client.asked == []
