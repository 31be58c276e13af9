"""Holes that another file's definition fills, cut out of packages that this project installs.

A hole is a member, with its call's arguments, whose name stands nowhere else in its file and is defined in one file of
all packages, another one of its own: it cannot be known from the file. Deterministic for the packages' versions.
"""

import ast
import asyncio
import hashlib
import importlib.util
import inspect
import io
import os
import re
import socket
import sys
import threading
import typing
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

PACKAGES = (
    *("anyio", "cattrs", "grimp", "httpcore", "httpx", "hypothesis", "importlinter", "jinja2", "markdown_it", "mlx_lm"),
    *("packaging", "pathspec", "pygls", "pygments", "rich", "starlette", "watchdog"),
)
_LEAST_NAME_CHARS = 4
_MOST_FILE_BYTES = 120_000
_LEFT_OUT = ("test", "_vendor", "lexers", "styles", "_mapping")
_STANDARD = (str, bytes, list, dict, set, int, float, Path, io.TextIOWrapper, re.Match, re.Pattern, threading.Thread)
_MODULES = (ast, asyncio, inspect, os, re, socket, sys, threading, typing)
_COMMON = frozenset(name for each in (*_STANDARD, *_MODULES) for name in dir(each))
"""What the standard library calls something; a package's own definition is then not what the hole needs."""


@dataclass(frozen=True, slots=True)
class Case:
    """A hole. path: of its file, below the folder of all packages; name: what is to be written first at the hole."""

    path: str
    before: str
    after: str
    name: str

    @property
    def text(self) -> str:
        """The file without what was cut out."""
        return self.before + self.after


def find_sources() -> dict[str, str]:
    """Return the packages' files by their path below the folder of all packages."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        root = Path(spec.origin).parent
        for file in sorted(root.rglob("*.py")):
            path = file.relative_to(root.parent).as_posix()
            if not any(word in path for word in _LEFT_OUT) and file.stat().st_size <= _MOST_FILE_BYTES:
                found[path] = file.read_text(encoding="utf-8", errors="replace")
    return found


def find_cases(sources: dict[str, str], n_cases: int) -> list[Case]:
    """Return `n_cases` holes, one a file, from the packages in turn."""
    by_package: dict[str, list[Case]] = defaultdict(list)
    packages: dict[str, dict[str, ast.Module]] = defaultdict(dict)
    for path, text in sources.items():
        packages[path.partition("/")[0]][path] = ast.parse(text)
    defined_in = _definitions({path: tree for trees in packages.values() for path, tree in trees.items()})
    for package, trees in packages.items():
        names: set[str] = set()
        for path in sorted(trees, key=_order):
            holes = (hole for hole in _holes(path, sources[path], trees[path], defined_in) if hole.name not in names)
            case = min(holes, key=lambda hole: _order(hole.path + hole.name), default=None)
            if case is not None:
                names.add(case.name)
                by_package[package].append(case)
    turns = zip_longest(*(by_package[package] for package in sorted(by_package)))
    return [case for turn in turns for case in turn if case is not None][:n_cases]


def _definitions(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return in which files each name is defined: a function, a class, or a constant of a module or class."""
    defined_in: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined_in[node.name].add(path)
            if isinstance(node, ast.Module | ast.ClassDef):
                for name in _assigned(node):
                    defined_in[name].add(path)
    return defined_in


def _assigned(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for each in node.body:
        targets = (
            each.targets if isinstance(each, ast.Assign) else [each.target] if isinstance(each, ast.AnnAssign) else []
        )
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _holes(path: str, text: str, tree: ast.Module, defined_in: dict[str, set[str]]) -> Iterator[Case]:
    if not text.isascii():
        return
    n_said = Counter(re.findall(r"\w+", text))
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    package = path.partition("/")[0]
    foreign = _foreign(tree, package)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        name = node.attr
        places = defined_in.get(name, set())
        is_known_elsewhere = (
            len(places) == 1 and path not in places and all(place.startswith(f"{package}/") for place in places)
        )
        is_telling = len(name) >= _LEAST_NAME_CHARS and name not in _COMMON and not name.startswith("__")
        if not is_known_elsewhere or not is_telling or n_said[name] != 1 or _root(node) in foreign:
            continue
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        end = starts[node.end_lineno - 1] + node.end_col_offset
        start = end - len(name)
        call = calls.get(id(node))
        if call is not None and call.end_lineno == node.end_lineno and call.end_col_offset is not None:
            end = starts[node.end_lineno - 1] + call.end_col_offset
        yield Case(path, text[:start], text[end:], name)


def _foreign(tree: ast.Module, package: str) -> set[str]:
    """Return the names that a file has from other packages."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(each.asname or each.name).partition(".")[0] for each in node.names if _top(each.name) != package}
        elif isinstance(node, ast.ImportFrom) and not node.level and _top(node.module or "") != package:
            names |= {each.asname or each.name for each in node.names}
    return names


def _top(module: str) -> str:
    return module.partition(".")[0]


def _root(node: ast.expr) -> str | None:
    """Return the name that a chain of members and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _order(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
