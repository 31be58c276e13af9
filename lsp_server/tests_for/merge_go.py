"""Go: functions behind the last, imports into the file's own block. Pure.

Invariant: nothing is imported that is not used, which Go refuses.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import tree_sitter

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.merge_text import (
    Insertion,
    Source,
    at_end,
    indented,
    leaves,
    renamed,
    unique,
    walk,
    without_ending,
)


class Package(NamedTuple):
    """One imported package. alias: "" for none."""

    path: str
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that the file knows it by, as far as the path tells."""
        parts = [part for part in self.path.split("/") if not re.fullmatch(r"v\d+", part)]
        return self.alias or (parts[-1] if parts else self.path).partition(".")[0].replace("-", "")

    @property
    def words(self) -> str:
        """It as it stands in an import."""
        return f'{self.alias} "{self.path}"' if self.alias else f'"{self.path}"'


def insertions(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[Insertion]:
    """Return what must be inserted for `source` to hold `tests`."""
    specs = {package: node for node in _specs(source.root) if (package := _package(source, node)) is not None}
    needed: list[Package] = []
    ready: list[TestCode] = []
    for test in tests:
        for package in (each for text in test.imports for each in packages_of(text)):
            known = next((each for each in [*specs, *needed] if each.path == package.path), None)
            if known is None:
                bound = {each.bound for each in [*specs, *needed]}
                known = package
                if package.bound in bound:
                    known = Package(package.path, unique(package.bound, bound, "{name}{number}"))
                needed.append(known)
            if known.bound != package.bound:
                test = replace(test, text=renamed("go", test.text, package.bound, known.bound))
        ready.append(test)
    texts = _new_texts(source, ready, taken)
    if not texts:
        return []
    used = "\n".join(texts)
    needed = [each for each in needed if re.search(rf"\b{re.escape(each.bound)}\.", used)]
    return [*_imports(source, specs, needed), at_end(source, "\n\n".join(texts), 1)]


def functions_in(text: str) -> list[str]:
    """Return the names of the functions that a file defines."""
    source = Source("go", text)
    names = (node.child_by_field_name("name") for node in source.root.children if node.type == "function_declaration")
    return [source.text(name) for name in names if name is not None]


def packages_of(statement: str) -> list[Package]:
    """Return what an import declaration names."""
    source = Source("go", f"package p\n{statement}\n")
    found = (_package(source, node) for node in _specs(source.root))
    return [package for package in found if package is not None]


def _specs(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    for node in root.children:
        if node.type == "import_declaration":
            yield from (inner for inner in walk(node) if inner.type == "import_spec")


def _package(source: Source, node: tree_sitter.Node) -> Package | None:
    path, name = node.child_by_field_name("path"), node.child_by_field_name("name")
    if path is None:
        return None
    return Package(source.text(path)[1:-1], source.text(name) if name is not None else "")


def _imports(source: Source, specs: dict[Package, tree_sitter.Node], needed: Sequence[Package]) -> list[Insertion]:
    ordered = sorted(needed, key=lambda package: package.path)
    if not ordered:
        return []
    if not specs:
        lines = "".join(f"\t{package.words}\n" for package in ordered)
        text = f"import (\n{lines})" if len(ordered) > 1 else f"import {ordered[0].words}"
        clause = next((node for node in source.root.children if node.type == "package_clause"), None)
        at = source.line_end(clause.end_byte) if clause is not None else 0
        return [Insertion(at, f"\n\n{text}" if clause is not None else f"{text}\n\n")]
    first = next(iter(specs.values()))
    if first.parent is not None and first.parent.type == "import_spec_list":
        return [_in_block(source, first.parent, package) for package in ordered]
    lines = "".join(f"\n\t{package.words}" for package in ordered)
    return [Insertion(first.start_byte, "(\n\t"), Insertion(source.line_end(first.end_byte), f"{lines}\n)")]


def _in_block(source: Source, block: tree_sitter.Node, package: Package) -> Insertion:
    """Return what puts `package` into an import block, in front of the first that comes later in the alphabet."""
    specs = [node for node in block.children if node.type == "import_spec"]
    paths = [(each.path if (each := _package(source, node)) is not None else "") for node in specs]
    if paths == sorted(paths):
        for node, path in zip(specs, paths, strict=True):
            if package.path < path:
                return Insertion(node.start_byte, f"{package.words}\n\t")
    return Insertion(source.line_end(specs[-1].end_byte), f"\n\t{package.words}")


def _new_texts(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[str]:
    names, said = set(taken), set()
    for node in source.root.children:
        name = node.child_by_field_name("name")
        if node.type == "function_declaration" and name is not None:
            names.add(source.text(name))
            said.add(leaves(source, node, source.text(name)))
    texts = []
    for test in tests:
        text = without_ending(test.text)
        alone = Source("go", text)
        node = next((each for each in alone.root.children if each.type == "function_declaration"), alone.root)
        words = leaves(alone, node, test.name)
        if words in said:
            continue
        other = unique(test.name, names)
        text = renamed("go", text, test.name, other) if other != test.name else text
        names.add(other)
        said.add(words)
        texts.append(indented("go", text, "\t"))
    return texts
