"""The journal's mode is changed once nobody else is at it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lsp_server.write_ahead import write_ahead


def test_another_window_is_waited_for_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shared.sqlite"
    with closing(sqlite3.connect(path)) as other, closing(sqlite3.connect(path, timeout=0)) as connection:
        other.execute("begin exclusive")
        other.execute("create table a (b)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_ahead(connection, 0.0)
        monkeypatch.setattr("lsp_server.write_ahead.time.sleep", lambda _: other.commit())
        write_ahead(connection, 30.0)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_what_is_no_database_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "words.sqlite").write_bytes(b"no database at all, but text " * 100)
    with closing(sqlite3.connect(tmp_path / "words.sqlite")) as connection, pytest.raises(sqlite3.DatabaseError):
        write_ahead(connection, 30.0)
