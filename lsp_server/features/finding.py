"""Finds what stands elsewhere and matters at the cursor: definitions, what was seen and edited lately, similar code.

Owns what the person saw and wrote in this window, and what was found for each document. Invariants: nothing of a file
named as a secret is looked at; an index that is closed, fails or is slow means fewer snippets and no error.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.completion.names import names_at
from lsp_server.completion.snippets import Snippet, admit
from lsp_server.context.recent import Edits, SeenChunks
from lsp_server.context.secrets import is_secret_name
from lsp_server.document import Change, DocumentSnapshot, Position
from lsp_server.features.lookup import IsSeen, Lookup, Question
from lsp_server.logs import place_of
from lsp_server.session import Session

_AROUND_LINES, _AROUND_LINE_CHARS = 20, 300
_WINDOW_LINES_BEFORE, _WINDOW_LINES_BEHIND = 120, 40
"""Of the file itself, what stands so near is taken to be in the prompt anyway."""
_LEFT_LINES = 40
_MOST_LABEL_CHARS = 200
"""The worker takes names up to 256 characters."""
_MOST_CHUNKS = _MOST_EDITS = 2

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Found:
    """question: the last one for a document; snippets: what came of it, the most telling first."""

    question: Question | None = None
    snippets: tuple[Snippet, ...] = ()
    looking: "asyncio.Task[None] | None" = None


class Finder:
    """Finds for the documents of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, _Found] = {}
        self._seen = SeenChunks()
        self._edits = Edits(self._lines_of)
        self._last: tuple[str, int] | None = None

    def note_opened(self, uri: str) -> None:
        """Take in that a document was opened."""
        snapshot = self._session.snapshot(uri)
        if snapshot.path is not None and not snapshot.unfit:
            self._seen.note(snapshot.path, snapshot.lines, 0)

    def note_edit(self, uri: str, changes: Sequence[Change]) -> None:
        """Take in what is about to be changed in a document."""
        path = self._session.documents[uri].path
        if path is None:
            return
        text, where = changes[0] if len(changes) == 1 else ("", None)
        if where is None:
            self._edits.forget_open()  # a tool's work, or a place that cannot be told
        else:
            self._edits.follow(path, where.start_line, where.end_line, text.count("\n") + 1)

    def note_indexed(self) -> None:
        """Take in that the index may answer what it could not before."""
        for found in self._found.values():
            found.question = None

    def note_closed(self, uri: str) -> None:
        """Take in that a document is about to be closed."""
        self._leave(uri)
        found = self._found.pop(uri, None)
        if found is not None and found.looking is not None:
            found.looking.cancel()

    def note_place(self, snapshot: DocumentSnapshot, position: Position) -> None:
        """Take in that the person is at `position` now; what stands at the place they left is kept."""
        if self._last is None or self._last[0] != snapshot.uri or abs(self._last[1] - position.line) > _LEFT_LINES:
            if self._last is not None:
                self._leave(self._last[0])
            self._last = (snapshot.uri, position.line)

    def look(self, snapshot: DocumentSnapshot, position: Position) -> None:
        """Begin to look up what the text at `position` names, if that is something else than before."""
        if snapshot.path is None or is_secret_name(snapshot.path):
            return
        found = self._found.setdefault(snapshot.uri, _Found())
        names = names_at(snapshot.lines, *position)
        if found.question is not None and found.question.names == names:
            return
        folders = tuple(map(str, self._session.folders))
        question = found.question = Question(names, snapshot.path, _around(snapshot, position), folders)
        if found.looking is not None:
            found.looking.cancel()
        found.looking = asyncio.ensure_future(self._look(found, question, position.line))
        found.looking.add_done_callback(_log_failure)

    async def found(self, uri: str, patience_s: float) -> tuple[Snippet, ...]:
        """Return what was found for a document, the most telling first; waits `patience_s` for what is looked up."""
        found = self._found.get(uri)
        if found is None:
            return ()
        if found.looking is not None and not found.looking.done() and patience_s > 0:
            await asyncio.wait((found.looking,), timeout=patience_s)
        return found.snippets

    def label(self, path: str) -> str:
        """Return what a model is told of `path`: where it lies in the workspace, or its name alone."""
        folder = self._folder_of(path)
        label = Path(path).relative_to(folder).as_posix() if folder is not None else Path(path).name
        return label[-_MOST_LABEL_CHARS:]

    def repo(self, path: str | None) -> str | None:
        """Return the name of the workspace's folder that `path` lies in."""
        folder = self._folder_of(path) if path is not None else None
        return folder.name[-_MOST_LABEL_CHARS:] or None if folder is not None else None

    def _folder_of(self, path: str) -> Path | None:
        return next((folder for folder in self._session.folders if Path(path).is_relative_to(folder)), None)

    async def _look(self, found: _Found, question: Question, line: int) -> None:
        def is_seen(path: str, first: int, last: int) -> bool:
            is_near = first <= line + _WINDOW_LINES_BEHIND and last >= line - _WINDOW_LINES_BEFORE
            return path == question.path and is_near

        index, names = self._session.index, question.names
        lookup = Lookup(index, question, self.label, is_seen) if index is not None else None
        near = [*await lookup.close(), *await lookup.named(names.near)] if lookup else []
        near += self._recent(question, is_seen)
        found.snippets = tuple(admit(near, question.around))  # who is in a hurry need not wait for the rest
        if lookup is not None:
            rest = [*await lookup.named(names.imported), *await lookup.similar()]
            found.snippets = tuple(admit([*near, *rest], question.around))

    def _recent(self, question: Question, is_seen: IsSeen) -> Iterable[Snippet]:
        for chunk in self._seen.telling(question.around, is_seen, _MOST_CHUNKS):
            yield Snippet(f"seen:{chunk.path}:{chunk.first_line}", self.label(chunk.path), chunk.text)
        for edit in self._edits.last(_MOST_EDITS):
            yield Snippet(f"edit:{edit.number}", f"{self.label(edit.path)}.diff", edit.text)

    def _leave(self, uri: str) -> None:
        """Keep what stands where the person was in `uri`."""
        document = self._session.documents.get(uri)
        if self._last is not None and self._last[0] == uri and document is not None and document.path is not None:
            self._seen.note(document.path, document.snapshot().lines, self._last[1])
            self._last = None
        self._edits.settle()

    def _lines_of(self, path: str) -> Sequence[str] | None:
        documents = self._session.documents.values()
        return next((document.snapshot().lines for document in documents if document.path == path), None)


def _around(snapshot: DocumentSnapshot, position: Position) -> str:
    first = max(0, position.line - _AROUND_LINES)
    lines = snapshot.lines[first : position.line + _AROUND_LINES]
    return "".join(line[:_AROUND_LINE_CHARS] for line in lines)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("nothing was looked up: %s", place_of(error))
