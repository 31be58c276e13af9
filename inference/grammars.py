"""What an answer may be asked to match, as a value, and in the notation that llguidance compiles. Pure.

Invariant: what can take exponential time to compile is refused by looking at the text alone. llguidance bounds the
rest itself, but not the intersection of regular expressions, whose automaton doubles with each.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from inference.errors import RequestInvalid

Kind = Literal["json_schema", "regex", "grammar", "choice"]
KINDS: tuple[Kind, ...] = ("json_schema", "regex", "grammar", "choice")

ANY_OBJECT = '{"type":"object"}'

# A schema of this size with nothing but optional properties, the slowest kind, compiles in a quarter of a second.
MAX_GRAMMAR_BYTES = 32 * 2**10
# Each doubles the time; ten take 9 ms, eighteen a second.
_MAX_INTERSECTED = 10
_INTERSECTING_KEYS = frozenset({"pattern", "format", "$ref", "anyOf", "oneOf"})


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an answer must match. param: the request's field that asks for it, which refusals name.

    text: a JSON schema; a regular expression; a grammar in Lark's or llama.cpp's notation; a JSON list of strings.
    """

    kind: Kind
    text: str
    param: str

    def check(self) -> None:
        """Raise RequestInvalid when compiling it could take long."""
        if len(self.text.encode()) > MAX_GRAMMAR_BYTES:
            raise RequestInvalid(
                f"{self.param}: larger than {MAX_GRAMMAR_BYTES} bytes; ask for less at once", self.param
            )
        if self.kind == "json_schema":
            n_intersected = _n_intersected(_parse(self))
        elif self.kind == "grammar":
            n_intersected = len(re.findall(r'&|"(?:pattern|format)"', self.text))
        else:
            return
        if n_intersected > _MAX_INTERSECTED:
            words = (
                f"{n_intersected} patterns that may have to hold together take too long; at most {_MAX_INTERSECTED} may"
            )
            raise RequestInvalid(f"{self.param}: {words}", self.param)


def _parse(grammar: Grammar) -> Any:
    try:
        return msgspec.json.decode(grammar.text)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid(f"{grammar.param}: not JSON: {error}", grammar.param) from error


def _n_intersected(schema: Any) -> int:
    """Count the regular expressions of `schema` if any two of them may have to hold for one string, else 0."""
    n_patterns, intersects = 0, False
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            n_patterns += sum(isinstance(node.get(key), str) for key in ("pattern", "format"))
            n_patterns += len(node.get("patternProperties") or ())
            intersects |= "allOf" in node or len(_INTERSECTING_KEYS & node.keys()) > 1
            left += node.values()
        elif isinstance(node, list):
            left += node
    return n_patterns if intersects else 0
