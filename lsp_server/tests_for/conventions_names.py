"""What the files of a project are to each other by their names: which are tests, and of what. Pure.

Paths are relative to the workspace, with `/`. Invariant: a test is never taken for a source, nor a source for a test.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple


class Family(StrEnum):
    """Languages whose tests lie and run alike."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"  # and TypeScript
    GO = "go"


_BY_SUFFIX = {
    ".py": Family.PYTHON,
    ".go": Family.GO,
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"), Family.JAVASCRIPT),
}
_TESTS = {
    Family.PYTHON: re.compile(r"test_(?P<a>.+)\.py|(?P<b>.+)_test\.py|tests?\.py"),
    Family.JAVASCRIPT: re.compile(
        r"(?P<a>.+)[._-](?:test|spec)\.(?:[mc]?[jt]s|[jt]sx)|test[-_.](?P<b>.+)\.(?:[mc]?[jt]s|[jt]sx)"
    ),
    Family.GO: re.compile(r"(?P<a>.+)_test\.go"),
}
_PYTHON_IMPORT = re.compile(r"^(?:from|import)\s+(\w+)", re.MULTILINE)
_FOLDERS = {"test", "tests", "__tests__", "spec", "specs"}
_NO_TESTS = re.compile(
    r"(?:conftest|__init__|setup|fixtures?|helpers?|utils?|global|index\.d)\.[a-z]+|.*\.(?:d|config)\.[mc]?ts"
)


class Names(NamedTuple):
    """A test and the source that it is of, by their names.

    template: the test's name with the source's stem, parent and ending left open.
    """

    source: str
    test: str
    template: str


def family_of(path: str) -> Family | None:
    """Return the family of the file at `path`, None where no tests are known for it."""
    return _BY_SUFFIX.get(PurePosixPath(path).suffix)


def tested_stem(path: str) -> str | None:
    """Return what a test's name says it tests, "" where it says nothing; None for what is no test."""
    pure, family = PurePosixPath(path), family_of(path)
    if family is None:
        return None
    found = _TESTS[family].fullmatch(pure.name)
    if found is not None:
        return next((group for group in found.groups() if group), "")
    in_tests = family is Family.JAVASCRIPT and not _FOLDERS.isdisjoint(pure.parts[:-1])
    if (
        in_tests
        and not _NO_TESTS.fullmatch(pure.name)
        and not {"fixtures", "__fixtures__", "__mocks__"} & set(pure.parts)
    ):
        return pure.stem
    return None


def is_in_tests(path: str) -> bool:
    """Tell whether the file lies among tests, whatever it is itself: a fixture, a helper."""
    return not _FOLDERS.isdisjoint(PurePosixPath(path).parts[:-1])


def is_script(path: str, text: str, has: Callable[[str], bool]) -> bool:
    """Tell whether a file of Python imports those beside it by their bare names, as what is run in its folder does.

    has: tells whether there is a file.
    """
    folder = PurePosixPath(path).parent
    if family_of(path) is not Family.PYTHON or not folder.parts or has(str(folder / "__init__.py")):
        return False
    named = _PYTHON_IMPORT.findall(text)
    return any(has(str(folder / f"{name}.py")) or has(str(folder / name / "__init__.py")) for name in named)


def imported_path(path: str, specifier: str) -> str:
    """Return the path, of the workspace, that a relative import in the script at `path` names."""
    parts = list(PurePosixPath(path).parent.parts)
    for part in specifier.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def without_script_ending(path: str) -> str:
    """Return `path` without the ending of a script: what is imported as `.js` may be written as `.ts`."""
    return re.sub(r"\.[mc]?[jt]sx?$", "", path)


def pair(sources: Iterable[str], tests: Iterable[str], imports: Callable[[str, str], bool]) -> list[Names]:
    """Find the source of each test whose name names one. Where several do, the one whose folder is most alike.

    imports: tells whether a test imports a source; asked where folders do not decide.
    """
    by_stem: dict[str, list[str]] = {}
    for source in sources:
        by_stem.setdefault(PurePosixPath(source).stem, []).append(source)
    found = []
    for test in tests:
        named = tested_stem(test)
        best = _source_of(test, named, by_stem, imports) if named else None
        if best is not None:
            found.append(best)
    return found


def _source_of(
    test: str, named: str, by_stem: Mapping[str, list[str]], imports: Callable[[str, str], bool]
) -> Names | None:
    candidates = [(source, False) for source in by_stem.get(named, ())]
    if not candidates:  # test_parent_stem.py
        for at, character in enumerate(named):
            if character == "_":
                candidates += [
                    (source, True) for source in by_stem.get(named[at + 1 :], ()) if _parent(source) == named[:at]
                ]
    if not candidates:
        return None
    most = max(_likeness(source, test) for source, _ in candidates)
    likely = sorted(each for each in candidates if _likeness(each[0], test) == most)
    if len(likely) > 1:
        likely.sort(key=lambda each: not imports(test, each[0]))
    source, has_parent = likely[0]
    return Names(source, test, _template(PurePosixPath(source), PurePosixPath(test).name, named, has_parent=has_parent))


def name_from(template: str, path: str) -> str:
    """Return the name of a test of the file at `path`."""
    pure = PurePosixPath(path)
    return template.replace("{ext}", pure.suffix).replace("{parent}", _parent(path)).replace("{stem}", pure.stem)


def _template(source: PurePosixPath, name: str, named: str, *, has_parent: bool) -> str:
    before, _, behind = name.partition(named)
    if behind.endswith(source.suffix):
        behind = behind.removesuffix(source.suffix) + "{ext}"
    return before + ("{parent}_{stem}" if has_parent else "{stem}") + behind


def _parent(path: str) -> str:
    return PurePosixPath(path).parent.name


def _likeness(source: str, test: str) -> int:
    """Tell how many of the folders' names both have, those in front and those at the end."""
    mine, other = PurePosixPath(source).parts[:-1], PurePosixPath(test).parts[:-1]
    return len(set(mine) & set(other)) + common(mine, other)


def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many parts two paths have in common from the front."""
    for number, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return number
    return min(len(one), len(other))
