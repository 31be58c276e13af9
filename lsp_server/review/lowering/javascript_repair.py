"""Closes the strings that their line leaves open, so that what stands around them can be read. Pure.

Invariant: the repaired source has the length of the source, and every line of it begins where it did.
"""

import re

_TOKEN = re.compile(
    rb"//[^\n]*|/\*.*?(?:\*/|\Z)|`(?:\\.|[^`\\])*(?:`|\Z)"
    rb"|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)|\"(?:\\.|[^\"\\\n])*(?:\"|(?=\n)|\Z)"
    rb"|(?<![\w$)\]\s])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*|[()\[\]{}\n]",
    re.DOTALL,
)
_CLOSERS = {b"(": b")", b"[": b"]"}


def repaired(source: bytes) -> bytes:
    """Return `source` with open strings closed at the end of their lines, in place of their last characters.

    The brackets that the line opened before the string are closed with it, as far as there is room.
    """
    result = bytearray(source)
    opened: list[bytes] = []
    for match in _TOKEN.finditer(source):
        token = match[0].lstrip()
        if token == b"\n":
            opened.clear()
        elif token in _CLOSERS:
            opened.append(token)
        elif token in {b")", b"]"}:
            if opened:
                opened.pop()
        elif token[:1] in {b"'", b'"'} and (len(token) == 1 or token[-1:] != token[:1]):
            _close(result, match.start(), match.end(), token[:1], opened)
    return bytes(result)


def _close(result: bytearray, start: int, end: int, quote: bytes, opened: list[bytes]) -> None:
    start = max(start, result.rfind(b"\n", start, end))  # a string may go on behind an escaped line break
    room = end - start - 1
    closers = (quote + b"".join(_CLOSERS[each] for each in reversed(opened)))[:room]
    begin = end - len(closers)
    while begin > start + 1 and result[begin] & 0xC0 == 0x80:  # in the middle of a character
        begin -= 1
    result[begin:end] = closers.rjust(end - begin, b" ")
