"""Whether a claim that fails is what the documentation says. Pure.

Invariant: only an example of the documentation, call for call and value for value, counts; words are left to people.
"""

import re
from collections.abc import Iterator

_PROMPT = re.compile(r"^\s*>>> (.+)$")
_SAID = re.compile(r"\s*(?:==|=>|->|→|returns|gives|is)\s*(.+?)\s*(?:[.;]\s*)?(?:#.*)?$")
_CLAIMED = re.compile(r"\s*(?:==|,|\)\s*\.\s*to(?:Strict)?(?:Be|Equal)\()\s*(.+)$", re.DOTALL)
_SAYING = r"(?:==|is|,|\(){}(?:\)|\Z|,|assert|self)"
_OPENING, _CLOSING = "([{", ")]}"


def is_documented(claim: str, name: str, docstring: str | None) -> bool:
    """Tell whether `claim`, about a call of `name`, is an example in `docstring`."""
    examples = dict(_examples(docstring or "", name))
    return any(examples.get(call) == value for call, value in _claimed(claim, name))


def is_contradicted(text: str, name: str, docstring: str | None) -> bool:
    """Tell whether `text`, a claim or a whole test, calls `name` as an example does without saying what that gives."""
    examples = dict(_examples(docstring or "", name))
    said = _plain(text)
    documented = {call: examples[call] for call, _ in _calls(text, name) if call in examples}
    return any(not re.search(_SAYING.format(re.escape(value)), said) for value in documented.values())


def _examples(docstring: str, name: str) -> Iterator[tuple[str, str]]:
    """Give calls of `name` with what they are said to give, blanks left out."""
    lines = docstring.split("\n")
    for number, line in enumerate(lines):
        prompted = _PROMPT.match(line)
        for call, rest in _calls(prompted[1] if prompted else line, name):
            said = _SAID.match(rest)
            if prompted and not rest.strip():
                yield call, _plain(lines[number + 1] if number + 1 < len(lines) else "")
            elif said is not None:
                yield call, _plain(said[1].strip("`"))


def _claimed(claim: str, name: str) -> Iterator[tuple[str, str]]:
    for call, rest in _calls(claim, name):
        said = _CLAIMED.match(rest)
        if said is not None:
            yield call, _plain(_closed(said[1]))


def _calls(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Give each call of `name` in `text` with what stands behind it."""
    for match in re.finditer(rf"\b{re.escape(name)}\(", text):
        end = _end(text, match.end() - 1)
        if end is not None:
            yield _plain(text[match.start() : end]), text[end:].lstrip("`")


def _end(text: str, start: int) -> int | None:
    """Return where the bracket that opens at `start` is closed, behind it; strings are passed over."""
    depth, quote = 0, ""
    for place in range(start, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
            if depth == 0:
                return place + 1
    return None


def _closed(text: str) -> str:
    """Return `text` without the brackets at its end that nothing in it opens."""
    text = text.strip().rstrip(";").strip()
    while text.endswith(")") and text.count(")") > text.count("("):
        text = text[:-1].strip()
    return text


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text).replace('"', "'")
