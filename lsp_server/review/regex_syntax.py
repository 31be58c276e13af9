"""Regular expressions of JavaScript and Python -> a tree of what they read. Pure.

Invariant: whatever cannot be read is left out, nothing is refused; a set of characters is a whole number with a bit for
each ASCII character, one for white space beyond it and one for all others.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_OTHER_SPACE = 1 << 128
_OTHER = 1 << 129
END = 1 << 130
"""The "character" behind the last one, which `$` reads."""
ALL = (1 << 130) - 1
_NEWLINES = 1 << 10 | 1 << 13
_MOST_NODES = 2000
_MOST_DEPTH = 60


def _bits(characters: str) -> int:
    found = 0
    for character in characters:
        code = ord(character)
        found |= 1 << code if code < 128 else _OTHER_SPACE if character.isspace() else _OTHER
    return found


_DIGITS = _bits("0123456789")
_WORD = _bits("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE = _bits(" \t\n\r\f\v") | _OTHER_SPACE
_CLASSES = {"d": _DIGITS, "D": ALL & ~_DIGITS, "w": _WORD, "W": ALL & ~_WORD, "s": _SPACE, "S": ALL & ~_SPACE}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


@dataclass(frozen=True, slots=True, eq=False)
class Characters:
    """One character of a set. is_literal: written as itself; text: how it is written."""

    members: int
    text: str = ""
    is_literal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """All of `parts`, one behind the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """One of `options`."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`part` from `least` to `most` times; most None: without a bound."""

    part: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    r"""`^`, `$`, `\b` and whatever else reads nothing: lookarounds ("(?="), back references ("\1")."""

    kind: str
    part: "Node | None" = None


Node = Characters | Sequence | Alternatives | Repeat | Anchor


@lru_cache(maxsize=512)
def parse(pattern: str) -> Node:
    """Return the tree of `pattern`, without slashes and flags."""
    return _Parser(pattern).alternatives(0)


def top(node: Node) -> tuple[Node, ...]:
    """Return the options that `node` has at its top, itself if it has none."""
    return node.options if isinstance(node, Alternatives) else (node,)


def parts(node: Node) -> tuple[Node, ...]:
    """Return the parts of a sequence, the node itself if it is none."""
    return node.parts if isinstance(node, Sequence) else (node,)


class _Parser:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.n_nodes = 0

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def alternatives(self, depth: int) -> Node:
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self, depth: int) -> Node:
        found: list[Node] = []
        while self.at < len(self.pattern) and self._peek() not in "|)":
            node = self._atom(depth)
            if node is not None and self.n_nodes < _MOST_NODES:
                self.n_nodes += 1
                found.append(self._repeated(node))
        return found[0] if len(found) == 1 else Sequence(tuple(found))

    def _repeated(self, node: Node) -> Node:
        while True:
            match = re.compile(r"([*+?])|\{(\d*)(,?)(\d*)\}").match(self.pattern, self.at)
            if match is None or (match[2] == "" and match[4] == "" and not match[1]):
                return node
            self.at = match.end()
            if match[1]:
                least, most = (1 if match[1] == "+" else 0), (1 if match[1] == "?" else None)
            else:
                least = int(match[2] or 0)
                most = int(match[4]) if match[4] else None if match[3] else least
            if self._peek() in {"?", "+"} and self._peek():  # lazy, possessive: the same texts
                self.at += 1
            node = Repeat(node, least, most)

    def _atom(self, depth: int) -> Node | None:
        character = self._peek()
        self.at += 1
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._set()
        if character in "^$":
            return Anchor(character)
        if character == ".":
            return Characters(ALL & ~_NEWLINES, ".")
        if character == "\\":
            return self._escaped()
        return Characters(_bits(character), character, is_literal=True)

    def _group(self, depth: int) -> Node | None:
        match = re.compile(r"\?(?:P?<\w+>|:|[a-z-]+:|(=|!|<=|<!)|P=\w+|#[^)]*|>|[a-zA-Z]+(?=\)))?").match(
            self.pattern, self.at
        )
        if match:
            self.at = match.end()
        if depth >= _MOST_DEPTH:
            self.at = len(self.pattern)
            return None
        inner = self.alternatives(depth + 1)
        if self._peek() == ")":
            self.at += 1
        return Anchor("(?" + match[1], inner) if match and match[1] else Sequence((inner,))

    def _escaped(self) -> Node:
        character = self._peek()
        self.at += 1
        if character in _CLASSES and character:
            return Characters(_CLASSES[character], "\\" + character)
        if character in {"b", "B", "A", "Z", "z"} and character:
            return Anchor("$" if character in "Zz" else "^" if character == "A" else "\\" + character)
        if character.isdigit() and character != "0":
            return Anchor("\\1")
        if character == "k":
            name = re.compile(r"<\w*>").match(self.pattern, self.at)
            self.at = name.end() if name else self.at
            return Anchor("\\1")
        if character in "pP" and self._peek() == "{":
            end = self.pattern.find("}", self.at)
            self.at = end + 1 if end >= 0 else len(self.pattern)
            return Characters(_WORD | _OTHER if character == "p" else ALL & ~_WORD, "\\" + character)
        text = self._code(character)
        return Characters(_bits(text), text, is_literal=True)

    def _code(self, character: str) -> str:
        r"""Return the character that an escape stands for: `\x41`, `\u0041`, `\u{41}`, `\n`, or itself."""
        match = re.compile(r"(?:(?<=x)([0-9a-fA-F]{2})|(?<=u)(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]{1,6})\}))").match(
            self.pattern, self.at
        )
        if match:
            self.at = match.end()
            code = int(match[1] or match[2] or match[3], 16)
            return chr(code) if code < 0x110000 else "\ufffd"
        return _CONTROLS.get(character, character)

    def _set(self) -> Node:
        start = self.at
        is_negated = self._peek() == "^"
        self.at += is_negated
        members = 0
        while self.at < len(self.pattern) and self._peek() != "]":
            members |= self._set_member()
        text = self.pattern[start - 1 : self.at + 1]
        self.at += 1
        return Characters(ALL & ~members if is_negated else members, text)

    def _set_member(self) -> int:
        first = self._set_character()
        if isinstance(first, int) or self._peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in {"]", ""}:
            return first if isinstance(first, int) else _bits(first)
        self.at += 1
        last = self._set_character()
        if isinstance(last, int):
            return _bits(first) | last | _bits("-")
        low, high = ord(first), ord(last)
        found = sum(1 << code for code in range(low, min(high, 127) + 1)) if low <= high else 0
        return found | (_OTHER if high > 127 else 0) | (_OTHER_SPACE if low <= 0x2000 < high else 0)

    def _set_character(self) -> int | str:
        character = self._peek()
        self.at += 1
        if character != "\\":
            return character
        character = self._peek()
        self.at += 1
        if character in _CLASSES and character:
            return _CLASSES[character]
        if character == "b":
            return "\b"
        return self._code(character) or "\\"
