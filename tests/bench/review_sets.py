"""What the review is measured on: others' marked files and pairs (`--data`), and installed packages as a noise set."""

import gzip
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MARKED = "security/codeql_python_javascript.jsonl.gz"
PAIRS = "security/sven_c_pairs.jsonl.gz"
PUBLIC_PLACE = "github.com/github/codeql (query tests) and github.com/eth-sri/sven"
PACKAGES = (
    "django",
    "flask",
    "sqlalchemy",
    "requests",
    "werkzeug",
    "httpx",
    "starlette",
    "rich",
    "jinja2",
    "hypothesis",
)
_LEFT_OUT = frozenset({"tests", "test", "testing", "locale"})


class Marked(NamedTuple):
    """A file with one weakness. lines: 1-based, where it is to be reported; none in a file that is in order."""

    language: str
    path: str
    cwe: int
    lines: frozenset[int]
    code: str


class Pair(NamedTuple):
    """A function before and after its weakness was mended."""

    path: str
    cwe: int
    before: str
    after: str


def read_marked(data: Path) -> list[Marked]:
    """Read the marked files; none where the set is missing."""
    return [
        Marked(each["lang"], each["path"], int(each["cwe"]), frozenset(each["true_lines"]), each["code"])
        for each in _read(data / MARKED)
    ]


def read_pairs(data: Path) -> list[Pair]:
    """Read the pairs; none where the set is missing."""
    return [
        Pair(
            f"{each['func'].replace('/', '_')}.cpp",
            int(each["cwe"].removeprefix("cwe-")),
            each["before"],
            each["after"],
        )
        for each in _read(data / PAIRS)
    ]


def read_packages() -> dict[str, str]:
    """Return the Python files of the packages that are installed, by path below their folder, without their tests."""
    found = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        root = Path(spec.origin).parent
        for file in sorted(root.rglob("*.py")):
            path = file.relative_to(root.parent)
            if _LEFT_OUT.isdisjoint(path.parts):
                found[path.as_posix()] = file.read_text(encoding="utf-8", errors="replace")
    return found


def missing_packages() -> list[str]:
    """Return those packages that are not installed."""
    return [package for package in PACKAGES if importlib.util.find_spec(package) is None]


def half_typed(text: str, avoid: frozenset[int]) -> Iterator[str]:
    """Yield `text` with one line cut in half, as it is while that line is typed; a few lines, evenly spread.

    avoid: 0-based lines that stay whole.
    """
    lines = text.split("\n")
    fit = [number for number, line in enumerate(lines) if len(line.strip()) >= 8 and number not in avoid]
    for number in fit[len(fit) // 8 :: max(1, len(fit) // 4)]:
        line = lines[number]
        n_indent = len(line) - len(line.lstrip())
        cut = line[: n_indent + (len(line) - n_indent) // 2]
        yield "\n".join((*lines[:number], cut, *lines[number + 1 :]))


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
