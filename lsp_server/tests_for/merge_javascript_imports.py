"""JavaScript's and TypeScript's imports, `import` and `require`: what they bind, and where a new one goes. Pure.

Invariant: a file gets imports of the form it has; the two are never mixed.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import tree_sitter

from lsp_server.tests_for.merge_text import Insertion, Named, Source, beside, extensions, walk

_LONGEST_LINE = 100
_DECLARATIONS = {"lexical_declaration", "variable_declaration"}


class Atom(NamedTuple):
    """One name that an import binds.

    imported: `default`, `*` for the whole module, "" for an import that binds nothing, else the exported name.
    """

    module: str
    imported: str
    bound: str = ""
    is_type: bool = False

    @property
    def is_named(self) -> bool:
        """Whether it stands in braces."""
        return self.imported not in ("default", "*", "")

    def words(self, *, is_module: bool) -> str:
        """Return the name as it stands in braces."""
        if self.imported == self.bound:
            return self.bound
        return f"{self.imported} as {self.bound}" if is_module else f"{self.imported}: {self.bound}"

    def is_same(self, other: "Atom") -> bool:
        """Tell whether both bind the same; `require` does not tell a default from the whole."""
        mine, its = self.imported, other.imported
        whole = {"default", "*"} | ({"test"} if _plain(self.module) == "test" else set())  # Node's is its own default
        return same_module(self.module, other.module) and (mine == its or {mine, its} <= whole)


class _Statement(NamedTuple):
    """An import of the file. names: those in its braces. is_plain: a name can be put into the braces."""

    node: tree_sitter.Node
    module: str
    is_module: bool
    atoms: tuple[Atom, ...]
    names: tuple[Named, ...]
    is_type: bool = False


def statements(source: Source) -> list[_Statement]:
    """Return the imports at the file's own level, in order."""
    return [each for node in source.root.children for each in _statements(source, node)]


def atoms_of(language_id: str, text: str) -> list[Atom]:
    """Return what an import statement binds."""
    return [atom for each in statements(Source(language_id, text)) for atom in each.atoms]


def same_module(one: str, other: str) -> bool:
    """Tell whether two specifiers mean the same module, as far as they tell."""
    return _plain(one) == _plain(other)


def import_insertions(source: Source, needed: Sequence[Atom], *, is_module: bool) -> list[Insertion]:
    """Return what imports `needed`. is_module: the form of a file that has no import yet."""
    existing = statements(source)
    is_module = existing[0].is_module if existing else is_module
    found, rest = extensions(needed, lambda atom: _extended(source, existing, atom))
    lines = written(rest, is_module=is_module, quote=_quote(source), end=";" if _has_semicolons(source) else "")
    if not lines:
        return found
    if existing:
        at = source.line_end(existing[-1].node.end_byte)
        return [*found, Insertion(at, "".join(f"\n{line}" for line in lines))]
    return [*found, _first(source, "\n".join(lines))]


def written(atoms: Sequence[Atom], *, is_module: bool, quote: str = '"', end: str = ";") -> list[str]:
    """Return statements that bind `atoms`, one for each module where that can be."""
    lines = []
    for (module, is_type), each in groupby(atoms, key=lambda atom: (atom.module, atom.is_type)):
        group, place = list(each), f"{quote}{module}{quote}"
        named = ", ".join(atom.words(is_module=is_module) for atom in group if atom.is_named)
        others = [atom for atom in group if not atom.is_named]
        if not is_module:
            lines += [
                f"const {atom.bound} = require({place}){end}" if atom.bound else f"require({place}){end}"
                for atom in others
            ]
            lines += [f"const {{ {named} }} = require({place}){end}"] if named else []
            continue
        word = "import type" if is_type else "import"
        for atom in others:
            what = f"* as {atom.bound}" if atom.imported == "*" else atom.bound
            lines.append(f"{word} {what} from {place}{end}" if what else f"import {place}{end}")
        lines += [f"{word} {{ {named} }} from {place}{end}"] if named else []
    return lines


def _statements(source: Source, node: tree_sitter.Node) -> Iterator[_Statement]:
    if node.type == "import_statement":
        place = node.child_by_field_name("source")
        if place is not None:
            yield _imported(source, node, source.text(place)[1:-1])
    elif node.type in _DECLARATIONS:
        for declarator in node.children:
            if declarator.type == "variable_declarator":
                yield from _required(source, node, declarator)
    elif node.type == "expression_statement":
        module = _required_module(source, node.children[0])
        if module is not None:
            yield _Statement(node, module, False, (Atom(module, ""),), ())


def _imported(source: Source, node: tree_sitter.Node, module: str) -> _Statement:
    is_type = any(child.type == "type" for child in node.children)
    clause = next((child for child in node.children if child.type == "import_clause"), None)
    if clause is None:
        return _Statement(node, module, True, (Atom(module, ""),), ())
    atoms: list[Atom] = []
    names: list[Named] = []
    for child in clause.children:
        if child.type == "identifier":
            atoms.append(Atom(module, "default", source.text(child), is_type))
        elif child.type == "namespace_import":
            atoms.append(Atom(module, "*", source.text(child.named_children[-1]), is_type))
        elif child.type == "named_imports":
            for each in child.named_children:
                name, alias = each.child_by_field_name("name"), each.child_by_field_name("alias")
                if name is None:
                    continue
                imported = source.text(name)
                atoms.append(Atom(module, imported, source.text(alias) if alias is not None else imported, is_type))
                names.append(_named(source, each))
    return _Statement(node, module, True, tuple(atoms), tuple(names), is_type)


def _required(source: Source, node: tree_sitter.Node, declarator: tree_sitter.Node) -> Iterator[_Statement]:
    name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
    if name is None or value is None:
        return
    if value.type == "member_expression" and name.type == "identifier":
        holder, member = value.child_by_field_name("object"), value.child_by_field_name("property")
        module = _required_module(source, holder) if holder is not None else None
        if module is not None and member is not None:
            atom = Atom(module, source.text(member), source.text(name))
            yield _Statement(node, module, False, (atom,), ())
        return
    module = _required_module(source, value)
    if module is None:
        return
    if name.type == "identifier":
        yield _Statement(node, module, False, (Atom(module, "default", source.text(name)),), ())
        return
    atoms: list[Atom] = []
    for each in name.named_children:
        key, inner = each.child_by_field_name("key"), each.child_by_field_name("value")
        if each.type == "shorthand_property_identifier_pattern":
            atoms.append(Atom(module, source.text(each), source.text(each)))
        elif key is not None and inner is not None:
            atoms.append(Atom(module, source.text(key), source.text(inner)))
    yield _Statement(node, module, False, tuple(atoms), tuple(_named(source, each) for each in name.named_children))


def _required_module(source: Source, value: tree_sitter.Node) -> str | None:
    function, arguments = value.child_by_field_name("function"), value.child_by_field_name("arguments")
    if function is None or arguments is None or source.text(function) != "require" or not arguments.named_children:
        return None
    place = arguments.named_children[0]
    return source.text(place)[1:-1] if place.type == "string" else None


def _extended(source: Source, existing: Sequence[_Statement], atom: Atom) -> Insertion | None:
    for each in existing:
        if not each.names or not atom.is_named or not same_module(each.module, atom.module):
            continue
        if each.is_type != atom.is_type:
            continue
        added = beside(each.names, atom.words(is_module=each.is_module), source)
        line = source.data[source.line_start(added.at) : source.line_end(added.at)].decode()
        if "\n" in added.text or len(line) + len(added.text) <= _LONGEST_LINE:
            return added
    return None


def _first(source: Source, text: str) -> Insertion:
    """Return what puts `text` into a file without imports: behind its first comments and directives."""
    at = 0
    for node in source.root.children:
        is_directive = node.type == "expression_statement" and node.children[0].type == "string"
        if node.type not in ("comment", "hash_bang_line") and not is_directive:
            return Insertion(source.line_start(node.start_byte), f"{text}\n\n")
        at = source.line_end(node.end_byte)
    return Insertion(at, f"\n\n{text}" if at else f"{text}\n\n")


def _named(source: Source, node: tree_sitter.Node) -> Named:
    return Named(source.text(node), node.start_byte, node.end_byte, node.start_point.row)


def _plain(module: str) -> str:
    return re.sub(r"\.[mc]?[jt]sx?$", "", module) if module.startswith(".") else module.removeprefix("node:")


def _quote(source: Source) -> str:
    """Return the quotes that most strings of the file have."""
    quotes = [source.text(node)[0] for node in walk(source.root) if node.type == "string"]
    return "'" if quotes.count("'") > quotes.count('"') else '"'


def _has_semicolons(source: Source) -> bool:
    ends = [source.text(node).endswith(";") for node in source.root.children if "statement" in node.type]
    ends += [source.text(node).endswith(";") for node in source.root.children if "declaration" in node.type]
    return not ends or any(ends)
