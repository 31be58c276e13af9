"""What an answer may be asked to match, as a value, and in the notation that llguidance compiles. Pure.

Invariant: what can take exponential time to compile is refused by looking at the text alone. llguidance bounds the
rest itself, but not the intersection of regular expressions, whose automaton doubles with each.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from inference.errors import RequestInvalid

Kind = Literal["json_schema", "regex", "grammar", "choice"]
KINDS: tuple[Kind, ...] = ("json_schema", "regex", "grammar", "choice")

ANY_OBJECT = '{"type":"object"}'

# A schema of this size with nothing but optional properties, the slowest kind, takes 0.7 s; others a tenth of that.
MAX_GRAMMAR_BYTES = 32 * 2**10
# Each doubles the time; ten take 9 ms, eighteen a second.
_MAX_INTERSECTED = 10
# Each is compared with each other: 64 take 60 ms, 500 a minute.
_MAX_PATTERN_PROPERTIES = 64
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
            raise self.refusal(f"larger than {MAX_GRAMMAR_BYTES} bytes; ask for less at once")
        nodes = [node for schema in self._schemas() for node in _objects(schema)]
        if max(map(_n_pattern_properties, nodes), default=0) > _MAX_PATTERN_PROPERTIES:
            raise self.refusal(f"an object may have at most {_MAX_PATTERN_PROPERTIES} patternProperties")
        n_intersected = _n_intersected(nodes) + (self.text.count("&") if self.kind == "grammar" else 0)
        if n_intersected > _MAX_INTERSECTED:
            words = f"{n_intersected} patterns that may have to hold together take too long"
            raise self.refusal(f"{words}; at most {_MAX_INTERSECTED} are possible")

    def refusal(self, reason: str) -> RequestInvalid:
        """Shape why no answer can be held to it."""
        return RequestInvalid(f"{self.param}: {reason}", self.param)

    def _schemas(self) -> Iterator[Any]:
        """Give the JSON schemas in it: itself, or those that a grammar embeds."""
        if self.kind == "json_schema":
            try:
                yield json.loads(self.text)
            except (ValueError, RecursionError) as error:
                raise self.refusal(f"not JSON: {error}") from error
        elif self.kind == "grammar":
            for start in re.finditer(r"%json\s*", self.text):
                with contextlib.suppress(ValueError, RecursionError):  # then it is none for llguidance either
                    yield json.JSONDecoder().raw_decode(self.text, start.end())[0]


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _n_pattern_properties(node: dict[str, Any]) -> int:
    patterns = node.get("patternProperties")
    return len(patterns) if isinstance(patterns, dict) else 0


def _n_intersected(nodes: list[dict[str, Any]]) -> int:
    """Count the regular expressions of a schema if any two of them may have to hold for one string, else 0."""
    if not any("allOf" in node or len(_INTERSECTING_KEYS & node.keys()) > 1 for node in nodes):
        return 0
    n_inline = sum(isinstance(node.get(key), str) for node in nodes for key in ("pattern", "format"))
    return n_inline + sum(_n_pattern_properties(node) for node in nodes)
