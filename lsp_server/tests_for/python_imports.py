"""Where the names in a Python test come from: the target's module, what that imports, the answer's own imports. Pure.

Invariant: a name of the target's file is imported from the target's module, whatever module an answer takes it from.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import tree_sitter

from lsp_server.tests_for.python_source import first_child, tree_of, words_of

_HOMES = {
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque"),
    "datetime": ("date", "datetime", "timedelta"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "pathlib": ("Path",),
    "typing": ("Any", "Callable", "Dict", "Iterable", "Iterator", "List", "Optional", "Set", "Tuple", "Union"),
    "unittest": ("TestCase",),
    "unittest.mock": ("AsyncMock", "MagicMock", "Mock", "call", "patch"),
}
_COMMON = {"np": "import numpy as np", "pd": "import pandas as pd", "pytest": "import pytest"} | {
    name: f"from {module} import {name}" for module, names in _HOMES.items() for name in names
}
"""What models use without importing it."""

_MODULE_NODES = ("function_definition", "class_definition")


@dataclass(frozen=True, slots=True)
class Sources:
    """module: the target's, as tests import it; defined: the names of its file; imported: statements by name there."""

    module: str
    defined: frozenset[str]
    imported: Mapping[str, str]


def sources_of(module: str, text: str) -> Sources:
    """Return where the names of a file come from. text: the file's, module: how tests import it."""
    root = tree_of(text)
    defined: set[str] = set()
    for node in root.named_children:
        inner = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        name = inner.child_by_field_name("name") if inner is not None and inner.type in _MODULE_NODES else None
        if name is not None:
            defined.add(words_of(name))
        if node.type == "expression_statement" and (first := first_child(node)) and first.type == "assignment":
            left = first.child_by_field_name("left")
            if left is not None and left.type == "identifier":
                defined.add(words_of(left))
    return Sources(module, frozenset(defined), imports_in(root))


def imports_in(root: tree_sitter.Node) -> dict[str, str]:
    """Return the statement that brings each imported name, for absolute imports at the margin."""
    found: dict[str, str] = {}
    for node in root.named_children:
        if node.type == "import_statement":
            for each in node.named_children:
                words = " ".join(words_of(each).split())
                name = words.rpartition(" as ")[2].partition(".")[0]
                found[name] = f"import {words}"
        elif node.type == "import_from_statement":
            module = node.child_by_field_name("module_name")
            if module is None or module.type == "relative_import":
                continue
            for each in node.children_by_field_name("name"):
                words = " ".join(words_of(each).split())
                found[words.rpartition(" as ")[2]] = f"from {words_of(module)} import {words}"
    return found


def imports_for(names: Iterable[str], sources: Sources, answered: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the statements that bring `names`, sorted, and the names that nobody brings.

    answered: statements by name that the answer has.
    """
    found: set[str] = set()
    missing: list[str] = []
    for name in sorted(names):
        statement = _statement(name, sources, answered)
        if statement is None:
            missing.append(name)
        else:
            found.add(statement)
    return sorted(found, key=lambda each: (each.startswith("from"), each)), missing


def _statement(name: str, sources: Sources, answered: Mapping[str, str]) -> str | None:
    if name in sources.defined:
        return f"from {sources.module} import {name}"
    for known in (answered, sources.imported, _COMMON):
        if name in known:
            return known[name]
    return f"import {name}" if name in sys.stdlib_module_names or name == sources.module else None
