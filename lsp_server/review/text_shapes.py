"""Shapes of constant texts, which rules ask for by name: what a pattern over the text cannot tell. Pure.

Invariant: a shape is a property of the text alone; a text that cannot be read has none.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from lsp_server.review.regex_syntax import (
    Alternatives,
    Anchor,
    Characters,
    Node,
    Repeat,
    Sequence,
    parse,
    parts,
    top,
)
from lsp_server.review.slow_regexes import is_exponential, is_polynomial

_LONGEST = 4000
_TOP_DOMAINS = (
    "com|org|net|edu|gov|io|dev|uk|de|fr|cn|jp|ru|info|biz|us|eu|ch|nl|in|br|au|ca|app|cloud|be|tv|co|it|es|me"
)
_HOST_LIKE = re.compile(rf"(?:[\w-]+(?:\\?\.))+(?:{_TOP_DOMAINS})(?![\w-]|\\?\.)")
_FREE_DOT = re.compile(rf"(?:^|[^\\])\.\(?(?:\?:)?(?:[\w|-]+\)?\\?\.)+\(?(?:{_TOP_DOMAINS})\b")
_SCHEME_START = re.compile(r"^\(*\^?\(*(?:https?|\(https?|\(http\|https\)|\(\?:https?)")
_RANGE = re.compile(r"(?<!\\)([A-Za-z0-9 -~])-([A-Za-z0-9 -~])")


def is_shaped(shape: str, text: str) -> bool:
    """Tell whether `text` has the shape called `shape`."""
    return len(text) <= _LONGEST and _judged(shape, text)


def judging_steps_of(text: str) -> int:
    """Return what judging one shape of `text` takes at most, in steps of a walk, of some ten microseconds each."""
    return 3 + min(len(text), _LONGEST) // 45


@lru_cache(maxsize=4096)
def _judged(shape: str, text: str) -> bool:
    return SHAPES[shape](text)


def _is_half_anchored(pattern: str) -> bool:
    """Tell whether the anchor holds for one alternative alone: `^a|b`, `a|b$`."""
    options = top(parse(pattern))
    if len(options) < 2:
        return False
    starts = [_begins_with_anchor(option) for option in options]
    ends = [_ends_with_anchor(option) for option in options]
    if not all(_has_letters(option) for option in options):
        return False
    if any(isinstance(first := parts(option)[0], Anchor) and first.kind == "\\b" for option in options):
        return False
    is_start = starts[0] and not any(starts[1:])
    is_end = ends[-1] and not any(ends[:-1])
    if is_start and is_end:
        return len(options) > 2  # `^a|b$` trims a text at both its ends
    return (is_start and not any(ends)) or (is_end and not any(starts))


def _begins_with_anchor(node: Node) -> bool:
    first = parts(node)[:1]
    return bool(first) and isinstance(first[0], Anchor) and first[0].kind == "^"


def _ends_with_anchor(node: Node) -> bool:
    last = parts(node)[-1:]
    return bool(last) and isinstance(last[0], Anchor) and last[0].kind == "$"


def _has_letters(node: Node) -> bool:
    match node:
        case Characters(text=text, is_literal=is_literal):
            return is_literal and text.isalpha()
        case Sequence(parts=inner) | Alternatives(options=inner):
            return any(_has_letters(each) for each in inner)
        case Repeat(part=part):
            return _has_letters(part)
    return False


def _has_free_dot(pattern: str) -> bool:
    """Tell whether this is the pattern of a host in which a dot stands for any character: `^https://www.example.com/`."""
    if not (_SCHEME_START.match(pattern) or pattern.startswith(("^", "(^")) or pattern.rstrip(")").endswith("$")):
        return False
    return _FREE_DOT.search(_without_sets(pattern)) is not None


def _without_sets(pattern: str) -> str:
    return re.sub(r"\[[^\]]*\]|\.[*+?{]|\(\?[:=!]", "_", pattern)


def _is_unanchored_host(pattern: str) -> bool:
    """Tell whether this is the pattern of an address with its scheme and host that may stand anywhere in the text."""
    if pattern.startswith(("^", "(^")) or not _SCHEME_START.match(pattern) or re.search(r"\.js$|\.[*+]", pattern):
        return False
    return _HOST_LIKE.search(pattern) is not None


def _has_odd_range(pattern: str) -> bool:
    """Tell whether a range such as `[A-z]` or `[+-<]` holds more than is meant."""
    sets = re.finditer(r"(?<!\\)\[\^?((?:\\.|[^\]\\])*)\]", pattern)
    return any(
        _is_odd(match[1], match[2]) for each in sets for match in _RANGE.finditer(re.sub(r"\\.", "\t\t", each[1]))
    )


def _is_odd(low: str, high: str) -> bool:
    if low.isalnum() and high.isalnum():
        return low.isdigit() != high.isdigit() or low.islower() != high.islower()
    if low.isalnum() or high.isalnum() or low + high in {" ~", "!~"}:
        return False
    return any(chr(code).isalnum() for code in range(ord(low), ord(high) + 1))


def _is_bad_tag_filter(pattern: str) -> bool:
    """Tell whether some of what browsers read as a script element passes this pattern of one."""
    if re.search(r"<\(?(?:script|SCRIPT)", pattern, re.IGNORECASE) and "</" in pattern.replace("\\", ""):
        return not re.search(r"script(?:\\[bs]\*?)?\[\^>\]\*\??>?\)?[>]?$", pattern) or "." in re.sub(
            r"\[[^\]]*\]", "", pattern
        )
    return False


_MARKUP = re.compile(r"<(?:\\?/\??)?(?:\(?[!a-z.\\?]|\[)|\bon\\w|\bon\[a-z|cript|javascript:", re.IGNORECASE)
_UP = re.compile(r"\\/\\?\.\\?\.|\\\.\\\.(?:\\/|/|\[)")


def _is_multi_character(pattern: str) -> bool:
    """Tell whether what this pattern takes out may stand there anew: `<script[^>]*>`, `../`."""
    if len(pattern) < 3 or pattern.startswith("^") or pattern.endswith("$") or re.match(r"<\[\^<\]", pattern):
        return False
    if _UP.search(pattern):
        return re.search(r"[A-Za-z]", re.sub(r"\\.", "", pattern)) is None
    return _MARKUP.search(pattern) is not None and re.search(r"[*+]", pattern) is not None


SHAPES: Final[dict[str, Callable[[str], bool]]] = {
    "bad tag filter": _is_bad_tag_filter,
    "exponential": is_exponential,
    "free dot": _has_free_dot,
    "half anchored": _is_half_anchored,
    "multi-character": _is_multi_character,
    "odd range": _has_odd_range,
    "polynomial": is_polynomial,
    "polynomial from the start": lambda pattern: is_polynomial(f"^(?:{pattern})"),
    "unanchored host": _is_unanchored_host,
}
"""Shapes by name."""
