"""Python: imports into the file's own, functions behind the last, methods into the class they belong to. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import tree_sitter

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.merge_python_imports import Atom, atoms_of, import_insertions, imported, is_used, new_head
from lsp_server.tests_for.merge_text import (
    Insertion,
    Source,
    at_end,
    indented,
    leaves,
    renamed,
    unique,
    unit_of,
    walk,
    without_ending,
)


class _Scope(NamedTuple):
    """A module or class body: names that are taken there, and what the functions in it say."""

    names: set[str]
    said: set[tuple[str, ...]]


def insertions(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[Insertion]:
    """Return what must be inserted for `source` to hold `tests`."""
    has = imported(source)
    bound = {atom.bound for atom in has} | _module_names(source)
    new_atoms: list[Atom] = []
    ready: list[TestCode] = []
    for test in tests:
        wanted = [atom for text in test.imports for atom in atoms_of(text)]
        for atom in wanted:
            test = _with_import(test, atom, has, bound, new_atoms)
        ready.append(test)
    bodies = _bodies(source, ready, taken)
    used = "\n".join(insertion.text for insertion in bodies)
    needed = [atom for atom in dict.fromkeys(new_atoms) if is_used(atom, used)]
    if not source.root.named_child_count:
        return [Insertion(len(source.data), new_head(needed)), *bodies] if bodies else []
    return [*import_insertions(source, needed), *bodies]


def _with_import(test: TestCode, atom: Atom, has: set[Atom], bound: set[str], new_atoms: list[Atom]) -> TestCode:
    """See to it that `atom` is there for `test`, under another name if its own means something else in the file."""
    if atom in has:
        return test
    if atom.name != "*" and atom.bound in bound and not _is_same_package(atom, has):
        other = next((each for each in has if each[:2] == atom[:2]), None)
        last = re.sub(r"\W", "_", atom.module.rpartition(".")[2] or atom.module).strip("_")
        other = other or atom._replace(alias=unique(f"{last}_{atom.bound}", bound))
        text = renamed("python", test.text, atom.bound, other.bound)
        test, atom = replace(test, text=text), other
    if atom not in has:
        new_atoms.append(atom)
        has.add(atom)
        bound.add(atom.bound)
    return test


def _is_same_package(atom: Atom, has: set[Atom]) -> bool:
    """Tell whether `import a.b` meets an `import a.c`: both bind `a`, to the same."""
    return atom.name is None and any(each.name is None and not each.alias and each.bound == atom.bound for each in has)


def _bodies(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[Insertion]:
    unit = unit_of(source) or "    "
    found: list[Insertion] = []
    at_margin: list[str] = []
    module = _scope(source, source.root)
    module.names.update(taken)
    for holder, held in groupby(_by_holder(tests), key=lambda test: test.holder):
        if not holder:
            at_margin += [indented("python", text, unit) for text in _new_texts(held, module)]
            continue
        node, opened = _class(source, holder, module.names)
        body = node.child_by_field_name("body") if node is not None else None
        scope = _scope(source, body)
        base = source.indentation(body.children[0]) if body is not None else unit
        texts = [indented("python", text, unit, base or unit) for text in _new_texts(held, scope)]
        if texts and node is None:
            at_margin.append("\n".join([opened, "\n\n".join(texts)]))
            module.names.add(_class_name(opened))
        elif texts and node is not None:
            found.append(Insertion(source.line_end(node.end_byte), "".join(f"\n\n{text}" for text in texts)))
    if at_margin:
        found.append(_behind_all(source, "\n\n\n".join(at_margin)))
    return found


def _by_holder(tests: Sequence[TestCode]) -> list[TestCode]:
    order = list(dict.fromkeys(test.holder for test in tests))
    return sorted(tests, key=lambda test: order.index(test.holder))


def _new_texts(tests: Iterator[TestCode], scope: _Scope) -> list[str]:
    texts = []
    for test in tests:
        text = without_ending(test.text)
        local = re.search(r"^\s*(?:async\s+)?def\s+(\w+)", text, re.MULTILINE)
        name = local[1] if local is not None else test.name
        said = leaves(alone := Source("python", text), alone.root, name)
        if said in scope.said:
            continue
        other = unique(name, scope.names)
        if other != name:
            text = renamed("python", text, name, other)
        scope.names.add(other)
        scope.said.add(said)
        texts.append(text)
    return texts


def _scope(source: Source, body: tree_sitter.Node | None) -> _Scope:
    scope = _Scope(set(), set())
    for node in body.children if body is not None else ():
        inner = node.child_by_field_name("definition") or node
        name = inner.child_by_field_name("name") if "definition" in inner.type else None
        if name is not None:
            scope.names.add(source.text(name))
            scope.said.add(leaves(source, node, source.text(name)))
    return scope


def _class(source: Source, holder: str, names: Collection[str]) -> tuple[tree_sitter.Node | None, str]:
    """Return the class of the file that is `holder`; where there is none, the line that opens a new one."""
    name = _class_name(holder)
    for node in source.root.children:
        inner = node.child_by_field_name("definition") or node
        label = inner.child_by_field_name("name") if inner.type == "class_definition" else None
        if label is not None and re.fullmatch(rf"{re.escape(name)}\d*", source.text(label)):
            bases = inner.child_by_field_name("superclasses")
            if ("TestCase" in holder) == (bases is not None and "TestCase" in source.text(bases)):
                return inner, holder
    return None, holder.replace(name, unique(name, names, "{name}{number}"), 1)


def _class_name(holder: str) -> str:
    found = re.search(r"class\s+(\w+)", holder)
    return found[1] if found is not None else holder


def _behind_all(source: Source, text: str) -> Insertion:
    """Return what puts `text` behind everything but the lines that run the file as a program."""
    last = source.root.children[-1] if source.root.children else None
    if last is not None and last.type == "if_statement":
        condition = last.child_by_field_name("condition")
        if condition is not None and "__name__" in source.text(condition):
            return Insertion(source.line_start(last.start_byte), f"{text}\n\n\n")
    return at_end(source, text, 2)


def _module_names(source: Source) -> set[str]:
    """Return what the file's own statements bind at its own level."""
    found = set(_scope(source, source.root).names)
    for node in source.root.children:
        for inner in node.children if node.type == "expression_statement" else ():
            left = inner.child_by_field_name("left") if inner.type == "assignment" else None
            if left is not None:
                found.update(source.text(each) for each in walk(left) if each.type == "identifier")
    return found
