"""Figures about suggestions, in a small SQLite file of this user. Never a character of source, nor a file's name.

Invariant: recording fails nothing: where the file cannot be written or read, nothing more is recorded in this process,
and the log says why, once. Several windows share the file.
"""

import logging
import sqlite3
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

from inference import paths
from lsp_server.feedback.records import Fate, Record, Request
from lsp_server.write_ahead import write_ahead

_FORMAT = 1
_KEEP_S = 180 * 86_400
_BUSY_S = 2.0

R = TypeVar("R", Request, Fate)

_log = logging.getLogger(__name__)


_TABLES: dict[type[Record], str] = {Request: "requests", Fate: "fates"}


def feedback_path() -> Path:
    """Where the figures are kept."""
    return paths.data_dir() / "feedback.sqlite"


class FeedbackStore:
    """Appends records on a thread of its own, so that no disk holds up the editor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, "feedback")
        self._connection: sqlite3.Connection | None = None
        self._is_broken = False

    def add(self, record: Record) -> None:
        """Record, some time soon."""
        self._writer.submit(self._write, record)

    def close(self) -> None:
        """Write what was handed in, and let go of the file."""
        self._writer.submit(self._close)
        self._writer.shutdown(wait=True)

    def _write(self, record: Record) -> None:
        if self._is_broken:
            return
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            places = ", ".join("?" * len(fields(record)))
            with self._connection as connection:
                connection.execute(f"insert into {_TABLES[type(record)]} values ({places})", astuple(record))  # noqa: S608 - our own names
        except (sqlite3.Error, OSError) as error:
            self._is_broken = True
            _log.warning("no figures are recorded any more: %s: %s", self._path, error)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def read(path: Path, kind: type[R], since: int) -> list[R]:
    """Return the records of `kind` since then, oldest first; none where nothing was recorded yet.

    Raises sqlite3.Error where the file is something else.
    """
    if not path.is_file():
        return []
    with closing(_open(path)) as connection:
        rows: Iterable[tuple[Any, ...]] = connection.execute(
            f"select * from {_TABLES[kind]} where at >= ? order by at, rowid",  # noqa: S608 - our own names
            (since,),
        )
        return [kind(*row) for row in rows]


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        path.chmod(0o600)
        write_ahead(connection, _BUSY_S)
        if connection.execute("pragma user_version").fetchone()[0] not in (0, _FORMAT):
            raise sqlite3.DatabaseError("it was written by another version")
        with connection:
            for kind, table in _TABLES.items():
                columns = ", ".join(field.name for field in fields(kind))
                connection.execute(f"create table if not exists {table} ({columns})")
                connection.execute(f"delete from {table} where at < ?", (int(time.time()) - _KEEP_S,))  # noqa: S608 - likewise
            connection.execute(f"pragma user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection
