"""One folder of the workspace and its index: brings the second in step with the first, and keeps it usable.

Invariants: whatever happens to the file that holds the index, it is built again or kept in memory, and the person hears
why where that changes anything; what was written stays usable while the rest is built. Blocking: one thread calls
`reconcile` and `refresh`, another may call `read` meanwhile.
"""

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from inference import paths
from lsp_server.context import store
from lsp_server.context.files import MAX_FILES, Stamp, TooManyFilesError, is_candidate, list_files, stamp_of
from lsp_server.context.parsers import Parsers
from lsp_server.context.queries import Queries
from lsp_server.context.records import ParsedFile
from lsp_server.context.store import IndexFullError, Store
from lsp_server.logs import place_of

_BATCH_FILES = 128
_BATCHES_AHEAD = 2
"""Batches that wait to be written while the next are parsed."""

UNUSED_S = 60 * 24 * 3600.0

_PLACE_ERRORS = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM}
)
_BUSY_ERRORS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class StoppedError(Exception):
    """The work was stopped half-way; what is written stays."""


class FolderIndex:
    """The index of `folder`.

    exclude: patterns in gitignore's syntax. parser: shared with other folders. say: told what the person should know.
    """

    def __init__(self, folder: Path, exclude: Sequence[str], parser: Parsers, say: Callable[[str], None]) -> None:
        self.folder = folder
        self._exclude = exclude
        self._parser = parser
        self._say = say
        self._store: Store | None = None
        self._store_lock = threading.Lock()
        self._in_memory = False
        self.is_damaged = False  # set by whoever finds it so; the next `reconcile` builds the index anew
        self._texts: dict[str, str] = {}  # by path, relative: what an editor shows and no disk has
        self._writes = ThreadPoolExecutor(1, "index-write")

    def set_text(self, path: str, text: str | None) -> None:
        """Let `text` stand for the file `path`, relative, from its next reading on; None: what is on disk."""
        if text is None:
            self._texts.pop(path, None)
        else:
            self._texts[path] = text

    def reconcile(self, on_progress: Callable[[int, int], None], is_stopped: Callable[[], bool]) -> set[str]:
        """Make the index agree with the folder; return the folders that hold its files, relative, empty for itself.

        on_progress: told how many files are done, and of how many. Raises StoppedError, and what the parser raises.
        """
        try:
            files = list_files(self.folder, self._exclude)
        except TooManyFilesError:
            self._say(f"{self.folder} holds more than {MAX_FILES} files of code; it is not indexed")
            return set()
        for attempt in range(3):
            try:
                if self.is_damaged:
                    self.is_damaged = False
                    raise sqlite3.DatabaseError("a query found it damaged")
                self._bring_in_step(files, on_progress, is_stopped)
                break
            except IndexFullError as error:
                self._say(f"the workspace index stays incomplete: {error}")
                break
            except (sqlite3.Error, OSError) as error:
                self._recover(error, is_last=attempt == 2)
        return {os.path.dirname(path) for path in files}

    def refresh(self, dirty: Collection[str], is_stopped: Callable[[], bool]) -> set[str] | None:
        """Read the files `dirty` again, those that are new and those that are gone.

        Return what `reconcile` does, where it was called for: a folder is dirty, or the index could not be used.
        """
        try:
            opened = self._open()
            known = opened.stamps_of(dirty)
            unknown = [path for path in dirty if path not in known]
            if any((self.folder / path).is_dir() or opened.has_below(path) for path in unknown):
                return self.reconcile(_ignore, is_stopped)
            candidates = [path for path in unknown if is_candidate(path)]
            new = list_files(self.folder, self._exclude, only=candidates) if candidates else {}
            now = {path: stamp_of(self.folder / path) for path in known}
            changed = [
                path for path, stamp in now.items() if stamp is not None and self._differs(path, known[path], stamp)
            ]
            gone = [path for path, stamp in now.items() if stamp is None]
            self._feed([*changed, *new], gone, _ignore, is_stopped)
            opened.follow_others(dirty)
        except IndexFullError:
            return None
        except (sqlite3.Error, OSError) as error:
            self._recover(error, is_last=False)
            return self.reconcile(_ignore, is_stopped)
        return None

    def read(self, query: Callable[[Queries], list[_T]]) -> list[_T]:
        """Return what `query` finds; nothing while there is no index. Raises sqlite3.DatabaseError if it is damaged."""
        with self._store_lock:
            return query(self._store.queries) if self._store is not None else []

    def close(self) -> None:
        """Close the index; nothing is lost."""
        self._writes.shutdown(wait=True)
        with self._store_lock:
            if self._store is not None:
                with suppress(sqlite3.Error):
                    self._store.close()
                self._store = None

    def _bring_in_step(
        self, files: dict[str, Stamp], on_progress: Callable[[int, int], None], is_stopped: Callable[[], bool]
    ) -> None:
        known = self._open().stamps()
        changed = [path for path, stamp in files.items() if self._differs(path, known.get(path), stamp)]
        gone = [path for path in known if path not in files]
        if changed or gone:
            self._feed(changed, gone, on_progress, is_stopped)
            self._write(self._open().save_frequencies).result()
        self._open().follow_others(None)

    def _differs(self, path: str, known: Stamp | None, now: Stamp) -> bool:
        return known != now or path in self._texts

    def _feed(
        self,
        changed: Sequence[str],
        gone: list[str],
        on_progress: Callable[[int, int], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        """Parse `changed` while what was parsed before is written; take out what is `gone`."""
        opened = self._open()
        waiting: deque[Future[None]] = deque()
        try:
            with closing(self._parser.parse(self.folder, changed, self._texts.copy())) as parsed:
                for done, batch in _batches(parsed):
                    gone += [path for path, file in batch if file is None]
                    files = [file for _, file in batch if file is not None]
                    if len(changed) <= _BATCH_FILES:
                        opened.update(files)  # nothing is parsed meanwhile; to hand it over would cost 0.1 ms
                    else:
                        waiting.append(self._write(partial(opened.update, files)))
                    if len(waiting) > _BATCHES_AHEAD:
                        waiting.popleft().result()
                    on_progress(done, len(changed))
                    if is_stopped():
                        raise StoppedError
            if gone:
                waiting.append(self._write(partial(opened.remove, gone)))
        finally:
            errors = [error for write in waiting if (error := write.exception()) is not None]
        for error in errors:
            raise error

    def _write(self, job: Callable[[], None]) -> "Future[None]":
        return self._writes.submit(job)

    def _open(self) -> Store:
        if self._store is None:
            path = None if self._in_memory else index_path(self.folder)
            opened = store.open_store(path)
            if path is not None:
                os.utime(path)  # for `drop_unused`
            with self._store_lock:
                self._store = opened
        return self._store

    def _recover(self, error: sqlite3.Error | OSError, *, is_last: bool) -> None:
        """Make the next attempt a better one, or raise `error`."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # without the details
        if is_last or code in _BUSY_ERRORS:
            raise error
        is_of_the_place = isinstance(error, OSError) or code in _PLACE_ERRORS
        with self._store_lock:
            if self._store is not None:
                with suppress(sqlite3.Error):
                    self._store.close()
                self._store = None
        if not is_of_the_place or code == sqlite3.SQLITE_FULL:
            with suppress(OSError):
                store.delete(index_path(self.folder))  # damaged, or what fills the disk
        if is_of_the_place:
            self._in_memory = True
            self._say(
                f"the workspace index cannot be written to {index_path(self.folder)} ({error}); "
                "it is kept in memory for as long as this window is open"
            )
        else:
            _log.warning("the index of a folder is damaged and built anew: %s", place_of(error))


def _ignore(_done: int, _total: int) -> None:
    """Report no progress of what takes a moment."""


def index_path(folder: Path) -> Path:
    """Return where the index of `folder` lies."""
    return paths.index_dir() / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.db"


def drop_unused() -> None:
    """Delete the indexes that no window has opened for UNUSED_S: of folders that are gone, most of all."""
    with suppress(OSError):
        for path in paths.index_dir().glob("*.db"):
            if time.time() - path.stat().st_mtime > UNUSED_S:
                store.delete(path)


def _batches(
    parsed: Iterable[tuple[str, ParsedFile | None]],
) -> Iterable[tuple[int, list[tuple[str, ParsedFile | None]]]]:
    """Give files in batches, each with how many there were until its end."""
    batch: list[tuple[str, ParsedFile | None]] = []
    n_files = 0
    for n_files, each in enumerate(parsed, 1):
        batch.append(each)
        if len(batch) == _BATCH_FILES:
            yield n_files, batch
            batch = []
    if batch:
        yield n_files, batch
