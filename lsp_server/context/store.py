"""The index of one folder on disk: chunks, symbols, and a full-text index over the chunks' terms. SQLite, FTS5, WAL.

Invariants: what is written is written whole or not at all, whenever the process dies; damage of any kind raises
`sqlite3.DatabaseError`, after which the file is only good to be deleted and built again. One thread writes and one
reads, each through a connection of its own.
"""

import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

from lsp_server.context.files import Stamp
from lsp_server.context.frequencies import Frequencies, slots_of
from lsp_server.context.queries import Queries
from lsp_server.context.records import ChunkRow, ParsedFile, SymbolRow
from lsp_server.context.terms import terms_of
from lsp_server.write_ahead import write_ahead

FORMAT = 2
"""Of the tables and of `terms.terms_of`; a file of another format is built anew."""

MEMORY_LIMIT_BYTES = 64 * 1024 * 1024
"""How large an index may grow that has no place on disk."""

_BUSY_S = 5.0
_TABLES = """
    CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER, mtime_ns INTEGER);
    CREATE TABLE chunk (id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL, first_line INTEGER NOT NULL,
                        hash BLOB NOT NULL, text TEXT NOT NULL);
    CREATE INDEX chunk_of_file ON chunk (file_id);
    CREATE TABLE symbol (file_id INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, line INTEGER NOT NULL,
                         signature TEXT NOT NULL, hash BLOB NOT NULL);
    CREATE INDEX symbol_name ON symbol (name);
    CREATE INDEX symbol_of_file ON symbol (file_id);
    CREATE TABLE frequencies (slots BLOB NOT NULL);
    CREATE VIRTUAL TABLE term USING
        fts5 (terms, content='', columnsize=0, detail=column, tokenize="ascii tokenchars '_'");
    CREATE VIRTUAL TABLE term_frequency USING fts5vocab (term, row);
"""


class IndexFullError(sqlite3.OperationalError):
    """An index without a place on disk has grown to MEMORY_LIMIT_BYTES."""


def open_store(path: Path | None) -> "Store":
    """Open the index at `path`, or begin it anew where there is none that can be used; None: in memory.

    Raises OSError or sqlite3.OperationalError where the place cannot be written.
    """
    if path is None:
        return Store(None)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    try:
        return Store(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        delete(path)
        path.touch(mode=0o600)
        return Store(path)


def delete(path: Path) -> None:
    """Delete the index at `path` with what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Store:
    """One open index. path: None for one in memory, which has a single connection. queries: for the reading thread."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._writer = _connect(path)
        try:
            self._prepare()
            (self._version,) = self._writer.execute("PRAGMA data_version").fetchone()
            self._frequencies = self._load_frequencies()
            self._reader = self._writer if path is None else _connect(path)
            self.queries = Queries(self._reader, self._frequencies)
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Close the connections; nothing is lost."""
        self._reader.close()
        self._writer.close()

    def stamps(self) -> dict[str, Stamp]:
        """Return the files in the index with their stamps."""
        rows = self._writer.execute("SELECT path, size, mtime_ns FROM file")
        return {path: Stamp(size, mtime_ns) for path, size, mtime_ns in rows}

    def stamps_of(self, paths: Iterable[str]) -> dict[str, Stamp]:
        """Return those of `paths` that are in the index, with their stamps."""
        rows = [
            self._writer.execute("SELECT path, size, mtime_ns FROM file WHERE path = ?", (path,)).fetchone()
            for path in paths
        ]
        return {row[0]: Stamp(*row[1:]) for row in rows if row is not None}

    def has_below(self, folder: str) -> bool:
        """Tell whether the index holds files that lie in `folder`."""
        inside = (f"{folder}/", f"{folder}0")  # `0` comes behind `/`
        return self._writer.execute("SELECT 1 FROM file WHERE path > ? AND path < ?", inside).fetchone() is not None

    def update(self, files: Iterable[ParsedFile]) -> None:
        """Put `files` into the index in the place of what it holds of them, all or none."""
        self._check_limit()
        with self._writer:
            self._begin()
            added = _Added(*self._writer.execute("SELECT coalesce(max(id), 0) + 1 FROM chunk").fetchone())
            for file in files:
                self._put(file, added)
            self._write(added)

    def remove(self, paths: Collection[str]) -> None:
        """Take the files `paths` out."""
        with self._writer:
            self._begin()
            for path in paths:
                row = self._writer.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
                if row is not None:
                    self._drop_chunks(self._chunks_of(row[0]).values())
                    self._writer.execute("DELETE FROM symbol WHERE file_id = ?", row)
                    self._writer.execute("DELETE FROM file WHERE id = ?", row)

    def follow_others(self, paths: Collection[str] | None) -> None:
        """Count the terms that other windows wrote since the last time: of `paths`, or of all where None.

        Too many counted here does no harm; a term that is not would never be looked up.
        """
        (version,) = self._writer.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        self._version = version
        if paths is None:
            self._frequencies.replace(self._load_frequencies())
        for path in paths or ():
            rows = self._writer.execute(
                "SELECT text FROM chunk JOIN file ON file.id = file_id WHERE file.path = ?", (path,)
            ).fetchall()
            for (text,) in rows:
                self._frequencies.add(slots_of(terms_of(text)))

    def save_frequencies(self) -> None:
        """Spare the next `open_store` the counting."""
        with self._writer:
            self._begin()
            self._writer.execute("INSERT INTO frequencies (slots) VALUES (?)", (self._frequencies.to_bytes(),))

    def _begin(self) -> None:
        """Begin a transaction; the frequencies that were saved hold no longer."""
        self._writer.execute("BEGIN IMMEDIATE")
        self._writer.execute("DELETE FROM frequencies")

    def _put(self, file: ParsedFile, added: "_Added") -> None:
        """Write what differs: chunks and symbols that stayed keep their rows, wherever chunks moved to."""
        (file_id,) = self._writer.execute(
            "INSERT INTO file (path, size, mtime_ns) VALUES (?, ?, ?) ON CONFLICT (path) "
            "DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns RETURNING id",
            (file.path, *file.stamp),
        ).fetchone()
        old = self._chunks_of(file_id)
        for chunk in file.chunks:
            kept = old.pop((chunk.digest, chunk.first_line), None) or _pop_moved(old, chunk.digest)
            if kept is None:
                added.put_chunk(file_id, chunk)
            elif kept[1] != chunk.first_line:
                self._writer.execute("UPDATE chunk SET first_line = ? WHERE id = ?", (chunk.first_line, kept[0]))
        self._drop_chunks(old.values())
        self._put_symbols(file_id, file, added)

    def _write(self, added: "_Added") -> None:
        """Write new rows, one statement for all of a kind."""
        self._writer.executemany(
            "INSERT INTO chunk (id, file_id, first_line, hash, text) VALUES (?, ?, ?, ?, ?)", added.chunks
        )
        self._writer.executemany("INSERT INTO term (rowid, terms) VALUES (?, ?)", added.terms)
        self._writer.executemany(
            "INSERT INTO symbol (file_id, name, kind, line, signature, hash) VALUES (?, ?, ?, ?, ?, ?)", added.symbols
        )
        self._frequencies.add(b"".join(added.slots))

    def _chunks_of(self, file_id: int) -> dict[tuple[bytes, int], tuple[int, int]]:
        rows = self._writer.execute("SELECT id, first_line, hash FROM chunk WHERE file_id = ?", (file_id,))
        return {(row[2], row[1]): row[:2] for row in rows}

    def _drop_chunks(self, rows: Iterable[tuple[int, int]]) -> None:
        for chunk_id, _ in rows:
            (text,) = self._writer.execute("SELECT text FROM chunk WHERE id = ?", (chunk_id,)).fetchone()
            terms = terms_of(text)
            self._writer.execute(
                "INSERT INTO term (term, rowid, terms) VALUES ('delete', ?, ?)", (chunk_id, " ".join(terms))
            )
            self._writer.execute("DELETE FROM chunk WHERE id = ?", (chunk_id,))
            self._frequencies.take(terms)

    def _put_symbols(self, file_id: int, file: ParsedFile, added: "_Added") -> None:
        """Write what differs; a symbol that moved to another line keeps its row."""
        query = "SELECT rowid, name, kind, line, signature, hash FROM symbol WHERE file_id = ?"
        old = {row[-1]: (row[0], SymbolRow(*row[1:])) for row in self._writer.execute(query, (file_id,))}
        symbols = {symbol.digest: symbol for symbol in file.symbols}
        if file.is_broken:
            hidden = _still_there((symbol for _, symbol in old.values()), file)
            symbols |= {symbol.digest: symbol for symbol in hidden}
        gone: dict[tuple[str, ...], list[int]] = {}
        for row_id, symbol in (old[digest] for digest in old.keys() - symbols.keys()):
            gone.setdefault((symbol.name, symbol.kind, symbol.signature), []).append(row_id)
        moved = []
        for digest, symbol in symbols.items():
            if digest in old:
                continue
            if same := gone.get((symbol.name, symbol.kind, symbol.signature)):
                moved.append((symbol.line, digest, same.pop()))
            else:
                added.symbols.append((file_id, *symbol))
        self._writer.executemany("UPDATE symbol SET line = ?, hash = ? WHERE rowid = ?", moved)
        left = [(row_id,) for same in gone.values() for row_id in same]
        self._writer.executemany("DELETE FROM symbol WHERE rowid = ?", left)

    def _check_limit(self) -> None:
        if self.path is None:
            (n_pages,), (page_bytes,) = (
                self._writer.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
            )
            if n_pages * page_bytes > MEMORY_LIMIT_BYTES:
                raise IndexFullError(f"the index in memory is larger than {MEMORY_LIMIT_BYTES // 2**20} MB")

    def _prepare(self) -> None:
        """Make the tables of an empty file; one of two windows that open it at once does."""
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            (found,) = self._writer.execute("PRAGMA user_version").fetchone()
            if found == FORMAT:
                return
            if found != 0 or self._writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise sqlite3.DatabaseError(f"the index has format {found}, not {FORMAT}")
            for statement in _TABLES.split(";"):
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version = {FORMAT}")

    def _load_frequencies(self) -> Frequencies:
        """Return the frequencies as saved, else counted."""
        saved = self._writer.execute("SELECT slots FROM frequencies").fetchone()
        if saved is None:
            return Frequencies(self._writer.execute("SELECT term, doc FROM term_frequency"))
        try:
            return Frequencies.from_bytes(saved[0])
        except ValueError as error:
            raise sqlite3.DatabaseError("the saved frequencies are damaged") from error


class _Added:
    """New rows of a transaction, in the order of their tables' columns. next_id: of the first new chunk."""

    def __init__(self, next_id: int) -> None:
        self._next_id = next_id
        self.chunks: list[tuple[int, int, int, bytes, str]] = []
        self.terms: list[tuple[int, str]] = []
        self.symbols: list[tuple[int, str, str, int, str, bytes]] = []
        self.slots: list[bytes] = []

    def put_chunk(self, file_id: int, chunk: ChunkRow) -> None:
        """Take in a chunk of a file."""
        self.chunks.append((self._next_id, file_id, chunk.first_line, chunk.digest, chunk.text))
        self.terms.append((self._next_id, chunk.terms))
        self.slots.append(chunk.slots)
        self._next_id += 1


def _connect(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        connection.execute("PRAGMA page_size = 8192")  # of a new file: a sixth less work than pages of 4096
        if path is not None:
            write_ahead(connection, _BUSY_S)
            # Every 32 MB: each time is a wait for the disk, 20 ms and more, in which a changed file is not there yet.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -8192")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _pop_moved(old: dict[tuple[bytes, int], tuple[int, int]], digest: bytes) -> tuple[int, int] | None:
    """Take the chunk of this text out of `old` that stood at another line."""
    key = next((key for key in old if key[0] == digest), None)
    return old.pop(key) if key is not None else None


def _still_there(old: Iterable[SymbolRow], file: ParsedFile) -> list[SymbolRow]:
    """Return the symbols of `old` that a broken text hides but still names."""
    known = {symbol.name for symbol in file.symbols}
    said: set[str] = {term for chunk in file.chunks for term in chunk.terms.split()}
    return [symbol for symbol in old if symbol.name not in known and symbol.name.lower() in said]
