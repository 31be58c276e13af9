"""A program in a terminal of its own: keys in, screen out.

Owns the pseudo-terminal, the process in it and the screen that its output makes. Nothing of the machine's own
terminal is involved.
"""

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

# Device control strings (settings of the terminal), which pyte would print.
_CONTROL_STRING = re.compile(rb"\x1bP.*?\x1b\\", re.DOTALL)
_READ_BYTES = 65536
_STOP_TIMEOUT_S = 5.0


class _Screen(pyte.Screen):
    """A screen that answers what the program asks its terminal; Neovim complains where no answer comes."""

    def __init__(self, columns: int, rows: int, answer: Callable[[str], None]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        """Send `data` to the program."""
        self._answer(data)

    def report_device_status(self, mode: int, *, private: bool = False) -> None:
        """Answer where the cursor is and that all is well; what else Helix asks, pyte does not know."""
        if not private:
            super().report_device_status(mode)


class Terminal:
    """A screen of `columns` x `rows` with `command` running in it, until the `with` block ends."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int = 90, rows: int = 14
    ) -> None:
        self._screen = _Screen(columns, rows, answer=self.type)
        self._stream = pyte.ByteStream(self._screen)
        self._pending = b""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def type(self, keys: str) -> None:
        """Send `keys` as a keyboard would."""
        os.write(self._master, keys.encode())

    def wait(self, what: str, condition: Callable[["Terminal"], bool], deadline_s: float = 30.0) -> None:
        """Follow the program's output until `condition` holds. Raises AssertionError that shows the screen."""
        deadline = time.monotonic() + deadline_s
        while not condition(self):
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"the screen never showed {what}:\n" + "\n".join(self.lines))

    @property
    def pid(self) -> int:
        """Number of the program's process."""
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """The rows of the screen, as text."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def colour(self, row: int, column: int) -> str:
        """Return the colour of the character there: `default`, a name or six hexadecimal digits."""
        colour: str = self._screen.buffer[row][column].fg
        return colour

    def exit_code(self, deadline_s: float = 30.0) -> int:
        """Wait until the program has ended by itself and return its exit code."""
        return self._process.wait(deadline_s)

    def save(self, path: Path, title: str) -> None:
        """Write the screen as `path`.svg and, with escape sequences for the colours, as `path`.ansi."""
        columns, rows = self._screen.columns, self._screen.lines
        console = Console(
            record=True, width=columns, height=rows, file=StringIO(), force_terminal=True, color_system="truecolor"
        )
        for row in range(rows):
            cells = [self._screen.buffer[row][column] for column in range(columns)]
            if row == self.cursor[0]:
                cells[self.cursor[1]] = cells[self.cursor[1]]._replace(reverse=True)
            runs = (("".join(cell.data for cell in run), style) for style, run in groupby(cells, _style))
            console.print(Text.assemble(*runs))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".ansi").write_text(console.export_text(styles=True, clear=False))
        # Without the fonts that rich would have the picture load from elsewhere.
        svg = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=title), flags=re.DOTALL)
        path.with_suffix(".svg").write_text(svg)

    def _read(self, timeout_s: float) -> bool:
        """Feed what the program wrote next to the screen. Returns False when it has ended or wrote nothing."""
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        try:
            data = os.read(self._master, _READ_BYTES) if ready else b""
        except OSError:  # how Linux says that the other side is closed
            return False
        data = _CONTROL_STRING.sub(b"", self._pending + data)
        # An unfinished control string waits for its end.
        whole, start, rest = data.partition(b"\x1bP")
        self._pending = start + rest
        self._stream.feed(whole)
        return bool(ready)


def _style(cell: Char) -> Style:
    return Style(
        color=_rich_colour(cell.fg),
        bgcolor=_rich_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _rich_colour(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name.replace("bright", "bright_").replace("brown", "yellow"))
