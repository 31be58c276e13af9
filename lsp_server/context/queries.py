"""Answers from the index of a folder: chunks that share rare terms with a text, definitions of a name.

Invariant: a row whose hash does not fit its text is never returned, but raises `sqlite3.DatabaseError`, as damage that
SQLite itself finds does.
"""

import heapq
import math
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator

from lsp_server.context.calls import Called, caller_of, calls_in
from lsp_server.context.frequencies import Frequencies
from lsp_server.context.records import Call, Definition, FoundChunk, hash_of

_QUERY_TERMS = 8
_QUERY_ROWS = 800
"""Terms are looked up while they stand in so many chunks together: more would cost milliseconds and tell little."""
_CANDIDATE_TERMS = 40
_MOST_FOUND = 100
_MOST_CALLED = 400
_NAME = re.compile(r"\w{2,}")


def check(digest: object, *values: object) -> None:
    """Raise sqlite3.DatabaseError unless `digest` is the hash of `values`."""
    if hash_of(*values) != digest:
        raise sqlite3.DatabaseError("a row of the index is damaged")


class Queries:
    """Reads through `connection`, in one thread."""

    def __init__(self, connection: sqlite3.Connection, frequencies: Frequencies) -> None:
        self._connection = connection
        self._frequencies = frequencies

    def search(self, terms: Iterable[str], limit: int, exclude_path: str | None = None) -> list[FoundChunk]:
        """Return the chunks that hold the rarest of `terms`, the best first.

        Scored as BM25 does where no term counts twice: a term weighs the more, the fewer chunks hold it.
        """
        own = self._lower_texts_of(exclude_path)
        scores: dict[int, float] = {}
        (n_chunks,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM chunk").fetchone()
        for term in self._rarest(terms, own.values()):
            rows = self._connection.execute("SELECT rowid FROM term WHERE term MATCH ?", (f'"{term}"',)).fetchall()
            weight = math.log1p(n_chunks / max(1, len(rows)))
            for (chunk_id,) in rows:
                scores[chunk_id] = scores.get(chunk_id, 0.0) + weight
        best = heapq.nsmallest(limit, ((-scores[chunk_id], chunk_id) for chunk_id in scores.keys() - own.keys()))
        return [found for score, chunk_id in best if (found := self._found(chunk_id, -score)) is not None]

    def definitions(self, name: str, near_path: str, limit: int) -> list[Definition]:
        """Return the symbols called `name`, those first whose file lies nearest to `near_path`."""
        rows: list[tuple[str, str, str, int, str, int, bytes]] = self._connection.execute(
            "SELECT path, name, kind, line, signature, file_id, hash FROM symbol JOIN file ON file.id = file_id "
            "WHERE name = ? LIMIT ?",
            (name, _MOST_FOUND),
        ).fetchall()
        for row in rows:
            check(row[6], *row[:5])
        rows.sort(key=lambda row: (-_n_shared_folders(row[0], near_path), row[0], row[3]))
        return [
            Definition(path, name, kind, line, signature, self._text_from(file_id, line))
            for path, name, kind, line, signature, file_id, _ in rows[:limit]
        ]

    def callers(self, name: str, near_path: str, limit: int) -> list[Call]:
        """Return lines that call `name`, those first whose file lies nearest to `near_path`; see `calls`.

        Of a name that stands in more than _MOST_CALLED chunks, only so many are looked at.
        """
        if not _NAME.fullmatch(name):
            return []
        rows: list[tuple[int, str, int, int]] = self._connection.execute(
            "SELECT chunk.id, path, first_line, file_id FROM term JOIN chunk ON chunk.id = term.rowid "
            "JOIN file ON file.id = file_id WHERE term MATCH ? LIMIT ?",
            (f'"{name.lower()}"', _MOST_CALLED),
        ).fetchall()
        rows.sort(key=lambda row: (-_n_shared_folders(row[1], near_path), row[1], row[2]))
        calls: list[Call] = []
        for chunk_id, path, first_line, file_id in rows:
            found = self._found(chunk_id, 1.0)
            called = list(calls_in(found.text, name)) if found is not None else []
            if called:
                here = [each._replace(number=first_line + each.number) for each in called]
                calls += self._calls(path, file_id, name, here)
            if len(calls) >= limit:
                break
        return calls[:limit]

    def _calls(self, path: str, file_id: int, name: str, called: Iterable[Called]) -> Iterator[Call]:
        """Give those of the lines `called` of a file that do not define `name` themselves."""
        definitions: list[tuple[int, str]] = self._connection.execute(
            "SELECT line, name FROM symbol WHERE file_id = ? ORDER BY line", (file_id,)
        ).fetchall()
        indents = {line: len(indent) for line, indent in self._indents(file_id).items()}
        for line, text, indentation in called:
            if (line, name) not in definitions:
                yield Call(path, line, text, caller_of(line, indentation, definitions, indents))

    def outline(self, path: str, limit: int) -> list[Definition]:
        """Return the symbols of the file `path` in their order; their text is their signature, indented as it is."""
        rows: list[tuple[str, str, str, int, str, int, bytes]] = self._connection.execute(
            "SELECT path, name, kind, line, signature, file_id, hash FROM symbol JOIN file ON file.id = file_id "
            "WHERE path = ? ORDER BY line LIMIT ?",
            (path, limit),
        ).fetchall()
        for row in rows:
            check(row[6], *row[:5])
        indents = self._indents(rows[0][5]) if rows else {}
        return [
            Definition(path, name, kind, line, signature, indents.get(line, "") + signature)
            for path, name, kind, line, signature, _, _ in rows
        ]

    def _indents(self, file_id: int) -> dict[int, str]:
        """Return how each line of a file is indented."""
        rows = self._connection.execute("SELECT first_line, text FROM chunk WHERE file_id = ?", (file_id,))
        return {
            number: line[: len(line) - len(line.lstrip())]
            for first_line, text in rows
            for number, line in enumerate(text.split("\n"), first_line)
        }

    def _text_from(self, file_id: int, line: int) -> str:
        row = self._connection.execute(
            "SELECT first_line, text FROM chunk WHERE file_id = ? AND first_line <= ? ORDER BY first_line DESC LIMIT 1",
            (file_id, line),
        ).fetchone()
        return "\n".join(row[1].split("\n")[line - row[0] :]) if row else ""

    def _rarest(self, terms: Iterable[str], own: Collection[str]) -> list[str]:
        """Return the terms to look up: those that stand in other files too, the rarest first, as far as worth it.

        own: the chunks of the file that asks, in small letters.
        """
        by_frequency = sorted((n, term) for term in set(terms) if (n := self._frequencies.of(term)))
        rarest: list[str] = []
        n_rows = 0
        for n, term in by_frequency[:_CANDIDATE_TERMS]:
            if n <= len(own) and n <= sum(term in text for text in own):
                continue
            n_rows += n
            if len(rarest) == _QUERY_TERMS or (rarest and n_rows > _QUERY_ROWS):
                break
            rarest.append(term)
        return rarest

    def _lower_texts_of(self, path: str | None) -> dict[int, str]:
        rows = self._connection.execute(
            "SELECT chunk.id, text FROM chunk JOIN file ON file.id = file_id WHERE file.path = ?", (path,)
        )
        return {chunk_id: text.lower() for chunk_id, text in rows}

    def _found(self, chunk_id: int, score: float) -> FoundChunk | None:
        """Return a chunk; None if another window took it out just now."""
        row = self._connection.execute(
            "SELECT file.path, first_line, text, hash FROM chunk JOIN file ON file.id = file_id WHERE chunk.id = ?",
            (chunk_id,),
        ).fetchone()
        if row is None:
            return None
        path, first_line, text, digest = row
        check(digest, path, text)
        return FoundChunk(path, first_line, text, score)


def _n_shared_folders(path: str, other: str) -> int:
    """Return how many folders two paths have in common from the root on."""
    n_shared = 0
    for one, two in zip(path.split("/")[:-1], other.split("/")[:-1], strict=False):
        if one != two:
            break
        n_shared += 1
    return n_shared
