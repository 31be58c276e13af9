"""Where a piece of code calls something by its name, as far as its lines tell, without a grammar. Pure.

Invariant: a call is the name as a whole word with an argument list behind it, or as a decorator, in a line that is no
comment as a whole. A call that is spoken of in a string is taken for one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_COMMENTS = ("#", "//", "/*", "*", "--", ";")
_ARGUMENTS = r"\s*(?:!|(?:::)?<[^<>()]*>)?\s*\("
"""What stands behind a name that is called: type arguments and a macro's mark may come in between."""


class Called(NamedTuple):
    """A line of a text that calls. number: 0-based; text: without what is blank around it; indentation: in characters.

    A tab counts as one.
    """

    number: int
    text: str
    indentation: int


def calls_in(text: str, name: str) -> Iterator[Called]:
    """Give the lines of `text` that call `name`; definitions, which often look the same, are among them."""
    word = re.escape(name)
    called = re.compile(rf"(?<![\w$]){word}{_ARGUMENTS}|@(?:\w+\.)*{word}\b")
    for number, line in enumerate(text.split("\n")):
        stripped = line.strip()
        if name in line and not stripped.startswith(_COMMENTS) and called.search(line):
            yield Called(number, stripped, indentation_of(line))


def indentation_of(line: str) -> int:
    """Return how many characters of white space `line` begins with."""
    return len(line) - len(line.lstrip())


def caller_of(line: int, indentation: int, definitions: Iterable[tuple[int, str]], indents: Mapping[int, int]) -> str:
    """Return the innermost definition that the line `line` stands in by its indentation; empty for none.

    definitions: lines with names, ascending; indents: of the definitions' lines.
    """
    above = [(number, name) for number, name in definitions if number < line]
    return next((name for number, name in reversed(above) if indents.get(number, 0) < indentation), "")
