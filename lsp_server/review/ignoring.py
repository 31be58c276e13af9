"""The edits that let a finding stand: a comment on its line, in its file, an entry in `.hearthline.toml`. Pure.

Invariant: what stands there is kept; a comment that ignores something already is extended. Whether a comment would
really be one at the place (and not part of a text that goes over several lines) is not known here: there are
candidates, the best first, and `Candidate.comment_line` says where to look afterwards.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lsp_server.review.suppressions import COMMENT, HEAD_LINES, is_own_line

REASON = "looked at, no danger here"

_HASH = frozenset({"python", "ruby", "shellscript", "yaml", "toml"})
_JSX = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_STAYS_FIRST = re.compile(r"#!|\s*#.*coding[:=]|\s*<\?(?:php|xml)|\s*<!doctype", re.IGNORECASE)
"""Lines that mean something by being the first: nothing is put above them."""


class Edit(NamedTuple):
    """`text` replaces columns `column` to `end_column` (code points) of line `line`; both 0-based."""

    line: int
    column: int
    end_column: int
    text: str


class Candidate(NamedTuple):
    """An edit, and the line (afterwards) on which there is a comment if all is well."""

    edit: Edit
    comment_line: int


def on_line(lines: Sequence[str], line: int, rule: str, language_id: str, ending: str) -> Iterator[Candidate]:
    """Give the edits after which `rule` is ignored on `line`. lines: without terminators. ending: of a new line."""
    first = line
    while first > 0 and lines[first - 1].endswith("\\"):  # no comment may stand between such a line and the next
        first -= 1
    for number in (line, first - 1):
        if number >= 0 and (number == line or is_own_line(lines[number])):
            extended = _extended(lines[number], number, "ignore", rule)
            if extended is not None:
                yield extended
                return
    indentation = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    for comment in _comments(f"hearthline: ignore[{rule}] {REASON}", language_id):
        yield Candidate(Edit(first, 0, 0, f"{indentation}{comment}{ending}"), first)
    if lines[line].endswith("\\"):
        return
    end = len(lines[line].rstrip())
    for comment in _comments(f"hearthline: ignore[{rule}] {REASON}", language_id):
        yield Candidate(Edit(line, end, len(lines[line]), f"  {comment}"), line)


def in_file(lines: Sequence[str], rule: str, language_id: str, ending: str) -> Iterator[Candidate]:
    """Give the edits after which `rule` is ignored in the whole file."""
    for number, line in enumerate(lines[:HEAD_LINES]):
        extended = _extended(line, number, "ignore-file", rule)
        if extended is not None:
            yield extended
            return
    first = 0
    while first < min(2, len(lines) - 1) and _STAYS_FIRST.match(lines[first]):
        first += 1
    for comment in _comments(f"hearthline: ignore-file[{rule}] {REASON}", language_id):
        yield Candidate(Edit(first, 0, 0, f"{comment}{ending}"), first)


def in_project(text: str, rule: str, ending: str = "\n") -> str | None:
    """Return what to write behind `text`, the content of `.hearthline.toml`; None where no entry can be added to it."""
    gap = "" if not text.strip() else ending if text.endswith("\n") else 2 * ending
    entry = ("[[review.ignore]]", f'rule = "{rule}"', 'path = "**"', f'reason = "{REASON}"', "")
    added = gap + ending.join(entry)
    try:
        tomllib.loads((text + added).replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError:
        return None
    return added


def _extended(line: str, number: int, kind: str, rule: str) -> Candidate | None:
    """Return the edit that adds `rule` to the comment of this kind on `line`, if there is one."""
    found = COMMENT.search(line)
    if found is None or found["kind"] != kind or found["rules"] is None or not found["rules"].strip():
        return None
    end = found.end("rules")
    return Candidate(Edit(number, end, end, f", {rule}"), number)


def _comments(words: str, language_id: str) -> Iterator[str]:
    """Give `words` as a comment of the language, the common form first."""
    if language_id in _HASH:
        yield f"# {words}"
        return
    yield f"// {words}"
    yield f"/* {words} */"
    if language_id in _JSX:
        yield f"{{/* {words} */}}"
