"""How a project tests: which program runs its tests, where those of a file lie, and which are good to look at. Pure.

A project is a listing of its files and a way to read them. Invariants: of the files few are read, and of each a
bounded part is handed on; whatever they hold, the answer is one of the known runners and a path inside the project.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath

from lsp_server.tests_for import conventions_runner as runners
from lsp_server.tests_for.conventions_names import (
    Family,
    common,
    family_of,
    imported_path,
    is_in_tests,
    is_script,
    pair,
    tested_stem,
    without_script_ending,
)
from lsp_server.tests_for.conventions_place import place
from lsp_server.tests_for.conventions_runner import Read, Runner

MAX_EXAMPLES = 3
MAX_EXAMPLE_CHARS = 3_000

_MAX_LOOKED_AT = 40
"""Tests whose text is read to find those that import a file."""

_SPECIFIER = re.compile(r"""(?:from\s*|require\(\s*|import\s*\(?\s*)["'](\.[^"'\n]*)["']""")


@dataclass(frozen=True, slots=True)
class Example:
    """A part of an existing test file, from its beginning. path: relative to the workspace."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Conventions:
    """How the tests of one file are made. Paths are relative to the workspace, with `/`.

    root: the folder of the project, which its tests run in; "" for the workspace's own. path: of the test file.
    is_new: it has yet to be made. is_module: ES modules and not CommonJS; True for languages without that question.
    """

    runner: Runner
    root: str
    path: str
    is_new: bool
    examples: tuple[Example, ...]
    is_module: bool = True


def find_conventions(path: str, name: str, files: Collection[str], read: Read) -> Conventions | None:
    """Return how `name` in the file at `path` would be tested; None where no tests are known for it, or it is one.

    files: of the workspace, without what is ignored. read: of those.
    """
    family = family_of(path)
    if family is None or tested_stem(path) is not None or is_in_tests(path):
        return None
    root, mine = _project(path, files, family)
    tests = [each for each in mine if tested_stem(each) is not None]
    sources = [each for each in mine if tested_stem(each) is None and not is_in_tests(each)]
    n_asked = count(1)

    def imports(test: str, source: str) -> bool:
        return next(n_asked) <= _MAX_LOOKED_AT and _imports(read(test) or "", test, source, family)

    pairs = pair(sources, tests, imports)
    tested = {names.test: names.source for names in pairs}
    tests.sort(key=lambda test: _order(path, test, tested.get(test) or test))
    others = [each for each in mine if tested_stem(each) is None]
    alone = is_script(path, read(path) or "", files.__contains__)
    reached = family is Family.PYTHON and runners.is_reached(root, files, read)
    placed = place(path, root, pairs, tests, others, family, is_script=alone, is_reached=reached)
    if placed not in tests:
        importing = _importing(path, name, tests[:_MAX_LOOKED_AT], family, read)
        placed = importing[0] if importing else placed
    looked_at = [placed, *(test for test in tests if test != placed)] if placed in tests else tests
    runner = runners.runner_of(root, files, looked_at, family, read)
    return Conventions(
        runner,
        root,
        placed,
        placed not in tests,
        _examples(looked_at, read),
        family is not Family.JAVASCRIPT or runners.is_module(placed, files, read, looked_at),
    )


def _project(path: str, files: Collection[str], family: Family) -> tuple[str, list[str]]:
    """Return the folder of the project that `path` belongs to, and its files of this family."""
    roots: dict[str, str] = {}

    def root_of(each: str) -> str:
        folder = each.rpartition("/")[0]
        if folder not in roots:
            roots[folder] = runners.root_of(each, files, family)
        return roots[folder]

    root = root_of(path)
    return root, [each for each in files if family_of(each) is family and root_of(each) == root]


def _order(path: str, test: str, source: str) -> tuple[int, str]:
    """Order tests by how near what they test lies to the file at `path`."""
    return -common(PurePosixPath(path).parts, PurePosixPath(source).parts), test


def _importing(path: str, name: str, tests: Sequence[str], family: Family, read: Read) -> list[str]:
    """Return the tests that import the file at `path` and name `name`, that which does so most often first."""
    found = []
    for test in tests:
        text = read(test)
        if text is not None and _imports(text, test, path, family):
            n_named = len(re.findall(rf"\b{re.escape(name.rpartition('.')[2])}\b", text))
            if n_named:
                found.append((-n_named, test))
    return [test for _, test in sorted(found)]


def _imports(text: str, test: str, path: str, family: Family) -> bool:
    pure = PurePosixPath(path)
    if family is Family.GO:
        return PurePosixPath(test).parent == pure.parent
    if family is Family.JAVASCRIPT:
        wanted = {str(pure), str(pure.with_suffix(""))} | ({str(pure.parent)} if pure.stem == "index" else set())
        return any(without_script_ending(imported_path(test, each)) in wanted for each in _SPECIFIER.findall(text))
    parts = pure.with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    for first in range(len(parts)):
        dotted = r"\.".join(map(re.escape, parts[first:]))
        package = r"\.".join(map(re.escape, parts[first:-1]))
        if re.search(rf"^\s*(?:import|from)\s+\.*{dotted}\b(?!\.)", text, re.MULTILINE):
            return True
        if package and re.search(
            rf"^\s*from\s+{package}\s+import\s[^\n]*\b{re.escape(parts[-1])}\b", text, re.MULTILINE
        ):
            return True
    return False


def _examples(tests: Sequence[str], read: Read) -> tuple[Example, ...]:
    found = []
    for test in tests:
        text = read(test)
        if text and text.strip():
            found.append(Example(test, _head(text)))
        if len(found) == MAX_EXAMPLES:
            break
    return tuple(found)


def _head(text: str) -> str:
    """Return the beginning of `text`, whole lines."""
    if len(text) <= MAX_EXAMPLE_CHARS:
        return text
    return text[: text.rfind("\n", 0, MAX_EXAMPLE_CHARS) + 1]
