"""Where the tests of a file lie, told by where those of the files around it do. Pure.

Owns the habits in which tests lie to their sources: beside them, in a tree that mirrors theirs, or all in one folder.
Invariant: the answer is a path relative to the workspace, inside the same project.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

from lsp_server.tests_for.conventions_names import Family, Names, common, is_in_tests, name_from, tested_stem

Parts = tuple[str, ...]
_T = TypeVar("_T", str, tuple[str, ...])

_MAX_NEARNESS = 8
_DEFAULT_TEMPLATES = {
    Family.PYTHON: "test_{stem}.py",
    Family.JAVASCRIPT: "{stem}.test{ext}",
    Family.GO: "{stem}_test.go",
}


class _Habit(NamedTuple):
    """How a test lies to its source. added: behind the source's folder, None where the folder is another.

    base: the folder of tests; stripped: what a mirrored tree lacks of the source's, None where it is not mirrored.
    """

    source: Parts
    base: Parts
    stripped: Parts | None = None
    added: Parts | None = None

    def folder(self, parts: Parts, test_folders: Collection[Parts]) -> Parts:
        """Return where the tests of a source in the folder `parts` lie."""
        if self.added is not None:
            return parts + self.added
        if self.stripped is not None and parts[: len(self.stripped)] == self.stripped:
            return self.base + parts[len(self.stripped) :]
        inner = self.base + parts[len(self.source) :]
        return inner if parts[: len(self.source)] == self.source and inner in test_folders else self.base


def place(
    path: str,
    root: str,
    pairs: Sequence[Names],
    tests: Sequence[str],
    others: Collection[str],
    family: Family,
    *,
    is_script: bool,
    is_reached: bool,
) -> str:
    """Return where the tests of the file at `path` lie or would; never one of `others`, which are no tests.

    root: the project's folder, "" for the workspace. pairs, others: of that project. tests: of it too, named or not.
    is_script: it must be imported from its own folder, which a test beside it is. is_reached: what runs tests of Python
    finds the project from a folder of its tests.
    """
    pure = PurePosixPath(path)
    home = _parts(pure)
    own = [names for names in pairs if names.source == path]
    if own:
        return own[0].test
    if family is Family.GO:
        return str(pure.with_name(name_from(_DEFAULT_TEMPLATES[family], path)))
    votes: Counter[Parts] = Counter()
    templates: Counter[str] = Counter()
    test_folders = {PurePosixPath(test).parent.parts for test in tests}
    for names in pairs:
        source = _parts(PurePosixPath(names.source))
        weight = 4 ** min(common(source, home), _MAX_NEARNESS)
        votes[_habit(source, PurePosixPath(names.test).parent.parts).folder(home, test_folders)] += weight
        templates[names.template] += weight
    template = _first(templates) or _DEFAULT_TEMPLATES[family]
    folder = _first(votes)
    if folder is None:
        most = _first(Counter(PurePosixPath(test).parent.parts for test in tests))
        habit = (*PurePosixPath(root).parts, "tests") if is_reached else home
        folder = home if is_script else most if most is not None else habit
    taken = {names.test for names in pairs}.union(others)  # those of another file of this name, and what is no test
    templates_left = [each for name in (template, _DEFAULT_TEMPLATES[family]) for each in (name, _with_parent(name))]
    places = [str(PurePosixPath(*folder, name_from(each, path))) for each in templates_left]
    return next((placed for placed in places if placed not in taken and _is_test(placed)), places[-1])


def _is_test(path: str) -> bool:
    return tested_stem(path) is not None or is_in_tests(path)


def _with_parent(template: str) -> str:
    return template.replace("{stem}", "{parent}_{stem}")


def _habit(source: Parts, folder: Parts) -> _Habit:
    if source and folder[: len(source)] == source and len(folder) - len(source) <= 1:
        return _Habit(source, folder, added=folder[len(source) :])
    if folder == source:
        return _Habit(source, folder, added=())
    for first in range(len(source)):
        rest = source[first:]
        if folder[len(folder) - len(rest) :] == rest:
            return _Habit(source, folder[: len(folder) - len(rest)], stripped=source[:first])
    return _Habit(source, folder)


def _first(votes: Counter[_T]) -> _T | None:
    """Return what most voted for, the least of them where as many did; None where nobody did."""
    return min(votes, key=lambda each: (-votes[each], each), default=None)


def _parts(path: PurePosixPath) -> Parts:
    return path.parent.parts
