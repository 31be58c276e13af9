"""Which program runs a project's tests, told by its files of settings and by what its tests import. Pure.

Invariant: what the files say only ever chooses among the runners here; nothing of it becomes part of a command.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath

from lsp_server.tests_for.conventions_names import Family

Read = Callable[[str], str | None]
"""Returns the text of a file of the workspace, None where it cannot be read."""


class Runner(StrEnum):
    """What runs tests."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    VITEST = "vitest"
    JEST = "jest"
    MOCHA = "mocha"
    NODE = "node:test"
    GO = "go test"


_ROOTS = {
    Family.PYTHON: ("pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini"),
    Family.JAVASCRIPT: ("package.json",),
    Family.GO: ("go.mod",),
}
_PYTEST_FILES = {"pytest.ini": r"^\[pytest\]", "pyproject.toml": r"\bpytest\b", "setup.cfg": r"\bpytest\b",
                 "tox.ini": r"\bpytest\b", "requirements-dev.txt": r"^pytest\b", "requirements.txt": r"^pytest\b",
                 "setup.py": r"\bpytest\b", "Pipfile": r"^pytest\b"}  # fmt: skip
_REACHED = re.compile(r"^\[(?:build-system|tool\.poetry|metadata)\]|^\s*pythonpath\b", re.MULTILINE)
_PYTHON_IMPORT = re.compile(r"^\s*(?:import|from)\s+(pytest|unittest)\b", re.MULTILINE)
_PYTHON_TEST = re.compile(r"^(?:async\s+)?def test_", re.MULTILINE)
_UNITTEST_CASE = re.compile(r"^class \w+\((?:unittest\.)?(?:\w*TestCase)\)", re.MULTILINE)
_SCRIPT_IMPORT = re.compile(r"""(?:from\s*|require\(\s*|import\s*)["'](vitest|@jest/globals|node:test|mocha)["']""")
_SCRIPT_IMPORTED = {
    "vitest": Runner.VITEST,
    "@jest/globals": Runner.JEST,
    "node:test": Runner.NODE,
    "mocha": Runner.MOCHA,
}
_SCRIPT_FILES = re.compile(
    r"(vitest)\.(?:config|workspace)\.[mc]?[jt]s|(jest)\.config\.(?:[mc]?[jt]s|json)|\.(mocha)rc\.?\w*"
)
_SCRIPT_COMMANDS = ((r"\bvitest\b", Runner.VITEST), (r"\bjest\b", Runner.JEST), (r"\bmocha\b", Runner.MOCHA),
                    (r"\bnode\b.*--test\b", Runner.NODE))  # fmt: skip
_MAX_READ = 20


def root_of(path: str, files: Collection[str], family: Family) -> str:
    """Return the folder of the project that the file at `path` belongs to, "" for the workspace's own."""
    for folder in folders_above(path):
        if any(_join(folder, name) in files for name in _ROOTS[family]):
            return folder
    return ""


def folders_above(path: str) -> list[str]:
    """Return the folders the file at `path` lies in, the nearest first, the workspace's own ("") last."""
    return ["" if str(folder) == "." else str(folder) for folder in PurePosixPath(path).parents]


def runner_of(root: str, files: Collection[str], tests: Iterable[str], family: Family, read: Read) -> Runner:
    """Return what runs the tests of the project in the folder `root`. tests: those whose word counts most first."""
    if family is Family.GO:
        return Runner.GO
    texts = [text for path in list(tests)[:_MAX_READ] if (text := read(path)) is not None]
    if family is Family.JAVASCRIPT:
        return _of_imports(texts) or _of_package(root, files, read) or Runner.NODE
    return _of_python(root, files, texts, read)


def is_reached(root: str, files: Collection[str], read: Read) -> bool:
    """Tell whether tests in a folder of their own find a project of Python: it is installed, or put on the path."""
    if any(_join(root, name) in files for name in ("conftest.py", "setup.py")):
        return True
    texts = [read(path) or "" for name in _PYTEST_FILES if (path := _join(root, name)) in files]
    return any(_REACHED.search(text) for text in texts)


def is_unittest(text: str) -> bool:
    """Tell whether a test file is made of unittest's classes."""
    return bool(_UNITTEST_CASE.search(text)) and not _PYTHON_TEST.search(text)


def is_module(path: str, files: Collection[str], read: Read, tests: Iterable[str] = ()) -> bool:
    """Tell whether a JavaScript or TypeScript file at `path` is an ES module, and not CommonJS.

    tests: whose form tells it for a project that compiles both.
    """
    suffix = PurePosixPath(path).suffix
    if suffix in (".mjs", ".cjs", ".mts", ".cts"):
        return suffix[1] == "m"
    if suffix in (".ts", ".tsx", ".jsx"):
        return True
    for folder in folders_above(path):
        if _join(folder, "package.json") in files:
            if _package(folder, read).get("type") == "module":
                return True
            break
    texts = [text for path in list(tests)[:3] if (text := read(path)) is not None]
    return any(re.search(r"^import\s", text, re.MULTILINE) and "require(" not in text for text in texts)


def _of_python(root: str, files: Collection[str], texts: list[str], read: Read) -> Runner:
    if any("pytest" in _PYTHON_IMPORT.findall(text) for text in texts):
        return Runner.PYTEST
    for name, sign in _PYTEST_FILES.items():
        path = _join(root, name)
        if path in files and re.search(sign, read(path) or "", re.MULTILINE):
            return Runner.PYTEST
    if _join(root, "conftest.py") in files or any(PurePosixPath(path).name == "conftest.py" for path in files):
        return Runner.PYTEST
    has_functions = any(_PYTHON_TEST.search(text) for text in texts)
    if texts and not has_functions and any(is_unittest(text) for text in texts):
        return Runner.UNITTEST
    return Runner.PYTEST


def _of_imports(texts: list[str]) -> Runner | None:
    for text in texts:
        found = _SCRIPT_IMPORT.search(text)
        if found is not None:
            return _SCRIPT_IMPORTED[found[1]]
    return None


def _of_package(root: str, files: Collection[str], read: Read) -> Runner | None:
    """Ask the package's own settings, then those of the folders above it: a monorepo may hold them for all."""
    settings = {
        _folder(path): Runner(next(group for group in found.groups() if group))
        for path in sorted(files)
        if (found := _SCRIPT_FILES.fullmatch(path.rpartition("/")[2])) is not None
    }
    for folder in folders_above(_join(root, "package.json")):
        if folder in settings:
            return settings[folder]
        package = _package(folder, read) if _join(folder, "package.json") in files else {}
        script = _texts(package.get("scripts")).get("test", "")
        known = [runner for sign, runner in _SCRIPT_COMMANDS if re.search(sign, script)]
        known += [
            Runner(name)
            for name in ("vitest", "jest", "mocha")
            if name in _texts(package.get("devDependencies")) | _texts(package.get("dependencies"))
        ]
        if known:
            return known[0]
    return None


def _package(folder: str, read: Read) -> Mapping[str, object]:
    try:
        found = json.loads(read(_join(folder, "package.json")) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
