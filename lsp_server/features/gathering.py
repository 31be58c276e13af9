"""What has to do with a function elsewhere: what it calls, who calls it, its tests. From the workspace index.

Invariants: nothing of a file named as a secret, or that holds one, is gathered (the index has no such file, and what
comes of open documents is looked through); each kind stays within its bound; without an index there is nothing, and no
error.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lsp_server import convert
from lsp_server.context.index import WorkspaceIndex
from lsp_server.context.records import Call, Definition
from lsp_server.context.secrets import has_secret, is_secret_name
from lsp_server.context.subject import Subject
from lsp_server.explain.prompt import Neighbour, bounded_code

_MOST_CALLEES = 8
_MOST_CALLERS = 6
_MOST_TESTS = 2
_LOOKED_AT = 40
_LEAST_CHARS = 120
_CALLED = re.compile(r"(?<![\w$])([A-Za-z_]\w*)\s*\(")
_TEST_FILE = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)/|(?:^|/)test_[^/]*$|[_.](?:test|spec)\.[^/]*$|Tests?\.\w+$")
_NO_CALL = frozenset(
    [
        "and",
        "assert",
        "catch",
        "elif",
        "for",
        "if",
        "int",
        "len",
        "match",
        "not",
        "or",
        "print",
        "return",
        "str",
        "super",
        "switch",
        "while",
        "with",
    ]
)

Label = Callable[[str], str]
"""Returns what a model is told of an absolute path."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found, nearest first."""

    callees: tuple[Neighbour, ...] = ()
    callers: tuple[Neighbour, ...] = ()
    tests: tuple[Neighbour, ...] = ()


def is_test_file(path: str) -> bool:
    """Tell by its name, as most projects have it, whether a file holds tests."""
    return _TEST_FILE.search(path) is not None


async def gather(
    index: WorkspaceIndex | None, subject: Subject, path: str | None, label: Label, most_chars: int
) -> Gathered:
    """Return what has to do with `subject`, which stands in the file `path`.

    most_chars: of each kind, and of tests, which tell most, twice as much.
    """
    if index is None or path is None:
        return Gathered()
    callees = [await _callee(index, name, path) for name in _called_in(subject)]
    calls = [
        call for call in await index.find_callers(subject.name, _LOOKED_AT, path) if not _is_own(call, subject, path)
    ]
    testing = [call for call in calls if is_test_file(label(call.path))]
    others = [call for call in calls if call not in testing]
    tests = await _tests(index, subject, testing, path)
    return Gathered(
        _bounded((_signature(each, label) for each in callees if each is not None), most_chars),
        _bounded((_line(call, label) for call in others[:_MOST_CALLERS]), most_chars),
        _bounded(_whole(tests[:_MOST_TESTS], label, 2 * most_chars), 2 * most_chars),
    )


def _called_in(subject: Subject) -> list[str]:
    body = subject.text.partition("\n")[2] or subject.text
    names = dict.fromkeys(_CALLED.findall(body))
    return [name for name in names if name not in _NO_CALL and name != subject.name][:_MOST_CALLEES]


async def _callee(index: WorkspaceIndex, name: str, path: str) -> Definition | None:
    found = await index.definitions(name, path, 1)
    return found[0] if found else None


def _is_own(call: Call, subject: Subject, path: str) -> bool:
    """Tell whether a call is the definition itself, or stands in it."""
    return call.path == path and subject.first_line <= call.line <= subject.last_line


async def _tests(index: WorkspaceIndex, subject: Subject, testing: Iterable[Call], path: str) -> list[Definition]:
    """Return the tests that call the subject, or are called after it."""
    named = subject.name[:1].upper() + subject.name[1:]
    names = dict.fromkeys([f"test_{subject.name}", f"Test{named}", *(call.caller for call in testing if call.caller)])
    paths = {call.path for call in testing}
    found: list[Definition] = []
    for name in list(names)[: 2 * _MOST_TESTS]:
        for definition in await index.definitions(name, path, 3):
            if definition.path in paths or is_test_file(definition.path):
                found.append(definition)
                break
    return found


def _signature(definition: Definition, label: Label) -> Neighbour:
    return Neighbour(label(definition.path), convert.uri_of(definition.path), definition.line, definition.signature)


def _line(call: Call, label: Label) -> Neighbour:
    place = f"{label(call.path)}, {call.caller}" if call.caller else label(call.path)
    return Neighbour(place, convert.uri_of(call.path), call.line, call.text.strip())


def _whole(definitions: Iterable[Definition], label: Label, most_chars: int) -> Iterator[Neighbour]:
    """Give `definitions` with as much of their text as there is room for."""
    for definition in definitions:
        text = bounded_code(definition.text.rstrip(), most_chars) if most_chars >= _LEAST_CHARS else ""
        most_chars -= len(text)
        place = f"{label(definition.path)}, {definition.name}"
        yield Neighbour(place, convert.uri_of(definition.path), definition.line, text)


def _bounded(found: Iterable[Neighbour], most_chars: int) -> tuple[Neighbour, ...]:
    kept: list[Neighbour] = []
    for each in found:
        most_chars -= len(each.text)
        if most_chars < 0:
            break
        if not is_secret_name(each.uri) and not has_secret(each.text):
            kept.append(each)
    return tuple(kept)
