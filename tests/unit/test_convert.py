"""LSP's types and ours, there and back."""

from pathlib import Path

import pytest
from lsprotocol import types

from lsp_server import convert
from lsp_server.document import Document, Position, PositionEncoding


@pytest.mark.parametrize(
    ("encoding", "character"), [(PositionEncoding.UTF8, 5), (PositionEncoding.UTF16, 3), (PositionEncoding.UTF32, 2)]
)
def test_positions_there_and_back(encoding: PositionEncoding, character: int) -> None:
    snapshot = Document("file:///a", "x\na🦊b\r\n", version=1, encoding=encoding).snapshot()
    theirs = types.Position(1, character)
    assert convert.position(snapshot, theirs) == Position(1, 2)
    assert convert.client_position(snapshot, Position(1, 2)) == theirs
    assert convert.client_range(snapshot, Position(1, 2), Position(1, 2)) == types.Range(theirs, theirs)


def test_positions_past_an_end_mean_that_end() -> None:
    snapshot = Document("file:///a", "ab\r\nc", version=1).snapshot()
    assert convert.position(snapshot, types.Position(0, 99)) == Position(0, 2)
    assert convert.position(snapshot, types.Position(99, 0)) == Position(1, 1)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///project/a%20b.py", "/project/a b.py"),
        ("file://localhost/a", "/a"),
        ("file://elsewhere/a", None),
        ("untitled:Untitled-1", None),
        ("https://example.org/a", None),
        ("file://[broken", None),
        ("", None),
    ],
)
def test_paths_of_uris(uri: str, path: str | None) -> None:
    assert convert.path_of(uri) == path


def test_folders_come_from_the_newest_field_that_is_set() -> None:
    nothing = types.ClientCapabilities()
    folder = types.WorkspaceFolder("file:///new", "new")
    every = types.InitializeParams(nothing, root_path="/old", root_uri="file:///root", workspace_folders=[folder])
    assert convert.folders(every) == (Path("/new"),)
    assert convert.folders(types.InitializeParams(nothing, root_path="/old", root_uri="file:///root")) == (
        Path("/root"),
    )
    assert convert.folders(types.InitializeParams(nothing, root_path="/old")) == (Path("/old"),)
    assert convert.folders(types.InitializeParams(nothing)) == ()


def test_folders_come_and_go() -> None:
    event = types.WorkspaceFoldersChangeEvent(
        added=[types.WorkspaceFolder("file:///c", "c"), types.WorkspaceFolder("vfs:///d", "d")],
        removed=[types.WorkspaceFolder("file:///a", "a")],
    )
    assert convert.changed_folders((Path("/a"), Path("/b")), event) == (Path("/b"), Path("/c"))
