"""`hearthline complete FILE:LINE:COL`: the ghost text an editor would show there, in the terminal."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from inference.models.catalogue import DEFAULT_MODEL
from lsp_server.commands.editor import Editor, one_answer, open_editor
from lsp_server.commands.terminal import answers, fail, with_ghost, write_json
from lsp_server.document import split_lines
from lsp_server.errors import HearthlineError
from lsp_server.languages import language_of

_SHOWN_LINES = 6


class PlaceError(HearthlineError):
    """The place that was asked for cannot be completed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a file. line and column count from 1, the column in characters."""

    path: Path
    line: int
    column: int


def parse_place(words: str) -> Place:
    """Read FILE:LINE:COL; the file's own name may hold colons. Raises PlaceError."""
    path, _, rest = words.rpartition(":")
    path, _, line = path.rpartition(":")
    if not path or not line.isdecimal() or not rest.isdecimal() or int(line) < 1 or int(rest) < 1:
        raise PlaceError(f"{words!r} is not FILE:LINE:COL with line and column counted from 1, as in src/app.py:12:5")
    return Place(Path(path), int(line), int(rest))


def read_document(place: Place) -> tuple[str, int]:
    """Return the file's text and the cursor's offset in it. Raises PlaceError."""
    try:
        text = place.path.read_bytes().decode("utf-8")
    except OSError as error:
        raise PlaceError(f"{place.path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlaceError(
            f"{place.path} is not UTF-8 text (byte {error.start}); convert it or pick another file"
        ) from error
    lines = split_lines(text)
    if place.line > len(lines):
        raise PlaceError(f"{place.path} has {len(lines)} lines; there is no line {place.line}")
    line = lines[place.line - 1].rstrip("\r\n")
    if place.column > len(line) + 1:
        raise PlaceError(
            f"line {place.line} of {place.path} has {len(line)} characters; "
            f"the last place on it is column {len(line) + 1}"
        )
    return text, sum(map(len, lines[: place.line - 1])) + place.column - 1


def run(words: str, model: str | None, *, as_json: bool) -> int:
    """Complete one place and print the result. Exit code 0, also when there is nothing to suggest; 1 on errors."""
    try:
        place = parse_place(words)
        text, offset = read_document(place)
        completion, editor, elapsed_ms = asyncio.run(_complete(place, text, model or DEFAULT_MODEL))
    except HearthlineError as error:
        if as_json:
            write_json({"text": None, "error": str(error)})
        return fail(str(error))
    if as_json:
        write_json(
            {
                "text": completion,
                "file": str(place.path),
                "line": place.line,
                "column": place.column,
                "model": editor.status.model or model or DEFAULT_MODEL,
                "reason": "" if completion else editor.status.reason,
                "elapsed_ms": round(elapsed_ms, 1),
            }
        )
    else:
        _show(place, text, offset, completion, editor)
    return 0


async def _complete(place: Place, text: str, model: str) -> tuple[str, Editor, float]:
    path = place.path.resolve()
    async with open_editor(path.parent, one_answer(model)) as editor:
        await editor.wait_until_ready()
        uri = editor.open(path, text, language_of(path.name))
        started = time.perf_counter()
        completion = await editor.inline_completion(uri, place.line - 1, place.column - 1)
        return completion, editor, (time.perf_counter() - started) * 1000


def _show(place: Place, text: str, offset: int, completion: str, editor: Editor) -> None:
    console = answers()
    if not completion:
        console.print(f"nothing to suggest at {place.path}:{place.line}:{place.column}: {editor.status.message}")
        return
    before = "".join(split_lines(text[:offset])[-_SHOWN_LINES:])
    after = "".join(split_lines(text[offset:])[:_SHOWN_LINES])
    console.print(with_ghost(before, completion, after, language_of(place.path.name), console), soft_wrap=True)
