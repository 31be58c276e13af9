"""Write-ahead logging for SQLite files that several windows share.

Owns the one statement that does not wait for other connections by itself: the change of the journal's mode fails at
once while another one changes it, however long the connection's timeout is.
"""

import sqlite3
import time

_RETRY_S = 0.02


def write_ahead(connection: sqlite3.Connection, wait_s: float) -> None:
    """Have `connection` write ahead; others are waited for `wait_s` at most. Raises sqlite3.Error."""
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)
