r"""A file's text with its syntax tree, and what every language's merging needs of it. Pure.

Offsets are bytes of UTF-8. Invariant: text that is there is never rewritten, only inserted into; inserted lines end in
`\n` until `applied` gives them the file's own ends.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

import tree_sitter

from lsp_server.grammars import grammar_of

_T = TypeVar("_T")

_STRINGS = {
    "string",
    "concatenated_string",
    "template_string",
    "raw_string_literal",
    "interpreted_string_literal",
    "comment",
}
_REFERENCES = {"identifier", "type_identifier", "package_identifier", "jsx_identifier"}
_SHORTHAND = {"shorthand_property_identifier", "shorthand_property_identifier_pattern"}
TITLED = "{name} ({number})"
"""How a title that is taken is numbered."""
_NUMBER = re.compile(r" \(\d+\)\Z")
_NO_REFERENCE = {("attribute", "attribute"), ("keyword_argument", "name"), ("selector_expression", "field")}


class Insertion(NamedTuple):
    """`text` goes in front of the byte `at`."""

    at: int
    text: str


class Named(NamedTuple):
    """One of several names in an import, with its place."""

    text: str
    start: int
    end: int
    row: int


class Source:
    """A text and its tree. Raises ValueError for a language without a grammar."""

    def __init__(self, language_id: str, text: str) -> None:
        grammar = grammar_of(language_id)
        if grammar is None:
            raise ValueError(f"there is no grammar for {language_id}")
        self.language_id = language_id
        self.data = text.encode()
        self.root = tree_sitter.Parser(grammar).parse(self.data).root_node

    @property
    def parses(self) -> bool:
        """Whether the text is free of syntax errors."""
        return not self.root.has_error

    def text(self, node: tree_sitter.Node) -> str:
        """Return the text of `node`."""
        return self.data[node.start_byte : node.end_byte].decode()

    def line_end(self, at: int) -> int:
        r"""Return where the line that holds the byte `at` ends, in front of its `\n` or `\r\n`."""
        end = self.data.find(b"\n", at)
        end = len(self.data) if end < 0 else end
        return end - 1 if self.data[end - 1 : end] == b"\r" else end

    def indentation(self, node: tree_sitter.Node) -> str:
        """Return what stands in front of `node` on its line, if that is blank; else nothing."""
        before = self.data[self.line_start(node.start_byte) : node.start_byte].decode()
        return before if not before.strip() else ""

    def line_start(self, at: int) -> int:
        """Return where the line that holds the byte `at` begins."""
        return self.data.rfind(b"\n", 0, at) + 1


def applied(text: str, insertions: Sequence[Insertion]) -> str:
    """Return `text` with `insertions`; those at one place in their order."""
    data, ending = text.encode(), line_ending(text)
    pieces, done = [], 0
    for insertion in sorted(insertions, key=lambda each: each.at):
        pieces += [data[done : insertion.at], insertion.text.replace("\n", ending).encode()]
        done = insertion.at
    return b"".join([*pieces, data[done:]]).decode()


def line_ending(text: str) -> str:
    """Return what most lines of `text` end in."""
    n_both = text.count("\r\n")
    return "\r\n" if n_both > text.count("\n") - n_both else "\n"


def unit_of(source: Source) -> str | None:
    """Return what one step of indentation is in `source`, None where nothing is indented."""
    inside = _inside_strings(source)
    widths = []
    for number, line in enumerate(source.data.decode().split("\n")):
        stripped = line.lstrip(" \t").rstrip("\r")
        if not stripped or stripped.startswith("*") or number in inside or stripped == line.rstrip("\r"):
            continue
        if line.startswith("\t"):
            return "\t"
        widths.append(len(line) - len(line.lstrip(" ")))
    return " " * min(widths) if widths else None


def indented(language_id: str, text: str, unit: str, base: str = "") -> str:
    """Return `text`, lines from the margin, behind `base` and in steps of `unit`; lines within strings stay."""
    source = Source(language_id, text)
    inside, own = _inside_strings(source), unit_of(source) or unit
    lines = []
    for number, line in enumerate(text.split("\n")):
        if number in inside or not line.strip():
            lines.append(line if number in inside else "")
            continue
        body = line.lstrip(" \t")
        width = line[: len(line) - len(body)]
        steps, rest = divmod(len(width), len(own))
        lines.append(base + unit * steps + " " * rest + body)
    return "\n".join(lines)


def leaves(source: Source, node: tree_sitter.Node, name: str) -> tuple[str, ...]:
    """Return the tokens of `node`, the first that is `name` left out: what a test says, whatever it is called."""
    shown = (source.text(leaf).replace("\r\n", "\n") for leaf in walk(node) if not leaf.child_count)
    texts = [text for text in shown if text.strip()]
    if name in texts:
        texts[texts.index(name)] = ""
    return tuple(texts)


def renamed(language_id: str, text: str, old: str, new: str) -> str:
    """Return `text` with each reference to the name `old` as one to `new`."""
    source = Source(language_id, text)
    pieces, done = [], 0
    for node in walk(source.root):
        if node.type not in _REFERENCES | _SHORTHAND or source.text(node) != old or _is_member(node):
            continue
        pieces += [source.data[done : node.start_byte].decode(), f"{old}: {new}" if node.type in _SHORTHAND else new]
        done = node.end_byte
    return "".join([*pieces, source.data[done:].decode()])


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Give `node` and what it holds, in the text's order."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(current.children)


def unique(name: str, taken: Collection[str], numbered: str = "") -> str:
    """Return `name`, with a number if it is taken. numbered: how; by default as what is a word, or is none, has it."""
    numbered = numbered or ("{name}_{number}" if name.isidentifier() else TITLED)
    number, found = 1, name
    while found in taken:
        number += 1
        found = numbered.format(name=name, number=number)
    return found


def unnumbered(title: str) -> str:
    """Return `title` without the number that `unique` put behind it."""
    return _NUMBER.sub("", title)


def beside(names: Sequence[Named], new: str, source: Source) -> Insertion:
    """Return what adds `new` to the names of an import, in order if they are, on a line of its own if they are."""
    before = source.data[source.line_start(names[-1].start) : names[-1].start].decode()
    separator = ", " if before.strip() else f",\n{before}"
    keys = [name.text.lower() for name in names]
    if keys == sorted(keys):
        for name in names:
            if new.lower() < name.text.lower():
                return Insertion(name.start, f"{new}{separator}")
    return Insertion(names[-1].end, f"{separator}{new}")


def at_end(source: Source, text: str, n_blank: int) -> Insertion:
    """Return what puts `text`, lines without an end, behind everything, `n_blank` empty lines between."""
    shown = source.data.decode()
    if not shown.strip():
        return Insertion(len(source.data), text + "\n")
    tail = shown[len(shown.rstrip()) :]
    ends = tail.count("\n")
    return Insertion(len(source.data), "\n" * max(n_blank + 1 - ends, 0) + text + ("\n" if ends else ""))


def _is_member(node: tree_sitter.Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    return any(parent.type == kind and parent.child_by_field_name(field) == node for kind, field in _NO_REFERENCE)


def _inside_strings(source: Source) -> set[int]:
    """Return the lines, 0-based, that begin within a string."""
    return {
        row
        for node in walk(source.root)
        if node.type in _STRINGS
        for row in range(node.start_point.row + 1, node.end_point.row + 1)
    }


def without_ending(text: str) -> str:
    r"""Return `text` as lines that end in `\n`, none of them empty at its end."""
    return re.sub(r"\r\n?", "\n", text).strip("\n").rstrip()


def extensions(needed: Sequence[_T], extend: Callable[[_T], Insertion | None]) -> tuple[list[Insertion], list[_T]]:
    """Return what adds to imports that are there, one to each place at most, and what needs an import of its own.

    extend: tells what adds one to an import, None where there is none that it fits.
    """
    found: list[Insertion] = []
    rest: list[_T] = []
    for each in needed:
        extended = extend(each)
        if extended is not None and all(insertion.at != extended.at for insertion in found):
            found.append(extended)
        else:
            rest.append(each)
    return found, rest
