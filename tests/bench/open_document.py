"""A document as an editor holds it: its text, and what the server is told of it. Offsets are in characters."""

from pathlib import Path
from typing import Any

from tests.bench.json_rpc import Client


class Document:
    """One open document."""

    def __init__(self, client: Client, path: Path, text: str) -> None:
        self.text = text
        self._client = client
        self._uri = path.as_uri()
        self._version = 1
        item = {"uri": self._uri, "languageId": "python", "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": item})

    def edit(self, start: int, end: int, text: str) -> None:
        """Replace the characters from `start` to `end`, and tell the server."""
        self._client.notify("textDocument/didChange", self.edited(start, end, text))

    def edited(self, start: int, end: int, text: str) -> dict[str, Any]:
        """Replace the characters from `start` to `end`; return what the server is to be told."""
        self._version += 1
        change = {"range": {"start": self._position(start), "end": self._position(end)}, "text": text}
        self.text = self.text[:start] + text + self.text[end:]
        return {"textDocument": {"uri": self._uri, "version": self._version}, "contentChanges": [change]}

    def asking(self, offset: int, trigger: int = 2) -> dict[str, Any]:
        """Return the parameters of a request for ghost text at `offset`."""
        here = self._position(offset)
        return {"textDocument": {"uri": self._uri}, "position": here, "context": {"triggerKind": trigger}}

    def close(self) -> None:
        """Close it."""
        self._client.notify("textDocument/didClose", {"textDocument": {"uri": self._uri}})

    def _position(self, offset: int) -> dict[str, int]:
        line_start = self.text.rfind("\n", 0, offset) + 1
        return {"line": self.text.count("\n", 0, offset), "character": offset - line_start}
