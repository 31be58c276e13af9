"""Python's imports: what they bind, and where a new one goes among those of a file. Pure."""

import re
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import tree_sitter

from lsp_server.tests_for.merge_text import Insertion, Named, Source, beside, extensions, walk

_IMPORTS = {"import_statement", "import_from_statement", "future_import_statement"}
_LONGEST_LINE = 100
_KNOWN_OUTSIDE = {"pytest", "hypothesis", "mock", "numpy", "freezegun", "anyio"}
"""Packages of others that tests use, so that a new file's imports stand in the usual groups."""


class Atom(NamedTuple):
    """One name that an import binds. name: None for a whole module; alias: "" for none."""

    module: str
    name: str | None
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that the file knows it by."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def words(self) -> str:
        """The name as it stands in a statement."""
        return (self.name or self.module) + (f" as {self.alias}" if self.alias else "")

    @property
    def statement(self) -> str:
        """A statement that binds this name alone."""
        return f"import {self.words}" if self.name is None else f"from {self.module} import {self.words}"


def atoms_of(statement: str) -> list[Atom]:
    """Return what an import statement binds."""
    source = Source("python", statement)
    return [atom for node in source.root.children if node.type in _IMPORTS for atom in _atoms(source, node)]


def new_head(needed: Sequence[Atom]) -> str:
    """Return the imports of a new file, in the usual groups, and the empty lines behind them."""

    def group(atom: Atom) -> int:
        return _group(atom.module.partition(".")[0])

    ordered = sorted(needed, key=lambda atom: (group(atom), atom.name is not None, atom.module, atom.words))
    groups = []
    for _, each in groupby(ordered, key=group):
        lines = []
        for (module, is_from), atoms in groupby(each, key=lambda atom: (atom.module, atom.name is not None)):
            names = list(atoms)
            words = ", ".join(atom.words for atom in names)
            lines += [f"from {module} import {words}"] if is_from else [atom.statement for atom in names]
        groups.append("\n".join(lines))
    return "\n\n".join(groups) + "\n\n\n" if groups else ""


def is_used(atom: Atom, text: str) -> bool:
    """Tell whether `text` may use what `atom` binds."""
    return atom.name == "*" or atom.module == "__future__" or bool(re.search(rf"\b{re.escape(atom.bound)}\b", text))


def import_insertions(source: Source, needed: Sequence[Atom]) -> list[Insertion]:
    """Return what imports `needed`, which the file does not import yet."""
    nodes = [node for node in source.root.children if node.type in _IMPORTS]
    first_definition = next(
        (node.start_byte for node in source.root.children if "definition" in node.type), len(source.data)
    )
    nodes = [node for node in nodes if node.start_byte < first_definition]
    if not nodes:
        return [_first_imports(source, needed)] if needed else []
    found, rest = extensions(needed, lambda atom: _extended(source, nodes, atom))
    return [*found, *_spaced([_statement(source, nodes, atom) for atom in rest])]


def _extended(source: Source, nodes: Sequence[tree_sitter.Node], atom: Atom) -> Insertion | None:
    """Return what adds `atom` to an import of its module; None where there is none, or no room."""
    if atom.name is None or atom.name == "*":
        return None
    for node in nodes:
        names = node.children_by_field_name("name")
        module = node.child_by_field_name("module_name")
        if module is None or source.text(module) != atom.module or not names:
            continue
        named = [Named(source.text(each), each.start_byte, each.end_byte, each.start_point.row) for each in names]
        added = beside(named, atom.words, source)
        line = source.data[source.line_start(added.at) : source.line_end(added.at)].decode()
        if "\n" in added.text or len(line) + len(added.text) <= _LONGEST_LINE:
            return added
    return None


def _statement(source: Source, nodes: Sequence[tree_sitter.Node], atom: Atom) -> Insertion:
    """Return what puts a statement for `atom` beside the file's others: behind its like, in the order of groups."""
    tops = [_top(source, node) for node in nodes]
    top = atom.module.partition(".")[0]
    alike = [node for node, other in zip(nodes, tops, strict=True) if other == top]
    alike = alike or [node for node, other in zip(nodes, tops, strict=True) if _group(other) == _group(top)]
    if alike:
        return Insertion(source.line_end(alike[-1].end_byte), f"\n{atom.statement}")
    before = [node for node, other in zip(nodes, tops, strict=True) if _group(other) < _group(top)]
    if before:
        return Insertion(source.line_end(before[-1].end_byte), f"\n\n{atom.statement}")
    return Insertion(source.line_start(nodes[0].start_byte), f"{atom.statement}\n\n")


def _spaced(statements: Sequence[Insertion]) -> list[Insertion]:
    """Let statements that go to one place stand as new files have them: groups apart, what is of one group together."""
    found: list[Insertion] = []
    ordered = sorted(statements, key=lambda each: (each.at, _group(each.text.split()[1].partition(".")[0])))
    for number, each in enumerate(ordered):
        group = _group(each.text.split()[1].partition(".")[0])
        beside = [
            other.text.startswith("\n")
            for place, other in enumerate(ordered)
            if other.at == each.at
            and _group(other.text.split()[1].partition(".")[0]) == group
            and (place < number if each.text.startswith("\n") else place > number)
        ]
        text = each.text
        if beside:
            text = text[1:] if text.startswith("\n\n") else text[:-1] if text.endswith("\n\n") else text
        found.append(Insertion(each.at, text))
    return found


def _first_imports(source: Source, needed: Sequence[Atom]) -> Insertion:
    """Return what puts imports into a file that has none."""
    head, at = new_head(needed).rstrip(), _first_place(source)
    behind = next((node for node in source.root.children if node.start_byte >= at), None)
    if behind is None:
        return Insertion(at, f"\n\n{head}")
    return Insertion(at, head + ("\n\n\n" if "definition" in behind.type else "\n\n"))


def _first_place(source: Source) -> int:
    """Return where the first import goes: behind the comments and the docstring that a file begins with."""
    at = 0
    for node in source.root.children:
        is_docstring = node.type == "expression_statement" and node.children[0].type == "string"
        if node.type != "comment" and not is_docstring:
            return source.line_start(node.start_byte)
        at = source.line_end(node.end_byte)
    return at


def _group(top: str) -> int:
    """Return where a package's imports stand among the usual groups."""
    if top == "__future__":
        return 0
    return 1 if top in sys.stdlib_module_names else 2 if top in _KNOWN_OUTSIDE else 3


def _top(source: Source, node: tree_sitter.Node) -> str:
    atoms = _atoms(source, node)
    return atoms[0].module.partition(".")[0] if atoms else ""


def imported(source: Source) -> set[Atom]:
    """Return what the module imports, under conditions too."""
    return {atom for node in _module_imports(source.root) for atom in _atoms(source, node)}


def _module_imports(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Give the imports of the module, those under conditions too."""
    for node in root.children:
        if node.type in _IMPORTS:
            yield node
        elif node.type in {"if_statement", "try_statement", "with_statement"}:
            yield from (inner for inner in walk(node) if inner.type in _IMPORTS)


def _atoms(source: Source, node: tree_sitter.Node) -> list[Atom]:
    module = node.child_by_field_name("module_name")
    if node.type == "future_import_statement":
        name: str | None = "__future__"
    else:
        name = source.text(module) if module is not None else None
    if any(child.type == "wildcard_import" for child in node.children):
        return [Atom(name or "", "*")]
    found = []
    for child in node.children_by_field_name("name"):
        inner, alias = child.child_by_field_name("name"), child.child_by_field_name("alias")
        words = source.text(inner if inner is not None else child)
        short = source.text(alias) if alias is not None else ""
        found.append(Atom(words, None, short) if name is None else Atom(name, words, short))
    return found
