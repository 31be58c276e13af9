"""A Python file with a syntax error -> trees of its definitions, each parsed by itself. Pure.

An open bracket makes the parser read what stands behind it as part of what it is in, to the end of the file; Python's
indentation tells where the next definition begins. Invariant: nodes stand where they stand in the whole file.
"""

import itertools
import re
from collections.abc import Iterator

import tree_sitter

_DEFINITION = re.compile(rb"^(?P<indent>[ \t]*)(?P<keyword>@|(?:async[ \t]+)?def\b|class\b)", re.MULTILINE)
_DEF_HEADER = re.compile(rb"^[ \t]*(?P<def>(?:async[ \t]+)?def\b)[^\n]*:[ \t]*\n", re.MULTILINE)
_STATEMENT = re.compile(rb"^(?!(?:else|elif|except|finally)\b)[A-Za-z_@]", re.MULTILINE)
_MAX_DEFINITIONS = 300


def definitions(source: bytes, language: tree_sitter.Language) -> Iterator[tree_sitter.Node]:
    """Yield the root of each outermost definition, and of each method of a class that is broken; none where none are.

    The tree of a method holds the class's header as well; that of a function whose error hides it is its header alone.
    """
    starts = _starts(source, 0, len(source), b"")
    if not 1 <= len(starts) <= _MAX_DEFINITIONS:
        return
    for start, end in _between(0, starts, len(source)):
        root = _parsed_as_is(source, language, [(start, end)])
        methods = _methods(source, start, end) if root.has_error and source.startswith(b"class", start) else []
        if not 1 <= len(methods) <= _MAX_DEFINITIONS:
            yield from _statements(source, language, start, end) if root.has_error else (root,)
            continue
        header = source.find(b"\n", start, end) + 1 or end
        for from_, to in _between(header, methods, end):
            yield _parsed(source, language, [(start, header), (from_, to)] if from_ > header else [(start, to)])


def _statements(source: bytes, language: tree_sitter.Language, start: int, end: int) -> Iterator[tree_sitter.Node]:
    """Yield the root of each outermost statement from `start` to `end`: one ends where the next begins."""
    starts = [match.start() for match in _STATEMENT.finditer(source, start, end)]
    if starts and starts[0] == start and source.startswith((b"@", b"def", b"async"), start):
        header = _DEF_HEADER.search(source, start, end)
        starts = [each for each in starts if header is None or each > header.start()]
    for from_, to in _between(start, starts[:_MAX_DEFINITIONS], end):
        yield _parsed(source, language, [(from_, to)])


def _starts(source: bytes, start: int, end: int, indent: bytes) -> list[int]:
    """Return where definitions with that indentation begin, decorators included."""
    starts: list[int] = []
    is_decorated = False
    for match in _DEFINITION.finditer(source, start, end):
        if match["indent"] != indent:
            continue
        if not is_decorated:
            starts.append(match.start())
        is_decorated = match["keyword"] == b"@"
    return starts


def _methods(source: bytes, start: int, end: int) -> list[int]:
    header = source.find(b"\n", start, end) + 1 or end
    first = next((match for match in _DEFINITION.finditer(source, header, end)), None)
    return _starts(source, header, end, first["indent"]) if first is not None and first["indent"] else []


def _between(start: int, starts: list[int], end: int) -> Iterator[tuple[int, int]]:
    edges = [start, *starts, end]
    return ((each, after) for each, after in itertools.pairwise(edges) if each < after)


def _parsed(source: bytes, language: tree_sitter.Language, parts: list[tuple[int, int]]) -> tree_sitter.Node:
    root = _parsed_as_is(source, language, parts)
    start, end = parts[-1]
    header = _DEF_HEADER.search(source, start, end)
    if root.has_error and header is not None and not _has_function(root, header.start("def")):
        return _parsed_as_is(source, language, [*parts[:-1], (start, header.end())])
    return root


def _has_function(node: tree_sitter.Node, start: int) -> bool:
    """Whether a function that begins at `start` was told apart from its surroundings."""
    found = node.descendant_for_byte_range(start, start)
    while found is not None and found.type != "function_definition":
        found = found.parent
    return found is not None and found.start_byte == start


def _parsed_as_is(source: bytes, language: tree_sitter.Language, parts: list[tuple[int, int]]) -> tree_sitter.Node:
    ranges = [tree_sitter.Range(_point(source, start), _point(source, end), start, end) for start, end in parts]
    return tree_sitter.Parser(language, included_ranges=ranges).parse(source).root_node


def _point(source: bytes, offset: int) -> tuple[int, int]:
    return source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1
