"""How the commands speak to a person: one console for answers, one for errors, one way to draw ghost text."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress
from rich.syntax import Syntax
from rich.text import Text

GHOST_STYLE = "italic bright_black"
_MARKS = "⟪⟫"


def answers() -> Console:
    """Return the console of stdout."""
    return Console(highlight=False)


def fail(message: str, exit_code: int = 1) -> int:
    """Say on stderr what went wrong; return `exit_code`."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), message))
    return exit_code


@contextmanager
def progress(words: str, total: int) -> Iterator[Callable[[], None]]:
    """Show on stderr, where that is a terminal, how far `words` is; yield what to call after each of `total`."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=total)
        yield lambda: bar.advance(task)


def write_json(value: object) -> None:
    """Write `value` as one line of JSON on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def with_ghost(before: str, ghost: str, after: str, language: str, console: Console) -> Text:
    """Return the document as an editor shows it: highlighted, the ghost text grey at the cursor.

    Where `console` has no colours (a pipe, a log), marks stand around the ghost text instead.
    """
    if console.color_system is None:
        ghost = f"{_MARKS[0]}{ghost}{_MARKS[1]}"
    text = Syntax("", language, theme="ansi_dark").highlight(before + ghost + after)
    text.rstrip()
    start = len(before)
    text.stylize(f"not bold {GHOST_STYLE}", start, start + len(ghost))
    return text
