"""Regular expressions of Python and JavaScript -> a tree of what they match. Pure.

Invariant: a pattern that cannot be read is None, whatever is in it; characters are sets of bits over the pattern's own alphabet.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_LONGEST = 2_000  # code points; longer patterns are made by programs
_DEEPEST = 40
_BASE = tuple(map(chr, range(128))) + ("é", "\u2028", "\U0001f600")
_UNICODE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]{1,6})\})")
_REPEAT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_GROUP = re.compile(r"\?(?::|P?<\w+>|P=\w+\)|#[^)]*\)|<?[=!]|>|[aiLmsux-]*[:)])")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0", "a": "\a"}
_KINDS = {"d": re.compile(r"\d"), "w": re.compile(r"\w"), "s": re.compile(r"\s")}
UNLIMITED = -1


class Characters(NamedTuple):
    """One character out of a set, whose bits are those of the alphabet."""

    bits: int


class Sequence(NamedTuple):
    """One part after the other; without parts nothing."""

    parts: "tuple[Node, ...]"


class Options(NamedTuple):
    """One of the parts."""

    parts: "tuple[Node, ...]"


class Repeat(NamedTuple):
    """least to most times; most is UNLIMITED where there is no end."""

    part: "Node"
    least: int
    most: int


class Mark(NamedTuple):
    """What takes no character: `start`, `end`, or a `test` that can fail (look-around, back reference)."""

    kind: str


Node = Characters | Sequence | Options | Repeat | Mark
EMPTY = Sequence(())


class _Unreadable(Exception):
    """The pattern has something in it that is not read here."""


def parse(pattern: str, flags: str = "") -> tuple[Node, int] | None:
    """Return the tree of `pattern` and the bits of its whole alphabet; None where it cannot be read.

    flags: `i`, `m`, `s`, `x` as in `(?imsx)`.
    """
    if len(pattern) > _LONGEST:
        return None
    inline = re.match(r"\(\?([imsxaLu]+)\)", pattern)
    if inline is not None:
        pattern, flags = pattern[inline.end() :], flags + inline[1]
    alphabet = dict.fromkeys(_BASE)
    alphabet.update(dict.fromkeys(char for char in pattern if ord(char) > 127))
    for digits in _UNICODE.findall(pattern):
        code = int("".join(digits), 16)
        if code < 0x110000:
            alphabet[chr(code)] = None
    parser = _Parser(pattern, flags, tuple(alphabet))
    try:
        node = parser.options(0)
    except (_Unreadable, IndexError, ValueError):
        return None
    return (node, parser.everything) if parser.at == len(pattern) else None


@dataclass
class _Parser:
    """Reads one pattern from left to right."""

    pattern: str
    flags: str
    alphabet: tuple[str, ...]
    at: int = 0
    everything: int = field(init=False)

    def __post_init__(self) -> None:
        self.everything = (1 << len(self.alphabet)) - 1

    def options(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise _Unreadable
        parts = [self._sequence(depth)]
        while self._next() == "|":
            self.at += 1
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Options(tuple(parts))

    def _next(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def _take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._next() not in {"", "|", ")"}:
            if "x" in self.flags and self._is_space():
                continue
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _is_space(self) -> bool:
        """Step over white space and a comment, which verbose patterns have between parts."""
        if self._next().isspace():
            self.at += 1
            return True
        if self._next() == "#":
            end = self.pattern.find("\n", self.at)
            self.at = len(self.pattern) if end < 0 else end + 1
            return True
        return False

    def _repeated(self, node: Node) -> Node:
        while True:
            least, most = {"*": (0, UNLIMITED), "+": (1, UNLIMITED), "?": (0, 1)}.get(self._next(), (1, 1))
            counted = _REPEAT.match(self.pattern, self.at)
            if counted is not None and (counted[1] or counted[3]):
                least = int(counted[1] or 0)
                most = int(counted[3]) if counted[3] else UNLIMITED if counted[2] else least
                self.at = counted.end()
            elif (least, most) == (1, 1):
                return node
            else:
                self.at += 1
            if self._next() == "?":
                self.at += 1
            elif self._next() == "+":
                raise _Unreadable  # possessive: it never goes back
            node = Repeat(node, least, most)

    def _atom(self, depth: int) -> Node:
        match self._take():
            case "(":
                return self._group(depth)
            case "[":
                return Characters(self._class())
            case ".":
                return Characters(self.everything if "s" in self.flags else self.everything & ~self._bits("\n"))
            case "^":
                return Mark("test") if "m" in self.flags else Mark("start")
            case "$":
                return Mark("end")
            case "\\":
                return self._escape()
            case char:
                return Characters(self._bits(char))

    def _group(self, depth: int) -> Node:
        kind = ""
        if self._next() == "?":
            found = _GROUP.match(self.pattern, self.at)
            if found is None or found[0] == "?>":
                raise _Unreadable
            kind, self.at = found[0], found.end()
            if kind.endswith(")"):
                return Mark("test") if kind.startswith("?P=") else EMPTY
        node = self.options(depth + 1)
        if self._take() != ")":
            raise _Unreadable
        return Mark("test") if kind in {"?=", "?!", "?<=", "?<!"} else node

    def _escape(self) -> Node:
        char = self._next()
        if char and char in "AZzbBGk123456789":
            self.at += 1
            if char == "k" and self._next() == "<":
                self.at = self.pattern.index(">", self.at) + 1
            return Mark({"A": "start", "Z": "end", "z": "end", "b": "empty", "B": "empty"}.get(char, "test"))
        return Characters(self._escaped())

    def _escaped(self) -> int:
        """Return the bits of what stands behind a backslash."""
        unicode = _UNICODE.match(self.pattern, self.at - 1)
        if unicode is not None:
            self.at = unicode.end()
            return self._bits(chr(int("".join(filter(None, unicode.groups())), 16)))
        char = self._take()
        if char.lower() in _KINDS:
            kind = _KINDS[char.lower()]
            return sum(
                1 << index for index, each in enumerate(self.alphabet) if (kind.match(each) is None) == char.isupper()
            )
        if char in "pP" and self._next() == "{":
            raise _Unreadable
        return self._bits(_CONTROLS.get(char, char))

    def _class(self) -> int:
        is_negated = self._next() == "^"
        self.at += is_negated
        bits, is_first = 0, True
        while is_first or self._next() != "]":
            start = self.at
            low = self._class_atom()
            if self._next() == "-" and self.pattern[self.at + 1] != "]" and low.bit_count() in {1, 2}:
                low_char = self._char_of(start)
                self.at += 1
                start = self.at
                high = self._class_atom()
                low = low | self._range(low_char, self._char_of(start)) if high.bit_count() in {1, 2} else low | high
            bits |= low
            is_first = False
        self.at += 1
        return self.everything & ~bits if is_negated else bits

    def _class_atom(self) -> int:
        char = self._take()
        if char != "\\":
            return self._bits(char)
        if self._next() == "b":
            self.at += 1
            return self._bits("\b")
        return self._escaped()

    def _char_of(self, start: int) -> str:
        """Return the character that is written from `start` to here."""
        written = self.pattern[start : self.at]
        if not written.startswith("\\"):
            return written
        unicode = _UNICODE.match(written)
        if unicode is not None:
            return chr(int("".join(filter(None, unicode.groups())), 16))
        return _CONTROLS.get(written[1], written[1])

    def _range(self, low: str, high: str) -> int:
        return self._both_cases(index for index, each in enumerate(self.alphabet) if low <= each <= high)

    def _bits(self, char: str) -> int:
        return self._both_cases([self.alphabet.index(char)])

    def _both_cases(self, indices: Iterable[int]) -> int:
        bits = 0
        for index in indices:
            bits |= 1 << index
            other = self.alphabet[index].swapcase()
            if "i" in self.flags and other in self.alphabet:
                bits |= 1 << self.alphabet.index(other)
        return bits
