"""A model's proposal of an edit: what of its answer counts, and where it stands in the file. Pure.

Invariants: a proposal says what is there and what shall be, never where; it has a place only if what it quotes stands
in what the model was shown exactly once, letter for letter, in whole words. Forgiven is nothing but the style of line
ends, and the indentation that all of its lines have in common.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from lsp_server.fixes.excerpt import Excerpt, Part
from lsp_server.review.finding import Place
from lsp_server.review.verdict import Fix

_MAX_LINES = 40
"""Whoever replaces more than so many lines writes another program."""

_SILENCES = re.compile(
    r"""\#\s*(?:noqa|nosec|type:\s*ignore|pyright:|pylint:|ruff:|flake8|mypy:|pragma:)|hearthline:\s*ignore
    |eslint-disable|@ts-(?:ignore|nocheck|expect-error)|biome-ignore|//\s*nolint|NOSONAR|@SuppressWarnings
    |\#pragma\s+warning|//\s*lint:ignore|rubocop:disable|\#!?\[allow\(|phpcs:ignore|@phpstan-ignore|NOLINT""",
    re.VERBOSE | re.IGNORECASE,
)
"""What makes a tool say nothing."""

_REMARK = re.compile(r"\s*(?:$|#|//|/\*|\*|--)")


class Replacement(NamedTuple):
    r"""`text`, its lines ending in `\n`, takes the place of what stands at `place`."""

    place: Place
    text: str


class Refused(NamedTuple):
    """A proposal that does not count. words: why, to be read behind "the proposal"."""

    words: str


def read(answer: str) -> Fix | None:
    r"""Return the proposal in `answer`, lines ending in `\n`; None where there is none of the form asked for."""
    try:
        fix = msgspec.json.decode(answer, type=Fix)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return Fix(_unix(fix.old_text), _unix(fix.new_text))


def locate(excerpt: Excerpt, fix: Fix) -> Replacement | Refused:
    """Return where in the file `fix` goes and what goes there, or why it does not count."""
    if not fix.old_text.strip():
        return Refused("quotes nothing")
    if fix.old_text.count("\n") >= _MAX_LINES or fix.new_text.count("\n") >= _MAX_LINES:
        return Refused(f"replaces more than {_MAX_LINES} lines")
    found = list(_exact(excerpt, fix)) or list(_indented(excerpt, fix))
    if len(found) != 1:
        return Refused("quotes text that stands there more than once" if found else "quotes text that is not there")
    part, start, end, text = found[0]
    if part.text[start:end] == text:
        return Refused("changes nothing")
    if len(_SILENCES.findall(text)) > len(_SILENCES.findall(part.text[start:end])):
        return Refused("only silences the tool")
    return Replacement(part.place(start, end), text)


def applied(text: str, replacement: Replacement) -> str:
    r"""Return `text`, its lines ending in `\n`, with `replacement` in it."""
    (line, column, end_line, end_column), new = replacement
    lines = text.split("\n")
    head = "\n".join([*lines[:line], lines[line][:column]])
    return head + new + "\n".join([lines[end_line][end_column:], *lines[end_line + 1 :]])


def takes_code_away(replacement: Replacement) -> bool:
    """Tell whether nothing but remarks is put in the place of what stands there."""
    return all(_REMARK.match(line) for line in replacement.text.split("\n"))


_Found = tuple[Part, int, int, str]
"""A part, where in it the old text begins and ends, and what takes its place."""


def _exact(excerpt: Excerpt, fix: Fix) -> Iterator[_Found]:
    """Give each place where the old text stands as it is, no word cut in two; places may overlap."""
    old = fix.old_text
    for part in excerpt.parts:
        start = part.text.find(old)
        while start >= 0:
            end = start + len(old)
            if not (_cuts_word(part.text, start) or _cuts_word(part.text, end)):
                yield part, start, end, _continued(part, start, fix)
            start = part.text.find(old, start + 1)


def _cuts_word(text: str, at: int) -> bool:
    return bool(re.fullmatch(r"\w\w", text[max(0, at - 1) : at + 1]))


def _continued(part: Part, start: int, fix: Fix) -> str:
    """Return the new text, lines after the first as deep as the line that the old text begins on.

    Whoever quotes one line without its indentation writes the lines that replace it without it, too.
    """
    begin = part.text.rfind("\n", 0, start) + 1
    indentation = part.text[begin:start]
    first, *rest = fix.new_text.split("\n")
    if not indentation or indentation.strip() or "\n" in fix.old_text or first[:1].isspace():
        return fix.new_text
    if all(line.startswith(indentation) for line in rest if line.strip()):
        return fix.new_text
    return "\n".join([first, *(indentation + line if line.strip() else line for line in rest)])


def _indented(excerpt: Excerpt, fix: Fix) -> Iterator[_Found]:
    """Give each place where the old text stands once all of its lines are made as much deeper as the first one is."""
    old, new = fix.old_text, fix.new_text
    if old.endswith("\n") and new.endswith("\n"):
        old, new = old[:-1], new[:-1]
    first, *rest = old.split("\n")
    if not first.strip() or not rest:
        return
    for part in excerpt.parts:
        for match in re.finditer(rf"^([ \t]+){re.escape(first)}$", part.text, re.MULTILINE):
            whole = _deeper(old, match[1])
            end = match.start() + len(whole)
            if part.text.startswith(whole, match.start()) and part.text[end : end + 1] in ("", "\n"):
                yield part, match.start(), end, _deeper(new, match[1])


def _deeper(text: str, indentation: str) -> str:
    return "\n".join(indentation + line if line.strip() else line for line in text.split("\n"))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
