"""A region that a model wrote again: what of its answer counts, and what that changes in the file. Pure.

Invariants: what stays the same but for blanks, quotes and comments stays letter for letter as the file has it; of lines
that are not told, none are taken away; what comes behind the function counts for nothing.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from lsp_server.fixes.excerpt import DEFINITION
from lsp_server.fixes.importing import split, with_imports
from lsp_server.fixes.proposal import Refused
from lsp_server.fixes.region import Region

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_LEFT_OUT = re.compile(
    r"\s*(?:(?:#|//|/\*|--)\s*(?:\.\.\.|…|(?:the )?rest of|existing code|same as|remaining|unchanged).*|\.\.\.|…)",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s*(?:#(?!include|\[|!)|//|/\*|\*(?:\s|/|$)|--\s)")
_WORD = re.compile(r"[^\W\d]\w*")
_ALIKE = 0.6
_MANY = 6
"""Of so many lines no fix takes more than half away."""
_CLOSES = (")", "]", "}")
_ENDS_BY_DEPTH = frozenset({"python", "ruby"})


class Rewritten(NamedTuple):
    """A region as it shall be. imports: statements that it needs, a line each."""

    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()


def read_rewritten(answer: str, region: Region, language_id: str) -> Rewritten | Refused:
    """Return what `answer` makes of `region`, or why it does not count."""
    imports, code = (
        split(first_block(answer), language_id) if not _is_import(region, language_id) else ((), first_block(answer))
    )
    while code and not code[0].strip():
        code = code[1:]
    if not any(line.strip() for line in code):
        return Refused("holds no code")
    old = {line.strip() for line in region.lines}
    if any(_LEFT_OUT.fullmatch(line) and line.strip() not in old for line in code):
        return Refused("leaves out some of the code")
    aligned = _aligned(region, _same_blanks(code, region), language_id)
    if aligned is None:
        return Refused("is not the code that was asked for alone")
    begin, end, new = aligned
    lines = [*region.lines[:begin], *_kept(region, begin, end, new), *region.lines[end:]]
    if tuple(lines) == region.lines and not imports:
        return Refused("changes nothing")
    if _n_said(region.lines) >= _MANY and 2 * _n_said(lines) < _n_said(region.lines):
        return Refused("leaves out some of the code")
    return Rewritten(tuple(lines), imports)


def _n_said(lines: Sequence[str]) -> int:
    return sum(bool(line.strip()) for line in lines)


def names_head(answer: str, region: Region) -> bool:
    """Tell whether `answer` writes the function that `region` is again."""
    return any(_is_alike(line, region.lines[_head(region)]) for line in first_block(answer))


def assembled(text: str, region: Region, rewritten: Rewritten, language_id: str) -> str:
    r"""Return `text`, its lines ending in `\n`, with `region` as it shall be and the imports that it needs."""
    lines = text.split("\n")
    before, after = lines[: region.first_line], lines[region.numbers.stop :]
    marked = [*before, *rewritten.lines, *after]
    return "\n".join(with_imports(marked, rewritten.imports, language_id))


def _is_import(region: Region, language_id: str) -> bool:
    """Tell whether imports are what is to be mended."""
    return not region.is_function and bool(split(region.lines, language_id).imports)


def first_block(answer: str) -> tuple[str, ...]:
    """Return the lines of the first block of code in an answer, or all of it where it has no fences."""
    text = answer.replace("\r\n", "\n").replace("\r", "\n")
    opened = _FENCE.search(text)
    if opened is not None:
        closed = next((each for each in _FENCE.finditer(text, opened.end()) if each[1].startswith(opened[1])), None)
        text = text[opened.end() + 1 : closed.start() if closed is not None else len(text)]
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _same_blanks(code: Sequence[str], region: Region) -> list[str]:
    """Return `code` with tabs for its margins where the region has them alone and it does not."""
    margins = {_margin(line) for line in region.lines if line.strip()} - {""}
    if not margins or any(margin.strip("\t") for margin in margins) or any(line.startswith("\t") for line in code):
        return list(code)
    steps = [len(_margin(line)) for line in code if _margin(line)]
    step = min(steps, default=4)
    return ["\t" * (len(_margin(line)) // step) + line.lstrip() for line in code]


_Aligned = tuple[int, int, list[str]]
"""Which lines of a region, from and up to, code stands for, and the code, as deep as they are."""


def _aligned(region: Region, code: list[str], language_id: str) -> _Aligned | None:
    """Return what `code` stands for, None where that cannot be told."""
    head = region.lines[_head(region)]
    found = next((number for number, line in enumerate(code) if _is_alike(line, head)), None)
    if region.is_function and found is not None:
        return _aligned_function(region, code, found, language_id)
    return _aligned_lines(region, code)


def _aligned_function(region: Region, code: list[str], head: int, language_id: str) -> _Aligned | None:
    """Return the function in `code` whose head is the line `head`, without what stands around it."""
    begin, end = head, _end_of(code, head, language_id)
    while begin > 0 and _is_before(code[begin - 1]) and _margin(code[begin - 1]) == _margin(code[head]):
        begin -= 1
    if _needs(code[begin:end], [*code[:begin], *code[end:]], region):
        return None
    old_head = _head(region)
    function = _as_deep(code[begin:end], _margin(code[head]), _margin(region.lines[old_head]))
    if language_id == "python":
        function = _with_docstring(function, head - begin, region.lines, old_head)
    return 0 if begin < head else old_head, len(region.lines), function


def _with_docstring(code: list[str], head: int, old: Sequence[str], old_head: int) -> list[str]:
    """Return `code` with the docstring that the function had, if it left that out."""
    was, is_now = _docstring(old, old_head), _docstring(code, head)
    return [*code[: is_now.start], *old[was.start : was.stop], *code[is_now.start :]] if was and not is_now else code


def _docstring(lines: Sequence[str], head: int) -> range:
    """Return the lines of the docstring of the function that begins at the line `head`; none, where one would stand."""
    behind = next(
        (number + 1 for number in range(head, len(lines)) if lines[number].rstrip().endswith(":")), len(lines)
    )
    opened = re.match(r"[ \t]*[rRuU]?(\"{3}|'{3})", lines[behind]) if behind < len(lines) else None
    if opened is None:
        return range(behind, behind)
    ends = (
        number
        for number in range(behind, len(lines))
        if opened[1] in lines[number][opened.end() * (number == behind) :]
    )
    return range(behind, next(ends, behind) + 1)


def _aligned_lines(region: Region, code: list[str]) -> _Aligned | None:
    """Return some lines of the region as `code` has them: those it begins and ends with, or those that are reported."""
    reported, is_most = region.reported.start - region.first_line, 2 * len(code) >= len(region.lines)
    begin, end = _anchor(region, code[0]), _anchor(region, code[-1])
    if is_most and code[0].strip() == region.lines[0].strip():
        begin = 0
    if is_most and code[-1].strip() == region.lines[-1].strip():
        end = len(region.lines) - 1
    if begin is not None and end is not None and not begin <= reported <= end:
        return (0, len(region.lines), code) if is_most else None
    if begin is None and end is None and not _is_alike(code[0], region.lines[reported]):  # it may be no code at all
        return None
    begin = reported if begin is None else begin
    end = max(begin, region.reported.stop - 1 - region.first_line) if end is None else end
    if end < begin:
        return None
    return begin, end + 1, _as_deep(code, _margin(code[0]), _margin(region.lines[begin]))


def _head(region: Region) -> int:
    """Return the line of the region that says what it is called, 0 where there is none."""
    return next((number for number, line in enumerate(region.lines) if line.strip() and not _is_before(line)), 0)


def _anchor(region: Region, line: str) -> int | None:
    """Return which one line of the region says what `line` does."""
    same = [number for number, each in enumerate(region.lines) if each.strip() == line.strip()]
    return same[0] if len(same) == 1 else None


def _is_before(line: str) -> bool:
    """Tell whether a line may stand in front of a function's head and belong to it."""
    return line.lstrip().startswith(("@", "#[")) or bool(_REMARK.match(line))


def _is_alike(line: str, other: str) -> bool:
    line, other = line.strip(), other.strip()
    names = [match[1] for match in map(DEFINITION.match, (line, other)) if match is not None]
    if len(names) == len((line, other)):
        return names[0] == names[1]
    return line == other or (
        _WORD.findall(line)[:1] == _WORD.findall(other)[:1] and SequenceMatcher(None, line, other).ratio() >= _ALIKE
    )


def _as_deep(code: Sequence[str], margin: str, wanted: str) -> list[str]:
    """Return `code`, whose margin is `margin`, with the margin `wanted`."""
    if margin == wanted:
        return list(code)
    return [
        wanted + (line.removeprefix(margin) if line.startswith(margin) else line.lstrip()) if line.strip() else line
        for line in code
    ]


def _end_of(code: list[str], head: int, language_id: str) -> int:
    """Return the line behind the function whose head is the line `head`."""
    margin = _margin(code[head])
    for number in range(head + 1, len(code)):
        line = code[number]
        if not line.strip() or len(_margin(line)) > len(margin):
            continue
        words = line.strip()
        if language_id in _ENDS_BY_DEPTH and words != "end":
            if not words.startswith(_CLOSES) and not (_REMARK.match(line) and _goes_on(code[number:], margin)):
                return len(_stripped(code[:number]))
        elif words.startswith(("}", "end")):
            return number + 1
    return len(_stripped(code))


def _goes_on(code: Sequence[str], margin: str) -> bool:
    """Tell whether code that is deeper than `margin` stands behind the remarks that `code` begins with."""
    behind = next((line for line in code if line.strip() and not _REMARK.match(line)), "")
    return len(_margin(behind)) > len(margin)


def _needs(function: Sequence[str], others: Sequence[str], region: Region) -> bool:
    """Tell whether a function uses what is defined beside it in the answer, and nothing in the file says so."""
    defined = {match[1] for line in others if (match := DEFINITION.match(line)) is not None}
    return bool(defined & set(_WORD.findall("\n".join(function))) - set(_WORD.findall(region.text)))


def _stripped(code: list[str]) -> list[str]:
    while code and not code[-1].strip():
        code = code[:-1]
    return code


def _kept(region: Region, begin: int, end: int, new: Sequence[str]) -> Iterator[str]:
    """Give the new lines, those of the region in place of such as say the same."""
    old = region.lines[begin:end]
    exact = {number - region.first_line - begin for number in region.reported}
    old_keys = [line if number in exact else _key(line) for number, line in enumerate(old)]
    reported = {old[number] for number in exact if 0 <= number < len(old)}
    new_keys = [line if line in reported else _key(line) for line in new]
    for kind, i, i_end, j, j_end in SequenceMatcher(None, old_keys, new_keys, autojunk=False).get_opcodes():
        is_said = exact.isdisjoint(range(i, i_end)) and not any(
            line.strip() and not _REMARK.match(line) for line in (*old[i:i_end], *new[j:j_end])
        )
        yield from old[i:i_end] if kind == "equal" or is_said else new[j:j_end]


def _key(line: str) -> str:
    """Return what tells lines apart: without a remark behind the code, and whichever quotes there are."""
    code = re.sub(r"\s+(?:#|//)\s.*$", "", line.rstrip()).replace('"', "'")
    return _margin(line) + " ".join(code.split())


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
