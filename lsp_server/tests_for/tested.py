"""What a test that is there already is about: which file of the project, and what in it. Pure.

Invariant: only files of the project are named.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from lsp_server.languages import language_of
from lsp_server.tests_for.conventions_names import Family, family_of, imported_path, without_script_ending
from lsp_server.tests_for.merge_javascript_imports import statements
from lsp_server.tests_for.merge_text import Source

_IMPORT_FROM = re.compile(r"^from\s+(\.*\w[\w.]*|\.+)\s+import\s+(?:\(([^)]*)\)|([^\n#]+))", re.MULTILINE)
_IMPORT = re.compile(r"^import\s+(\w[\w.]*)(?:\s+as\s+(\w+))?", re.MULTILINE)
_PYTHON_ROOTS = ("", "src", "lib")
_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".mts", ".cjs", ".cts")
_GO_CALL = re.compile(r"(\w+)\(")
_DEFINED = {
    Family.PYTHON: r"^(?:async +)?(?:def|class) +{name}\b",
    Family.JAVASCRIPT: r"^(?:export +)?(?:default +)?(?:async +)?"
    r"(?:function\s*\*?\s*|class +|(?:const|let|var) +){name}\b"
    r"|^(?:module\.)?exports\.{name}\s*=",
    Family.GO: r"^func +(?:\([^)]*\) *)?{name}\b",
}


def likely_tested(path: str, test: str, text: str, files: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give the path of what a test may be about, and what it is called there, the likeliest first.

    path: of the test's file; test: its own text; text: the file's; files: of the project. All paths are relative to it.
    """
    found: Iterator[tuple[str, str]]
    match family_of(path):
        case Family.PYTHON:
            found = ((each, name) for module, name in _imported(test, text) for each in _python_files(module, path))
        case Family.JAVASCRIPT:
            found = _scripts(path, test, text)
        case Family.GO:
            found = _of_package(path, test, files)
        case None:
            return
    yield from dict.fromkeys((each, name) for each, name in found if each in files)


def line_of(name: str, path: str, text: str) -> int | None:
    """Return the line, 0-based, on which the file at `path`, whose text is `text`, defines `name` at its margin."""
    family = family_of(path)
    if family is None:
        return None
    found = re.search(_DEFINED[family].replace("{name}", re.escape(name)), text, re.MULTILINE)
    return text.count("\n", 0, found.start()) if found is not None else None


def _imported(test: str, text: str) -> Iterator[tuple[str, str]]:
    """Give module and name of what a test in Python uses."""
    for module, several, single in _IMPORT_FROM.findall(text):
        for each in (several or single).split(","):
            name, _, alias = (part.strip() for part in each.strip().partition(" as "))
            if name.isidentifier() and _uses(test, alias or name):
                inner = f"{module}{name}" if module.endswith(".") else f"{module}.{name}"
                yield from ((inner, used) for used in _members(alias or name, test))
                yield module, name
    for module, alias in _IMPORT.findall(text):
        yield from ((module, used) for used in _members(alias or module, test))


def _python_files(module: str, test_path: str) -> Iterator[str]:
    """Give where the file of `module`, which may begin with dots, may lie."""
    parts = module.lstrip(".")
    n_dots = len(module) - len(parts)
    beside = [str(each) for each in PurePosixPath(test_path).parents]
    roots = beside[n_dots - 1 : n_dots] if n_dots else dict.fromkeys((*_PYTHON_ROOTS, *beside))
    for root in roots:
        path = PurePosixPath(root, *filter(None, parts.split(".")))
        if parts:
            yield f"{path}.py"
        yield str(path / "__init__.py")


def _scripts(path: str, test: str, text: str) -> Iterator[tuple[str, str]]:
    """Give the files that a test in JavaScript or TypeScript imports from beside it, and what it uses of them."""
    for statement in statements(Source(language_of(path), text)):
        for atom in statement.atoms:
            if not atom.module.startswith(".") or atom.is_type or not _uses(test, atom.bound):
                continue
            names = [atom.imported] if atom.is_named else [*_members(atom.bound, test), atom.bound]
            yield from ((each, name) for name in names for each in _script_files(atom.module, path))


def _script_files(module: str, test_path: str) -> Iterator[str]:
    whole = imported_path(test_path, module)
    yield whole
    bare = without_script_ending(whole)
    yield from (f"{place}{ending}" for place in (bare, f"{bare}/index") for ending in _SCRIPT_ENDINGS)


def _of_package(path: str, test: str, files: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give the files of a Go test's package, for each thing it calls."""
    folder = PurePosixPath(path).parent
    beside = [
        each
        for each in sorted(files)
        if PurePosixPath(each).parent == folder and each.endswith(".go") and not each.endswith("_test.go")
    ]
    yield from ((each, name) for name in dict.fromkeys(_GO_CALL.findall(test)) for each in beside)


def _uses(test: str, name: str) -> bool:
    return bool(name) and re.search(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", test) is not None


def _members(name: str, test: str) -> list[str]:
    return re.findall(rf"\b{re.escape(name)}\.(\w+)", test)
