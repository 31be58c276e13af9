"""The workspace index as everybody else sees it: search, definitions, and what became dirty.

Owns two threads: one builds, folder after folder, one answers. Invariants: nothing here blocks the event loop; queries
are answered from what is there while the rest is built; an index that fails answers with nothing, never with an error.
"""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from lsp_server.context.files import OWN_IGNORE
from lsp_server.context.folder import FolderIndex, StoppedError, drop_unused
from lsp_server.context.parser import ParserClosedError, ParserUnavailableError
from lsp_server.context.parsers import Parsers
from lsp_server.context.queries import Queries
from lsp_server.context.records import Call, Definition, FoundChunk
from lsp_server.context.terms import terms_of
from lsp_server.context.watching import Watcher
from lsp_server.logs import place_of

_CALM_S = 0.15
"""How long nothing more must become dirty before it is looked at: editors and tools write in several steps."""
_LONGEST_CALM_S = 2.0
_MANY_DIRTY = 200
"""From here on the whole folder is compared with the index: one question to git instead of many."""

_IGNORE_FILES = frozenset({".gitignore", OWN_IGNORE})

_log = logging.getLogger(__name__)
_T = TypeVar("_T", FoundChunk, Definition, Call)


class Listener(Protocol):
    """Who hears of the index; called in the building thread."""

    def on_progress(self, done: int, total: int) -> None:
        """Hear how many files of those that changed are in the index."""
        ...

    def on_settled(self) -> None:
        """Hear that the index agrees with the folders, or that the attempt was given up."""
        ...

    def on_problem(self, words: str) -> None:
        """Hear what the person should know."""
        ...


class WorkspaceIndex:
    """The index of the session's folders. Paths are absolute.

    exclude: patterns in gitignore's syntax. watches: whether changes are looked for here; else `note_dirty` is told.
    """

    def __init__(
        self, folders: Sequence[Path], exclude: Sequence[str], listener: Listener, *, watches: bool = False
    ) -> None:
        self._parser = Parsers()
        self._listener = listener
        self._folders = [FolderIndex(folder, exclude, self._parser, listener.on_problem) for folder in folders]
        self._reads = ThreadPoolExecutor(1, "index-read")
        self._changed = threading.Condition()
        self._dirty: dict[FolderIndex, set[str]] = {}
        self._all_dirty: set[FolderIndex] = set()
        self._dirty_since = self._dirty_last = 0.0
        self._has_news = False
        self._cancelled = False
        self._closed = False
        self._watcher = Watcher(self.note_dirty, self.note_all_dirty) if watches else None
        self._thread = threading.Thread(target=self._run, name="index-build", daemon=True)

    def start(self) -> None:
        """Begin to build in the background."""
        self.note_all_dirty()
        self._thread.start()

    async def search(self, text: str, limit: int = 10, exclude_path: str | None = None) -> list[FoundChunk]:
        """Return the chunks that share the rarest identifiers with `text`, the best first.

        exclude_path: the file that `text` is from.
        """

        def query(folder: Path, queries: Queries) -> list[FoundChunk]:
            return queries.search(terms_of(text), limit, _relative(folder, exclude_path))

        found = await self._ask(query)
        return sorted(found, key=lambda chunk: -chunk.score)[:limit]

    async def definitions(self, name: str, near_path: str, limit: int = 5) -> list[Definition]:
        """Return where `name` is defined, those first that lie nearest to the file `near_path`."""

        def query(folder: Path, queries: Queries) -> list[Definition]:
            return queries.definitions(name, _relative(folder, near_path) or "", limit)

        return self._home_first(await self._ask(query), near_path)[:limit]

    async def find_callers(self, name: str, limit: int = 20, near_path: str = "") -> list[Call]:
        """Return lines that call `name`, those first that lie nearest to the file `near_path`. See `calls`."""

        def query(folder: Path, queries: Queries) -> list[Call]:
            return queries.callers(name, _relative(folder, near_path) or "", limit)

        return self._home_first(await self._ask(query), near_path)[:limit]

    async def outline(self, path: str, limit: int = 200) -> list[Definition]:
        """Return what the file `path` defines, in its order; the text of each is its signature, indented as it is."""

        def query(folder: Path, queries: Queries) -> list[Definition]:
            relative = _relative(folder, path)
            return queries.outline(relative, limit) if relative is not None else []

        return await self._ask(query)

    def note_dirty(self, changed: Iterable[str]) -> None:
        """Note that something happened to these paths; whatever it was, it is looked at soon. From any thread."""
        with self._changed:
            self._has_news = True
            self._note(changed)

    def note_text(self, path: str, text: str | None) -> None:
        """Let what an editor shows of a file stand for what is on disk; None: saved or closed. From any thread.

        Nobody is told when that is done: it happens at each pause of who types.
        """
        for folder in self._folders:
            relative = _relative(folder.folder, path)
            if relative is not None:
                folder.set_text(relative, text)
        with self._changed:
            self._note([path])

    def _note(self, changed: Iterable[str]) -> None:
        for path in changed:
            for folder in self._folders:
                relative = _relative(folder.folder, path)
                if relative is None:
                    continue
                if _changes_the_rules(relative):
                    self._all_dirty.add(folder)
                elif not relative.startswith(".git/"):
                    self._dirty.setdefault(folder, set()).add(relative)
        self._note_time()

    def note_all_dirty(self) -> None:
        """Note that something happened somewhere. From any thread."""
        with self._changed:
            self._all_dirty.update(self._folders)
            self._note_time()

    def cancel_build(self) -> None:
        """Stop the building under way; what is built stays usable, and the rest waits for the next change of many."""
        with self._changed:
            self._cancelled = True

    async def close(self) -> None:
        """End threads and process; nothing that is written is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._parser.close()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._reads.shutdown(wait=True, cancel_futures=True)
        for folder in self._folders:
            folder.close()

    # Asking

    def _home_first(self, found: list[_T], path: str) -> list[_T]:
        """Return `found` with what lies in the folder of the file `path` in front."""
        home = next((each.folder for each in self._folders if _relative(each.folder, path)), None)
        return sorted(found, key=lambda each: home is None or _relative(home, each.path) is None)

    async def _ask(self, query: Callable[[Path, Queries], list[_T]]) -> list[_T]:
        if self._closed:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._reads, self._answer, query)

    def _answer(self, query: Callable[[Path, Queries], list[_T]]) -> list[_T]:
        found: list[_T] = []
        for folder in self._folders:
            try:
                rows = folder.read(partial(query, folder.folder))
            except sqlite3.Error as error:
                _log.warning("a query of the index failed: %s", place_of(error))
                self._note_damage(folder)
                continue
            found += [row._replace(path=str(folder.folder / row.path)) for row in rows]
        return found

    def _note_damage(self, folder: FolderIndex) -> None:
        folder.is_damaged = True
        with self._changed:
            self._all_dirty.add(folder)
            self._note_time()

    # Building

    def _note_time(self) -> None:
        now = time.monotonic()
        if not self._dirty_since:
            self._dirty_since = now
        self._dirty_last = now
        self._changed.notify()

    def _run(self) -> None:
        drop_unused()
        while (work := self._next_work()) is not None:
            all_dirty, dirty, has_news = work
            try:
                for folder in all_dirty:
                    self._watch(folder, folder.reconcile(self._listener.on_progress, self._is_stopped))
                for folder, relative in dirty.items():
                    if folder not in all_dirty:
                        self._watch(folder, folder.refresh(relative, self._is_stopped))
            except ParserClosedError:
                return
            except StoppedError:
                _log.info("building the index was stopped")
            except (ParserUnavailableError, sqlite3.Error, OSError) as error:
                _log.warning("the index could not be built: %s", place_of(error))
                self._listener.on_problem(f"the workspace index does not follow the files: {error}")
            finally:
                if has_news or all_dirty:
                    self._listener.on_settled()

    def _watch(self, folder: FolderIndex, inner: set[str] | None) -> None:
        """Watch the folders `inner` of `folder`; look again if some of them were not watched while it was read."""
        if self._watcher is None or inner is None or not self._watcher.watch(folder.folder, inner):
            return
        with self._changed:
            self._all_dirty.add(folder)
            self._note_time()

    def _next_work(self) -> tuple[set[FolderIndex], dict[FolderIndex, set[str]], bool] | None:
        """Wait until something is dirty and nothing more becomes so; None at the end."""
        with self._changed:
            while not self._closed:
                if self._dirty_since:
                    now = time.monotonic()
                    due = min(self._dirty_last + _CALM_S, self._dirty_since + _LONGEST_CALM_S)
                    if now >= due:
                        break
                    self._changed.wait(due - now)
                else:
                    self._changed.wait()
            else:
                return None
            many = {folder for folder, dirty in self._dirty.items() if len(dirty) > _MANY_DIRTY}
            work = (self._all_dirty | many, self._dirty, self._has_news)
            self._all_dirty, self._dirty, self._has_news = set(), {}, False
            self._dirty_since = 0.0
            self._cancelled = False
            return work

    def _is_stopped(self) -> bool:
        return self._cancelled or self._closed


def _relative(folder: Path, path: str | None) -> str | None:
    """Return `path` relative to `folder`, None if it does not lie in it."""
    prefix = f"{folder}{os.sep}" if str(folder) != os.sep else os.sep
    return path[len(prefix) :] if path is not None and path.startswith(prefix) else None


def _changes_the_rules(path: str) -> bool:
    """Tell whether a change of `path` may change which files belong."""
    return os.path.basename(path) in _IGNORE_FILES or path in (".git/HEAD", ".git/info/exclude")
