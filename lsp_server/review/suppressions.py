"""Findings that a person has looked at and let stand: comments in the source, entries in `.hearthline.toml`. Pure.

A comment `hearthline: ignore[rule, rule] reason` holds for its own line; where nothing else stands on that line, for
the next one that is not a comment, and for what is continued from there by a backslash. `hearthline: ignore-file[rule]
reason` holds for the file if it stands within the first HEAD_LINES lines. Invariant: what cannot be read ignores
nothing and becomes a Problem.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from pathspec import GitIgnoreSpec

from lsp_server.review.finding import Finding

PROJECT_FILE = ".hearthline.toml"
HEAD_LINES = 20
"""An `ignore-file` further down is a mistake: nobody who reads the file would know of it."""

COMMENT = re.compile(
    r"(?P<leader>\#|//|/\*|--|<!--|^\s*\*)\s*hearthline:\s*(?P<kind>ignore(?:-file)?)\b"
    r"(?P<brackets>\s*\[(?P<rules>[^\]\n]*)\])?\s*(?P<reason>.*?)\s*(?:\*/\}?|-->)?\s*$"
)
_TOML_LINE = re.compile(r"at line (\d+)")
_COMMENT_LINE = re.compile(r"\s*(?:\#|//|/\*|\*|--|<!--|\{/\*)")


class Kind(StrEnum):
    """Where an ignore stands, in the words of SARIF."""

    IN_SOURCE = "inSource"
    EXTERNAL = "external"


class Ignore(NamedTuple):
    """What lets a finding stand."""

    kind: Kind
    reason: str


class Problem(NamedTuple):
    """What could not be read. line: 0-based, None where it is not known."""

    line: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Comments:
    """What a file's own comments ignore. lines: 0-based line -> rule -> reason."""

    lines: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    file: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `[[review.ignore]]`. path: a pattern of gitignore's syntax, relative to the file that holds the entry."""

    rule: str
    path: str
    reason: str
    fingerprint: str | None = None

    def covers(self, finding: Finding, path: str) -> bool:
        """Tell whether `finding` in the file `path`, relative to the project, is ignored."""
        if self.rule != finding.rule or self.fingerprint not in (None, finding.fingerprint):
            return False
        return _pattern(self.path).match_file(path)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines([pattern])


def find_ignore(
    finding: Finding, comments: Comments, entries: Iterable[Entry] = (), path: str | None = None
) -> Ignore | None:
    """Return what lets `finding` stand, None if nothing does. path: of its file, relative to the project."""
    for line in range(finding.place.line, finding.place.end_line + 1):
        if finding.rule in (ignored := comments.lines.get(line, {})):
            return Ignore(Kind.IN_SOURCE, ignored[finding.rule])
    if finding.rule in comments.file:
        return Ignore(Kind.IN_SOURCE, comments.file[finding.rule])
    if path is not None:
        for entry in entries:
            if entry.covers(finding, path):
                return Ignore(Kind.EXTERNAL, entry.reason)
    return None


def parse_comments(text: str, known: Collection[str]) -> tuple[Comments, list[Problem]]:
    r"""Read the comments of a file. text: its lines end in `\n`. known: the rules there are."""
    if "hearthline:" not in text:
        return Comments(), []
    lines = text.split("\n")
    by_line: dict[int, dict[str, str]] = {}
    file: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines):
        found = COMMENT.search(line) if "hearthline:" in line else None
        if found is None:
            continue
        rules, words = _rules(found, known)
        problems += [Problem(number, each) for each in words]
        ignored = dict.fromkeys(rules, found["reason"])
        if found["kind"] == "ignore":
            for covered in _covered(lines, number):
                by_line.setdefault(covered, {}).update(ignored)
        elif number < HEAD_LINES:
            file.update(ignored)
        else:
            problems.append(Problem(number, f"`ignore-file` must stand within the first {HEAD_LINES} lines"))
    return Comments(by_line, file), problems


def _rules(found: re.Match[str], known: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the rules that a comment names, and what is wrong with it."""
    names = [name for each in (found["rules"] or "").split(",") if (name := each.strip())]
    if not names:
        return [], [f"name the rule in brackets: `hearthline: {found['kind']}[rule] reason`"]
    return [name for name in names if name in known], [unknown_rule(name, known) for name in names if name not in known]


def unknown_rule(name: str, known: Collection[str]) -> str:
    """Return what is wrong with `name`, in words, with the rule that may be meant."""
    close = get_close_matches(name, known, n=1)
    return f"there is no rule {name!r}; did you mean {close[0]}?" if close else f"there is no rule {name!r}"


def is_own_line(line: str) -> bool:
    """Tell whether nothing but a comment stands on `line`."""
    return _COMMENT_LINE.match(line) is not None


def _covered(lines: Sequence[str], number: int) -> Iterable[int]:
    """Return the lines that a comment on line `number` holds for."""
    if not is_own_line(lines[number]):
        return (number,)
    first = number + 1
    while first < len(lines) and (not lines[first].strip() or is_own_line(lines[first])):
        first += 1
    last = first
    while last < len(lines) and lines[last].endswith("\\"):
        last += 1
    return range(first, last + 1)


def parse_project(text: str, known: Collection[str]) -> tuple[tuple[Entry, ...], list[Problem]]:
    """Read a `.hearthline.toml`. An entry that is wrong ignores nothing."""
    try:
        review = tomllib.loads(text).get("review", {})
    except tomllib.TOMLDecodeError as error:
        at = _TOML_LINE.search(str(error))
        return (), [Problem(int(at[1]) - 1 if at else None, f"it is no TOML: {error}")]
    ignores = review.get("ignore", []) if isinstance(review, dict) else None
    if not isinstance(ignores, list):
        return (), [Problem(None, "`ignore` must be a list of tables: `[[review.ignore]]`")]
    entries, problems = [], []
    for number, raw in enumerate(ignores, start=1):
        try:
            entries.append(_entry(raw, known))
        except ValueError as error:
            problems.append(Problem(None, f"[[review.ignore]] number {number} is left out: {error}"))
    return tuple(entries), problems


def _entry(raw: Any, known: Collection[str]) -> Entry:
    """Return one entry. Raises ValueError with what is wrong with it."""
    if not isinstance(raw, dict):
        raise ValueError("a table is needed")
    for key in ("rule", "path", "reason"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise ValueError(f"`{key}` must be a text that is not empty")
    if raw["rule"] not in known:
        raise ValueError(unknown_rule(raw["rule"], known))
    fingerprint = raw.get("fingerprint")
    if not (fingerprint is None or isinstance(fingerprint, str)):
        raise ValueError("`fingerprint` must be a text")
    if unknown := sorted(raw.keys() - {"rule", "path", "reason", "fingerprint"}):
        raise ValueError(f"`{unknown[0]}` means nothing here")
    if raw["path"].startswith("!"):
        raise ValueError("`path` cannot begin with `!`")
    _pattern(raw["path"])  # which raises a ValueError too
    return Entry(raw["rule"], raw["path"], raw["reason"], fingerprint)
