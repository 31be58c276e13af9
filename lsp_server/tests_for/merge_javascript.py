"""JavaScript and TypeScript: calls of `test` behind the last, or into the `describe` they belong to. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import tree_sitter

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.merge_javascript_imports import Atom, atoms_of, import_insertions, statements
from lsp_server.tests_for.merge_text import (
    Insertion,
    Source,
    at_end,
    indented,
    leaves,
    renamed,
    unique,
    unit_of,
    without_ending,
)

_CALLS = re.compile(r"(?:test|it|describe|suite)\b")


class _Scope(NamedTuple):
    """The file, or the body of a `describe`: titles that are taken there, and what the tests in it say."""

    titles: set[str]
    said: set[tuple[str, ...]]


def insertions(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[Insertion]:
    """Return what must be inserted for `source` to hold `tests`."""
    wanted = [atom for test in tests for text in test.imports for atom in atoms_of(source.language_id, text)]
    is_module = any(each.is_module for test in tests for text in test.imports
                    for each in statements(Source(source.language_id, text)))  # fmt: skip
    has = [atom for each in statements(source) for atom in each.atoms]
    bound = {atom.bound for atom in has if atom.bound} | _declared(source)
    needed: list[Atom] = []
    ready = list(tests)
    for atom in dict.fromkeys(wanted):
        known = next((each for each in [*has, *needed] if each.is_same(atom)), None)
        if known is None and atom.bound in bound:
            known = atom._replace(bound=unique(_other_name(atom), bound, "{name}{number}"))
            needed.append(known)
        elif known is None:
            known = atom
            needed.append(atom)
        bound.add(known.bound)
        if known.bound != atom.bound:
            ready = [_with_name(source.language_id, test, atom, known.bound) for test in ready]
    bodies = _bodies(source, ready, taken)
    used = "\n".join(insertion.text for insertion in bodies)
    needed = [atom for atom in needed if not atom.bound or re.search(rf"(?<![\w$]){re.escape(atom.bound)}\b", used)]
    if not bodies:
        return []
    return [*import_insertions(source, _by_module(needed), is_module=is_module), *bodies]


def _with_name(language_id: str, test: TestCode, atom: Atom, name: str) -> TestCode:
    """Return `test`, if it imports `atom`, with that called `name`."""
    if not any(each == atom for text in test.imports for each in atoms_of(language_id, text)):
        return test
    return replace(test, text=renamed(language_id, test.text, atom.bound, name))


def _other_name(atom: Atom) -> str:
    words = re.findall(r"[A-Za-z0-9]+", re.sub(r"\.\w+$", "", atom.module.rpartition("/")[2]))
    return atom.bound + "".join(word[:1].upper() + word[1:] for word in ["from", *words])


def _by_module(atoms: Sequence[Atom]) -> list[Atom]:
    """Return `atoms`, those of other packages first, each module's together."""
    return sorted(atoms, key=lambda atom: (atom.module.startswith("."), atom.module, atom.is_type, atom.imported))


def _declared(source: Source) -> set[str]:
    """Return the names that the file's own statements bind at its own level."""
    found = set()
    for node in source.root.children:
        names = [node.child_by_field_name("name")]
        names += [child.child_by_field_name("name") for child in node.children if child.type == "variable_declarator"]
        found |= {source.text(name) for name in names if name is not None and "identifier" in name.type}
    return found


def _bodies(source: Source, tests: Sequence[TestCode], taken: Collection[str]) -> list[Insertion]:
    language_id, unit = source.language_id, unit_of(source) or "  "
    found: list[Insertion] = []
    at_margin: list[str] = []
    top = _scope(source, source.root.children)
    top.titles.update(taken)
    order = list(dict.fromkeys(test.holder for test in tests))
    for holder, held in groupby(sorted(tests, key=lambda test: order.index(test.holder)), key=lambda test: test.holder):
        if not holder:
            at_margin += [indented(language_id, text, unit) for text in _new_texts(language_id, held, top)]
            continue
        body = _body_of(source, title_of(language_id, holder + "});"))
        scope = _scope(source, body.children if body is not None else ())
        base = source.indentation(body.named_children[0]) if body is not None and body.named_children else unit
        texts = [indented(language_id, text, unit, base or unit) for text in _new_texts(language_id, held, scope)]
        if texts and body is None:
            at_margin.append("\n".join([holder, "\n\n".join(texts), "});"]))
        elif texts and body is not None:
            found.append(_into(source, body, texts))
    if at_margin:
        found.append(at_end(source, "\n\n".join(at_margin), 1))
    return found


def _new_texts(language_id: str, tests: Iterable[TestCode], scope: _Scope) -> list[str]:
    texts = []
    for test in tests:
        text = without_ending(test.text)
        title = title_of(language_id, text)
        alone = Source(language_id, text)
        said = leaves(alone, _call_node(alone), title)
        if said in scope.said:
            continue
        other = unique(title, scope.titles, "{name} ({number})")
        if other != title:
            text = text.replace(title, other, 1)
        scope.titles.add(other)
        scope.said.add(said)
        texts.append(text)
    return texts


def title_of(language_id: str, text: str) -> str:
    """Return what the first call of `test` or `describe` in `text` is called, "" where there is none."""
    source = Source(language_id, text)
    return next((title for node in source.root.children if (title := _title(source, node))), "")


def _scope(source: Source, nodes: Iterable[tree_sitter.Node]) -> _Scope:
    scope = _Scope(set(), set())
    for node in nodes:
        title = _title(source, node)
        if title is not None:
            scope.titles.add(title)
            scope.said.add(leaves(source, _without_semicolon(node), title))
    return scope


def _call_node(source: Source) -> tree_sitter.Node:
    return next((_without_semicolon(node) for node in source.root.children if _title(source, node)), source.root)


def _without_semicolon(node: tree_sitter.Node) -> tree_sitter.Node:
    return node.children[0] if node.type == "expression_statement" else node


def _title(source: Source, node: tree_sitter.Node) -> str | None:
    """Return the title of a call of `test` and its like; None for other statements."""
    call = node.children[0] if node.type == "expression_statement" else None
    if call is None or call.type != "call_expression":
        return None
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or arguments is None or not _CALLS.match(source.text(function)):
        return None
    first = arguments.named_children[0] if arguments.named_children else None
    return source.text(first)[1:-1] if first is not None and first.type in ("string", "template_string") else ""


def _body_of(source: Source, title: str) -> tree_sitter.Node | None:
    """Return the body of the file's `describe` with this title."""
    for node in source.root.children:
        if not title or _title(source, node) != title or not source.text(node).startswith(("describe", "suite")):
            continue
        arguments = node.children[0].child_by_field_name("arguments")
        last = arguments.named_children[-1] if arguments is not None else None
        body = last.child_by_field_name("body") if last is not None else None
        if body is not None and body.type == "statement_block":
            return body
    return None


def _into(source: Source, body: tree_sitter.Node, texts: Sequence[str]) -> Insertion:
    """Return what puts `texts` behind the last statement of `body`."""
    if not body.named_children:
        return Insertion(body.start_byte + 1, "\n" + "\n\n".join(texts) + "\n")
    return Insertion(source.line_end(body.named_children[-1].end_byte), "".join(f"\n\n{text}" for text in texts))
