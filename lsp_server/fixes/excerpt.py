"""What of a file a model is shown besides the lines that it writes again. Pure.

Invariants: an excerpt is made of whole lines of the file, in their order; it never exceeds the bound, however large the
function is. There is no mark where lines were left out: small models write that instead of the code.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from lsp_server.fixes.region import Region
from lsp_server.review.slices import import_lines

MAX_CHARS = 3_000
_MOSTDEFINITIONS = 8
_WORD = re.compile(r"[^\W\d]\w+")
DEFINITION = re.compile(
    r"(?:(?:export|default|pub(?:\(\w+\))?|public|private|static|async|final|abstract)\s+)*"
    r"(?:def|class|function|interface|type|enum|struct|trait|func|fn|const|let|var)\b\s*(?:\([^)]*\)\s*)?(\w+)"
)
"""A line that gives something a name; the group is the name."""


_CONSTANT = re.compile(r"([A-Z][A-Z0-9_]+)\b[^=]*=[^=]")


def excerpt_of(lines: Sequence[str], region: Region, around: range | None = None, others: Iterable[int] = ()) -> str:
    """Return what matters to `region`: the file's imports, what it defines at the margin that the region uses.

    lines: of the file, without their ends. around: those of the function that the region is part of, None for none.
    others: more lines that matter, such as where a value comes from. What does not fit is left out, that first.
    """
    imports = import_lines(lines)
    far = {line + step for line in others for step in (-1, 0, 1)}
    defined = set(_definitions(lines, region))
    for choice in (imports | far | defined | set(around or ()), imports | far | defined, imports, set[int]()):
        kept = sorted(number for number in choice - set(region.numbers) if 0 <= number < len(lines))
        if sum(len(lines[number]) + 1 for number in kept) <= MAX_CHARS:
            return "\n".join(lines[number] for number in kept if lines[number].strip())
    return ""


def _definitions(lines: Sequence[str], region: Region) -> list[int]:
    used = set(_WORD.findall(region.text))
    found = [number for number, name in _defined(lines) if name in used and number not in region.numbers]
    return found[:_MOSTDEFINITIONS]


def _defined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        if line[:1].strip() and (match := DEFINITION.match(line) or _CONSTANT.match(line)) is not None:
            yield number, match[1]
