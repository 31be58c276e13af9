"""The code in an answer: out of Markdown's fences, or the whole of it where there are none. Pure.

Invariant: what is returned is whole lines of the answer; an answer that was cut off inside a fence gives what it has.
"""

import re

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n`]*$", re.MULTILINE)


def code_of(answer: str, names: frozenset[str]) -> str:
    """Return the code in `answer`: its blocks of one of the languages `names`, or of none, one behind the other."""
    blocks: list[str] = []
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(answer):
        if opened is None:
            opened = match
        elif match[1].startswith(opened[1]) and not match[2]:
            blocks.append(_block(answer[opened.end() : match.start()], opened[2], names))
            opened = None
    if opened is not None:
        blocks.append(_block(answer[opened.end() :], opened[2], names))
    elif not blocks:
        return answer
    return "\n".join(block for block in blocks if block)


def _block(text: str, language: str, names: frozenset[str]) -> str:
    return text.strip("\n") + "\n" if language.lower() in names or not language else ""
