"""Looks for changes in the folders itself, for clients that do not tell. By watchdog.

Invariants: an event only says that a path is dirty, never what became of it; whatever may mean that events were lost
(an overflow, many at once, anything about a folder) says that everything is; folders that hold no file of the index are
not watched, except `.git` itself for a change of branch. On Linux that is inotify, a watch per folder; elsewhere the
system watches whole trees by itself, and what is not asked for is dropped here.
"""

import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path
from typing import Any, Protocol

_STORM_EVENTS = 500
_STORM_S = 1.0

_log = logging.getLogger(__name__)


class Watcher:
    """Watches folders. on_dirty: told absolute paths; on_lost: that anything may have changed; both in any thread."""

    def __init__(self, on_dirty: Callable[[list[str]], None], on_lost: Callable[[], None]) -> None:
        self._on_dirty = on_dirty
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._watched: dict[Path, set[str]] = {}
        self._n_events = 0
        self._second = 0.0
        self._system: _System | None = None
        self._closed = False

    def watch(self, folder: Path, inner: Collection[str]) -> bool:
        """Watch the folders `inner`, relative to `folder`, and those alone of it.

        Tell whether there are new ones: what happened in them up to now was not seen.
        """
        wanted = {str(folder / each) if each else str(folder) for each in inner} | {str(folder)}
        if (folder / ".git").is_dir():
            wanted.add(str(folder / ".git"))
        with self._lock:
            if self._closed:
                return False
            if self._system is None:
                self._system = _Inotify(self._take, self._on_lost) if sys.platform == "linux" else _Trees(self._take)
            old = self._watched.get(folder, set())
            self._watched[folder] = wanted
            self._system.change(folder, added=wanted - old, removed=old - wanted)
            return not wanted <= old

    def close(self) -> None:
        """Watch no more."""
        with self._lock:
            self._closed = True
            if self._system is not None:
                self._system.close()

    def _take(self, path: str, is_folder: bool) -> None:
        """Pass on that something happened to `path`."""
        parent = os.path.dirname(path)
        if os.path.basename(parent) == ".git":
            if os.path.basename(path) != "HEAD":
                return
            is_folder = True
        if not any(parent in watched or path in watched for watched in list(self._watched.values())):
            return
        now = time.monotonic()
        if now - self._second > _STORM_S:
            self._second, self._n_events = now, 0
        self._n_events += 1
        if is_folder or self._n_events > _STORM_EVENTS:
            self._on_lost()
        else:
            self._on_dirty([path])


class _System(Protocol):
    """How a platform watches."""

    def change(self, folder: Path, added: Collection[str], removed: Collection[str]) -> None:
        """Watch `added` too, and `removed` no more: folders at or below `folder`."""
        ...

    def close(self) -> None:
        """End its threads."""
        ...


class _Inotify:
    """One inotify instance with a watch per folder, read by watchdog's thread."""

    def __init__(self, take: Callable[[str, bool], None], on_lost: Callable[[], None]) -> None:
        from watchdog.observers import inotify_c

        self._take = take
        self._on_lost = on_lost
        constants = inotify_c.InotifyConstants
        self._mask: Any = (
            constants.IN_CLOSE_WRITE
            | constants.IN_CREATE
            | constants.IN_DELETE
            | constants.IN_MOVED_FROM
            | constants.IN_MOVED_TO
            | constants.IN_DELETE_SELF
            | constants.IN_ONLYDIR
        )
        self._watches: dict[str, tuple[Any, int]] = {}  # path -> watch descriptor, number of the callback
        self._paths: dict[Any, str] = {}
        self._numbers = count(1)
        self._fd = inotify_c.InotifyFD()
        self._fd.start()

    def change(self, folder: Path, added: Collection[str], removed: Collection[str]) -> None:  # noqa: ARG002 - see _System
        # Those that go first: a folder that was moved keeps its watch, and with it the name it had.
        for path in removed:
            watch = self._watches.pop(path, None)
            if watch is not None and self._paths.pop(watch[0], None) is not None:
                self._fd.remove_callbacks([watch])  # type: ignore[list-item]
        for path in sorted(added):
            number = next(self._numbers)
            try:
                descriptor = self._fd.add_callback(os.fsencode(path), self._mask, self, number)  # type: ignore[arg-type]
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EMFILE):
                    _log.warning("no more folders can be watched (fs.inotify.max_user_watches); %s is not", path)
                    return
                _log.info("a folder cannot be watched: %s", error.strerror)
                continue
            self._watches[path] = (descriptor, number)
            self._paths[descriptor] = path

    def close(self) -> None:
        self._fd.stop()
        self._fd.join()

    def on_event(self, event: Any) -> None:
        """Pass an event on; called by watchdog."""
        folder = self._paths.get(event.wd)
        if folder is not None:
            path = os.path.join(folder, os.fsdecode(event.name)) if event.name else folder
            self._take(path, event.is_directory or event.is_delete_self)

    def on_watch_deleted(self, wd: Any) -> None:
        """Forget a watch whose folder is gone; called by watchdog."""
        path = self._paths.pop(wd, None)
        if path is not None:
            self._watches.pop(path, None)

    def on_queue_overflow(self) -> None:
        """Say that events were lost; called by watchdog."""
        self._on_lost()


class _Trees:
    """watchdog's observer for this platform, a tree at a time."""

    def __init__(self, take: Callable[[str, bool], None]) -> None:
        from watchdog.observers import Observer

        self._take = take
        self._observer = Observer()
        self._observer.start()
        self._folders: set[Path] = set()

    def change(self, folder: Path, added: Collection[str], removed: Collection[str]) -> None:  # noqa: ARG002 - see _System
        if folder in self._folders:
            return
        self._folders.add(folder)
        try:
            self._observer.schedule(self, str(folder), recursive=True)  # type: ignore[arg-type]
        except OSError as error:
            _log.warning("%s cannot be watched: %s", folder, error.strerror)

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()

    def dispatch(self, event: Any) -> None:
        """Pass an event on; called by watchdog."""
        for path in (event.src_path, event.dest_path):
            if path and event.event_type not in ("opened", "closed_no_write"):
                self._take(os.fsdecode(path), event.is_directory and event.event_type != "modified")
