"""How an answer is put, and how it is joined with what the server knows by itself. Pure.

Invariant: line numbers and links come from here, never from a model.
"""

import re
from collections.abc import Iterable

from lsp_server.context.anatomy import Acts, Mark
from lsp_server.explain.check import WORDS_OF_LANGUAGES

_LEAD = re.compile(
    r"^(?:(?:The|This|It)\b\s*(?:given|selected|provided)?\s*"
    r"(?:(?:part|line|piece|block|section|snippet)\s+of\s+(?:the\s+)?(?:code|function|method|class)\s*)?"
    r"(?:function|method|class|code|part|line|step|statement|snippet|loop|block)?\s*(?:snippet|block)?\s*"
    r"(?:`[^`]*`)?\s*(?:function|method|class)?|(?:`[^`]*`|\w+_\w+)(?:\s+(?:function|method|class))?)\s+"
    r"(?:is\s+(?:a|an|the)\s+(?:\w+\s+)?(?:function|method|class)\s+that\s+|is\s+used\s+to\s+|is\s+for\s+)?(?=[a-z])"
)
_MOST_LABEL_CHARS = 60
_SPAN = re.compile(r"(?<!\[)`([^`\n]+)`(?!\])")


def put_plainly(sentence: str) -> str:
    """Return `sentence` without the words that every answer begins with: "The function `f` returns" is "Returns"."""
    match = _LEAD.match(sentence)
    rest = sentence[match.end() :] if match else ""
    first = rest.partition(" ")[0].rstrip(".,:")
    # What follows must be what it does; else the words in front are part of what is said.
    if not (match and first.endswith("s") and not first.endswith("ss") and first not in {"is", "was", "has", "does"}):
        return sentence
    return rest[0].upper() + rest[1:]


def line_link(uri: str, line: int, words: str = "") -> str:
    """Return a link to a line, 0-based."""
    target = uri.replace("(", "%28").replace(")", "%29")
    return f"[{words or f'line {line + 1}'}]({target}#L{line + 1})"


def linked(sentence: str, uri: str, code: str, first_line: int) -> str:
    """Return `sentence` with a link on each code span that stands once in `code`, which begins at `first_line`.

    None on words of the language: they lead nowhere that tells something.
    """

    def link(match: re.Match[str]) -> str:
        if match[1].lower() in WORDS_OF_LANGUAGES:
            return match[0]
        places = list(re.finditer(rf"(?<!\w){re.escape(match[1])}(?!\w)", code))
        if len(places) != 1:
            return match[0]
        return line_link(uri, first_line + code.count("\n", 0, places[0].start()), match[0])

    return _SPAN.sub(link, sentence)


def label_of(code: str) -> str:
    """Return the first line of `code` as a code span."""
    line = code.strip().partition("\n")[0].strip()
    short = line if len(line) <= _MOST_LABEL_CHARS else f"{line[: _MOST_LABEL_CHARS - 1]}…"
    return code_span(short)


def code_span(code: str) -> str:
    """Return `code`, one line, as Markdown shows it unchanged."""
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    mark = "`" * (longest + 1)
    blank = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{mark}{blank}{code}{blank}{mark}"


_ACTS = {Acts.RAISES: "Raises", Acts.CHANGES: "Changes", Acts.CALLS: "Reaches outside by"}


def marks_in_words(marks: Iterable[Mark], uri: str) -> list[str]:
    """Return a bullet for each thing that acts on the outside, with a link to each of its lines."""
    lines: dict[tuple[Acts, str], list[int]] = {}
    for mark in marks:
        lines.setdefault((mark.acts, mark.what), []).append(mark.line)
    return [
        f"- {_ACTS[acts]} {code_span(what) if what else 'again what it caught'}: "
        + ", ".join(line_link(uri, number) for number in dict.fromkeys(numbers))
        for (acts, what), numbers in sorted(lines.items(), key=lambda item: list(Acts).index(item[0][0]))
    ]
