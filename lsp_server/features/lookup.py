"""Asks the workspace index what the names at a cursor stand for, and writes the answers down as snippets.

Owns how a definition is shown to a model: a function by its first lines, a class or a module by the heads of what is in
it, since that is what one calls.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from lsp_server.completion.names import Names, module_paths
from lsp_server.completion.snippets import Snippet
from lsp_server.context.index import WorkspaceIndex
from lsp_server.context.records import Definition

_CLASSES = frozenset({"class", "struct", "interface", "trait", "enum", "union", "protocol", "object"})
_FUNCTION_LINES, _FUNCTION_CHARS = 8, 480
_OUTLINE_CHARS = 1000
_HEAD_CHARS = 96
_FOUND_CHARS = 900
_MOST_FOUND = 3
_MOST_SEEN = 2
_BASES = re.compile(r"class\s+\w+\s*\(([^)]*)\)|(?:extends|implements|:)\s+(.*)")
_FIELD = re.compile(r"^( +|\t)[A-Za-z_]\w*\s*[:=]")
_RETURNS = re.compile(r"->\s*([^:{]+)")
_TYPE = re.compile(r"[A-Z]\w+")
_GENERAL_TYPE = re.compile(
    r"ABC|Any|Awaitable|Callable|Dict|Enum|Exception|Generic|IntEnum|Iterable|Iterator|List|Mapping|NamedTuple|None"
    r"|Optional|Protocol|Self|Sequence|TypedDict|Union"
)
"""Of the language's own library: what a workspace calls so is something else."""

IsSeen = Callable[[str, int, int], bool]
"""Tells whether the lines between two of a file stand around the cursor anyway."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked at a cursor. path: of the file, absolute; around: its text near the cursor."""

    names: Names
    path: str
    around: str
    folders: tuple[str, ...] = ()


class Lookup:
    """One question to `index`. label: what a model is told of an absolute path."""

    def __init__(self, index: WorkspaceIndex, question: Question, label: Callable[[str], str], is_seen: IsSeen) -> None:
        self._index = index
        self._question = question
        self._label = label
        self._is_seen = is_seen

    async def close(self) -> list[Snippet]:
        """Return what is known of the thing in front of the cursor, the most telling first."""
        names = self._question.names
        for module in names.close_modules:
            path, outline = await self._module(module)
            if outline:
                found = [each for name in names.close for each in await self._definitions(name) if each.path == path]
                return [await self._snippet(each, is_close=True) for each in found] or [self._outlined(path, outline)]
        snippets: list[Snippet] = []
        for name in names.close:
            for definition in await self._definitions(name):
                snippets.append(await self._snippet(definition, is_close=True))
                for kind in _types_behind(definition)[:2]:
                    snippets += [await self._snippet(each, is_close=True) for each in await self._definitions(kind)]
        return snippets

    async def named(self, names: Iterable[str]) -> list[Snippet]:
        """Return the definitions of `names`, in their order."""
        return [await self._snippet(each) for name in names for each in await self._definitions(name)]

    async def similar(self) -> list[Snippet]:
        """Return chunks that share the rarest identifiers with the text near the cursor."""
        question = self._question
        found = await self._index.search(question.around, _MOST_FOUND, question.path)
        return [
            Snippet(f"found:{each.path}:{each.first_line}", self._label(each.path), each.text[:_FOUND_CHARS])
            for each in found
        ]

    async def _definitions(self, name: str) -> list[Definition]:
        """Return the definition of `name` that lies nearest, if it is not in the prompt anyway."""
        found = await self._index.definitions(name, self._question.path, _MOST_SEEN + 1)
        return [each for each in found if not self._is_seen(each.path, each.line, each.line)][:1]

    async def _module(self, module: str) -> tuple[str, list[Definition]]:
        """Return the file that `module` is, and what it defines."""
        for path in module_paths(module, self._question.path, self._question.folders):
            outline = await self._index.outline(path) if path != self._question.path else []
            if outline:
                return path, outline
        return "", []

    def _outlined(self, path: str, outline: Sequence[Definition]) -> Snippet:
        heads = [each.text for each in outline if not each.name.startswith("_")]
        text = _outline_text([head for head in heads if _indentation(head) == 0] or heads)
        return Snippet(f"outline:{path}", self._label(path), text, is_close=True)

    async def _snippet(self, definition: Definition, *, is_close: bool = False) -> Snippet:
        path, name = definition.path, definition.name
        if definition.kind in _CLASSES:
            text = _class_text(definition, await self._index.outline(path, 1000))
        else:
            text = _front(definition) or definition.signature
        return Snippet(f"definition:{path}:{name}", self._label(path), text, is_close)


def _types_behind(definition: Definition) -> list[str]:
    """Return what a class is made of, or what a function returns."""
    match = (_BASES if definition.kind in _CLASSES else _RETURNS).search(definition.signature)
    words = next((group for group in match.groups() if group), "") if match is not None else ""
    return [kind for kind in _TYPE.findall(words) if not _GENERAL_TYPE.fullmatch(kind)]


def _class_text(definition: Definition, outline: Sequence[Definition]) -> str:
    """Return the head of a class, its first fields, and the heads of what is in it."""
    own = next((each.text for each in outline if each.line == definition.line), definition.signature)
    behind = [each for each in outline if each.line > definition.line]
    inside = list(takewhile(lambda each: _indentation(each.text) > _indentation(own), behind))
    fields = [line.rstrip() for line in _lines(definition)[1:] if _FIELD.match(line)]
    depth = min(map(_indentation, [*(each.text for each in inside), *fields]), default=0)
    fields = [line for line in fields if _indentation(line) == depth and not line.lstrip().startswith("__")]
    # What others use comes first: what does not fit is cut at the end.
    members = [each for each in inside if not each.name.startswith("__") and each.kind not in _CLASSES]
    members.sort(key=lambda each: each.name.startswith("_"))
    if not fields and not members:
        return _front(definition)
    return _outline_text([own, *fields, *(each.text for each in members)])


def _lines(definition: Definition) -> list[str]:
    """Return the lines of a definition without those behind it."""
    first, *rest = definition.text.split("\n")
    depth = _indentation(first)
    inside = takewhile(lambda line: not line.strip() or _indentation(line) > depth or line.strip()[0] in ")]}{", rest)
    return [first, *inside]


def _front(definition: Definition) -> str:
    return "\n".join(_lines(definition)[:_FUNCTION_LINES]).rstrip()[:_FUNCTION_CHARS]


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _outline_text(heads: Sequence[str]) -> str:
    """Return `heads` as lines: as they are if they are few, else without their parameters."""
    lines = [head[:_HEAD_CHARS] for head in heads]
    if sum(map(len, lines)) > _OUTLINE_CHARS:
        lines = list(dict.fromkeys([lines[0], *(line.partition("(")[0] for line in lines[1:])]))
    text = "\n".join(lines)
    return text if len(text) <= _OUTLINE_CHARS else text[:_OUTLINE_CHARS].rpartition("\n")[0]
