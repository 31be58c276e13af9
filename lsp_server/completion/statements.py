"""Lines as statements, in languages whose blocks end by indentation: where each begins, and whether a body follows.

Invariant: nothing is read of a text of several lines or of what is in brackets, since its indentation tells nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lsp_server.completion.place import indent_of
from lsp_server.completion.syntax import is_comment, opens_block, unmatched, wants_more

_TRIPLE = re.compile(r'"""|\'\'\'')


@dataclass(frozen=True, slots=True)
class Line:
    """A statement. text: its first line, without its indentation; opens: its body comes next."""

    indent: str
    text: str
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Statements:
    """What was read. is_open: the last one goes on behind the lines; is_in_brackets, is_in_text: inside of these."""

    lines: list[Line]
    is_open: bool = False
    is_in_brackets: bool = False
    is_in_text: bool = False


def read_statements(lines: Sequence[str], language_id: str) -> Statements:
    """Read the statements that begin in `lines`."""
    found: list[Line] = []
    inside: tuple[str, ...] = ()
    quote, is_open = "", False
    for line in lines:
        begins = not inside and not quote and not is_open
        code, quote = _without_text(line, quote)
        if not inside and (not code.strip() or is_comment(code, language_id)):
            continue
        inside = tuple(unmatched(code, language_id, inside)[1])
        is_open = not quote and not inside and (code.endswith("\\") or wants_more(code, language_id))
        opens = not inside and not quote and opens_block(code, language_id)
        if begins or not found:
            found.append(Line(indent_of(line), line.strip(), opens))
        else:
            found[-1] = Line(found[-1].indent, found[-1].text, opens)
    return Statements(found, is_open or bool(inside or quote), bool(inside) and not quote, bool(quote))


def steps_of(*sides: Sequence[Line]) -> list[str]:
    """Return by how much the blocks in `sides` are deeper than their headers, each once."""
    return sorted(
        {
            body.indent.removeprefix(header.indent)
            for statements in sides
            for header, body in pairwise(statements)
            if header.opens and body.indent.startswith(header.indent) and body.indent != header.indent
        }
    )


def _without_text(line: str, quote: str) -> tuple[str, str]:
    """Return `line` with `""` for texts between triple quotes, and the quote of one that is open behind it.

    quote: of one that the line begins inside of; empty for none.
    """
    code, at = '""' if quote else "", 0
    for match in _TRIPLE.finditer(line):
        if not quote:
            code, quote = code + line[at : match.start()] + '""', match.group()
        elif match.group() == quote:
            quote = ""
        else:
            continue
        at = match.end()
    return (code if quote else code + line[at:]), quote
