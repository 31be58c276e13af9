"""Which names at a cursor would say more if one knew what they stand for. Pure: lines in, names out.

Works by line and pattern, in any language that writes calls, members, annotations and imports as most do; what it does
not recognise is left out. Invariants: the word being typed is never among the names, so that they stay the same while
it grows; only lines near the cursor and the head of the file are read.
"""

import os.path
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LINES_BEFORE, _LINES_BEHIND = 1500, 60
_NEAR_LINES = 12
_HEAD_LINES = 200
_MAX_LINE_CHARS = 400
_MOST_NEAR, _MOST_CLOSE, _MOST_IMPORTED = 10, 4, 12

_RECEIVER = re.compile(
    r"([A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)*)(?:(\([^()]*\))|\[(?:[^\[\]]|\[[^\[\]]*\])*\])?(?:\?\.|\.|->|::)$"
)
_TYPED = re.compile(r"\w*$")
_MEMBER = re.compile(r"\.|->|::")
_NAME = re.compile(r"[A-Za-z_]\w+")
_CALLED = re.compile(r"([A-Za-z_]\w+)\s*\(|\b([A-Z]\w*[a-z]\w*)\b")
_SELF = frozenset({"self", "cls", "this", "super", "Self"})
_CLASS = re.compile(
    r"^(\s*)(?:[\w@]+\s+)*?(?:class|struct|impl|interface)\s+(\w+)\s*((?:[(:{<]|extends\b|implements\b|for\b).*)$"
)
_KIND = re.compile(
    r"(?P<a>[\w.]+)\s*:\s*(?P<noted>(?:[^=,)\n\[]|\[[^=\n]*?\])+)"
    r"|(?P<b>[\w.]+)\s*(?::[^=\n]*)?:?=\s*(?:(?:await|new|yield|from)\s+)*&?(?P<made>[A-Za-z_][\w.:]*)\s*[({<\[]"
    r"|(?:with|except|case)\s[^#\n]*?(?P<bound>[A-Za-z_][\w.]*)(?:\([^#\n]*\))?\s+as\s+(?P<c>\w+)"
    r"|\b(?P<declared>[A-Z]\w*)(?:<[^>\n]*>)?[&*\s]+(?P<d>\w+)\s*[=;,)]"
    r"|[(,]\s*(?P<e>\w+)\s+[*&]?(?P<behind>[A-Z]\w*)\s*(?=[,)])"
)
_SAID = ("noted", "made", "bound", "declared", "behind")
"""How a line says what a name is: noted, made by a call, bound, declared in front of it or behind it."""
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(.*)$")
_IMPORT = re.compile(r"^\s*import\s+([\w.]+)(?:\s+as\s+(\w+))?")
_QUOTED = re.compile(r"""^\s*(?:import|export|const|let|var)\b(.*?)(?:from|require\()\s*['"]([^'"]+)['"]""")
_OTHER_IMPORT = re.compile(r"^\s*(?:pub\s+)?(?:use|using|import|#include)\b(.*)")
_AS = re.compile(r"(\w+)(?:\s+as\s+(\w+))?")

_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    and as assert async await break case catch class const continue def default del do elif else enum except export
    extends false finally fn for from func function global if impl implements import in instanceof interface is lambda
    let match mut new nil none nonlocal not null or package pass print private protected pub public raise return self
    static struct super switch this throw true try type typeof undefined use using var void while with yield
    any bool bytes dict float int list object optional set str string tuple union len range isinstance print cls
    """,
    )
)


@dataclass(frozen=True, slots=True)
class Names:
    """What to look up, the most telling first.

    close: what the thing in front of the cursor is: classes, functions that return it, or its own name; close_modules:
    files whose contents are meant there, as an import writes them; near: called around the cursor, or written as
    classes are; imported: what the head of the file imports.
    """

    close: tuple[str, ...] = ()
    close_modules: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()


def names_at(lines: Sequence[str], line: int, column: int) -> Names:
    """Return the names at a cursor. lines: of the file; line, column: 0-based."""
    before = _TYPED.sub("", lines[line][max(0, column - _MAX_LINE_CHARS) : column])
    imports = imports_of(tuple(lines[:_HEAD_LINES]))
    whole_import = _FROM.match(before)
    if whole_import:
        return Names(close_modules=(whole_import[1],))
    close: list[str] = []
    modules: list[str] = []
    receiver = _RECEIVER.search(before)
    if receiver is not None:
        whole, call = receiver[1], receiver[2]
        if call is not None:
            close.append(_MEMBER.split(whole)[-1])
        elif whole in _SELF:
            close += _bases(lines, line)
        else:
            close += _kinds_of(whole, lines, line)
            close.append(_MEMBER.split(whole)[-1])
            if whole in imports:
                modules += imports[whole]
    close = list(_worth(close))[:_MOST_CLOSE]
    near = [name for name in _worth(_near(lines, line, before)) if name not in close]
    own = _defined(lines, line)
    return Names(
        tuple(close),
        tuple(modules),
        tuple(name for name in near if name not in own)[:_MOST_NEAR],
        tuple(name for name in _worth(imports) if name not in close)[:_MOST_IMPORTED],
    )


@lru_cache(maxsize=16)
def imports_of(head: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return what the first lines of a file import: name here -> modules that may be it, as written."""
    found: dict[str, tuple[str, ...]] = {}
    for text in _statements(head):
        if match := _FROM.match(text):
            module = match[1]
            for name, alias in _AS.findall(match[2]):
                dot = "" if module.endswith(".") else "."
                found[alias or name] = (f"{module}{dot}{name}", module)
        elif match := _QUOTED.match(text):
            for name, alias in _AS.findall(match[1].replace("*", "x")):
                found[alias or name] = (match[2],)
        elif match := _IMPORT.match(text):
            found[match[2] or match[1]] = (match[1],)
            found.setdefault(match[1].rpartition(".")[2], (match[1],))
        elif match := _OTHER_IMPORT.match(text):
            for name in _NAME.findall(match[1]):
                found[name] = ()
    return found


def module_paths(module: str, path: str, folders: Iterable[str]) -> Iterator[str]:
    """Give the files that `module`, as written in the file `path`, may be, the likeliest first. Paths are absolute."""
    here = os.path.dirname(path)
    if "/" in module:
        base = os.path.normpath(os.path.join(here, module))
        stem, suffix = os.path.splitext(base)
        endings = (".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.js")
        yield base
        yield from ((stem if suffix in (".js", ".jsx", ".mjs") else base) + ending for ending in endings)
        return
    n_dots = len(module) - len(module.lstrip("."))
    parts = [part for part in module.split(".") if part]
    if n_dots:
        for _ in range(n_dots - 1):
            here = os.path.dirname(here)
        roots = [here]
    else:
        tops = {folder.rstrip("/") for folder in folders}
        roots = [here]
        while roots[-1] not in tops and os.path.dirname(roots[-1]) != roots[-1]:
            roots.append(os.path.dirname(roots[-1]))
        roots.reverse()
    for root in roots:
        base = os.path.join(root, *parts)
        yield f"{base}.py"
        yield os.path.join(base, "__init__.py")


def _statements(head: Sequence[str]) -> Iterator[str]:
    """Give the lines of `head`, those joined that a bracket holds together where an import begins."""
    joined = ""
    for line in head:
        text = line.split("#")[0].rstrip() if not line.lstrip().startswith("#include") else line.rstrip()
        if joined:
            joined += " " + text.strip()
        elif text.lstrip().startswith(("from ", "import ", "export ", "use ")) and _is_open(text):
            joined = text
        else:
            yield text[:_MAX_LINE_CHARS]
        if joined and not _is_open(joined):
            yield joined.replace("(", " ").replace(")", " ")
            joined = ""


def _is_open(text: str) -> bool:
    return text.count("(") + text.count("{") > text.count(")") + text.count("}")


def _kinds_of(name: str, lines: Sequence[str], line: int) -> list[str]:
    """Return what `name` is by the annotation, assignment or declaration nearest above `line`; else the nearest."""
    first = max(0, line - _LINES_BEFORE)
    last = min(len(lines), line + _LINES_BEHIND)
    is_said = _said_of(name)  # most lines that hold the name only use it, and _KIND is slow
    for number in (*range(line, first - 1, -1), *range(line + 1, last)):
        text = lines[number][:_MAX_LINE_CHARS]
        for match in _KIND.finditer(text) if name in text and is_said(text) else ():
            said = match.groupdict()
            if name not in (said["a"], said["b"], said["c"], said["d"], said["e"]):
                continue
            words = next(words for kind in _SAID if (words := said[kind]) is not None)
            found = [word for word in _NAME.findall(words) if word.lower() not in _WORDS]
            if found:
                return found if said["noted"] else found[-1:]
    return []


@lru_cache(maxsize=16)
def _said_of(name: str) -> Callable[[str], re.Match[str] | None]:
    """Return what finds the places where `_KIND` might say something of `name`, and more."""
    word = rf"(?<!\w){re.escape(name)}(?!\w)"
    declared = rf"[A-Z]\w*(?:<[^>\n]*>)?[&*\s]+{word}\s*[;,)]"
    return re.compile(rf"{word}(?:\s*[:=]|\s+[*&]?[A-Z])|{declared}|\sas\s+{word}").search


def _bases(lines: Sequence[str], line: int) -> list[str]:
    """Return what the class around `line` is made of."""
    for number in range(line, max(-1, line - _LINES_BEFORE), -1):
        match = _CLASS.match(lines[number][:_MAX_LINE_CHARS])
        if match is not None and len(match[1]) < max(1, _indentation(lines[line])):
            return _NAME.findall(match[3])
    return []


def _near(lines: Sequence[str], line: int, before: str) -> Iterator[str]:
    """Give names that are called, or written as classes are, at the cursor and around it, the nearest first."""
    texts = [before]
    for distance in range(1, _NEAR_LINES + 1):
        texts += [lines[n][:_MAX_LINE_CHARS] for n in (line - distance, line + distance) if 0 <= n < len(lines)]
    for text in texts:
        if not text.lstrip().startswith(("#", "//", "*", "import ", "from ")):
            yield from (called or named for called, named in reversed(_CALLED.findall(text)))


def _defined(lines: Sequence[str], line: int) -> set[str]:
    """Return what the lines around the cursor define themselves."""
    near = lines[max(0, line - 4 * _NEAR_LINES) : line + 4 * _NEAR_LINES]
    found = (
        re.match(r"\s*(?:async\s+|export\s+|pub\s+)*(?:def|class|fn|func|function)\s+(\w+)", text) for text in near
    )
    return {match[1] for match in found if match is not None}


def _worth(names: Iterable[str]) -> Iterator[str]:
    """Give `names` without the language's own words, each once."""
    return iter(dict.fromkeys(name for name in names if name.lower() not in _WORDS and len(name) > 1))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
