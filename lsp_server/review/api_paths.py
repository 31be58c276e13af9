"""API paths: what a value is, as a text (`sqlite3.connect().cursor`), and the patterns that rules are written in. Pure.

Invariant: a path has bounded length, so that loops and recursion cannot grow it; a pattern matches a whole path or not
at all. The form of both is told in `rules/README.md`.
"""

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

ANYTHING = "?"
"""The path of a value of which nothing is known: `*.execute` matches its attributes, and nothing by name does."""

_MAX_LENGTH = 160
_MAX_CACHED = 20_000  # answers a table remembers; a window sees far fewer different paths in a day
_BRACES = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"\*|\[\]|[^*\[]+|\[")

Rule = TypeVar("Rule")


def attribute(path: str, name: str) -> str:
    """Return the path of attribute `name` of what has `path`."""
    return f"{path}.{name}" if len(path) < _MAX_LENGTH else f"{ANYTHING}.{name}"


def result(path: str) -> str:
    """Return the path of what calling `path` gives, or of an instance of the class `path`."""
    return f"{path}()" if len(path) < _MAX_LENGTH else ANYTHING


def element(path: str) -> str:
    """Return the path of an element of what has `path`, by a key that is no name."""
    return f"{path}[]" if len(path) < _MAX_LENGTH else ANYTHING


def spread_braces(pattern: str) -> list[str]:
    """Return the patterns without `{a,b}` that `pattern` stands for. Raises ValueError when a brace has no partner."""
    found = _BRACES.search(pattern)
    if found is None:
        if "{" in pattern or "}" in pattern:
            raise ValueError(f"the pattern {pattern!r} has a brace without its partner")
        return [pattern]
    front, back = pattern[: found.start()], pattern[found.end() :]
    return [each for choice in found[1].split(",") for each in spread_braces(front + choice.strip() + back)]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return what matches the paths that `pattern`, one without braces, stands for.

    `*` in front is anything, elsewhere the rest of a name; `[]` is any element, by key or by name.
    """
    if not pattern:
        raise ValueError("a pattern is empty")
    written: list[str] = []
    for token in _TOKEN.findall(pattern):
        if token == "*":  # noqa: S105 - a piece of a pattern, no password
            written.append(r"[^.()\[\]]*" if written else ".*")
        elif token == "[]":  # noqa: S105 - as above
            written.append(r"(?:\[\]|\.[^.()\[\]]+)")
        else:
            written.append(re.escape(token))
    return re.compile("".join(written), re.DOTALL)


class PatternTable(Generic[Rule]):
    """Rules by the patterns they are asked by. Answers are remembered: the same few paths are asked again and again."""

    def __init__(self) -> None:
        self._whole: dict[str, list[Rule]] = {}  # patterns without a wildcard
        self._by_tail: dict[str, list[tuple[re.Pattern[str], Rule]]] = {}  # wildcards in front of a plain last name
        self._others: list[tuple[re.Pattern[str], Rule]] = []
        self._answers: dict[str, tuple[Rule, ...]] = {}

    def add(self, patterns: Iterable[str], rule: Rule) -> None:
        """Let `find` return `rule` for the paths that one of `patterns` matches. Raises ValueError on a bad pattern."""
        for pattern in (each for written in patterns for each in spread_braces(written)):
            tail = _tail(pattern)
            compiled = compile_pattern(pattern)
            if "*" not in pattern and "[]" not in pattern:
                self._whole.setdefault(pattern, []).append(rule)
            elif "*" not in tail and "[]" not in tail:
                self._by_tail.setdefault(tail, []).append((compiled, rule))
            else:
                self._others.append((compiled, rule))
        self._answers.clear()

    def find(self, path: str) -> tuple[Rule, ...]:
        """Return the rules that have a pattern which matches `path`, each once."""
        answer = self._answers.get(path)
        if answer is None:
            if len(self._answers) >= _MAX_CACHED:
                self._answers.clear()
            answer = self._answers[path] = self._search(path)
        return answer

    def __bool__(self) -> bool:
        """Tell whether there is any rule."""
        return bool(self._whole or self._by_tail or self._others)

    def _search(self, path: str) -> tuple[Rule, ...]:
        rules = list(self._whole.get(path, ()))
        for compiled, rule in (*self._by_tail.get(_tail(path), ()), *self._others):
            if compiled.fullmatch(path):
                rules.append(rule)
        return tuple({id(rule): rule for rule in rules}.values())


def _tail(path: str) -> str:
    return path.rpartition(".")[2]
