"""What a documentation says in words of a few plain cases: what is given or raised for what is empty, zero, None. Pure.

Invariant: a sentence counts only where it names one result and one such case, and takes neither back.
"""

import ast
import re

_EMPTY = re.compile(r"\[\]|\(\)|\{\}|''|set\(\)|dict\(\)|list\(\)")
_CASES = {
    "empty": _EMPTY,
    "negative": re.compile(r"-\d+(?:\.\d+)?"),
    "zero": re.compile(r"-?0+(?:\.0*)?"),
    "none": re.compile("None"),
}
_RETURNS = re.compile(r"\breturns?\s+`{0,2}([^\s`,]+?)`{0,2}\s+(?:if|when|for|where)\b(.*)", re.IGNORECASE)
_RAISES = re.compile(
    r"(?:\braises?:?\s+|^)`{0,2}([A-Z]\w*(?:Error|Exception))`{0,2}"
    r"(?::\s*(?:if|when|for|where)?|\s+(?:if|when|for|where))\s+(.*)",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(r"\b(?:not|non|never|unless|except|otherwise|or|and|but|only)\b|n't", re.IGNORECASE)
_LITERALS = {"an empty list": "[]", "an empty string": "''", "an empty dict": "{}", "an empty tuple": "()"}
_ENDS = re.compile(r"(?<=[.;!?])\s+|\n\s*\n|\n(?=\s*(?:Raises|Returns|Args|Example)\b)")


def said_of(docstring: str, arguments: str) -> set[tuple[bool, str]]:
    """Return what `docstring` says of a call with `arguments`, as they are written: (whether it is raised, what)."""
    cases = _cases_of(arguments)
    return {(is_raised, result) for is_raised, result, case in _statements(docstring) if case in cases}


def _statements(docstring: str) -> list[tuple[bool, str, str]]:
    """Return each (whether it is raised, result, case) that is said."""
    found = []
    for sentence in _ENDS.split(docstring):
        words = " ".join(sentence.split())
        for phrase, literal in _LITERALS.items():
            words = re.sub(rf"\breturns? {phrase}", f"returns {literal}", words, flags=re.IGNORECASE)
        for kind, pattern in ((False, _RETURNS), (True, _RAISES)):
            match = pattern.search(words)
            if match is None or _TAKEN_BACK.search(words):
                continue
            cases = [case for case in _CASES if re.search(rf"\b{case}\b", match[2].rstrip("."), re.IGNORECASE)]
            if len(cases) == 1:
                found.append((kind, _plain(match[1]), cases[0]))
    return found


def _cases_of(arguments: str) -> set[str]:
    """Return which cases a call is, if exactly one of its arguments is one and no other is like it."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
    except (SyntaxError, ValueError):
        return set()
    given = [*call.args, *(each.value for each in call.keywords)] if isinstance(call, ast.Call) else []
    words = [_plain(ast.unparse(each)) for each in given]
    counts = {case: sum(pattern.fullmatch(each) is not None for each in words) for case, pattern in _CASES.items()}
    return {case for case, n in counts.items() if n == 1} if sum(counts.values()) == 1 else set()


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text).replace('"', "'")
