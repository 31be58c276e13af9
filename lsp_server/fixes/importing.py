"""Imports that a mended function needs and its file lacks: told apart from it, and put where they belong. Pure.

Invariants: an import that stands in the file is not written again; what is put in is whole lines.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_IMPORT = {
    "python": re.compile(r"(?:import|from)\s+[\w.]+"),
    "javascript": re.compile(r"import\b(?!\()|(?:const|let|var)\s+[\w{}\s,:*]+=\s*require\("),
    "go": re.compile(r"import\b|package\s+\w+$|\"[\w./-]+\"$|\)$"),
    "java": re.compile(r"(?:import|package)\s+[\w.]+"),
    "rust": re.compile(r"use\s+\w+"),
    "csharp": re.compile(r"using\s+[\w.]+;"),
    "php": re.compile(r"use\s+\w+|<\?php"),
    "ruby": re.compile(r"require(?:_relative)?\s"),
    "c": re.compile(r"#include\b"),
}
_LIKE = {
    "typescript": "javascript",
    "javascriptreact": "javascript",
    "typescriptreact": "javascript",
    "cpp": "c",
}
_NO_IMPORT = re.compile(r"package\b|<\?php|\)$|import \($")
_NAMES = re.compile(r"(?P<head>from\s+[\w.]+\s+import\s+\(?)(?P<names>[\w, ]+)(?P<tail>\)?)$")
_BRACES = re.compile(r"(?P<head>.*\{)(?P<names>[^{}]*)(?P<tail>\}.*)$")
_FROM = {"Path": "pathlib", "Any": "typing", "Counter": "collections", "defaultdict": "collections"}
_NO_MODULES = frozenset({"this", "antigravity", "datetime"})
"""Names of Python's own modules that, undefined, are as likely something else."""


class Split(NamedTuple):
    """An answer. imports: its statements, a line each; code: what stands behind them."""

    imports: tuple[str, ...]
    code: tuple[str, ...]


def split(lines: Sequence[str], language_id: str) -> Split:
    """Tell the imports that `lines` begin with from what stands behind them."""
    pattern = _IMPORT.get(_LIKE.get(language_id, language_id))
    imports: list[str] = []
    for number, line in enumerate(lines):
        words = line.strip()
        is_inner = line[:1].isspace() and language_id != "go"
        if words and (pattern is None or is_inner or not pattern.match(words)):
            return Split(tuple(imports), tuple(lines[number:]))
        if words and not _NO_IMPORT.match(words):
            imports.append(words.removeprefix("import ") if language_id == "go" else words)
    return Split(tuple(imports), ())


def missing_import(name: str, code: str) -> str | None:
    """Return Python's statement for a name that `code` uses and nothing defines, None where it cannot be known."""
    if name in _FROM:
        return f"from {_FROM[name]} import {name}"
    is_module = name in sys.stdlib_module_names and name not in _NO_MODULES
    return f"import {name}" if is_module and re.search(rf"\b{name}\.\w", code) else None


def with_imports(lines: Sequence[str], imports: Sequence[str], language_id: str) -> list[str]:
    """Return the file's `lines` with those of `imports` that it lacks."""
    found = list(lines)
    for statement in imports:
        if any(line.strip() == statement for line in found):
            continue
        if not _extended(found, statement):
            at, added = _place(found, statement, language_id)
            found[at:at] = added
    return found


def _extended(lines: list[str], statement: str) -> bool:
    """Let a line that imports names of the same module import those of `statement` too; tell whether there is one."""
    for pattern in (_NAMES, _BRACES):
        new = pattern.match(statement)
        for number, line in enumerate(lines):
            old = pattern.match(line) if new is not None and not line[:1].isspace() else None
            if new is None or old is None or (old["head"], old["tail"]) != (new["head"], new["tail"]):
                continue
            rest = "\n".join([*lines[:number], *lines[number + 1 :]])
            names = [name.strip() for name in old["names"].split(",") if name.strip()]
            kept = [name for name in names if re.search(rf"\b{re.escape(name.split()[-1])}\b", rest)]
            names = list(dict.fromkeys([*kept, *(name.strip() for name in new["names"].split(",") if name.strip())]))
            room = " " if pattern is _BRACES and old["names"][:1] == " " else ""
            lines[number] = f"{old['head']}{room}{', '.join(names)}{room}{old['tail']}"
            return True
    return False


def _place(lines: Sequence[str], statement: str, language_id: str) -> tuple[int, list[str]]:
    """Return in front of which line `statement` goes, and what is written there."""
    pattern = _IMPORT.get(_LIKE.get(language_id, language_id))
    ends = [] if pattern is None else [*_imports(lines, pattern)]
    if language_id == "go":
        return _go_place(lines, statement)
    if not ends:
        at = _behind_head(lines)
        gap = (
            ["", ""]
            if language_id == "python" and re.match(r"(?:async )?def|class|@", "".join(lines[at : at + 1]))
            else [""]
        )
        return at, [statement, *gap]
    if language_id == "python" and _is_standard(statement):
        own = [(first, stop) for first, stop in ends if _is_standard(lines[first])]
        if not own:
            return ends[0][0], [statement, ""]
        alike = [place for place in own if _key(lines[place[0]]) < _key(statement)]
        return (alike[-1][1] if alike else own[0][0]), [statement]
    return ends[-1][1], [statement]


def _go_place(lines: Sequence[str], statement: str) -> tuple[int, list[str]]:
    for number, line in enumerate(lines):
        if line.startswith("import ("):
            end = lines.index(")", number) if ")" in lines[number:] else number + 1
            before = [at for at in range(number + 1, end) if lines[at].strip() and lines[at].strip() < statement]
            return (before[-1] + 1 if before else number + 1), [f"\t{statement}"]
    at = next((number + 1 for number, line in enumerate(lines) if re.match(r"import|package", line)), 0)
    is_first = not any(line.startswith("import") for line in lines)
    return at, [*([""] if is_first else []), f"import {statement}"]


def _imports(lines: Sequence[str], pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Give first line and stop of each import at the margin."""
    number = 0
    while number < len(lines):
        first = number
        number += 1
        if not pattern.match(lines[first]):
            continue
        while number < len(lines) and lines[number - 1].strip() and _is_open("".join(lines[first:number])):
            number += 1
        yield first, number


def _is_open(text: str) -> bool:
    return text.count("(") > text.count(")") or text.count("{") > text.count("}")


def _behind_head(lines: Sequence[str]) -> int:
    """Return the first line behind the comments and the docstring that a file begins with."""
    quotes = ""
    for number, line in enumerate(lines):
        words = line.strip()
        if quotes:
            quotes = "" if quotes in words else quotes
        elif (opened := re.match(r"[rR]?(\"{3}|'{3})", words)) is not None:
            quotes = opened[1] if opened[1] not in words[opened.end() :] else ""
        elif words and not words.startswith(("#!", "# ", "#:", "//", "/*", "*", '"use ', "'use ", "<?php")):
            return number
    return len(lines)


def _is_standard(statement: str) -> bool:
    return _key(statement)[1].partition(".")[0] in sys.stdlib_module_names


def _key(statement: str) -> tuple[bool, str]:
    """Return where one of Python's imports stands among its like."""
    kind, _, rest = statement.partition(" ")
    return kind == "from", rest.split()[0].rstrip(",") if rest.split() else ""
