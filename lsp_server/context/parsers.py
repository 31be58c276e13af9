"""The parsing processes of a window: one for what changes, and a second beside it while a workspace is read.

Invariant: the second lives for no longer than there is much to read, and only where there is a core for it. One thread
calls `parse`; `close` may come from any.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lsp_server.context.files import Stamp
from lsp_server.context.parser import NO_TEXTS, Parser
from lsp_server.context.records import ParsedFile

_MANY_FILES = 100
"""From here on a second process is worth its start, about 0.2 s."""


class Parsers:
    """Parses files in processes of their own."""

    def __init__(self) -> None:
        killers: dict[tuple[Path, str], Stamp | None] = {}
        self._first = Parser(killers=killers)
        self._second = Parser(killers=killers)

    def parse(
        self, folder: Path, paths: Sequence[str], texts: Mapping[str, str] = NO_TEXTS
    ) -> Generator[tuple[str, ParsedFile | None]]:
        """Give each of `paths`, in any order, with what is in it; None for a file that cannot be read.

        texts: by path, what is parsed instead of what is on disk.
        Raises ParserUnavailableError, ParserClosedError.
        """
        if len(paths) < _MANY_FILES or (os.cpu_count() or 1) == 1:
            yield from self._first.parse(folder, paths, texts, keeps=len(paths) < _MANY_FILES)
            return
        waiting = iter(paths)  # of both: each takes the next when it has room
        try:
            with (
                closing(self._first.parse(folder, waiting)) as one,
                closing(self._second.parse(folder, waiting)) as two,
            ):
                running = [one, two]
                while running:
                    for each in tuple(running):
                        parsed = next(each, None)
                        if parsed is None:
                            running.remove(each)
                        else:
                            yield parsed
        finally:
            self._second.rest()

    def close(self) -> None:
        """End the processes; whoever waits for them gets ParserClosedError."""
        self._first.close()
        self._second.close()
